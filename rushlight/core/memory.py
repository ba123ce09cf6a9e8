"""The memory behind arrays: who owns it, where an array begins in it, and arrays laid over it with strides of any kind."""
from __future__ import annotations

from typing import Any

import numpy as np


def owner(array: Any) -> Any:
    """The array that holds the memory of a view."""
    while True:
        base = array.base
        if base.__class__.__name__ in SPANS:
            base = base.base
        if not isinstance(base, np.ndarray):
            return array
        if base.__class__ is Memory:
            return base
        array = base


class Memory(np.ndarray):
    """An array that ends the search for the memory's owner: what storage() and storage_offset() count from."""


#: what stands between a strided array and its memory: our own, and that of numpy.lib.stride_tricks
SPANS = ("_Span", "DummyArray")


def dense(x: Any) -> bool:
    """Whether an array's elements fill its memory without gaps or repeats, in whatever order of dimensions."""
    if x.flags.c_contiguous or x.flags.f_contiguous:
        return True
    expected = x.itemsize
    for stride, size in sorted([(s, n) for s, n in zip(x.strides, x.shape) if n != 1]):
        if stride != expected:
            return False
        expected *= size
    return True


def check_places(array: Any) -> None:
    """Raise PyTorch's error for a write where two elements of an array are one place in memory."""
    if array.size > 1 and any([stride == 0 and n > 1 for stride, n in zip(array.strides, array.shape)]):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                           "Please clone() the tensor before performing the operation.")


def extent(array: Any) -> int:
    """The bytes from an array's first element to the end of its last."""
    if not array.size:
        return 0
    return array.itemsize + sum([(n - 1) * s for n, s in zip(array.shape, array.strides)])


def address(array: Any) -> int:
    """Where in memory an array's first element lies."""
    return array.__array_interface__["data"][0]


class _Span:
    """Describes a stretch of memory to NumPy and keeps its owner alive."""

    def __init__(self, base: Any, interface: dict):
        self.base = base
        self.__array_interface__ = interface


def array_at(keeper: Any, start: int, shape: tuple, strides: tuple, dtype: np.dtype) -> Any:
    """An array at an address in `keeper`'s memory, with strides in bytes. Nothing is checked."""
    # An interface can name NumPy's own dtypes only: others go by their width.
    plain = dtype if dtype.kind in "biufc" else np.dtype(f"u{dtype.itemsize}")
    interface = {"data": (start, False), "shape": tuple(shape), "strides": tuple(strides), "typestr": plain.str, "version": 3}
    array = np.asarray(_Span(keeper, interface))
    return array if plain is dtype else array.view(dtype)


def geometry_of(array: Any) -> tuple:
    """Shape, strides and offset, in elements, of an array in its owner's memory."""
    width = array.itemsize
    offset = 0 if array.base is None else (address(array) - address(owner(array))) // width
    return array.shape, tuple([s // width for s in array.strides]), offset


def deep_copy(array: Any, memo: dict) -> Any:
    """A copy of an array, by copy.deepcopy's memo: arrays that share memory are copied to arrays that share the copy of it."""
    whole = owner(array)
    if not dense(whole):
        return array.copy(order="K")
    if id(whole) not in memo:
        memo[id(whole)] = whole.copy(order="K")
        memo.setdefault(id(memo), []).append(whole)  # where deepcopy keeps alive what it has copied, lest another object get its id
    copy = memo[id(whole)]
    return copy if whole is array else array_at(copy, address(copy) + address(array) - address(whole), array.shape, array.strides, array.dtype)


def in_geometry(array: Any, geometry: tuple) -> Any:
    """A copy of an array with that shape, those strides and that offset in memory of its own."""
    shape, strides, offset = geometry
    width = array.itemsize
    plain = np.empty(shape, array.dtype)
    if not offset and plain.strides == tuple([s * width for s in strides]):
        plain[...] = array
        return plain
    room = offset + 1 + sum([(n - 1) * s for n, s in zip(shape, strides)]) if array.size else offset
    memory = np.zeros(room, array.dtype)
    out = array_at(memory, address(memory) + offset * width, shape, tuple([s * width for s in strides]), array.dtype)
    out[...] = array
    return out
