"""The NumPy plan: a graph as straight-line Python that calls NumPy, with memory that was planned beforehand.

Arrays that nobody sees from outside live in buffers which every call uses again; a buffer serves one value after the other. Views of them are
made once. What NumPy cannot write into given memory, and what outlives the call, is new memory at each call.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import memory
from ..core.op import Op, number_like
from .graph import CONSTANT, COPY, LOCAL, STATE, WRITE, Equation, Graph, Storage, Value, found_in
from .interpreter import NUMBERS_AS_ARRAYS, blank, perform


class Plan:
    """The lines of a graph's replay. `scope` holds what they name; `places` are the texts of inputs that are others at each call."""

    def __init__(self, graph: Graph, scope: dict[str, Any], places: dict[Value, str]):
        self.graph = graph
        self.scope = scope
        self.lines: list[str] = []
        #: the equation that a line was written for, by its text: for `explain`
        self.origins: dict[str, Equation] = {}
        self.names: dict[Value, str] = dict(places)
        self.known: dict[int, str] = {}
        self.makers: dict[Value, Equation] = {}
        self.buffers = Buffers(graph)
        #: the results that lines of the plan have put in their tensors' `.grad`
        self.placed: set[Value] = set()
        self.scope.update(copyto=np.copyto, asarray=np.asarray)
        #: the storages whose memory is the same at every call
        self.fixed: set[Storage] = {v.storage for v in graph.inputs if v not in places and v.storage.kind in (STATE, CONSTANT)}
        for self.number, equation in enumerate(graph.equations):
            before = len(self.lines)
            self.write(equation)
            self.origins.update(dict.fromkeys(self.lines[before:], equation))
            self.buffers.release(self.number)
        self.finish()
        for value in graph.outputs:
            self.name(value)

    def finish(self) -> None:
        """What is to be done when all equations are written."""

    def constant(self, thing: Any) -> str:
        """The name of a thing in the scope."""
        name = self.known.get(id(thing))
        if name is None:
            name = self.known[id(thing)] = f"c{len(self.scope)}"
            self.scope[name] = thing
        return name

    def name(self, value: Value) -> str:
        """The text that reads a value's array. Views are made where they are first wanted."""
        found = self.names.get(value)
        if found is None:
            if value.storage in self.fixed:
                found = self.constant(self.fixed_array(value))
                self.names[value] = found
            else:
                self.call(self.makers[value])
                found = self.names[value]
        return found

    def fixed_array(self, value: Value) -> Any:
        """The array of a value whose memory stays where it is."""
        if value.storage.kind == LOCAL:
            return self.buffers.array(value)
        return array_in(value, value.storage.array)

    # ---- one equation

    def write(self, equation: Equation) -> None:
        """The lines of an equation."""
        op = equation.op
        if op is WRITE:
            self.lines.append(f"copyto({self.name(equation.inputs[0])}, {self.name(equation.inputs[1])}, 'unsafe')")
        elif op is COPY:
            self.write_copy(equation)
        elif isinstance(op, Op) and op.is_view:
            self.makers.update({value: equation for value in equation.outputs if value is not None})
        elif not isinstance(op, Op):
            self.lines.append(f"{self.constant(op.run)}({', '.join([self.name(item) for item in equation.inputs])})")
        elif op.is_ufunc and equation.direct and not equation.attrs and self.can_plan(equation):
            out = self.name_planned(equation.outputs[0])
            self.lines.append(f"{self.constant(op.forward)}({', '.join(self.arguments(equation))}, out={out})")
        else:
            self.call(equation)

    def can_plan(self, equation: Equation) -> bool:
        """Whether an equation's result may lie in a buffer."""
        return all([value is not None and self.buffers.may_plan(value.storage) for value in equation.outputs])

    def name_planned(self, value: Value) -> str:
        """The name of a result in a buffer."""
        self.fixed.add(value.storage)
        return self.name(value)

    def write_copy(self, equation: Equation) -> None:
        value = equation.outputs[0]
        if self.can_plan(equation):
            self.name_planned(value)
        else:
            self.names[value] = f"a{value.number}"
            self.lines.append(f"a{value.number} = {self.constant(blank)}({value.shape}, {value.strides}, {self.constant(value.dtype)})")
        self.lines.append(f"copyto({self.name(value)}, {self.name(equation.inputs[0])}, 'unsafe')")

    def call(self, equation: Equation) -> None:
        """A call of forward, whose results are new arrays, or views."""
        text, several = self.call_text(equation)
        for value in equation.outputs:
            if value is not None:
                self.names[value] = f"a{value.number}"
        names = ["_" if value is None else f"a{value.number}" for value in equation.outputs]
        rest = ["*_"] if equation.op.hidden else []  # kept for a gradient that nobody asks for
        self.lines.append(f"{''.join([name + ', ' for name in names + rest]) if several else names[0]} = {text}")

    def call_text(self, equation: Equation) -> tuple[str, bool]:
        """The text of a call of forward, and whether it gives a tuple."""
        op = equation.op
        keywords = [f"{name}={self.attribute(value)}" for name, value in equation.attrs.items()]
        if not equation.direct:
            inputs = "".join([f"{self.name(item) if item.__class__ is Value else self.literal(item)}, " for item in equation.inputs])
            return f"{self.constant(perform)}({self.constant(equation)}, ({inputs}), dict({', '.join(keywords)}))", True
        text = f"{self.constant(op.forward)}({', '.join([*self.arguments(equation), *keywords])})"
        several = equation.several or op.hidden
        scalar = not several and equation.outputs[0] is not None and not equation.outputs[0].shape
        return f"asarray({text})" if scalar else text, several

    def arguments(self, equation: Equation) -> list[str]:
        """The texts of forward's arguments."""
        as_arrays = equation.op.kind.name in NUMBERS_AS_ARRAYS
        dtype = next((item.dtype for item in equation.inputs if item.__class__ is Value), None)
        return [self.name(item) if item.__class__ is Value else
                self.constant(number_like(item, dtype)) if as_arrays and isinstance(item, (int, float, complex)) else self.literal(item)
                for item in equation.inputs]

    def literal(self, item: Any) -> str:
        return repr(item) if item is None or item.__class__ in (int, bool) else self.constant(item)

    def attribute(self, item: Any) -> str:
        """The text of an attribute, with the names of arrays in their places."""
        if item.__class__ is Value:
            return self.name(item)
        if item.__class__ in (tuple, list) and any([True for _ in found_in(item, Value)]):
            inner = ", ".join([self.attribute(part) for part in item])
            return f"({inner},)" if item.__class__ is tuple else f"[{inner}]"
        return self.literal(item)


def array_in(value: Value, owner: Any) -> Any:
    """The array of a value in the memory that `owner` holds."""
    return memory.array_at(owner, memory.address(owner) + value.offset, value.shape, value.strides, value.dtype)


class Buffers:
    """Memory for the storages that equations make and nobody sees from outside, each used again when its storage is done."""

    def __init__(self, graph: Graph):
        self.outside = {value.storage for value in graph.outputs}
        self.held: dict[Storage, np.ndarray] = {}
        self.free: list[np.ndarray] = []
        self.blocks: dict[Storage, np.ndarray] = {}  # the buffer that each is in
        self.users: dict[int, int] = {}              # how many storages are in a buffer
        self.given: dict[int, int] = {}              # how often it was given to some
        self.lent: list[np.ndarray] = []             # buffers that one equation needs
        self.kept: set[Storage] = set()  # whose memory is not the plan's own
        #: the bytes of all buffers, and those that it would take if none was used twice
        self.bytes = self.without_reuse = 0
        self.done: dict[int, list[Storage]] = {}
        last: dict[Storage, int] = {}
        for number, equation in enumerate(graph.equations):
            for value in (*equation.reads(), *[v for v in equation.outputs if v is not None]):
                last[value.storage] = number
        for storage, number in last.items():
            self.done.setdefault(number, []).append(storage)

    def may_plan(self, storage: Storage) -> bool:
        """Whether a storage may have memory of the plan's."""
        return storage.kind == LOCAL and storage not in self.outside

    def array(self, value: Value) -> np.ndarray:
        """The array of a value in its storage's buffer."""
        held = self.held.get(value.storage)
        if held is None:
            held = self.held[value.storage] = self.give({value.storage}, self.buffer(value.storage.size))
        return memory.array_at(held, memory.address(held) + value.offset, value.shape, value.strides, value.dtype)

    def buffer(self, size: int) -> np.ndarray:
        """The smallest free buffer that is large enough and not much too large, of several the one left last, or a new one."""
        self.without_reuse += size
        fitting = [found for found in reversed(self.free) if size <= found.nbytes <= 2 * size + 4096]
        if fitting:
            found = min(fitting, key=lambda buffer: buffer.nbytes)
            self.free = [buffer for buffer in self.free if buffer is not found]
            return found
        self.bytes += size
        raw = np.empty(size + 64, np.uint8)
        skip = -memory.address(raw) % 64
        return raw[skip:skip + size]

    def give(self, storages: set[Storage], block: np.ndarray) -> np.ndarray:
        """The buffer, which is these storages' from now on."""
        self.blocks.update(dict.fromkeys(storages, block))
        self.given[id(block)] = self.given.get(id(block), 0) + 1
        self.users[id(block)] = len(storages)
        return block

    def pass_on(self, old: Storage, new: Storage) -> np.ndarray:
        """The buffer of one storage, which is another's from now on."""
        self.without_reuse += new.size
        self.held[new] = self.held[old]
        self.blocks[new] = self.blocks.pop(old)
        return self.blocks[new]

    def leave(self, storage: Storage) -> None:
        """A storage lies elsewhere after all. A buffer that was made for it alone, and is free, is none any more: nothing was written to it."""
        block = self.blocks.get(storage)
        if block is not None and self.given[id(block)] == 1 and any([block is buffer for buffer in self.free]):
            self.free = [buffer for buffer in self.free if buffer is not block]
            self.bytes -= block.nbytes

    def may_pass_on(self, storage: Storage, number: int) -> bool:
        """Whether equation `number` is the last one that needs a storage, and nothing else is in its buffer."""
        block = self.blocks.get(storage)
        return block is not None and self.users[id(block)] == 1 and storage in self.done.get(number, ()) \
            and memory.address(self.held[storage]) == memory.address(block)

    def lend(self, size: int) -> np.ndarray:
        """A buffer until the equation is written."""
        self.lent.append(self.buffer(size))
        return self.lent[-1]

    def release(self, number: int) -> None:
        """Equation `number` is written: the buffers of what it reads last are free."""
        self.free += self.lent
        self.lent = []
        for storage in self.done.get(number, ()):
            block = self.blocks.get(storage)
            if block is not None:
                self.users[id(block)] -= 1
                if not self.users[id(block)]:
                    self.free.append(block)
