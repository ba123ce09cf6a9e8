"""Normal numbers in machine code have the bits of NumPy's, with vectors of every width and any number of threads, and draw the same words."""
import ctypes
import itertools

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.llvm.code import module
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.native import MANY
from rushlight.backends.parallel import pool
from rushlight.core import sampling_normal, sampling_normal_native as native
from rushlight.core.generator import Generator

MOMENTS = [(0.0, 1.0), (0.0, 0.02), (1.5, 1.0), (-3.0, 0.37)]
#: products too small for a float32 number keep their sign, and a mean of -0 keeps it too
TINY_MOMENTS = [(0.0, 1e-44), (-0.0, 1e-44), (-0.0, 0.0), (0.0, 0.0)]


@pytest.fixture(params=[4, 8, 16])
def lanes(request, monkeypatch):
    if request.param > engine().width // 4:
        pytest.skip("this processor's vectors are shorter")
    monkeypatch.setattr(engine(), "width", 4 * request.param)
    native.kernels.cache_clear()
    yield request.param
    native.kernels.cache_clear()


def transformed(words, mean, std, lanes):
    """The kernel's numbers of blocks of words, between two that must stay."""
    text, code = native.transform(lanes)
    [place] = engine().addresses(module([text], [code], lanes), ("transform",))
    room = np.full(words.size + 2, 7, np.uint32)
    room[1:-1] = words.reshape(-1)
    start = room[1:].ctypes.data
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p)(place)(start, len(words), native.words(0, 0, std, mean, 0, 0))
    assert room[0] == room[-1] == 7
    return room[1:-1].reshape(words.shape)


def sampled_words(count):
    """Blocks of words: the first and last integers of 24 bits, some between, and others at random, in both halves; the high bits are noise."""
    random = np.random.default_rng(count)
    edges = np.concatenate([np.arange(2000), np.arange(0, 2**24, 2**24 // 64), np.arange(2**24 - 2000, 2**24)])
    words = random.integers(0, 2**24, (count, 2, 8))
    for half in (0, 1):
        part = words[:count // 2, half].reshape(-1)
        part[:edges.size] = edges[:part.size]
        words[:count // 2, half] = part.reshape(-1, 8)
        words = words[::-1]
    return words | random.integers(0, 256, words.shape) << 24


@pytest.mark.parametrize(("mean", "std"), MOMENTS + TINY_MOMENTS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 3001])
def test_blocks_of_words_become_numpys_numbers(count, mean, std, lanes):
    words = sampled_words(count)
    mean, std = float(np.float32(mean)), float(np.float32(std))
    expected = np.empty(words.shape, np.float32)
    sampling_normal._fill_pairs(expected, words & 0xFFFFFF, mean, std)
    assert np.array_equal(transformed(words, mean, std, lanes), expected.view(np.uint32))


def both(size, dtype, mean, std):
    """The numbers and the state left behind, by the kernel and by NumPy, from a place within the stream on."""
    results = []
    for way in (sampling_normal._by_kernel, lambda *given: sampling_normal._by_numpy(*given, 24, sampling_normal._transform_single)):
        generator, array = Generator().manual_seed(size), np.empty(size, dtype)
        generator.draw(7, 32)
        way(array, float(np.float32(mean)), float(np.float32(std)), generator)
        results.append((array.tobytes(), generator.state_bytes().tobytes()))
    return results


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("size", [16, 17, 31, 32, 48, 100, 640, 8192, 8197, MANY - 1, MANY, 5 * native.TOGETHER + 5, 262144 + 40])
def test_all_sizes_have_numpys_numbers_and_draw_as_many_words(size, dtype, lanes):
    one, other = both(size, dtype, 0.5, 0.3)
    assert one == other


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [MANY, 20 * native.TOGETHER, 20 * native.TOGETHER + 3])
def test_threads_share_the_numbers_in_the_order_of_the_stream(size, threads, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: threads)
    for _ in range(5):
        one, other = both(size, np.float32, 0.0, 1.0)
        assert one == other


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_arrays_go_to_the_kernel_and_small_ones_once_one_is_loaded(monkeypatch):
    sizes = []
    monkeypatch.setattr(sampling_normal, "_fill_blocks", lambda: lambda out, *rest: sizes.append(out.size))
    monkeypatch.setattr(sampling_normal, "is_wanted_often", lambda: False)
    for loaded in (False, True):
        monkeypatch.setattr(sampling_normal, "is_loaded", lambda loaded=loaded: loaded)
        for size in (15, 16, MANY - 1, MANY):
            sampling_normal.normal(np.empty(size, np.float32), 0, 1, Generator())
        sampling_normal.normal(np.empty(100), 0, 1, Generator())
    assert sizes == [MANY, 16, MANY - 1, MANY]


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_a_program_that_often_wants_a_few_numbers_gets_the_kernel(monkeypatch):
    sizes = []
    monkeypatch.setattr(sampling_normal, "_fill_blocks", lambda: lambda out, *rest: sizes.append(out.size))
    monkeypatch.setattr(sampling_normal, "is_loaded", lambda: False)
    monkeypatch.setattr(sampling_normal, "_times", itertools.count(sampling_normal.PATIENCE - 1))
    for _ in range(4):
        sampling_normal.normal(np.empty(16, np.float32), 0, 1, Generator())
    assert sizes == [16, 16]
