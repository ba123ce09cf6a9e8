"""Elementwise functions of large arrays in machine code give what NumPy gives, for one thread and several."""
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


def check(found, expected, function):
    """The same bits, or the last place where a function is approximated."""
    if function.nin == 2:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_array_max_ulp(found, expected, 3)


def operands(function, count):
    """Arguments of a function: arrays, then a number in each place of two."""
    a, b = arrays(count)
    if function.nin == 1:
        return [(np.abs(a) if function in (np.sqrt, np.log) else a,)]
    return [(a, b), (a, np.array(1.5, np.float32)), (np.array(-0.3, np.float32), b)]


@pytest.mark.parametrize("function", large.NATIVE)
@pytest.mark.parametrize("count", SIZES)
def test_kernels_give_numpys_numbers(threads, count, function):
    pytest.importorskip("llvmlite")
    for given in operands(function, count):
        with np.errstate(all="ignore"):
            expected = function(*given)
        check(large.in_machine_code(function, given, np.full(count, 7, np.float32)), expected, function)


@pytest.mark.parametrize("function", [*large.NATIVE, np.hypot])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_split_function_is_the_whole_one(threads, function, dtype):
    for given in operands(function, large.LARGE):
        given = tuple([x.astype(dtype).reshape(2, -1) if x.ndim else x.astype(dtype) for x in given])
        with np.errstate(all="ignore"):
            found, expected = large.split_ufunc(function, given), function(*given)
        assert found.dtype == expected.dtype and found.shape == expected.shape
        check(found, expected, function)


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
