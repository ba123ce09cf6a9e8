"""The NumPy plan: a graph as straight-line Python that calls NumPy, with memory that was planned beforehand.

Arrays that nobody sees from outside live in buffers which every call uses again; a buffer serves one value after the other. Views of them are
made once. What NumPy cannot write into given memory, and what outlives the call, is new memory at each call.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import memory
from ..core.op import Op, number_like
from .graph import CONSTANT, COPY, LOCAL, STATE, WRITE, Equation, Graph, Storage, Value, mapped
from .interpreter import NUMBERS_AS_ARRAYS, blank, perform


class Plan:
    """The lines of a graph's replay. `scope` holds what they name; `lines` assume `locals` set to the arrays of inputs that change from call to call.

    escaping  the storages whose memory outlives a call
    """

    def __init__(self, graph: Graph, scope: dict[str, Any], places: dict[Value, str]):
        self.graph = graph
        self.scope = scope
        self.lines: list[str] = []
        self.names: dict[Value, str] = dict(places)
        self.known: dict[int, str] = {}
        self.buffers = Buffers(graph, {value.storage for value in graph.outputs})
        self.scope.update(copyto=np.copyto, asarray=np.asarray)
        for value in graph.inputs:
            if value not in self.names:  # its memory stays where it is
                self.names[value] = self.constant(array_in(value, value.storage.array))
        for number, equation in enumerate(graph.equations):
            self.write(equation, number)

    def constant(self, thing: Any) -> str:
        """The name of a thing in the scope."""
        name = self.known.get(id(thing))
        if name is None:
            name = self.known[id(thing)] = f"c{len(self.scope)}"
            self.scope[name] = thing
        return name

    # ---- one equation

    def write(self, equation: Equation, number: int) -> None:
        """The lines of an equation."""
        op = equation.op
        if op is WRITE:
            target, source = equation.inputs
            self.lines.append(f"copyto({self.names[target]}, {self.names[source]}, 'unsafe')")
        elif op is COPY:
            self.write_copy(equation)
        elif not isinstance(op, Op):
            self.lines.append(f"{self.constant(op.run)}({', '.join([self.names[item] for item in equation.inputs])})")
        elif op.is_view and self.is_fixed(equation.inputs[0]):
            self.views_of_fixed(equation)
        elif op.is_ufunc and equation.direct and not equation.attrs and self.buffers.planned(equation.outputs[0].storage):
            self.write_ufunc(equation)
        else:
            self.call(equation)

    def is_fixed(self, value: Value) -> bool:
        """Whether a value's array is the same object at every call."""
        return self.names[value] in self.scope

    def views_of_fixed(self, equation: Equation) -> None:
        source = self.scope[self.names[equation.inputs[0]]]
        made = perform(equation, [source], equation.attrs)
        for value, array in zip(equation.outputs, made, strict=True):
            if value is not None:
                self.names[value] = self.constant(array)

    def write_ufunc(self, equation: Equation) -> None:
        value = equation.outputs[0]
        out = self.names[value] = self.constant(self.buffers.array(value))
        self.lines.append(f"{self.constant(equation.op.forward)}({', '.join(self.arguments(equation))}, out={out})")

    def write_copy(self, equation: Equation) -> None:
        value = equation.outputs[0]
        if self.buffers.planned(value.storage):
            self.names[value] = self.constant(self.buffers.array(value))
        else:
            self.names[value] = f"a{value.number}"
            self.lines.append(f"{self.names[value]} = {self.constant(blank)}({value.shape}, {value.strides}, {self.constant(value.dtype)})")
        self.lines.append(f"copyto({self.names[value]}, {self.names[equation.inputs[0]]}, 'unsafe')")

    def call(self, equation: Equation) -> None:
        """A call of forward, whose results are new arrays."""
        attrs = {name: self.attribute(value) for name, value in equation.attrs.items()}
        keywords = [f"{name}={text}" for name, text in attrs.items()]
        for value in equation.outputs:
            if value is not None:
                self.names[value] = f"a{value.number}"
        names = ["_" if value is None else self.names[value] for value in equation.outputs]
        if equation.direct:
            text = f"{self.constant(equation.op.forward)}({', '.join([*self.arguments(equation), *keywords])})"
            several = len(names) > 1 or equation.op.hidden
        else:
            inputs = "".join([f"{self.names[item] if item.__class__ is Value else self.literal(item)}, " for item in equation.inputs])
            text = f"{self.constant(perform)}({self.constant(equation)}, ({inputs}), dict({', '.join(keywords)}))"
            several = True
        if equation.direct and not several and not equation.outputs[0].shape:
            text = f"asarray({text})"
        self.lines.append(f"{''.join([name + ', ' for name in names]) if several else names[0]} = {text}")

    def arguments(self, equation: Equation) -> list[str]:
        """The texts of forward's arguments."""
        as_arrays = equation.op.kind.name in NUMBERS_AS_ARRAYS
        dtype = next((item.dtype for item in equation.inputs if item.__class__ is Value), None)
        return [self.names[item] if item.__class__ is Value else
                self.constant(number_like(item, dtype)) if as_arrays and isinstance(item, (int, float, complex)) else self.literal(item)
                for item in equation.inputs]

    def literal(self, item: Any) -> str:
        return repr(item) if item is None or item.__class__ in (int, bool) else self.constant(item)

    def attribute(self, item: Any) -> str:
        """The text of an attribute, with the names of arrays in their places."""
        if item.__class__ is Value:
            return self.names[item]
        if item.__class__ in (tuple, list) and any(True for _ in values_below(item)):
            inner = ", ".join([self.attribute(part) for part in item])
            return f"({inner},)" if item.__class__ is tuple else f"[{inner}]"
        return self.literal(item)


def values_below(item: Any) -> Iterable:
    from .graph import values_in
    return values_in(item)


def array_in(value: Value, owner: Any) -> Any:
    """The array of a value in the memory that `owner` holds."""
    return memory.array_at(owner, memory.address(owner) + value.offset, value.shape, value.strides, value.dtype)


class Buffers:
    """Memory for the storages that equations make and nobody sees from outside, each used again when its storage is done."""

    def __init__(self, graph: Graph, escaping: set[Storage]):
        self.escaping = escaping
        self.made: dict[Storage, np.ndarray] = {}
        self.peak = 0
        self.last: dict[Storage, int] = {}
        for number, equation in enumerate(graph.equations):
            for value in (*equation.reads(), *[v for v in equation.outputs if v is not None]):
                self.last[value.storage] = number

    def planned(self, storage: Storage) -> bool:
        """Whether a storage has memory of the plan's."""
        return storage.kind == LOCAL and storage not in self.escaping

    def array(self, value: Value) -> np.ndarray:
        """The array of a value in its storage's buffer."""
        held = self.made.get(value.storage)
        if held is None:
            raw = np.empty(value.storage.size + 64, np.uint8)
            skip = -memory.address(raw) % 64
            held = self.made[value.storage] = raw[skip:skip + value.storage.size]
            self.peak += value.storage.size
        return memory.array_at(held, memory.address(held) + value.offset, value.shape, value.strides, value.dtype)


__all__ = ["CONSTANT", "STATE", "Buffers", "Plan", "mapped"]
