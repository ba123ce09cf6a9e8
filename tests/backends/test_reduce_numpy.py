"""Large reductions and running ones."""
import numpy as np
import pytest

from rushlight.backends import parallel
from rushlight.backends.reduce_numpy import accumulate, reduce


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def threads(request, monkeypatch):
    monkeypatch.setattr(parallel.pool, "threads", request.param)


@pytest.mark.parametrize("shape", [(700_000,), (900, 1200), (60000, 20), (20, 60000), (3, 600, 700), (0, 5), (5, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_reductions_are_numpys(threads, shape, dtype):
    x = np.random.default_rng(0).integers(-50, 50, shape).astype(dtype)
    for axis in [None, *[(at,) for at in range(len(shape))], tuple(range(len(shape) - 1)), tuple(range(1, len(shape)))]:
        for keepdims in (False, True):
            for ufunc in (np.add, np.maximum, np.logical_and):
                if not x.size and ufunc is np.maximum:
                    continue
                found = reduce(ufunc, x, axis, None, keepdims)
                expected = ufunc.reduce(x, axis, keepdims=keepdims)
                assert np.shape(found) == expected.shape and np.asarray(found).dtype == expected.dtype
                np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_products_of_long_rows_are_folded(threads):
    x = np.random.default_rng(0).uniform(0.99, 1.01, (50, 1001))
    np.testing.assert_allclose(reduce(np.multiply, x, (1,)), x.prod(1), rtol=1e-12)


@pytest.mark.parametrize("shape", [(600, 700), (3, 200, 300), (50000, 4), (4, 50000), (100_000,)])
def test_running_reductions_are_numpys(threads, shape):
    x = np.random.default_rng(0).integers(-50, 50, shape).astype(np.float32)
    for dim in range(len(shape)):
        for ufunc in (np.add, np.minimum):
            np.testing.assert_array_equal(accumulate(ufunc, x, dim), ufunc.accumulate(x, dim))
    assert accumulate(np.add, x.astype(np.int8), 0, np.int64).dtype == np.int64
