"""Algebra that keeps every bit: operations that change nothing.

    %1 = mul(%0, 1)                   return %0
    return %1              becomes    (where memory of its own is not asked for)

x * 1, x / 1, x - 0 and x ** 1 are x for every x; x + 0 is not, since it makes 0.0 of -0.0.
"""
from __future__ import annotations

from ..graph import Equation, Graph, Value
from .copies import with_values
from .purity import is_pure, viewed

#: by the Op's name, the number that leaves the other argument as it is, and the argument's place
NEUTRAL = {("mul", 1): 1, ("mul", 0): 1, ("div", 1): 1, ("sub", 1): 0, ("pow", 1): 1}


def simplified(graph: Graph) -> Graph:
    """The graph without operations on a neutral number, where nobody writes to either side's memory and the result stays inside."""
    written = {value.storage for equation in graph.equations for value in equation.writes}
    apart = {value.storage for value in graph.outputs} | written | viewed(graph)
    renamed: dict[Value, Value] = dict(graph.renamed)
    equations = []
    for equation in graph.equations:
        equation = with_values(equation, renamed)
        source = unchanged(equation)
        if source is not None:
            out = equation.outputs[0]
            if out.storage not in apart and source.storage not in written:
                renamed[out] = source
                continue
        equations.append(equation)
    return Graph(equations, graph.inputs, [renamed.get(value, value) for value in graph.outputs], renamed)


def unchanged(equation: Equation) -> Value | None:
    """The input that an equation's result equals in every bit, dtype and shape; None if there is none."""
    if not is_pure(equation) or equation.attrs or len(equation.inputs) != 2 or len(equation.outputs) != 1:
        return None
    for place, number in enumerate(equation.inputs):
        other = equation.inputs[1 - place]
        if other.__class__ is Value and number.__class__ in (int, float) and NEUTRAL.get((equation.op.name, place)) == number:
            out = equation.outputs[0]
            if out is not None and out.shape == other.shape and out.dtype == other.dtype:
                return other
    return None
