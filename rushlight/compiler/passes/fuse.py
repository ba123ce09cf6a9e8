"""Fusion: neighbouring equations that go element by element become one loop, the sums over their results among them.

    %1 = mul(%0, 0.5)
    %2 = tanh(%1)          becomes    %3 = fused(%0)  {tanh(x * 0.5), summed over (0,)}
    %3 = sum(%2)

What only the loop reads is never in memory. Values that others read are stored on the way.
"""
from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.op import Op
from ...core.scalar import Builder, Program, evaluate
from ...core.scalar_writer import CALLS
from ..graph import Equation, Graph, Value
from ..interpreter import blank

#: the most inputs and outputs of one loop: each takes registers
MOST = 24
#: the dtypes of a loop's arrays, and how the loop is told of them
KINDS = {np.dtype(np.float32): "float", np.dtype(bool): "bool"}


class Fused:
    """The Op of a fused equation: a program over a shape. `results` says of each output which value it is, and over which dims it is summed."""

    code = None

    def __init__(self, program: Program, shape: tuple, results: list[tuple[str, tuple | None, float]], outputs: list[Value]):
        self.name = "fused"
        self.program = program
        self.shape = shape
        self.results = results
        self.outputs = outputs

    def run(self, *arrays: Any) -> tuple:
        """The results by NumPy: the definition."""
        full = [np.broadcast_to(a, self.shape) for a in arrays]
        functions = {**CALLS, "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "rsqrt": lambda a: 1 / np.sqrt(a)}
        with np.errstate(all="ignore"):
            found = evaluate(self.program, dict(zip(self.program.elements, full)), functions)
        made = []
        for (name, dims, factor), value in zip(self.results, self.outputs):
            array = np.broadcast_to(np.asarray(found[name]), self.shape)
            if dims is not None:
                array = np.asarray(np.add.reduce(array, dims, np.float64) * factor)
            made.append(blank(value.shape, value.strides, value.dtype))
            made[-1][...] = array.reshape(value.shape)
        return tuple(made)

    def __repr__(self) -> str:
        return f"Fused({self.shape}, {len(self.program.instructions)} instructions)"


class Loop:
    """What one equation does to an element."""

    __slots__ = ("text", "shape", "dims", "factor")

    def __init__(self, text: str, shape: tuple, dims: tuple | None = None, factor: float = 1.0):
        self.text, self.shape, self.dims, self.factor = text, shape, dims, factor


def loop_of(equation: Equation) -> Loop | None:
    """The loop that an equation is, None if it is none."""
    op = equation.op
    if not isinstance(op, Op) or op.code is None and op.loop is None or len(equation.outputs) != 1 or equation.outputs[0] is None:
        return None
    out = equation.outputs[0]
    values = [item for item in equation.inputs if item.__class__ is Value]
    is_laid_out = out.is_contiguous if op.loop is not None else out.is_dense
    if not values or out.dtype not in KINDS or not is_laid_out or any([value.dtype not in KINDS for value in values]):
        return None
    if not all([item.__class__ is Value or item.__class__ in (int, float, bool) for item in equation.inputs]):
        return None
    if any([value.dtype.kind == "b" for value in values]) and op.name not in ("where", "logical_and", "logical_or", "logical_not"):
        return None
    shape = np.broadcast_shapes(*[value.shape for value in values])
    if op.loop is None:
        plain = all([a.__class__ in (int, float, bool) for a in equation.attrs.values()])
        return Loop(op.code or "", shape) if shape == out.shape and plain else None
    text, dims, factor = op.loop(shape, **equation.attrs)
    return Loop(text, shape, None if dims is None else tuple(dims), factor)


class Group:
    """Equations that will be one loop."""

    def __init__(self, shape: tuple):
        self.shape = shape
        self.equations: list[Equation] = []
        self.builder = Builder((), ())
        self.builder.declared = False
        self.inputs: list[Value] = []
        self.places: dict[Value, int] = {}            # the instruction that makes a value
        self.sums: dict[Value, tuple[int, tuple, float]] = {}

    def takes(self, loop: Loop, equation: Equation) -> bool:
        """Whether the loop may have this equation too."""
        if self.equations and loop.shape != self.shape:
            return False
        made = {value.storage for value in (*self.places, *self.sums)}
        fresh = 0
        for value in equation.reads():
            if value in self.sums or value.storage in made and value not in self.places:
                return False
            fresh += value not in self.places
        return len(self.inputs) + fresh + len(self.equations) <= 4 * MOST and len(self.inputs) + fresh <= MOST

    def add(self, equation: Equation, loop: Loop) -> None:
        place = self.instruction(equation, loop)
        out = equation.outputs[0]
        if loop.dims is None:
            self.places[out] = place
        else:
            self.sums[out] = (place, loop.dims, loop.factor)
        self.equations.append(equation)

    def instruction(self, equation: Equation, loop: Loop) -> int:
        """The instruction of an equation's value, after those that it needs."""
        builder = self.builder
        names: dict[str, int] = {}
        for name, item in zip(equation.op.arguments, equation.inputs):
            names[name] = self.read(item) if item.__class__ is Value else builder.constant(item)
        for name, number in equation.attrs.items():
            if number.__class__ in (int, float, bool) and name not in names:
                names[name] = builder.constant(number)
        builder.names, builder.assigned = names, {}
        for statement in ast.parse(loop.text.strip()).body:
            builder.statement(statement)
        return builder.names["out"]

    def read(self, value: Value) -> int:
        place = self.places.get(value)
        if place is None:
            place = self.places[value] = self.builder.emit("input", (f"a{len(self.inputs)}",))
            self.builder.elements.append(f"a{len(self.inputs)}")
            self.inputs.append(value)
        return place

    def fused(self, wanted: set[Value]) -> Equation:
        """The one equation, which makes the wanted values."""
        if len(self.equations) == 1 and self.equations[0].op.launches:  # a kernel made for it alone
            return self.equations[0]
        results, outputs = [], []
        self.builder.names, self.builder.assigned = {}, {}
        for equation in self.equations:
            value = equation.outputs[0]
            place, dims, factor = self.sums.get(value) or (self.places[value], None, 1.0)
            if value in wanted:
                name = f"o{place}"
                self.builder.names[name], self.builder.assigned[name] = place, None
                results.append((name, dims, factor))
                outputs.append(value)
        # Program.outputs are chosen by name: all that were assigned here.
        program = self.program([name for name, _, _ in results])
        where = next((equation.where for equation in self.equations if equation.where), "")
        return Equation(Fused(program, self.shape, results, outputs), tuple(self.inputs), {}, tuple(outputs), where=where)

    def program(self, names: Sequence[str]) -> Program:
        """The program of the results, without what they do not need."""
        builder = self.builder
        needed, stack = set(), [builder.names[name] for name in names]
        while stack:
            i = stack.pop()
            if i not in needed:
                needed.add(i)
                stack.extend(builder.operands(i))
        needed |= {i for i, (operation, _) in enumerate(builder.instructions) if operation == "input"}
        order = sorted(needed)
        place = {old: new for new, old in enumerate(order)}
        return Program(builder.elements, (), [builder.renumbered(i, place) for i in order], {name: place[builder.names[name]] for name in names})


def fuse(graph: Graph) -> Graph:
    """The graph with neighbouring loops made one."""
    readers: dict[Any, list[int]] = {}
    for number, equation in enumerate(graph.equations):
        for value in equation.reads():
            readers.setdefault(value.storage, []).append(number)
    last = {storage: numbers[-1] for storage, numbers in readers.items()}
    outside = {value.storage for value in graph.outputs}
    equations: list[Equation] = []
    group: Group | None = None

    def close(until: int) -> None:
        nonlocal group
        if group is not None:
            made = [equation.outputs[0] for equation in group.equations]
            wanted = {value for value in made if value.storage in outside or last.get(value.storage, -1) >= until}
            if wanted:
                equations.append(group.fused(wanted))
            group = None
    for number, equation in enumerate(graph.equations):
        loop = loop_of(equation)
        if loop is None or math.prod(loop.shape) == 0:
            close(number)
            equations.append(equation)
            continue
        if group is not None and not group.takes(loop, equation):
            close(number)
        if group is None:
            group = Group(loop.shape)
        group.add(equation, loop)
    close(len(graph.equations))
    return Graph(equations, graph.inputs, graph.outputs, graph.renamed)
