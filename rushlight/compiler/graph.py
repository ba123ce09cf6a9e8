"""Graph: what a recorded call of a function did, as a flat list of equations over values.

A Value is an array at one place in memory. Values that share memory share a Storage, so a view is a value like any other, and a write changes
what all values of the storage hold: equations are in the order of the program, and a pass may move one only past those that touch other
storages. What runs is `Equation.op` on arrays; the graph knows neither tensors nor gradients.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

#: Where a storage's memory comes from. LOCAL: made by an equation; ARGUMENT: an argument of the call; STATE: a tensor that the function
#: reaches, bound by reference; LATE: a tensor that is looked up at each call, such as a gradient; CONSTANT: the same at every call.
LOCAL, ARGUMENT, STATE, LATE, CONSTANT = "local", "argument", "state", "late", "constant"


class Storage:
    """A stretch of memory. `array` is the one that holds it where it exists before the call (STATE, CONSTANT)."""

    __slots__ = ("kind", "size", "array")

    def __init__(self, kind: str, size: int, array: Any = None):
        self.kind = kind
        self.size = size
        self.array = array


class Value:
    """An array: `offset` bytes into its storage, with strides in bytes."""

    __slots__ = ("number", "storage", "offset", "shape", "strides", "dtype")

    def __init__(self, number: int, storage: Storage, offset: int, shape: tuple, strides: tuple, dtype: np.dtype):
        self.number = number
        self.storage = storage
        self.offset = offset
        self.shape = shape
        self.strides = strides
        self.dtype = dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        expected = self.dtype.itemsize
        for stride, n in zip(reversed(self.strides), reversed(self.shape)):
            if n != 1 and stride != expected:
                return self.size == 0
            expected *= n
        return True

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie without gaps, in whatever order of dims."""
        expected = self.dtype.itemsize
        for stride, n in sorted([(stride, n) for stride, n in zip(self.strides, self.shape) if n != 1]):
            if stride != expected:
                return self.size == 0
            expected *= n
        return True

    def __repr__(self) -> str:
        return f"%{self.number}"

    def described(self) -> str:
        """Its name with dtype and shape: `%3: float32[64, 10]`."""
        return f"%{self.number}: {self.dtype.name}[{', '.join(map(str, self.shape))}]"


class Equation:
    """One operation on values: `outputs = op(*inputs, **attrs)`.

    inputs   values, numbers or None, as the Op's forward takes them
    attrs    its attributes; a value in their place of an array, also inside tuples and lists
    outputs  values; None for a result that nothing can reach
    direct   whether forward gets the arrays themselves; otherwise `op.evaluate` converts them first
    writes   the inputs whose memory the equation changes
    where    the program's line
    several  whether forward gives a tuple, if only of one array
    """

    __slots__ = ("op", "inputs", "attrs", "outputs", "direct", "writes", "where", "several")

    def __init__(self, op: Any, inputs: tuple, attrs: dict, outputs: tuple, direct: bool = True, writes: tuple = (), where: str = "",
                 several: bool = False):
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.outputs = outputs
        self.direct = direct
        self.writes = writes
        self.where = where
        self.several = several

    def reads(self) -> Iterator[Value]:
        """The values that it reads."""
        for item in self.inputs:
            if item.__class__ is Value:
                yield item
        yield from found_in(self.attrs, Value)

    def __str__(self) -> str:
        outputs = ", ".join(["_" if v is None else v.described() for v in self.outputs])
        inputs = [repr(item) for item in self.inputs] + [f"{name}={short(value)}" for name, value in self.attrs.items()]
        return f"{outputs}{' = ' if outputs else ''}{self.op.name}({', '.join(inputs)})"


class Write:
    """The stand-in for an Op in equations that are none: `run(*arrays)` does what `name` says."""

    def __init__(self, name: str, run: Callable):
        self.name = name
        self.run = run
        self.code = None


def _write(target: Any, source: Any) -> None:
    np.copyto(target, source, casting="unsafe")


#: target[...] = source
WRITE = Write("write", _write)
#: a new array with the values of another
COPY = Write("copy", _write)


def short(value: Any) -> str:
    """An attribute in a few characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def found_in(item: Any, kind: type) -> Iterator[Any]:
    """What is of a class inside a structure: of a dict's values, of tuples and lists."""
    if isinstance(item, kind):
        yield item
    elif isinstance(item, (tuple, list, dict)):
        for part in item.values() if isinstance(item, dict) else item:
            yield from found_in(part, kind)


def mapped(item: Any, change: Callable[[Any], Any]) -> Any:
    """A structure of dicts, tuples and lists with change(leaf) in place of every leaf."""
    if isinstance(item, dict):
        return {key: mapped(part, change) for key, part in item.items()}
    if isinstance(item, tuple):
        parts = [mapped(part, change) for part in item]
        return type(item)(*parts) if hasattr(item, "_fields") else tuple(parts)
    if isinstance(item, list):
        return [mapped(part, change) for part in item]
    return change(item)


class Graph:
    """Equations, and the values by which the graph meets the program.

    `inputs` are the values that exist before the call, `outputs` those that outlive it; `renamed` says which value stands for one that a pass
    left out.
    """

    def __init__(self, equations: list[Equation], inputs: list[Value], outputs: list[Value], renamed: dict[Value, Value] | None = None):
        self.equations = equations
        self.inputs = inputs
        self.outputs = outputs
        self.renamed = renamed or {}

    def __str__(self) -> str:
        head = [f"{value.storage.kind} {value.described()}" for value in self.inputs]
        return "\n".join([*head, *[str(equation) for equation in self.equations], f"return {', '.join(map(str, self.outputs))}"])


def check(graph: Graph) -> None:
    """Raise AssertionError unless the graph is sound: every value is made before it is read, once, and outputs are made at all."""
    known = set(graph.inputs)
    for equation in graph.equations:
        for value in equation.reads():
            assert value in known, f"{value} is read before it is made, by {equation}"
        for value in equation.outputs:
            if value is not None:
                assert value not in known, f"{value} is made twice, by {equation}"
                known.add(value)
        for value in equation.writes:
            assert value in equation.inputs, f"{equation} writes {value}, which it does not name"
    for value in graph.outputs:
        assert value in known, f"{value} is never made"
