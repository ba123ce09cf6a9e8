import math

import numpy as np
import pytest

from rushlight.core.scalar import evaluate, lower, parse

ADAM = """
m = m + (g - m) * (1 - beta1)
v = v * beta2 + (1 - beta2) * g * g
p = p - lr * m / (sqrt(v) + eps)
"""


def operations(program):
    return [operation for operation, _ in program.instructions]


def test_expression_has_its_free_names_as_elements_and_out_as_output():
    program = parse("x * 0.5 + y")
    assert program.elements == ("x", "y") and program.scalars == ()
    assert list(program.outputs) == ["out"]


def test_declared_elements_keep_the_order_of_the_call():
    assert parse("p = p - lr * g", ("g", "p"), ("lr",)).elements == ("g", "p")


def test_update_outputs_are_the_assigned_elements_and_temporaries_are_not():
    program = parse("d = g - m\nm = m + d * c\np = p - d", ("p", "g", "m"), ("c",))
    assert list(program.outputs) == ["m", "p"]


def test_equal_subexpressions_are_computed_once():
    assert operations(parse("(x - m) * (x - m)")).count("subtract") == 1


def test_a_rewritten_name_is_another_value():
    program = parse("m = m + g\np = p - m", ("p", "m", "g"))
    got = evaluate(program, {"p": 10.0, "m": 1.0, "g": 2.0})
    assert got == {"m": 3.0, "p": 7.0}


def test_dead_code_is_left_out():
    assert "exp" not in operations(parse("t = exp(x)\nx + 1"))


def test_constants_are_folded_and_small_powers_are_multiplications():
    assert operations(parse("x * (2 * 3 + 1)")) == ["input", "constant", "multiply"]
    assert operations(parse("x ** 2")) == ["input", "multiply"]
    assert operations(parse("x ** 0.5")) == ["input", "sqrt"]
    assert operations(parse("x ** -0.5")) == ["input", "constant", "sqrt", "divide"]
    assert "power" in operations(parse("x ** y"))


def test_constants_of_another_type_are_not_equal():
    program = parse("where(x > 0, 1, 1.0) + where(x > 0, 0.0, -0.0)")
    numbers = [args[0] for op, args in program.instructions if op == "constant"]
    assert {(type(n), str(n)) for n in numbers} == {(int, "0"), (int, "1"), (float, "1.0"), (float, "0.0"), (float, "-0.0")}


def test_uniform_values_come_from_scalars_and_constants_alone():
    program = parse("x * (1 - beta ** step)", None, ("beta", "step"))
    uniform = {op: u for (op, _), u in zip(program.instructions, program.uniform, strict=True) if op != "input"}
    assert uniform == {"constant": True, "power": True, "subtract": True, "multiply": False}


def test_evaluate_follows_the_text():
    start = {"p": 1.0, "g": 0.5, "m": 0.1, "v": 0.2, "lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}
    got = evaluate(parse(ADAM, ("p", "g", "m", "v"), ("lr", "beta1", "beta2", "eps")), start)
    m, v = 0.1 + 0.4 * (1 - 0.9), 0.2 * 0.99 + (1 - 0.99) * 0.25
    assert got["m"] == pytest.approx(m) and got["v"] == pytest.approx(v)
    assert got["p"] == pytest.approx(1.0 - 0.01 * m / (math.sqrt(v) + 1e-8))


def test_lower_spells_functions_out():
    program = lower(parse("x * sigmoid(x + y)"), {"sigmoid": "1 / (1 + exp(-x))"})
    assert "sigmoid" not in operations(program) and program.elements == ("x", "y")
    assert evaluate(program, {"x": 1.0, "y": 1.0})["out"] == pytest.approx(1 / (1 + math.exp(-2)))


def test_lower_keeps_the_outputs_of_an_update():
    program = lower(parse("p = p - rsqrt(g)", ("p", "g")), {"rsqrt": "1 / sqrt(x)"})
    assert evaluate(program, {"p": 1.0, "g": 4.0}) == {"p": 0.5}


def test_program_prints_its_instructions():
    assert str(parse("x + 1")) == "%0 = input x\n%1 = constant 1\n%2 = add %0, %1\nout = %2"


@pytest.mark.parametrize("text", ["for i in x: pass", "x @ y", "x < y < z", "x if y else z", "tensor(x)", "maximum(x)", "exp(x, y)", "x and y",
                                  "a.b + 1", "x += 1", "exp(x=1)"])
def test_what_the_language_lacks_is_a_syntax_error(text):
    with pytest.raises(SyntaxError):
        parse(text)


def test_unknown_name_is_a_name_error():
    with pytest.raises(NameError, match="'eps'"):
        parse("p = p - g / eps", ("p", "g"))


@pytest.mark.parametrize("text, value", [("x / y", math.inf), ("-x / y", -math.inf), ("y / y", math.nan), ("y ** -1.5", math.inf)])
def test_arithmetic_on_numbers_follows_ieee(text, value):
    assert evaluate(parse(text), {"x": 1.0, "y": 0.0})["out"] == pytest.approx(value, nan_ok=True)


def test_evaluate_takes_another_table_of_functions():
    x = np.array([1.0, 4.0])
    assert evaluate(parse("sqrt(x)"), {"x": x}, {"sqrt": np.sqrt})["out"].tolist() == [1.0, 2.0]
