"""Machine code with NumPy's bits: the exponential, the logarithm, and sums."""
import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.cpu import get_cpu_capability
from rushlight.backends.llvm import numpy_bits
from rushlight.backends.llvm.code import module
from rushlight.backends.llvm.engine import available, brief, engine
from rushlight.backends.llvm.rows import RowKernel

pytestmark = [pytest.mark.skipif(not available(), reason="kernels are switched off")]
on_x86 = pytest.mark.skipif(not get_cpu_capability().startswith("AVX"), reason="NumPy takes the C library's functions on this processor")


def computed(function, x):
    """The function of numbers, in rows of a thousand."""
    def write(c):
        begin, out, width = c.pointer("%arguments", 0), c.pointer("%arguments", 1), c.word("%arguments", 2)
        with c.loop("%start", "%stop") as i:
            row, place = c.at(begin, c.times(i, width)), c.at(out, c.times(i, width))
            c.over(width, lambda p: p.store(function(c, p.load(row, 1.0)), place))
    x = np.ascontiguousarray(x[:len(x) // 1000 * 1000])
    out = np.empty_like(x)
    RowKernel(write)(len(x) // 1000, 1000, (x, out))
    return x, out


def floats(low, high, step):
    """The float32 numbers from low to high, every step-th one."""
    return np.arange(np.float32(low).view(np.int32), np.float32(high).view(np.int32), step, np.int32).view(np.float32)


@on_x86
def test_the_exponential_has_numpys_bits():
    positive = floats(1e-30, 80, 997)
    x, out = computed(numpy_bits.exp, np.concatenate([positive, -positive]))
    assert out.tobytes() == np.exp(x).tobytes()


@on_x86
def test_the_logarithm_has_numpys_bits():
    x, out = computed(numpy_bits.log, floats(1.2e-38, 3e38, 997))
    assert out.tobytes() == np.log(x).tobytes()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 127, 128, 129, 136, 300, 1000, 8000])
def test_sums_have_numpys_bits(count):
    text, code = numpy_bits.pairwise(engine().width // 4)
    whole = "define void @sum(ptr %words) {\n %to = load ptr, ptr %words\n" \
            " %n_at = getelementptr i64, ptr %words, i64 1\n %n = load i64, ptr %n_at\n" \
            " %x = getelementptr i64, ptr %words, i64 2\n call void @pairwise(ptr %x, i64 %n, ptr %to)\n ret void\n}"
    total = brief(*engine().addresses(module([text, whole], [code], code.lanes), ("sum",)))
    x = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    out = ctypes.c_float(7)
    total(np.array([ctypes.addressof(out), count], np.int64).tobytes() + x.tobytes())
    assert np.float32(out.value) + np.float32(0) == np.add.reduce(x)
