"""Slopes: where a function's gradient is wanted later, its slope is computed with it.

    %1 = gelu(%0)                              %1, %2 = gelu_with_slope(%0)
    ...                            becomes     ...
    %4 = gelu_backward(%3, %0)                 %4 = mul(%3, %2)

The function and its slope need the same exponential, and the product that is left joins the loops beside it. The slope takes the place in
memory of the argument, which nobody reads any more. Every bit stays.
"""
from __future__ import annotations

from ...backends.native import MANY
from ...core.op import Op
from ...ops.arithmetic import MUL
from ...ops.finished import GELU_WITH_SLOPE
from ...ops.smooth import GELU, GELU_BACKWARD
from ..graph import Equation, Graph, Storage, Value
from .epilogues import Uses, is_plain

#: an operation, that of its gradient by (grad, x), and the one that gives its result and slope
WITH_SLOPE = {GELU: (GELU_BACKWARD, GELU_WITH_SLOPE)}


def with_slopes(graph: Graph) -> Graph:
    """The graph with slopes in the place of arguments that gradients would read."""
    written = {value.storage for equation in graph.equations for value in equation.writes}
    backward = {op for op, _ in WITH_SLOPE.values()}
    wanted = {(equation.op, equation.inputs[1]) for equation in graph.equations if equation.op in backward and can_change(equation, written)}
    uses, equations = Uses(graph), []
    slopes: dict[tuple, Value] = {}
    for equation in graph.equations:
        if equation.op in WITH_SLOPE and can_change(equation, written):
            [x], [op, whole] = equation.inputs, WITH_SLOPE[equation.op]
            if (op, x) in wanted and x.size >= MANY:
                slopes[op, x] = uses.value_like(x)
                equation = Equation(whole, (x,), {}, (*equation.outputs, slopes[op, x]), True, (), equation.where)
        elif equation.op in backward and can_change(equation, written):
            grad, x = equation.inputs
            if (equation.op, x) in slopes:
                equation = Equation(MUL, (grad, slopes[equation.op, x]), {}, equation.outputs, True, (), equation.where)
        equations.append(equation)
    return Graph(equations, graph.inputs, graph.outputs, graph.renamed)


def can_change(equation: Equation, written: set[Storage]) -> bool:
    """Whether all that an equation reads and makes are float32 tables of one shape, and nobody writes to what it reads."""
    return isinstance(equation.op, Op) and equation.direct and not equation.attrs and len(equation.outputs) == 1 \
        and all([is_plain(value, equation.inputs[-1]) for value in (*equation.inputs, *equation.outputs)]) \
        and not any([value.storage in written for value in equation.reads()])
