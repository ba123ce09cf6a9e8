"""What a file holds and what it would call, without loading it: no storage is read, nothing is called."""
from __future__ import annotations

import os
import pickle
import reprlib
from collections.abc import Iterator
from typing import Any

from ..core import dtypes
from .allowed import allowed_names
from .archive import Archive
from .errors import Malformed, Refused
from .instructions import Machine
from .limits import Budgets, current
from .loading import NO_STORAGES, Job, folder_of
from .rebuild import Rebuilder
from .saving import MAGIC_NUMBER
from .source import Source
from .storages import Request

#: the calls that make a tensor of a storage, and those that make one of a tensor
TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"}
WRAPPERS = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}


class Named:
    """What stands for a class or function that the file names."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Made:
    """What stands for an object that a call, which is not made here, would have made."""

    def __init__(self, function: Any, args: Any):
        self.function = function
        self.args = args
        self.state: Any = None
        self.items: list[Any] = []

    def __repr__(self) -> str:
        args = self.args if isinstance(self.args, tuple) else (self.args,)
        return f"{short(self.function)}({', '.join([short(arg) for arg in args])})"


class TensorRow:
    """A tensor, as a file describes it."""

    def __init__(self, key: Any, shape: tuple, dtype: Any):
        self.key = key
        self.shape = shape
        self.dtype = dtype

    def __repr__(self) -> str:
        return f"Tensor{self.shape}"


class Describer(Machine):
    """A machine that calls nothing: it notes the names and puts something in the place of what calls would have made."""

    def __init__(self, data: Any, at: int, budgets: Budgets, room: int):
        super().__init__(data, at, Rebuilder(), self.request, budgets, room)
        self.names: dict[str, None] = {}
        self.calls: dict[str, Made] = {}
        self.storages: dict[Any, int] = {}

    def request(self, identity: Any) -> Request:
        """A storage, as the pickle names it."""
        kind = identity[1] if isinstance(identity, tuple) and len(identity) > 1 else None
        if isinstance(kind, Named):  # the list has what the name stands for
            value = self.allowed.get(kind.name, (kind, None, None))[0]
            identity = (identity[0], value, *identity[2:])
        wanted = Request(identity, len(identity))
        self.storages[wanted.key] = wanted.size
        return wanted

    def found(self, name: str) -> Named:
        self.names[name] = None
        return Named(name)

    def find(self, module: str, name: str) -> None:
        from .machine import modern
        self.push(self.found(".".join(modern(module, name))), 200)

    def call(self, function: Any, args: Any) -> Any:
        self.spend(600)
        name = function.name if isinstance(function, Named) else ""
        if name in TENSORS and isinstance(args, tuple) and len(args) >= 4 and isinstance(args[0], Request):
            dtype = args[6] if name.endswith("v3") and len(args) > 6 else args[0].dtype
            return TensorRow(args[0].key, args[2], str(dtype).removeprefix("torch."))
        if name in WRAPPERS and isinstance(args, tuple) and args and isinstance(args[0], TensorRow):
            return args[0]
        if name == "torch._tensor._rebuild_from_type_v2" and isinstance(args, tuple) and len(args) == 4:
            return self.call(args[0], args[2])
        entry = self.allowed.get(name)
        if entry is not None and entry[1] is not None and not name.startswith("torch._") and entry[1] is not entry[0]:
            return entry[1](*args)
        return self.note(function, args)

    def make(self, cls: Any, args: Any) -> Any:
        if isinstance(cls, Named) and cls.name == "collections.OrderedDict":
            return {}
        return self.note(cls, args)

    def note(self, function: Any, args: Any) -> Made:
        made = Made(function, args)
        self.calls.setdefault(short(function), made)
        return made

    def build(self, made: Any, state: Any) -> None:
        if isinstance(made, Made):
            made.state = state

    def list_on_top(self) -> list[Any]:
        target = self.stack[-1]
        return target.items if isinstance(target, Made) else super().list_on_top()

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Made):
            target.items += items
        else:
            super().set_items(items)


def globals_of(data: bytes, budgets: Budgets) -> set[str]:
    """The names that a pickle would call."""
    machine = Describer(data, 0, budgets, len(data))
    machine.load()
    return set(machine.names)


def short(value: Any) -> str:
    """A few characters of an object, none of which a terminal obeys."""
    shown = _SHORT.repr(value)
    return shown if shown.isprintable() else ascii(shown)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120


def rows_of(root: Any) -> Iterator[tuple[str, TensorRow]]:
    """(where it stands, tensor) for each tensor in what a file holds."""
    waiting, seen = [("", root)], set()
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, TensorRow):
            yield place or "(the object itself)", value
        elif isinstance(value, (dict, list, tuple, Made)) and id(value) not in seen:
            seen.add(id(value))
            waiting += reversed([(f"{place}{step}", part) for step, part in parts_of(value, bool(place))])


def parts_of(value: Any, inside: bool) -> Iterator[tuple[str, Any]]:
    """(step, part) for what an object holds."""
    if isinstance(value, dict):
        for key, part in value.items():
            text = key if isinstance(key, str) and key.isprintable() else short(key)
            yield f".{text}" if inside else text, part
    elif isinstance(value, Made):
        for part in (value.args, value.state, value.items):
            if isinstance(part, (dict, list, tuple)):
                yield from parts_of(part, inside)
    else:
        for i, part in enumerate(value):
            yield f"[{i}]", part


# ---- the report

def report(path: str) -> str:
    """What `rushlight inspect` prints: names, shapes, dtypes and bytes of the tensors, and what the file would call.

    Raises: RuntimeError or pickle.UnpicklingError if the file is of no format that `load` reads.
    """
    size = os.path.getsize(path)
    if path.endswith(".safetensors"):
        from .safetensors_file import read_header
        rows = [(name, shape, dtype.name, count(shape) * dtype.itemsize) for name, dtype, shape, _ in read_header(path, current())]
        return "\n".join([f"{path}: safetensors, {size} bytes", *table(rows)])
    with open(path, "rb") as file:
        source = Source(file, path)
        if size >= 4 and source.read(0, 4) == b"PK\3\4":
            archive = Archive(source, current())
            from .npz import describe_npz, is_npz
            if is_npz(archive):
                rows = [(name, shape, dtype.name, count(shape) * dtype.itemsize) for name, shape, dtype in describe_npz(archive)]
                return "\n".join([f"{path}: NumPy arrays, {size} bytes", *table(rows)])
            machine = Describer(archive.read(f"{folder_of(archive)}/data.pkl"), 0, current(), size)
            kind = f"PyTorch, zip, {len(archive.members)} records"
        else:
            machine = Describer(source.rest(), legacy_start(source), current(), size)
            kind = "PyTorch, the format before zip"
        return "\n".join([f"{path}: {kind}, {size} bytes", *describe(machine)])


def legacy_start(source: Source) -> int:
    """Where the object's pickle begins in a file of the old format."""
    job = Job(None, False, pickle, {}, "utf-8", current())
    data, at = source.rest(), 0
    for i in range(3):
        value, at = job.unpickle(data, at, NO_STORAGES, Rebuilder(), source.size)
        if i == 0 and value != MAGIC_NUMBER:
            raise RuntimeError("this is no file of PyTorch's")
    return at


def describe(machine: Describer) -> list[str]:
    """The lines about one pickle."""
    damage = None
    try:
        result = machine.load()
    except (Refused, Malformed) as error:
        result, damage = [*machine.stack, *[item for stack in machine.marks for item in stack]], str(error).partition("\n")[0]
    rows = []
    for place, row in rows_of(result):
        width = dtypes.BY_NAME[row.dtype].itemsize if row.dtype in dtypes.BY_NAME else 0
        rows.append((place, row.shape, row.dtype, count(row.shape) * width))
    lines = table(rows)
    lines.append(f"{len(rows)} tensors on {len(machine.storages)} storages of {sum(machine.storages.values())} bytes")
    known = allowed_names()
    lines += [f"calls, allowed: {name}" for name in machine.names if name in known]
    lines += [f"calls, REFUSED: {short(machine.calls.get(name, Named(name)))}" for name in machine.names if name not in known]
    return lines + ([f"damaged: {damage}"] if damage else [])


def count(shape: Any) -> int:
    """The number of elements of a shape."""
    total = 1
    for n in shape if isinstance(shape, (tuple, list)) else ():
        total *= n if isinstance(n, int) else 0
    return total


def table(rows: list[tuple[str, Any, str, int]]) -> list[str]:
    """The lines of a table of tensors."""
    texts = [("tensor", "shape", "dtype", "bytes"), *[(short_name(name), str(shape), dtype, str(size)) for name, shape, dtype, size in rows]]
    widths = [max([len(row[i]) for row in texts]) for i in range(4)]
    return ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2].ljust(widths[2]), row[3].rjust(widths[3])]).rstrip() for row in texts]


def short_name(name: str) -> str:
    """A name that a terminal can be given."""
    return name[:200] if name.isprintable() else ascii(name[:200])
