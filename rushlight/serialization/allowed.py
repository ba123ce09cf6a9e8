"""What a file may call when nobody has vouched for it: PyTorch's list, and what the program adds."""
from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

from ..core import dtypes
from ..core.device import device
from ..core.layout import ALL as LAYOUTS, memory_format
from ..core.size import Size
from ..storage import NAMES as STORAGES, TypedStorage, UntypedStorage
from ..tensor import Tensor
from .errors import Malformed
from .rebuild import Rebuilder, get_layout
from .storages import StorageType
from .torch_names import name_of

Check = Callable[[], None]

#: nothing of these is ever called, not even if the program lists it
BLOCKED = ("sys", "os", "posix", "nt")


# ---- the calls that PyTorch's list allows, held to the arguments that files have for them

def ordered_dict(check: Check, pairs: Any = ()) -> OrderedDict:
    """An OrderedDict of pairs."""
    if not isinstance(pairs, (list, tuple)) or not all([isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs]):
        raise Malformed("an OrderedDict is made of pairs")
    return OrderedDict(zip(hashable([pair[0] for pair in pairs], check), [pair[1] for pair in pairs]))


def counter(check: Check, counts: Any = None) -> Counter:
    """A Counter of a dict of counts."""
    if counts is not None and type(counts) is not dict:
        raise Malformed("a Counter is made of a dict")
    return Counter(dict(zip(hashable(counts or {}, check), (counts or {}).values())))


def unordered(check: Check, items: Any = ()) -> set:
    """A set of the items of a list."""
    if not isinstance(items, (list, tuple)):
        raise Malformed("a set is made of a list")
    return set(hashable(items, check))


def byte_array(content: Any = b"", encoding: Any = None) -> bytearray:
    """A bytearray of bytes, or of latin-1 text. Python's own takes a number too, and then as much memory as that."""
    if encoding is not None:
        content = encoded(content, encoding)
    if not isinstance(content, (bytes, bytearray)):
        raise Malformed("a bytearray is made of bytes")
    return bytearray(content)


def encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Text as bytes, in the encoding by which pickle writes bytes. Python's own unpacks zip and others too."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Malformed("bytes are encoded as latin1")
    return text.encode("latin1")


def no_bytes() -> bytes:
    """Empty bytes, which pickle writes as a call. PyTorch refuses it, and with it some files of its own."""
    return b""


def complex_number(real: Any, imaginary: Any = 0.0) -> complex:
    """The complex number of two parts."""
    if type(real) not in (float, int) or type(imaginary) not in (float, int):
        raise Malformed("a complex number is made of two numbers")
    return complex(real, imaginary)


def sizes(values: Any = ()) -> Size:
    """A Size of whole numbers."""
    if not isinstance(values, (tuple, list)) or not all([type(value) is int for value in values]):
        raise Malformed("a Size is made of whole numbers")
    return Size(tuple(values))


def place(kind: Any, index: Any = None) -> device:
    """A device."""
    if type(kind) is not str or len(kind) > 32 or type(index) not in (int, type(None)):
        raise Malformed("a device is made of a name and a number")
    return device(kind, index)


def hashable(keys: Iterable[Any], check: Check) -> Iterator[Any]:
    """The keys, one by one, as long as `check` finds that they do not take too long.

    Keys can be chosen so that all have the same hash, or that their hashes lead past each other; each then takes longer than the one before.
    """
    for i, key in enumerate(keys):
        kind = type(key)
        if kind is not str and kind is not bytes:  # whose hashes nobody can foresee
            if isinstance(key, (tuple, frozenset)):
                check_parts(key)
            if kind is not int or i % 128 == 127:
                check()
        yield key


def check_parts(key: Any) -> None:
    """Raises Malformed if the hash of a tuple would take long.

    It is made anew each time, of those of the items, down to any depth: a short file can nest tuples so that this takes years, or exhausts
    the machine's stack.
    """
    waiting, seen = [key], 0
    while waiting:
        for item in waiting.pop():
            seen += 1
            if isinstance(item, (tuple, frozenset)):
                waiting.append(item)
        if seen > 1000:
            raise Malformed("the key of a dict has more than 1000 parts")


#: name -> (value, what answers a call of it or None, class of which an empty object may be made or None)
Entry = tuple[Any, "Callable[..., Any] | None", "type | None"]


@cache
def defaults() -> dict[str, Entry]:
    """PyTorch's list, but for the functions that make tensors, which each load has its own of."""
    from ..nn.parameter import Parameter
    found: dict[str, Entry] = {
        "collections.OrderedDict": (OrderedDict, None, OrderedDict),
        "collections.Counter": (Counter, None, Counter),
        "torch.nn.parameter.Parameter": (Parameter, None, None),
        "torch.serialization._get_layout": (get_layout, get_layout, None),
        "torch.Size": (Size, sizes, None),
        "torch.Tensor": (Tensor, None, None),
        "torch.device": (device, place, None),
        "_codecs.encode": (encoded, encoded, None),
        "builtins.bytearray": (bytearray, byte_array, None),
        "builtins.bytes": (bytes, no_bytes, None),
        "builtins.set": (set, None, None),
        "builtins.complex": (complex, complex_number, None),
        "torch.storage.UntypedStorage": (UntypedStorage, None, None),
        "torch.storage.TypedStorage": (TypedStorage, None, None),
    }
    constants: list[Any] = [*dtypes.ALL, *[value for value in LAYOUTS.values() if isinstance(value, memory_format)]]
    found.update({f"torch.{value.name}": (value, None, None) for value in constants})
    for home in ("torch", "torch.cuda"):
        found.update({f"{home}.{name}": (StorageType(name), None, None) for name in STORAGES})
    from .. import tensor_types
    found.update({f"torch.{name}": (getattr(tensor_types, name), None, None) for name in tensor_types.NAMES})
    return found


# ---- what the program adds

_added: set[Any] = set()


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Lets files call these classes and functions under `weights_only=True`; an item (class, "module.name") is found under that name.

    What is listed is called with whatever arguments a file has for it: list nothing that can do harm with any.
    """
    _added.update(safe_globals)


def get_safe_globals() -> list[Any]:
    """What the program has listed."""
    return list(_added)


def clear_safe_globals() -> None:
    """Takes back all that the program has listed."""
    _added.clear()


class safe_globals:
    """Lists classes and functions as `add_safe_globals` does, inside a with-statement."""

    def __init__(self, safe_globals: Iterable[Any]):
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *exception: Any) -> None:
        _added.difference_update(self.safe_globals)


def added() -> dict[str, Entry]:
    """What the program has listed, by the names that files call."""
    found: dict[str, Entry] = {}
    for item in _added:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ValueError(f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(item)}")
            if type(item[1]) is not str:
                raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(item[1])}")
            value, name = item
        else:
            value, name = item, ".".join(name_of(item) or (item.__module__, item.__qualname__))
        found[name] = value, value, value if isinstance(value, type) else None
    return found


#: calls that hash what they are given, and so are told when to stop
HASHING = {"collections.OrderedDict": ordered_dict, "collections.Counter": counter, "builtins.set": unordered}


def all_allowed(rebuilder: Rebuilder, check: Check) -> dict[str, Entry]:
    """All that a file may call, by name."""
    found = {**added(), **defaults(), **{name: (function, function, None) for name, function in rebuilder.functions.items()}}
    for name, function in HASHING.items():
        found[name] = found[name][0], partial(function, check), found[name][2]
    return found


def allowed_names() -> set[str]:
    """The names that files may call now."""
    return set(all_allowed(Rebuilder(), lambda: None))
