"""The commonest functions of vector arithmetic are as exact as they say, and right at the edges."""
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.core.scalar import parse
from rushlight.core.scalar_native import loop

#: the function, the interval of the sample, float64's own version of it, and the error allowed in units in the last place
CASES = [("exp", -104, 88.7, np.exp, 1.0), ("exp", -1, 1, np.exp, 1.0), ("log", 1e-30, 1e30, np.log, 1.0), ("log", 0.5, 2, np.log, 1.0),
         ("tanh", -9, 9, np.tanh, 1.5), ("tanh", -0.7, 0.7, np.tanh, 1.5), ("erf", -4, 4, np.vectorize(math.erf), 1.5),
         ("erf", -1, 1, np.vectorize(math.erf), 1.5), ("sigmoid", -20, 20, lambda x: 1 / (1 + np.exp(-x)), 2.5),
         ("sqrt", 1e-44, 3e38, np.sqrt, 1.0), ("rsqrt", 1e-6, 1e6, lambda x: 1 / np.sqrt(x), 1.5)]  # fmt: skip


def run(text, *arrays):
    out = np.empty_like(arrays[0])
    loop(parse(text), ())([*arrays, out], ())
    return out


@pytest.mark.parametrize("name, low, high, exact, allowed", CASES)
def test_functions_are_exact_to_some_units_in_the_last_place(name, low, high, exact, allowed):
    rng = np.random.default_rng(0)
    x = (np.exp(rng.uniform(np.log(low), np.log(high), 100_003)) if low > 0 else rng.uniform(low, high, 100_003)).astype(np.float32)
    expected = exact(x.astype(np.float64))
    error = np.abs(run(f"{name}(x)", x) - expected) / np.spacing(np.abs(expected.astype(np.float32)))
    assert error.max() < allowed


EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38], np.float32)


@pytest.mark.parametrize("name, expected", [
    ("exp", [1, 1, np.inf, 0, np.nan, 1, 1, np.inf]),
    ("log", [-np.inf, -np.inf, np.inf, np.nan, np.nan, np.log(1.401298464324817e-45), np.nan, np.log(3e38)]),
    ("tanh", [0.0, -0.0, 1, -1, np.nan, 1e-45, -1e-40, 1]),
    ("sigmoid", [0.5, 0.5, 1, 0, np.nan, 0.5, 0.5, 1]),
    ("sqrt", [0.0, -0.0, np.inf, np.nan, np.nan, 3.743392066509216e-23, np.nan, 1.7320508e19]),
    ("sign(x)", [0, 0, 1, -1, 0, 1, -1, 1]),
])
def test_edges(name, expected):
    text = name if "(" in name else f"{name}(x)"
    out, expected = run(text, EDGES), np.array(expected, np.float32)
    assert np.allclose(out, expected, rtol=1e-6, atol=0, equal_nan=True)
    assert np.array_equal(np.signbit(out), np.signbit(expected)) or name == "sign(x)" or np.isnan(expected).any()


@pytest.mark.parametrize("text, exact", [
    ("where(x < y, x, y * 2)", lambda x, y: np.where(x < y, x, y * 2)),
    ("maximum(x, y) - minimum(x, y)", lambda x, y: np.maximum(x, y) - np.minimum(x, y)),
    ("where((x > 0) & ~(y >= 1) | (x == y), floor(x), ceil(y))",
     lambda x, y: np.where((x > 0) & ~(y >= 1) | (x == y), np.floor(x), np.ceil(y))),
    ("abs(x) / (y * y + 1)", lambda x, y: np.abs(x) / (y * y + np.float32(1))),
    ("copysign(round(x * 3), trunc(y * 4))", lambda x, y: np.copysign(np.rint(x * np.float32(3)), np.trunc(y * np.float32(4)))),
])
def test_arithmetic_has_the_bits_of_numpys(text, exact):
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal(1003).astype(np.float32) for _ in range(2))
    x[:3], y[1:4] = np.nan, np.nan
    assert np.array_equal(run(text, x, y), exact(x, y), equal_nan=True)


def test_of_an_update_sums_with_a_product_on_the_right_are_rounded_once():
    p, g = np.float32([1 + 2 ** -23]), np.float32([1 + 2 ** -12])
    loop(parse("p = p - g * g", ("p", "g")), ())([p, g], ())
    assert p[0] == np.float32(1 + 2 ** -23 - (1 + 2 ** -12) ** 2)  # the square needs 25 bits
    p, g = np.float32([1 + 2 ** -23]), np.float32([1 + 2 ** -12])
    loop(parse("p = g * g - p", ("p", "g")), ())([p, g], ())
    assert p[0] == g[0] * g[0] - np.float32(1 + 2 ** -23)
