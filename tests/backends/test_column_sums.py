"""Sums over rows: the values, and the order that makes them PyTorch's to the bit."""
import numpy as np
import pytest

from rushlight.backends.column_sums import column_sums


@pytest.mark.parametrize("shape", [(1, 1), (7, 10), (64, 100), (70, 3), (300, 48), (4100, 17), (0, 4), (5, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_those_of_exact_arithmetic_but_for_rounding(shape, dtype):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    want = x.astype(np.longdouble).sum(0)
    assert column_sums(x).dtype == dtype
    np.testing.assert_allclose(column_sums(x), want.astype(dtype), atol=1e-4 if dtype == np.float32 else 1e-12)


def test_sixteen_rows_are_summed_before_they_meet_the_next_sixteen():
    # In float32 a large number swallows small ones: only sums taken in runs of 16 keep the second run's.
    x = np.full((32, 32), 0.5, np.float32)
    x[0] = 2.0 ** 24
    assert column_sums(x).tolist() == [2.0 ** 24 + 8] * 32


def test_columns_that_fill_no_vector_are_summed_in_four_strands():
    x = np.full((64, 10), 0.5, np.float32)
    x[0] = 2.0 ** 24  # swallows the fifteen others of its strand, every fourth row
    assert column_sums(x).tolist() == [2.0 ** 24 + 24] * 10
