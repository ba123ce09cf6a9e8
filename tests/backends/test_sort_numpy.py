"""Sorting by packed keys."""
import numpy as np
import pytest

from rushlight.backends import sort_numpy


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_])
@pytest.mark.parametrize("shape", [(5,), (400,), (30, 40), (2, 3, 100)])
@pytest.mark.parametrize("descending", [False, True])
def test_order_is_numpys_stable_sort(dtype, shape, descending):
    x = np.random.default_rng(0).integers(0, 2, shape).astype(dtype) if dtype == np.bool_ else \
        np.random.default_rng(0).integers(0 if dtype == np.uint8 else -9, 9, shape).astype(dtype)
    keys = (~x if dtype in (np.bool_, np.uint8) else -x) if descending else x
    assert np.array_equal(sort_numpy.order(x, descending), np.argsort(keys, -1, kind="stable"))


def test_integers_too_far_apart_for_keys_are_sorted_all_the_same():
    x = np.array([2 ** 62, -2 ** 62, 5, 5, 0] * 100)
    assert np.array_equal(sort_numpy.order(x), np.argsort(x, kind="stable"))


@pytest.mark.parametrize("size", [20, 3000])
def test_first_and_at_are_parts_of_the_order(size):
    x = np.random.default_rng(0).integers(0, 100, (3, size)).astype(np.float32)
    for descending in (False, True):
        assert np.array_equal(sort_numpy.first(x, 7, descending), sort_numpy.order(x, descending)[:, :7])
    assert np.array_equal(sort_numpy.at(x, 11), sort_numpy.order(x)[:, 11:12])
