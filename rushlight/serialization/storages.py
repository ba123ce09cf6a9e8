"""The storages of a file: each read once, when the pickle first refers to it, and never more of it than is there."""
from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..storage import NAMES, TypedStorage, UntypedStorage
from .archive import Archive
from .errors import Malformed, Refused


class StorageType:
    """What a file's name of a class of storages stands for: the dtype. Raises KeyError if there is no such class."""

    def __init__(self, name: str):
        self.name = name
        self.dtype = NAMES[name]

    def __repr__(self) -> str:
        return f"StorageType(dtype={self.dtype})"


class Request:
    """What a pickle says of a storage that it refers to."""

    __slots__ = ("dtype", "key", "location", "size", "view")

    def __init__(self, identity: Any, length: int):
        if type(identity) is not tuple or not identity or as_text(identity[0]) != "storage":
            raise Refused("Only persistent_load of storage is allowed")
        if len(identity) != length:
            raise Malformed("a storage is named by its type, key, place and number of elements")
        _, kind, self.key, location, count, *view = identity
        self.dtype: Any = dtypes.uint8 if kind is UntypedStorage else getattr(kind, "dtype", None)
        self.location = as_text(location)
        self.view = view[0] if view else None
        if (not isinstance(self.dtype, dtypes.dtype) or not isinstance(self.location, str) or type(count) is not int or count < 0
                or not isinstance(self.key, (str, bytes, int))):
            raise Malformed("a storage is named by its type, key, place and number of elements")
        self.size = count * self.dtype.itemsize


def as_text(value: Any) -> Any:
    """Text of our own, which files of Python 2 have as bytes."""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


class ZipStorages:
    """The storages of a zip archive."""

    def __init__(self, archive: Archive, folder: str, byteorder: str, restore: Callable[[Any, str], Any], mapped: Any = None):
        self.archive = archive
        self.folder = folder
        self.byteorder = byteorder
        self.restore = restore
        self.mapped = mapped
        self.loaded: dict[Any, tuple[int, TypedStorage]] = {}

    def load(self, identity: Any) -> TypedStorage:
        """The storage that a persistent id names.

        Raises: RuntimeError if its record is missing or is not of the size that the pickle says.
        """
        wanted = Request(identity, 5)
        known = self.loaded.get(wanted.key)
        if known is None:
            storage = UntypedStorage(self._bytes(wanted))
            typed = TypedStorage(wrap_storage=untyped(self.restore(storage, wanted.location)), dtype=wanted.dtype)
            known = self.loaded[wanted.key] = wanted.size, typed
        if known[0] != wanted.size or known[1].dtype is not wanted.dtype:
            raise RuntimeError(f"storage {wanted.key} is said to have two dtypes or sizes")
        return known[1]

    def _bytes(self, wanted: Request) -> Any:
        """The record's bytes, in this machine's order."""
        name = f"{self.folder}/data/{as_text(wanted.key)}"
        start, packed = self.archive.place(name)
        there = self.archive.members[name].size
        # A storage may end in less than an element, which the count leaves out.
        if not 0 <= there - wanted.size < wanted.dtype.itemsize:
            raise RuntimeError(f"storage has wrong byte size: expected {wanted.size} got {there}\n  in record {name}")
        if self.mapped is not None and packed == there:
            from ..ops.exchange import as_own_memory
            data = as_own_memory(self.mapped[start:start + there])
        else:
            data = self.archive.array(name)
        if self.byteorder != sys.byteorder and wanted.dtype.itemsize > 1:
            data = swapped(data, wanted.dtype)
        return data


def swapped(data: Any, dtype: dtypes.dtype) -> Any:
    """The bytes of elements in the other order."""
    width = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
    whole = len(data) // width * width
    return np.ascontiguousarray(data[:whole].reshape(-1, width)[:, ::-1]).reshape(-1)


def untyped(storage: Any) -> UntypedStorage:
    """The bytes that a user's `map_location` returned. Raises TypeError if it is no storage."""
    if not isinstance(storage, (UntypedStorage, TypedStorage)):
        raise TypeError(f"map_location returned {type(storage).__name__}, and not a storage or None")
    return storage.untyped()


class LegacyStorages:
    """The storages of the format before zip, whose bytes follow after the pickle that refers to them."""

    def __init__(self, room: int, restore: Callable[[Any, str], Any]):
        self.room = room  # bytes of the file, which all storages together cannot exceed
        self.restore = restore
        self.loaded: dict[Any, tuple[Request, TypedStorage]] = {}
        self.views: dict[Any, tuple[tuple, TypedStorage]] = {}

    def load(self, identity: Any) -> TypedStorage:
        """The storage that a persistent id names, without its bytes as yet."""
        wanted = Request(identity, 6)
        known = self.loaded.get(wanted.key)
        if known is None:
            self.room -= wanted.size
            if self.room < 0:
                raise RuntimeError(f"storage {wanted.key} of {wanted.size} bytes does not fit the file")
            storage = UntypedStorage(np.zeros(wanted.size, np.uint8))
            typed = TypedStorage(wrap_storage=untyped(self.restore(storage, wanted.location)), dtype=wanted.dtype)
            known = self.loaded[wanted.key] = wanted, typed
        if known[0].size != wanted.size or known[0].dtype is not wanted.dtype:
            raise RuntimeError(f"storage {wanted.key} is said to have two dtypes or sizes")
        return known[1] if wanted.view is None else self._view(wanted, known[1])

    def _view(self, wanted: Request, root: TypedStorage) -> TypedStorage:
        """A stretch of a storage, as very old files have them: (key, offset, number of elements)."""
        if type(wanted.view) is not tuple or len(wanted.view) != 3 or not all([type(n) is int and n >= 0 for n in wanted.view[1:]]):
            raise Malformed("a view of a storage is (key, offset, number of elements)")
        key, offset, count = wanted.view
        width = root.dtype.itemsize
        if (offset + count) * width > root.nbytes():
            raise RuntimeError(f"a view of storage {wanted.key} leaves it")
        if not isinstance(key, (str, bytes, int)):
            raise Malformed("a view of a storage is (key, offset, number of elements)")
        known = self.views.setdefault(key, (wanted.view, TypedStorage(wrap_storage=root.untyped()[offset * width:(offset + count) * width],
                                                                      dtype=root.dtype)))
        return known[1]

    def fill(self, data: Any, at: int, keys: Any) -> int:
        """Reads every storage's bytes; where in the data they end. Raises RuntimeError unless they are all there, each of its size."""
        if not isinstance(keys, list) or len(keys) != len(self.loaded) or not all([isinstance(key, (str, bytes, int)) for key in keys]):
            raise RuntimeError("the list of storages is not that of the pickle")
        for key in keys:
            if key not in self.loaded:
                raise RuntimeError(f"storage {key} is listed, but nothing refers to it")
            wanted, storage = self.loaded[key]
            if at + 8 + wanted.size > len(data):
                raise RuntimeError("unexpected EOF, the file ends inside a storage. The file might be corrupted.")
            count, = struct.unpack("<q", data[at:at + 8])
            if count * wanted.dtype.itemsize != wanted.size:
                raise RuntimeError(f"storage has wrong byte size: expected {wanted.size} got {count * wanted.dtype.itemsize}")
            content = np.frombuffer(memoryview(data)[at + 8:at + 8 + wanted.size], np.uint8)
            storage.untyped()._bytes[:] = content if sys.byteorder == "little" else swapped(content, wanted.dtype)
            at += 8 + wanted.size
        return at
