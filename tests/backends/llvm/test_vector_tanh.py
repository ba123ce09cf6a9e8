"""tanh from a table of polynomials, and from an exponential where vectors are short."""
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.llvm import vector_tanh
from rushlight.backends.llvm.engine import KERNEL, engine
from rushlight.backends.llvm.multiply import address
from rushlight.core.scalar import parse
from rushlight.core.scalar_native import pointers_of, text


@pytest.fixture(params=[4, 8, 16], scope="module")
def tanh(request):
    if request.param > engine().width // 4:
        pytest.skip("this processor's vectors are shorter")
    program = parse("tanh(x)")
    [place] = engine().addresses(text(program, pointers_of(program), (), request.param), ("kernel",))

    def run(x):
        out = np.empty_like(x)
        KERNEL(place)(0, x.size, np.array([id(x), id(out), address(out)], np.int64).ctypes.data)
        return out
    return run


def neighbours(points, count):
    """The floats around some points."""
    bits = np.array(points, np.float32).view(np.int32)
    return (bits[:, None] + np.arange(-count, count + 1, dtype=np.int32)).reshape(-1).view(np.float32)


def test_it_is_exact_to_a_unit_or_so_at_the_ends_of_intervals_and_between(tanh):
    ends = [2.0 ** e * (1 + k / 4) for e in range(-5, 4) for k in range(4)]
    x = np.concatenate([neighbours([*ends, 0.625, 9.01], 40), np.geomspace(1e-30, 12, 400_000, dtype=np.float32)])
    x = np.concatenate([x, -x])
    expected = np.tanh(x.astype(np.float64))
    error = np.abs(tanh(x) - expected) / np.spacing(np.abs(expected.astype(np.float32)))
    assert error.max() < 1.3


def test_it_is_never_above_one_and_never_falls(tanh):
    x = np.arange(np.float32(0.01).view(np.int32), np.float32(11).view(np.int32), 31, dtype=np.int32).view(np.float32)
    out = tanh(x)
    assert out.max() == 1 and (out[x > 9.02] == 1).all() and (np.diff(out) >= 0).mean() > 0.999


def test_edges(tanh):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -10, 10], np.float32)
    expected = np.array([0.0, -0.0, 1, -1, np.nan, 1e-45, -1e-40, 1, -1, 1], np.float32)
    assert np.array_equal(tanh(x), expected, equal_nan=True) and np.array_equal(np.signbit(tanh(x)), np.signbit(expected))


def test_centres_lie_in_their_intervals_and_first_coefficients_are_nearly_floats():
    (_, *first), *rows = vector_tanh.table()
    assert first == pytest.approx([0, 1, 0, -1 / 3, 0, 2 / 15])
    ends = [2.0 ** (-4 + k // 4) * (1 + k % 4 / 4) for k in range(32)]
    for (centre, value, *_), start, end in zip(rows, ends, ends[1:]):
        assert start < centre < end and value == pytest.approx(math.tanh(centre), rel=2e-8)
        assert float(np.float32(math.tanh(centre))) == pytest.approx(math.tanh(centre), rel=1.1e-9)
