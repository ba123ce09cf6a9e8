import math

import numpy as np
import pytest

from rushlight.backends.special_numpy import erf, erfc

X = np.concatenate([np.linspace(-6.5, 6.5, 20001), -np.logspace(-300, 0, 500), np.logspace(-300, 0, 500)])


def ulps(got, exact):
    exact = np.array(exact)
    return (np.abs(got - exact) / np.spacing(np.abs(exact).astype(got.dtype)))[exact != 0].max()


def test_erf_float64_is_within_4_ulps():
    assert ulps(erf(X), [math.erf(v) for v in X.tolist()]) <= 4


def test_erfc_float64_is_within_8_ulps_also_in_its_tail():
    x = np.concatenate([X, np.linspace(6.5, 26.5, 5000)])
    assert ulps(erfc(x), [math.erfc(v) for v in x.tolist()]) <= 8


def test_erf_float32_is_within_4_ulps():
    x = X[np.abs(X) > 1e-30].astype("float32")
    got = erf(x)
    assert got.dtype == np.float32 and np.abs(got).max() == 1.0
    assert ulps(got, [math.erf(v) for v in x.tolist()]) <= 4


@pytest.mark.parametrize("n", [7, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values(n, dtype):
    x = np.resize(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30], dtype), n)
    with np.errstate(over="ignore"):  # the square of 1e30 is infinite in float32, which is what it should be
        np.testing.assert_array_equal(erf(x)[:7], [0.0, -0.0, 1.0, -1.0, np.nan, 1.0, -1.0])
        assert np.signbit(erf(x)[1]) and not np.signbit(erf(x)[0])
        np.testing.assert_array_equal(erfc(x)[:7], [1.0, 1.0, 0.0, 2.0, np.nan, 0.0, 2.0])


def test_shapes_dtypes_and_out():
    assert erf(np.array(0.5)).shape == () and erf(np.array(0.5, "float32")).dtype == np.float32
    assert erf(np.array([1, 2])).dtype == np.float64 and erf(np.array([0.5], "float16")).dtype == np.float16
    assert erf(np.zeros((2, 0, 3), "float32")).shape == (2, 0, 3)
    x = np.linspace(-3, 3, 1200).reshape(30, 40)
    np.testing.assert_array_equal(erf(x.T), erf(x).T)
    for f in (erf, erfc):
        for dtype in ("float32", "float64"):
            y = x.astype(dtype)
            expected = f(y)
            assert f(y, y) is y
            np.testing.assert_array_equal(y, expected)
