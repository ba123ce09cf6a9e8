"""Constant folding: what follows from constants alone is computed once, when the plan is made.

    constant %0
    %1 = mul(%0, 2)        becomes    constant %1
    %3 = add(%2, %1)                  %3 = add(%2, %1)
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ...core import memory
from ..graph import CONSTANT, Equation, Graph, Storage, Value, mapped
from ..interpreter import perform
from .purity import is_pure

#: the most bytes that a folded constant may take
MOST = 1 << 20


def with_constants_folded(graph: Graph) -> Graph:
    """The graph with the results of equations on constants as constants. Arrays that a call could change, or hand out, are no constants."""
    touched = {value.storage for equation in graph.equations for value in equation.writes} | {value.storage for value in graph.outputs}
    known: dict[Value, Any] = {}
    for value in graph.inputs:
        if value.storage.kind == CONSTANT and value.storage not in touched:
            owner = value.storage.array
            known[value] = memory.array_at(owner, memory.address(owner) + value.offset, value.shape, value.strides, value.dtype)
    equations: list[Equation] = []
    inputs = list(graph.inputs)
    for equation in graph.equations:
        if known and can_fold(equation, known, touched):
            arrays = [known[item] if item.__class__ is Value else item for item in equation.inputs]
            made = perform(equation, arrays, mapped(equation.attrs, lambda leaf: known[leaf] if leaf.__class__ is Value else leaf))
            for value, array in zip(equation.outputs, made, strict=True):
                known[value] = array
                inputs.append(as_constant(value, np.asarray(array)))
        else:
            equations.append(equation)
    return Graph(equations, inputs, graph.outputs, graph.renamed)


def can_fold(equation: Equation, known: dict, touched: set) -> bool:
    """Whether an equation may be computed beforehand."""
    values = [*equation.reads()]
    return bool(values) and is_pure(equation) and all([value in known for value in values]) and None not in equation.outputs \
        and not any([value.storage in touched or value.storage.size > MOST for value in equation.outputs])


def as_constant(value: Value, array: Any) -> Value:
    """The value, with the array's memory as that of a constant."""
    owner = memory.owner(array)
    value.storage = Storage(CONSTANT, owner.nbytes, owner)
    value.offset, value.strides = memory.address(array) - memory.address(owner), array.strides
    return value
