"""The memory behind arrays: who owns it, where an array begins in it, and arrays laid over it with strides of any kind."""
from __future__ import annotations

from typing import Any

import numpy as np


def owner(array: Any) -> Any:
    """The array that holds the memory of a view."""
    base = array.base
    while base is not None and isinstance(base, np.ndarray):
        if base.__class__ is not np.ndarray and base.__class__.__name__ == "Memory":
            return base
        array, base = base, base.base
    return array


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

    def __init__(self, keeper: Any, interface: dict):
        self.keeper = keeper
        self.__array_interface__ = interface


def array_at(keeper: Any, start: int, shape: tuple, strides: tuple, dtype: np.dtype) -> Any:
    """An array at an address in `keeper`'s memory, with strides in bytes. Nothing is checked."""
    # An interface can name NumPy's own dtypes only: others go by their width.
    plain = dtype if dtype.kind in "biufc" else np.dtype(f"u{dtype.itemsize}")
    interface = {"data": (start, False), "shape": tuple(shape), "strides": tuple(strides), "typestr": plain.str, "version": 3}
    array = np.asarray(_Span(keeper, interface))
    return array if plain is dtype else array.view(dtype)
