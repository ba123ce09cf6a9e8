import math

import numpy as np
import pytest

from rushlight.core import scalar_numpy
from rushlight.core.scalar import evaluate, parse
from rushlight.core.scalar_numpy import kernel
from rushlight.core.scalar_writer import CALLS, Writer

RANDOM = np.random.default_rng(0)
GELU = "x * 0.5 * (1 + erf(x * 0.7071067811865476))"
ADAM = """
m = m + (g - m) * (1 - beta1)
v = v * beta2 + (1 - beta2) * g * g
p = p - lr / (1 - beta1 ** step) * m / (sqrt(v) / sqrt(1 - beta2 ** step) + eps)
"""
ELEMENTS, SCALARS = ("p", "g", "m", "v"), ("lr", "beta1", "beta2", "eps", "step")
NUMBERS = (1e-3, 0.9, 0.999, 1e-8, 3.0)


def adam_arrays(shape, dtype="float32"):
    return [np.asarray(RANDOM.random(shape) + 0.1).astype(dtype) for _ in ELEMENTS]


def adam_by_definition(arrays):
    given = {name: a.astype("float64") for name, a in zip(ELEMENTS, arrays, strict=True)}
    got = evaluate(parse(ADAM, ELEMENTS, SCALARS), given | dict(zip(SCALARS, NUMBERS, strict=True)), {**CALLS, "power": lambda a, b: a ** b})
    return [got.get(name, given[name]) for name in ELEMENTS]


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0, 5), (70_000,), (300, 1000)])
def test_update_writes_its_outputs_and_nothing_else(shape):
    arrays = adam_arrays(shape)
    expected = adam_by_definition(arrays)
    gradient = arrays[1].copy()
    assert kernel(ADAM, ELEMENTS, SCALARS)(*arrays, *NUMBERS) is None
    for mine, theirs in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    np.testing.assert_array_equal(arrays[1], gradient)


def test_update_of_strided_and_fortran_arrays():
    for make in (lambda a: np.repeat(a, 2, axis=1)[:, ::2], np.asfortranarray):
        arrays = [make(a) for a in adam_arrays((200, 800))]
        expected = adam_by_definition(arrays)
        kernel(ADAM, ELEMENTS, SCALARS)(*arrays, *NUMBERS)
        np.testing.assert_allclose(arrays[0], expected[0], rtol=1e-5)


def test_update_follows_its_numbers_from_call_to_call():
    step = kernel("p = p - lr * g", ("p", "g"), ("lr",))
    p, g = np.zeros(3, "float32"), np.ones(3, "float32")
    for lr in (1.0, 1.0, 0.5, 1.0):
        step(p, g, lr)
    np.testing.assert_array_equal(p, [-3.5, -3.5, -3.5])


def test_old_value_read_after_its_update_is_still_the_old_one():
    p, g, q = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.zeros(2)
    kernel("old = p\np = p * 10\nq = old + g\ng = p", ("p", "g", "q"))(p, g, q)
    assert (p.tolist(), q.tolist(), g.tolist()) == ([10.0, 20.0], [4.0, 6.0], [10.0, 20.0])


def test_outputs_may_change_places():
    a, b = np.array([1.0]), np.array([2.0])
    kernel("t = a\na = b\nb = t", ("a", "b"))(a, b)
    assert (a.item(), b.item()) == (2.0, 1.0)


def test_output_may_be_a_copy_or_a_number():
    a, b, c = np.ones(2), np.zeros(2), np.zeros(2)
    kernel("b = a\nc = s * 2", ("a", "b", "c"), ("s",))(a, b, c, 1.5)
    assert b.tolist() == [1.0, 1.0] and c.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("n", [3, 200_001])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_expression_makes_a_new_array_of_its_dtype(n, dtype):
    x = RANDOM.standard_normal(n).astype(dtype)
    before = x.copy()
    y = kernel(GELU)(x)
    expected = [v * 0.5 * (1 + math.erf(v * math.sqrt(0.5))) for v in x.tolist()]
    assert y.dtype == x.dtype
    np.testing.assert_allclose(y, expected, rtol=1e-6 if dtype == "float64" else 1e-5, atol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_expression_of_a_0d_array_is_a_0d_array():
    y = kernel("x * 2 + 1")(np.array(3.0, "float32"))
    assert isinstance(y, np.ndarray) and y.shape == () and y.dtype == np.float32 and y == 7.0


def test_expression_broadcasts():
    x, y = RANDOM.random((3, 1)), RANDOM.random(4)
    np.testing.assert_array_equal(kernel("(x - y) * (x + y) - y")(x, y), (x - y) * (x + y) - y)


def test_large_arrays_are_the_same_on_one_thread_and_on_many(monkeypatch):
    x = RANDOM.standard_normal(1_000_003).astype("float32")
    monkeypatch.setattr(scalar_numpy, "get_num_threads", lambda: 1)
    alone = kernel("exp(-x * x) + sin(x)")(x)
    monkeypatch.undo()
    np.testing.assert_array_equal(kernel("exp(-x * x) + sin(x)")(x), alone)
    np.testing.assert_allclose(alone, np.exp(-x * x) + np.sin(x), rtol=0, atol=3e-7)


def test_scalars_of_an_expression_are_inputs():
    elu = kernel("where(x > 0, x, alpha * expm1(x))", None, ("alpha",))
    x = np.array([-1.0, 2.0], "float32")
    for alpha in (1.0, 0.5, -0.0):
        np.testing.assert_allclose(elu(x, alpha), [alpha * math.expm1(-1), 2.0], rtol=1e-6)


def test_a_negative_zero_is_not_taken_for_zero():
    sign_of = kernel("copysign(x, s)", None, ("s",))
    x = np.ones(2)
    assert sign_of(x, 0.0).tolist() == [1.0, 1.0] and sign_of(x, -0.0).tolist() == [-1.0, -1.0]


def test_half_precision_is_computed_in_float32_and_rounded_once():
    x = np.array([60000.0, 3.0], "float16")
    y = kernel("x * 4 / 4")(x)
    assert y.dtype == np.float16 and y.tolist() == [60000.0, 3.0]
    p, g = np.array([1.0], "float16"), np.array([1.0], "float16")
    kernel("p = p - lr * g * 65536 / 65536", ("p", "g"), ("lr",))(p, g, 0.5)
    assert p.dtype == np.float16 and p.item() == 0.5


def test_bfloat16_keeps_its_dtype():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs it")
    x = np.array([1.0, 2.0], ml_dtypes.bfloat16)
    y = kernel("x * x + 1")(x)
    assert y.dtype == x.dtype and y.astype("float32").tolist() == [2.0, 5.0]


def test_integers_and_truth_values():
    x, mask = np.array([1, 2, 3]), np.array([True, False, True])
    assert kernel("x * 2 + 1")(x).dtype == np.int64
    np.testing.assert_array_equal(kernel("where(mask & (x > 1), x, -x)")(mask, x), [-1, -2, 3])
    out = kernel("x * y")(x, np.array([0.5, 0.5, 0.5], "float32"))
    assert out.dtype == np.float32
    assert kernel("(x > 1) | ~(x < 3)")(x).dtype == np.bool_


@pytest.mark.parametrize("text", ["where(x > 0, x * 2, where(x < -1, y, x - y)) + x", "where(y > x, x + y, x * y) * where(x > y, x - y, y)",
                                  "sign(x) * floor(y) + ceil(x) - trunc(y * 3) + round(x * 7)", "maximum(x, y) - minimum(x, y) * abs(x)",
                                  "sigmoid(x) * rsqrt(abs(y) + 1) + tanh(x) / (1 + exp(y))", "hypot(x, y) + atan2(x, y) + log1p(abs(x)) + x ** 3"])
def test_kernels_equal_their_definition(text):
    x, y = RANDOM.standard_normal((2, 50))
    program = parse(text)
    definition = [evaluate(program, {"x": a, "y": b})["out"] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    np.testing.assert_allclose(kernel(text)(*([x, y] if program.elements[0] == "x" else [y, x])), definition, rtol=1e-12)


def test_sign_of_nan_is_zero():
    assert kernel("sign(x)")(np.array([np.nan, -2.0, 0.0, 3.0])).tolist() == [0.0, -1.0, 0.0, 1.0]


def test_temporaries_share_few_registers():
    program = parse("x * x * x * x + sin(x) * cos(x) - exp(x) * log(x)")
    writer = Writer(program, (np.dtype("float32"),))
    writer.text()
    assert len(writer.registers) <= 3


def test_the_same_text_gives_the_same_kernel():
    assert kernel("x + 1") is kernel("x + 1")


def test_update_returns_the_scalars_that_it_assigns():
    count = kernel("step = step + 1\nrate = rate * 0.5\np = p - g * rate / step", ("p", "g"), ("rate", "step"))
    p, g = np.zeros(2), np.ones(2)
    assert count(p, g, 4.0, 0.0) == (1.0, 2.0)
    assert count(p, g, 4.0, 1.0) == (2.0, 2.0) and count(p, g, 4.0, 1.0) == (2.0, 2.0)
    assert p.tolist() == [-4.0, -4.0]


def test_scalar_cannot_become_an_array():
    with pytest.raises(SyntaxError, match="differs from element to element"):
        kernel("s = s + p\np = p * s", ("p",), ("s",))(np.ones(2), 1.0)


def test_choice_by_a_scalar():
    clip = kernel("p = where(rho > 5, p / sqrt(rho - 5), g)", ("p", "g"), ("rho",))
    p, g = np.array([6.0]), np.array([1.0])
    clip(p, g, 9.0)
    assert p.item() == 3.0
    clip(p, g, 1.0)
    assert p.item() == 1.0


@pytest.mark.parametrize("text", ["p = sign(p) * erf(g)", "p = where(p > g, p, g) + erfc(g)", "p = sigmoid(p) + abs(g)", "p = maximum(p, g) * 2"])
def test_one_element_is_computed_as_many_are(text):
    for dtype in ("float32", "float64"):
        many = [np.full(3, v, dtype) for v in (0.3, -0.4)]
        kernel(text, ("p", "g"))(*many)
        for shape in ((), (1,), (1, 1)):
            one = [np.full(shape, v, dtype) for v in (0.3, -0.4)]
            kernel(text, ("p", "g"))(*one)
            np.testing.assert_array_equal(one[0], many[0][0])
            assert kernel(text.removeprefix("p = "), ("p", "g"))(*one).shape == shape
