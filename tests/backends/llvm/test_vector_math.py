"""The rarer functions of vector arithmetic are as exact as they say, for vectors of every width, and right at the edges."""
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.llvm.engine import engine
from rushlight.backends.llvm.vector_math import FUNCTIONS
from rushlight.backends.quotients import floor_divide, remainder
from rushlight.core import scalar
from rushlight.core.scalar_native import TRUTHS, loop

#: float64's own version of a function, and the error allowed in units in the last place
UNARY = {
    "exp2": (np.exp2, 1), "expm1": (np.expm1, 1.5), "log2": (np.log2, 2), "log10": (np.log10, 1.5), "log1p": (np.log1p, 1.5),
    "sin": (np.sin, 0.6), "cos": (np.cos, 0.6), "tan": (np.tan, 2), "asin": (np.arcsin, 2), "acos": (np.arccos, 1.5),
    "atan": (np.arctan, 2), "sinh": (np.sinh, 2), "cosh": (np.cosh, 2), "asinh": (np.arcsinh, 0.6), "acosh": (np.arccosh, 0.6),
    "atanh": (np.arctanh, 0.6), "erfc": (np.vectorize(math.erfc), 0.6), "rsqrt": (lambda x: 1 / np.sqrt(x), 2),
}  # fmt: skip
BINARY = {"power": (np.power, 0.6), "atan2": (np.arctan2, 2), "hypot": (np.hypot, 0.6)}
EXACT = {"fmod": np.fmod, "remainder": remainder, "floor_divide": floor_divide, "maximum": np.maximum, "minimum": np.minimum,
         "copysign": np.copysign}  # fmt: skip
EDGES = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 1.1754944e-38, 0.5, -0.5, 1, -1, 1 + 2 ** -23, 1 - 2 ** -24, 1.5, 2,
                  -2, 3, -3, 10.05, 88.72, 89.5, -104, 127, 128, -126, -149, -150, 1e5, 2 ** 24, 1 - 2 ** 24, 1e30, -1e30, 3.4028235e38,
                  -3.4028235e38], np.float32)  # fmt: skip


@pytest.fixture(params=[4, 8, 16])
def lanes(request, monkeypatch):
    if request.param > engine().width // 4:
        pytest.skip("this processor's vectors are shorter")
    monkeypatch.setattr(engine(), "width", 4 * request.param)


def run(text, *arrays):
    out = np.empty_like(arrays[0])
    loop(scalar.parse(text), ())([*arrays, out], ())
    return out


def samples(seed):
    """Numbers of all sizes, of the usual ones, and near 0 and 1."""
    rng = np.random.default_rng(seed)
    with np.errstate(invalid="ignore"):
        every = rng.integers(0, 2 ** 32, 4001, dtype=np.uint32).view(np.float32)
    near = rng.standard_normal(2000) * 1e-3
    return np.concatenate([every, *[rng.uniform(-s, s, 2000) for s in (1, 3, 30, 1e5)], near, 1 + near], dtype=np.float32)


def pairs():
    x, y = (grid.ravel() for grid in np.meshgrid(EDGES, EDGES))
    whole = np.random.default_rng(3).integers(-9, 9, (2, 2000)).astype(np.float32)
    return np.concatenate([x, samples(1), whole[0]]), np.concatenate([y, samples(2), whole[1]])


def assert_close(out, exact, allowed):
    """out is the float32 of exact to so many units in the last place, with its sign, also of zero, and NaN and infinity where it is."""
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    finite = np.isfinite(rounded)
    assert np.array_equal(out[~finite], rounded[~finite], equal_nan=True)
    unit = np.spacing(np.minimum(np.abs(rounded[finite]), np.float32(3e38)))
    error = np.abs(out[finite] - exact[finite]) / unit
    assert error.max() <= allowed
    assert np.array_equal(np.signbit(out[finite]), np.signbit(rounded[finite]))


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number_are_exact_to_some_units_in_the_last_place(name, lanes):
    function, allowed = UNARY[name]
    x = np.concatenate([EDGES, samples(0)])
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
    assert_close(run(f"{name}(x)", x), exact, allowed)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_numbers_are_exact_to_some_units_in_the_last_place(name, lanes):
    function, allowed = BINARY[name]
    x, y = pairs()
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64), y.astype(np.float64))
    assert_close(run(f"{name}(x, y)", x, y), exact, allowed)


@pytest.mark.parametrize("name", EXACT)
def test_remainders_and_choices_have_the_bits_of_those_on_arrays(name, lanes):
    x, y = pairs()
    with np.errstate(all="ignore"):
        expected = EXACT[name](x, y)
    out = run(f"{name}(x, y)", x, y)
    assert np.array_equal(out, expected, equal_nan=True)
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(out[number]), np.signbit(expected[number]))


def test_whole_powers_that_a_float_can_hold_are_exact(lanes):
    x, y = (grid.ravel().astype(np.float32) for grid in np.meshgrid(np.arange(-12, 13), np.arange(0, 7)))
    assert np.array_equal(run("x ** y", x, y), [float(int(a) ** int(b)) for a, b in zip(x, y)])


def test_the_sine_of_huge_numbers_knows_pi_well_enough(lanes):
    # The first is nearer to a multiple of pi / 2 than any other float: its cosine is 1.6e-9.
    x = np.float32([16367173.0 * 2 ** 72, 2 ** 100, 2 ** 48, 2 ** 127, -1e22])
    assert_close(run("sin(x)", x), np.array([math.sin(a) for a in x]), 0.7)
    assert_close(run("cos(x)", x), np.array([math.cos(a) for a in x]), 0.7)


def test_truth_values_of_one_number_are_numbers_where_numbers_are_wanted(lanes):
    for name, function in (("isnan", np.isnan), ("isinf", np.isinf), ("isfinite", np.isfinite)):
        assert np.array_equal(run(f"where({name}(x), 2, 0) + ({name}(x)) * 3", EDGES), function(EDGES) * np.float32(5))


def test_every_function_of_the_language_has_a_vector_form():
    assert set(scalar.FUNCTIONS) == {*FUNCTIONS, *TRUTHS}
