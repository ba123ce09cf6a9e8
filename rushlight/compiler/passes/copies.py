"""Copies that nobody can tell from what they copy.

    %1 = mm(...)                      %1 = mm(...)
    %2 = copy(%1)          becomes
    return %2                         return %1

A gradient that becomes a leaf's `.grad` is copied, lest two tensors share memory; where the gradient is used no more, the copy is all there is.
"""
from __future__ import annotations

from ..graph import COPY, LOCAL, Equation, Graph, Value, mapped
from .purity import viewed


def without_copies(graph: Graph) -> Graph:
    """The graph without copies of values that are made here, laid out alike, and touched by nothing after the copy."""
    last: dict = {}
    for number, equation in enumerate(graph.equations):
        for value in equation.reads():
            last[value.storage] = number
    kept_alive = {value.storage for value in graph.outputs}
    several = viewed(graph)
    renamed: dict[Value, Value] = dict(graph.renamed)
    equations = []
    for number, equation in enumerate(graph.equations):
        equation = with_values(equation, renamed)
        if equation.op is COPY:
            source, copy = equation.inputs[0], equation.outputs[0]
            storage = source.storage
            ends_here = storage.kind == LOCAL and last[storage] == number and storage not in kept_alive and copy.storage not in several
            if ends_here and source.strides == copy.strides and source.dtype == copy.dtype \
                    and source.size * source.dtype.itemsize == storage.size:
                renamed[copy] = source
                last[storage] = max(last.get(copy.storage, number), number)
                if copy.storage in kept_alive:
                    kept_alive.add(storage)
                continue
        equations.append(equation)
    return Graph(equations, graph.inputs, [renamed.get(value, value) for value in graph.outputs], renamed)


def with_values(equation: Equation, renamed: dict) -> Equation:
    """The equation with other values in the place of some."""
    if not any([value in renamed for value in equation.reads()]):
        return equation

    def change(item: object) -> object:
        return renamed.get(item, item) if item.__class__ is Value else item
    inputs = tuple([change(item) for item in equation.inputs])
    writes = tuple([renamed.get(value, value) for value in equation.writes])
    return Equation(equation.op, inputs, mapped(equation.attrs, change), equation.outputs, equation.direct, writes, equation.where, equation.several)
