"""The interpreter: a graph, run equation by equation with NumPy. It is the definition of what a graph means; every plan is tested against it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.op import number_like
from ..core.wrap import wrap
from .graph import COPY, Equation, Graph, Value, Write, mapped

#: the kinds of Op whose forward takes numbers as arrays of the tensors' dtype
NUMBERS_AS_ARRAYS = frozenset({"binary", "tensor_first", "two_tensors", "nary"})


def interpret(graph: Graph, arrays: Sequence[Any]) -> list[Any]:
    """The arrays of a graph's outputs; `arrays` are those of its inputs, which are written where the graph writes them."""
    known: dict[Value, Any] = dict(zip(graph.inputs, arrays, strict=True))
    for equation in graph.equations:
        results = perform(equation, [known[item] if item.__class__ is Value else item for item in equation.inputs],
                          mapped(equation.attrs, lambda leaf: known[leaf] if leaf.__class__ is Value else leaf))
        for value, array in zip(equation.outputs, results, strict=False):
            if value is not None:
                known[value] = array
    return [known[value] for value in graph.outputs]


class InterpretedPlan:
    """The interpreter in a plan's place: one line that runs the whole graph."""

    def __init__(self, graph: Graph, scope: dict[str, Any], places: dict[Value, str]):
        from .plan import array_in
        self.graph = graph
        self.names = dict(places)
        self.placed: set[Value] = set()
        texts = []
        for value in graph.inputs:
            if value not in places:
                scope[f"u{value.number}"] = array_in(value, value.storage.array)
            texts.append(places.get(value, f"u{value.number}"))
        scope.update(graph_of_all=graph, interpret=interpret)
        self.names.update({value: f"o{value.number}" for value in graph.outputs})
        self.lines = [f"{''.join([f'o{value.number}, ' for value in graph.outputs]) or '_'} = "
                      f"interpret(graph_of_all, ({''.join([text + ', ' for text in texts])}))"]

    def name(self, value: Value) -> str:
        """The text that reads an output's array."""
        return self.names[value]


def perform(equation: Equation, arrays: Sequence[Any], attrs: dict) -> tuple:
    """The arrays of an equation's results, from those of its inputs."""
    op = equation.op
    if op is COPY:
        value = equation.outputs[0]
        copy = blank(value.shape, value.strides, value.dtype)
        op.run(copy, arrays[0])
        return (copy,)
    if isinstance(op, Write) or not hasattr(op, "forward"):
        return op.run(*arrays) or ()
    if equation.direct:
        out = op.forward(*with_numbers(equation, arrays), **attrs)
    else:
        out = op.evaluate(op, tuple([wrap(a) if isinstance(a, np.ndarray) else a for a in arrays]), attrs)
    return tuple([np.asarray(part) for part in (out if out.__class__ is tuple else (out,))])


def with_numbers(equation: Equation, arrays: Sequence[Any]) -> list[Any]:
    """The arguments of forward: numbers as arrays where the kind of Op wants them so."""
    if equation.op.kind.name not in NUMBERS_AS_ARRAYS:
        return list(arrays)
    dtype = next(a.dtype for a in arrays if isinstance(a, np.ndarray))
    return [number_like(a, dtype) if isinstance(a, (int, float, complex)) else a for a in arrays]


def blank(shape: tuple, strides: tuple, dtype: Any) -> Any:
    """New memory with these strides, if they leave no gaps; else in C order."""
    order = sorted(range(len(shape)), key=lambda axis: -strides[axis])
    array = np.empty([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
    return array if array.strides == strides or not array.size else np.empty(shape, dtype)
