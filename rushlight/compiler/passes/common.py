"""Common subexpressions: what is computed twice from the same values is computed once.

    %1 = exp(%0)                      %1 = exp(%0)
    %2 = exp(%0)           becomes    %3 = add(%1, %1)
    %3 = add(%1, %2)
"""
from __future__ import annotations

from typing import Any

from ..graph import Equation, Graph, Value
from .copies import with_values
from .purity import is_pure, viewed


def without_repeats(graph: Graph) -> Graph:
    """The graph with one equation for each operation on the same values, as long as nothing writes to their memory or to the result's."""
    written = {value.storage for equation in graph.equations for value in equation.writes}
    outputs = {value.storage for value in graph.outputs}
    several = viewed(graph)
    known: dict[Any, Equation] = {}
    renamed: dict[Value, Value] = dict(graph.renamed)
    equations = []
    for equation in graph.equations:
        equation = with_values(equation, renamed)
        key = key_of(equation, written, outputs if getattr(equation.op, "is_view", False) else outputs | several)
        earlier = known.get(key) if key is not None else None
        if earlier is not None:
            renamed.update({mine: theirs for mine, theirs in zip(equation.outputs, earlier.outputs) if mine is not None and theirs is not None})
            continue
        if key is not None:
            known[key] = equation
        equations.append(equation)
    return Graph(equations, graph.inputs, [renamed.get(value, value) for value in graph.outputs], renamed)


def key_of(equation: Equation, written: set, outputs: set) -> Any:
    """What two equal equations have in common; None for one that must stay by itself.

    Results that outlive the call keep memory of their own, and so does what somebody writes to or has views of.
    """
    if not is_pure(equation) or None in equation.outputs or not equation.inputs:
        return None
    values = [*equation.reads(), *equation.outputs]
    if any([value.storage in written for value in values]) or any([value.storage in outputs for value in equation.outputs]):
        return None
    # Types too: 1, 1.0 and True are equal to Python. repr tells 0.0 from -0.0.
    inputs = tuple([item if item.__class__ is Value else (item.__class__, repr(item)) for item in equation.inputs])
    try:
        attrs = tuple(sorted((name, value.__class__, repr(value)) for name, value in equation.attrs.items() if is_plain(value)))
    except TypeError:
        return None
    return (equation.op, inputs, attrs) if len(attrs) == len(equation.attrs) else None


def is_plain(value: Any) -> bool:
    """Whether an attribute's repr says all of it."""
    if isinstance(value, (tuple, list)):
        return all([is_plain(part) for part in value])
    return value is None or value.__class__ in (int, float, bool, str)
