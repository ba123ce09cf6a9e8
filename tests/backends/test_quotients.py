"""Rounded quotients and remainders at zero, into new memory and into an argument's."""
import numpy as np
import pytest

from rushlight.backends.quotients import floor_divide, remainder

A = np.array([1.0, -1.0, 0.0, -0.0, 5.0, -5.0], np.float32)


def spelled(array):
    return [repr(number) for number in array.tolist()]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_remainder_of_zero_has_the_sign_of_the_dividend_in_any_memory(dtype):
    a, b = A.astype(dtype), np.array([-1.0, 1.0, -2.0, 2.0, -5.0, 3.0], dtype)
    expected = spelled(np.array([0.0, -0.0, 0.0, -0.0, 0.0, 1.0]))
    assert spelled(remainder(a, b)) == spelled(remainder(a, b, np.empty_like(a))) == expected
    assert spelled(remainder(a, b.copy(), out=(own := b.copy()))) == spelled(own) == expected
    own = a.copy()
    assert remainder(own, b, own) is own and spelled(own) == expected


def test_quotient_by_zero_is_the_true_one_in_any_memory():
    b = np.array([0.0, 0.0, 0.0, 1.0, -2.0, -0.0], np.float32)
    expected = spelled(np.array([np.inf, -np.inf, np.nan, -0.0, -3.0, np.inf]))
    with np.errstate(all="ignore"):
        assert spelled(floor_divide(A, b)) == expected
        first, second = A.copy(), b.copy()
        assert spelled(floor_divide(first, b, first)) == spelled(floor_divide(A, second, second)) == expected


def test_whole_numbers_are_numpys():
    a, b = np.array([7, -7]), np.array([2, 2])
    assert remainder(a, b).tolist() == [1, 1] and floor_divide(a, b).tolist() == [3, -4]
