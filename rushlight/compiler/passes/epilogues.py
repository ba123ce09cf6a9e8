"""Epilogues: what a network does to the results of a convolution or a batch norm at once is done while they are made.

    %1 = native_batch_norm(%0, ...)
    %2 = add(%1, %x)                    becomes     %3 = batch_norm_finished(%0, ..., %x, relu=True)
    %3 = relu(%2)

So a result goes to memory once, where it would be written, read and written again. The gradient of a relu goes the same way into the gradient
by a convolution's images. Through maxima of windows it goes first, where there is less of it. And a number that counts a batch norm's batches is
counted up in place: by Python it would take tens of microseconds, as after a kernel nothing of Python is left in the caches.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ...backends.native import FLOAT
from ...core.op import Op
from ...ops.activation import RELU, RELU_BACKWARD
from ...ops.arithmetic import ADD
from ...ops.conv import CONVOLUTION, SPREAD
from ...ops.count_native import COUNT_UP
from ...ops.finished import BATCH_NORM_FINISHED, CONVOLUTION_FINISHED, SPREAD_FINISHED
from ...ops.norm import BATCH_NORM
from ...ops.pool import MAX_POOL_BACKWARD
from ..graph import LOCAL, WRITE, Equation, Graph, Storage, Value

#: an operation, and the one that does more to its results
FINISHED = {CONVOLUTION: CONVOLUTION_FINISHED, SPREAD: SPREAD_FINISHED, BATCH_NORM: BATCH_NORM_FINISHED}


class Uses:
    """Who makes, reads and writes what in a list of equations, of which some may be None."""

    def __init__(self, graph: Graph):
        self.equations: list[Equation | None] = []
        self.outside = {value.storage for value in graph.outputs}
        self.readers: dict[Storage, int] = {}
        for equation in graph.equations:
            for value in equation.reads():
                self.readers[value.storage] = self.readers.get(value.storage, 0) + 1
        self.makers: dict[Value, int] = {}
        self.written: dict[Storage, int] = {}
        self.last_number = max([value.number for equation in graph.equations for value in equation.outputs if value is not None], default=0)

    def append(self, equation: Equation) -> None:
        number = len(self.equations)
        self.equations.append(equation)
        for value in equation.outputs:
            if value is not None:
                self.makers[value] = number
        for value in equation.writes:
            self.written[value.storage] = number

    def maker(self, value: Any) -> tuple[int, Equation] | None:
        """The equation that makes a value which is read once, if it may as well be where that reader is."""
        number = self.makers.get(value) if value.__class__ is Value else None
        if number is None or self.readers[value.storage] != 1 or value.storage in self.outside or value.storage.kind != LOCAL:
            return None
        equation = self.equations[number]
        if equation is None or any([self.written.get(read.storage, -1) > number for read in equation.reads()]):
            return None
        return number, equation

    def value_like(self, value: Value) -> Value:
        """A new value of the same form."""
        self.last_number += 1
        return Value(self.last_number, Storage(LOCAL, value.size * value.dtype.itemsize), 0, value.shape,
                     np.empty(value.shape, value.dtype).strides, value.dtype)


def is_plain(value: Any, like: Value) -> bool:
    """Whether a value is an array of float32 without gaps, of the same shape as another."""
    return value.__class__ is Value and value.dtype == FLOAT and value.shape == like.shape and value.is_contiguous


def with_epilogues(graph: Graph) -> Graph:
    """The graph with additions, relus and their gradients inside the operations whose results they take."""
    uses = Uses(graph)
    for equation in graph.equations:
        found = None
        if isinstance(equation.op, Op) and equation.op in (ADD, RELU, RELU_BACKWARD) and equation.direct and not equation.attrs \
                and all([is_plain(value, equation.outputs[0]) for value in (*equation.inputs, *equation.outputs)]):
            found = before_maxima(uses, equation) or joined(uses, equation)
        elif equation.op is WRITE:
            found = counted(uses, equation)
        for part in found or [equation]:
            uses.append(part)
    return Graph([equation for equation in uses.equations if equation is not None], graph.inputs, graph.outputs, graph.renamed)


def joined(uses: Uses, equation: Equation) -> list[Equation] | None:
    """The one equation that an equation and the maker of its argument become."""
    candidates = equation.inputs if equation.op is ADD else equation.inputs[:1]
    makers = [(found, value) for value in candidates if (found := uses.maker(value)) is not None]
    for (number, maker), value in sorted(makers, key=lambda item: -item[0][0]):
        [other] = [item for item in equation.inputs if item is not value] or [None]
        whole = finished(maker, equation, other)
        if whole is not None:
            uses.equations[number] = None
            return [whole]
    return None


def finished(maker: Equation, equation: Equation, other: Any) -> Equation | None:
    """The maker with what the equation does to its result; None if that cannot be. The order is: add, relu, the relu's gradient."""
    op, inputs, attrs = maker.op, maker.inputs, maker.attrs
    if not maker.direct:
        return None
    if op in FINISHED:
        op, inputs, attrs = FINISHED[op], (*inputs, None, None), {**attrs, "relu": False}
    elif op not in FINISHED.values():
        return None
    *rest, added, mask = inputs
    if mask is not None or attrs["relu"] or equation.op is ADD and (added is not None or other is None):
        return None
    if equation.op is ADD:
        added = other
    elif equation.op is RELU:
        attrs = {**attrs, "relu": True}
    elif op is BATCH_NORM_FINISHED:
        return None
    else:
        mask = other
    return Equation(op, (*rest, added, mask), attrs, equation.outputs, True, (), equation.where)


def before_maxima(uses: Uses, equation: Equation) -> list[Equation] | None:
    """The gradient of a relu whose results had their maxima taken.

    It asks whether a number is 0 that is its window's maximum, or has no gradient at all: so the maxima may be asked, of which there are fewer.
    """
    found = uses.maker(equation.inputs[0])
    if equation.op is not RELU_BACKWARD or found is None or found[1].op is not MAX_POOL_BACKWARD or not found[1].direct:
        return None
    number, maker = found
    grad, x, out = maker.inputs
    if x is not equation.inputs[1] or not is_plain(grad, out):
        return None
    uses.equations[number] = None
    masked = uses.value_like(grad)
    uses.readers[masked.storage] = 1
    return [Equation(RELU_BACKWARD, (grad, out), {}, (masked,), True, (), equation.where),
            Equation(MAX_POOL_BACKWARD, (masked, x, out), maker.attrs, equation.outputs, True, (), maker.where)]


def counted(uses: Uses, equation: Equation) -> list[Equation] | None:
    """The counting up of a whole number in memory that an addition and a write are."""
    target, new = equation.inputs
    found = uses.maker(new)
    if found is None or found[1].op is not ADD or found[1].attrs or target.dtype != np.int64 or target.shape or new.dtype != np.int64:
        return None
    number, maker = found
    if maker.inputs[0] is not target or maker.inputs[1].__class__ is not int:
        return None
    uses.equations[number] = None
    return [Equation(COUNT_UP, (target,), {"by": maker.inputs[1]}, (), True, (target,), equation.where)]
