"""Choosing by a mask without branches gives, to the bit, what NumPy's where gives."""
import numpy as np
import pytest

from rushlight.backends.select import FEW, masked, select

SPECIAL = np.array([np.inf, -np.inf, np.nan, -0.0, 0.0, 1.5])


def numbers(size, dtype, seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal(size)
    values[:6] = np.roll(SPECIAL, seed)
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("size", [10, FEW + 1])
def test_select_is_where_to_the_bit(dtype, size):
    a, b = numbers(size, dtype, 1), numbers(size, dtype, 2)
    condition = np.random.default_rng(3).random(size) < 0.5
    expected = np.where(condition, a, b)
    for out in (None, np.empty_like(a)):
        result = select(condition, a, b, out)
        assert result.tobytes() == expected.tobytes()
    inplace = b.copy()
    assert select(condition, a, inplace, inplace) is inplace
    assert inplace.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [10, FEW + 1])
def test_select_of_constants_broadcasts(size):
    condition = np.random.default_rng(3).random(size) < 0.5
    zero, one = np.zeros((), "float32"), np.ones((), "float32")
    assert select(condition, one, zero).tolist() == condition.tolist()
    table = condition.reshape(1, -1) & np.array([[True], [False]])
    assert select(table, one, zero).shape == (2, size)


def test_select_of_integers():
    condition = np.arange(FEW + 1) % 2 == 0
    a = np.arange(FEW + 1)
    assert select(condition, a, -a).tolist() == np.where(condition, a, -a).tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_masked_is_exactly_zero_where_it_is_hidden(dtype):
    a = numbers(100, dtype, 0)
    condition = np.arange(100) % 2 == 1
    expected = np.where(condition, a, np.zeros((), dtype))
    assert masked(a, condition).tobytes() == expected.tobytes()
