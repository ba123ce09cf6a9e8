"""Special functions: values from tables, and identities that hold everywhere."""
import math

import numpy as np
import pytest

import rushlight as torch
from rushlight import special


def at(function, *numbers):
    return function(*[torch.tensor(n, dtype=torch.float64) for n in numbers]).item()


@pytest.mark.parametrize("name, arguments, expected", [
    ("gammaln", (0.5,), math.log(math.sqrt(math.pi))), ("gammaln", (-1.5,), 0.8600470153764810), ("gammaln", (100.0,), 359.1342053695754),
    ("psi", (1.0,), -0.5772156649015329), ("psi", (-0.5,), 0.03648997397857652), ("zeta", (2.0, 1.0), math.pi ** 2 / 6),
    ("erfinv", (0.5,), 0.4769362762044699), ("erfcx", (10.0,), 0.05614099274382259), ("ndtri", (1e-20,), -9.262340089798408),
    ("log_ndtr", (-30.0,), -454.3212439563432), ("ndtr", (-3.0,), 0.0013498980316300933), ("gammainc", (2.0, 1.0), 0.26424111765711533),
    ("gammaincc", (1.0, 3.0), math.exp(-3)), ("i0", (2.0,), 2.2795853023360673), ("i0e", (20.0,), 0.089780311884826),
    ("i1", (0.5,), 0.2578943053908963), ("bessel_j0", (3.0,), -0.2600519549019334), ("bessel_j1", (30.0,), -0.1187510626166229),
    ("bessel_y0", (1.0,), 0.08825696421567698), ("bessel_y1", (20.0,), -0.165511614362521), ("modified_bessel_k0", (1.0,), 0.42102443824070834),
    ("scaled_modified_bessel_k1", (10.0,), 0.4107665705957887), ("airy_ai", (-3.5,), -0.37553382314043), ("airy_ai", (10.0,), 1.1047532552898687e-10),
    ("entr", (0.5,), 0.34657359027997264), ("spherical_bessel_j0", (0.0,), 1.0),
])
def test_values_are_those_of_the_tables(name, arguments, expected):
    assert at(getattr(special, name), *arguments) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name, arguments, expected", [
    ("gammaln", (0.0,), math.inf), ("psi", (0.0,), -math.inf), ("psi", (-2.0,), math.nan), ("erfinv", (1.0,), math.inf), ("erfinv", (1.1,), math.nan),
    ("ndtri", (0.0,), -math.inf), ("modified_bessel_k0", (0.0,), math.inf), ("bessel_y0", (-1.0,), math.nan), ("zeta", (1.0, 2.0), math.inf),
    ("zeta", (0.5, 1.0), math.nan), ("gammainc", (0.0, 0.0), math.nan), ("entr", (-1.0,), -math.inf), ("xlog1py", (0.0, -1.0), 0.0),
])
def test_ends_of_the_domain(name, arguments, expected):
    assert at(getattr(special, name), *arguments) == pytest.approx(expected, nan_ok=True)


def grid(low, high, count=3001):
    return torch.from_numpy(np.linspace(low, high, count))


def close(a, b, tolerance=1e-13):
    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


def test_gamma_functions_obey_their_recurrences():
    x = grid(-20.37, 40.11)
    close(torch.lgamma(x + 1), torch.lgamma(x) + x.abs().log(), 1e-11)
    close(torch.digamma(x + 1), torch.digamma(x) + 1 / x, 1e-10)
    x = grid(0.5, 40)
    close(torch.polygamma(2, x + 1), torch.polygamma(2, x) + 2 / x ** 3, 1e-11)


def test_incomplete_gammas_add_up_to_one():
    a, x = grid(0.1, 60), grid(80, 0.1)
    close(torch.igamma(a, x) + torch.igammac(a, x), torch.ones_like(a), 1e-14)


def test_inverses_invert():
    p = grid(1e-6, 1 - 1e-6)
    close(special.ndtr(special.ndtri(p)), p)
    y = grid(-0.9999, 0.9999)
    close(torch.erf(torch.erfinv(y)), y)


def test_products_of_bessel_functions_are_simple():
    # Wronski's determinants.
    x = grid(0.1, 60)
    close(special.bessel_j1(x) * special.bessel_y0(x) - special.bessel_j0(x) * special.bessel_y1(x), 2 / (math.pi * x), 1e-12)
    close(special.i0e(x) * special.scaled_modified_bessel_k1(x) + special.i1e(x) * special.scaled_modified_bessel_k0(x), 1 / x, 1e-13)


def test_airy_function_is_smooth_where_its_series_meet():
    for border in (-5.0, 0.0, 2.0):
        below, above = (at(special.airy_ai, border + step) for step in (-1e-9, 1e-9))
        assert above == pytest.approx(below, abs=1e-8)


def test_polynomials_of_small_degree():
    x = grid(-1, 1, 11)
    close(special.chebyshev_polynomial_t(x, 3), 4 * x ** 3 - 3 * x)
    close(special.hermite_polynomial_h(x, 2), 4 * x * x - 2)
    close(special.laguerre_polynomial_l(x, 2), (x * x - 4 * x + 2) / 2)
    close(special.legendre_polynomial_p(x, 2), (3 * x * x - 1) / 2)
    assert special.legendre_polynomial_p(x, -1).abs().sum().item() == 0.0


def test_large_arrays_are_computed_in_pieces():
    x = grid(0.1, 30, 100_001)
    close(torch.lgamma(x)[::1000], torch.lgamma(x[::1000]), 1e-12)
    assert torch.lgamma(x.float()).dtype is torch.float32


def test_multivariate_gamma():
    expected = math.log(math.sqrt(math.pi)) + math.lgamma(3.0) + math.lgamma(2.5)
    assert torch.mvlgamma(torch.tensor([3.0], dtype=torch.float64), 2).item() == pytest.approx(expected)
