"""Large arrays are added, subtracted and multiplied in machine code with NumPy's bits, for one thread and several."""
import numpy as np
import pytest

from rushlight.backends import large
from rushlight.backends.parallel import pool

SIZES = [0, 1, 37, large.LARGE, large.LARGE + 13]


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def arrays(count):
    a, b = np.random.default_rng(count).standard_normal((2, count)).astype(np.float32)
    a[:4], b[1:5] = (np.nan, np.inf, -0.0, 0.0)[:count], (np.inf, 0.0, -np.inf, np.nan)[:max(count - 1, 0)]
    return a, b


@pytest.mark.parametrize("function", large.NATIVE)
@pytest.mark.parametrize("count", SIZES)
def test_kernels_have_numpys_bits(threads, count, function):
    pytest.importorskip("llvmlite")
    a, b = arrays(count)
    with np.errstate(invalid="ignore"):
        expected = function(a, b)
    np.testing.assert_array_equal(large.in_machine_code(function, a, b, np.full_like(a, 7)), expected)


@pytest.mark.parametrize("function", [*large.NATIVE, np.divide])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_split_function_is_the_whole_one(threads, function, dtype):
    a, b = (x.astype(dtype).reshape(2, -1) for x in arrays(large.LARGE))
    with np.errstate(invalid="ignore", divide="ignore"):
        found, expected = large.split_ufunc(function, (a, b)), function(a, b)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("count", SIZES)
def test_adding_into_an_array_leaves_the_other_alone(threads, count):
    a, b = arrays(count)
    other = b.copy()
    with np.errstate(invalid="ignore"):
        expected = a + b
    large.add_into(a, b)
    np.testing.assert_array_equal(a, expected)
    np.testing.assert_array_equal(b, other)


def test_a_smaller_array_is_added_to_all_rows():
    a, b = np.zeros((large.LARGE // 8, 8), np.float32), np.arange(8, dtype=np.float32)
    large.add_into(a, b)
    assert (a == b).all()
