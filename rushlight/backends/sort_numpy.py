"""Stable sorting with indices, and selection, along the last dimension.

NumPy sorts numbers several times faster than it sorts indices, so numbers of up to 32 bits become the high half of a 64-bit key, with
their place as the low half: sorting the keys sorts both, and equal numbers stay in order.
"""
from __future__ import annotations

from typing import Any

import numpy as np

#: numbers below which making keys costs more than it saves
SMALL = 256
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def order(x: Any, descending: bool = False) -> Any:
    """The indices that sort x `(..., n)` along its last dimension; equal numbers keep their order. nan counts as the largest."""
    keys = packed(x, descending) if x.size > SMALL else None
    if keys is not None:
        keys.sort(axis=-1)
        return places(keys)
    x = sortable(x)
    if not descending:
        return stable(x)
    # Sorted backwards from the back: so equal numbers keep their order here too.
    return np.flip(x.shape[-1] - 1 - stable(np.flip(x, -1)), -1)


def first(x: Any, count: int, descending: bool = False) -> Any:
    """The first `count` indices of `order(x, descending)`."""
    keys = packed(x, descending) if count * 4 < x.shape[-1] and x.size > SMALL else None
    if keys is None:
        return order(x, descending)[..., :count]
    keys.partition(count - 1, axis=-1)
    keys = keys[..., :count]
    keys.sort(axis=-1)
    return places(keys)


def at(x: Any, rank: int) -> Any:
    """The index of number `rank` of the ascending order, `(..., 1)`."""
    keys = packed(x, False) if x.size > SMALL else None
    if keys is None:
        return order(x)[..., rank:rank + 1]
    keys.partition(rank, axis=-1)
    return places(keys[..., rank:rank + 1])


def places(keys: Any) -> Any:
    return (keys & LOW).view(np.int64)


def sortable(x: Any) -> Any:
    """x in a dtype that NumPy's sort knows well."""
    return x.astype(np.float32) if x.dtype.kind == "V" else x


def stable(x: Any) -> Any:
    """The indices of a stable ascending sort."""
    if x.size > SMALL and x.dtype.itemsize == 8 and x.dtype.kind in "fiu":
        index = np.argsort(x, -1)  # fast, and stable where no two numbers are equal
        ordered = np.take_along_axis(x, index, -1)
        if not ((ordered[..., 1:] == ordered[..., :-1]).any() or x.dtype.kind == "f" and np.isnan(ordered[..., -1:]).any()):
            return index
    return np.argsort(x, -1, kind="stable")


def packed(x: Any, descending: bool) -> Any:
    """Keys whose order is x's: the number's bits in the high half, its place in the low half. None if x does not fit."""
    ranks = ranks_of(x)
    if ranks is None:
        return None
    if descending:
        ranks = ~ranks
    keys = ranks.astype(np.uint64)
    np.left_shift(keys, HALF, keys)
    return np.bitwise_or(keys, np.arange(x.shape[-1], dtype=np.uint64), keys)


def ranks_of(x: Any) -> Any:
    """32-bit unsigned numbers in the order of x; None if there is no quick way."""
    kind, width = x.dtype.kind, x.dtype.itemsize
    if kind in "bu" and width <= 4:
        return x.astype(np.uint32)
    if kind == "i" and width <= 4:
        return x.astype(np.int32).view(np.uint32) ^ np.uint32(0x80000000)
    if kind == "i" and x.size:
        low = x.min()
        return (x - low).astype(np.uint32) if int(x.max()) - int(low) < 1 << 32 else None
    if width > 4:
        return None
    # A negative float's bits count downwards: flip them all, and the sign bit of the others. Adding 0 makes -0.0 equal to 0.0.
    bits = (x.astype(np.float32) + np.float32(0)).view(np.int32)
    ranks = (bits ^ ((bits >> np.int32(31)) | np.int32(-0x80000000))).view(np.uint32)
    nan = np.isnan(x)
    return np.where(nan, np.uint32(0xFFFFFFFF), ranks) if nan.any() else ranks
