"""Sums of rows by index: what the gradients of indexing and of embeddings are. Kernels on arrays, without history.

`np.add.at` is right for any shape and slow for long rows; the kernels here are chosen by measurement.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backends.native import is_native

#: Rows from this length on are added one by one: a call then costs less than the copies that sorting makes.
LONG = 400
#: Rows that occur more often than this are summed each by one reduction; those that occur less, all rows together, one occurrence
#: at a time.
OFTEN = 32


def add_rows(out: Any, index: Any, g: Any) -> None:
    """out[index[i]] += g[i] for every i. out `(R, D)` in C order, index `(N,)` in [0, R), g `(N, D)`."""
    if not index.size or not g.shape[1]:
        return
    if out.dtype.kind == "b":
        np.logical_or.at(out, index, g)
    elif g.shape[1] == 1:
        add_numbers(out.reshape(-1), index, g.reshape(-1))
    elif index.size * g.shape[1] <= 4096:
        np.add.at(out, index, g)
    elif is_native(g, out) and index.dtype.kind in "iu":
        from . import accumulate_native
        accumulate_native.add_rows(out, index, g)
    elif out.dtype.itemsize == 2 and out.dtype.kind not in "iu":
        wide = out.astype(np.float32)  # sums of half precision numbers are rounded once
        add_long_rows(wide, index, g.astype(np.float32))
        out[...] = wide
    elif g.shape[1] <= 8 and out.dtype.kind == "f" and len(out) <= 4 * index.size:
        for column in range(g.shape[1]):
            add_numbers(out[:, column], index, g[:, column])
    else:
        add_long_rows(out, index, g)


def add_numbers(out: Any, index: Any, g: Any) -> None:
    """out[index[i]] += g[i] for vectors."""
    if out.dtype.kind == "b":
        np.logical_or.at(out, index, g)
    elif out.dtype.kind == "f" and out.dtype.itemsize > 2 and out.size <= 4 * index.size:
        out += np.bincount(index, weights=g, minlength=out.size)
    elif out.dtype.kind == "f" and out.dtype.itemsize > 2 or out.dtype.kind in "iuc":
        np.add.at(out, index, g)
    else:
        wide = out.astype(np.float32)
        np.add.at(wide, index, g.astype(np.float32))
        out[...] = wide


def add_long_rows(out: Any, index: Any, g: Any) -> None:
    """add_rows for long rows: one at a time if they are very long, else by sorting, so that many are added at a time."""
    if g.shape[1] >= LONG and index.size < OFTEN * len(out):
        for row, part in zip(index.tolist(), g):
            target = out[row]
            np.add(target, part, target)
        return
    # A stable sort of 16-bit numbers is a radix sort, many times faster than one of 64-bit numbers.
    order = np.argsort(index.astype(np.uint16) if len(out) <= 65536 else index, kind="stable")
    sorted_index = index[order]
    starts = np.flatnonzero(np.concatenate(([True], sorted_index[1:] != sorted_index[:-1])))
    rows = sorted_index[starts]
    counts = np.diff(starts, append=len(order))
    often = counts > OFTEN
    for row, start, count in zip(rows[often], starts[often], counts[often]):
        out[row] += g[order[start:start + count]].sum(axis=0)
    rows, starts, counts = rows[~often], starts[~often], counts[~often]
    for occurrence in range(int(counts.max(initial=0))):
        if occurrence:
            left = counts > occurrence
            rows, starts, counts = rows[left], starts[left], counts[left]
        out[rows] += g[order[starts + occurrence]]


def flat_index(index: Any, shape: tuple, dim: int) -> Any:
    """For an index along dim of an array of that shape, as in gather: the number of each element in C order."""
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * shape[d + 1]
    flat = index * strides[dim]
    for d in range(len(shape)):
        if d != dim:
            flat += (np.arange(index.shape[d]) * strides[d]).reshape([-1 if at == d else 1 for at in range(len(shape))])
    return flat


def add_at(out: Any, places: tuple, g: Any) -> Any:
    """out with out[places] += g, where an element named twice takes both; places are full slices, integer arrays and masks."""
    if len(places) == 1 and places[0].dtype.kind == "b":
        if g.ndim and g.shape != ():  # a mask names no element twice
            out[places] = out[places] + g if out.dtype.kind != "b" else out[places] | g
        else:
            out[places] += g
        return out
    places = tuple(without_masks(places))
    positions = [d for d, p in enumerate(places) if p.__class__ is not slice]
    arrays = np.broadcast_arrays(*[places[d] for d in positions])
    depth = arrays[0].ndim
    order = (*positions, *[d for d in range(out.ndim) if d not in positions])
    moved = np.ascontiguousarray(out.transpose(order))
    sizes, rest = moved.shape[:len(positions)], moved.shape[len(positions):]
    # Indices that stand side by side put their dimensions in their own place; those that do not, in front.
    at = positions[0] if positions[-1] - positions[0] == len(positions) - 1 else 0
    g = np.broadcast_to(g, (*rest[:at], *arrays[0].shape, *rest[at:]))
    g = np.moveaxis(g, range(at, at + depth), range(depth))
    width = math.prod(rest)
    add_rows(moved.reshape(math.prod(sizes), width), row_numbers(arrays, sizes), np.ascontiguousarray(g).reshape(arrays[0].size, width))
    return moved.transpose(np.argsort(order)) if order != tuple(range(out.ndim)) else moved


def without_masks(places: tuple) -> list:
    """The places with every mask replaced by the integer arrays of its true elements."""
    result: list = []
    for p in places:
        result.extend(p.nonzero() if p.__class__ is not slice and p.dtype.kind == "b" else (p,))
    return result


def row_numbers(arrays: Any, sizes: tuple) -> Any:
    """The number, in C order, of each element that index arrays name together. Raises IndexError if one is out of range."""
    number: Any = 0
    for at, (array, size) in enumerate(zip(arrays, sizes)):
        array = array.reshape(-1)
        if array.size:
            low, high = array.min(), array.max()
            if low < -size or high >= size:
                raise IndexError(f"index {low if low < -size else high} is out of bounds for dimension {at} with size {size}")
            if low < 0:
                array = np.where(array < 0, array + size, array)
        number = array if at == 0 else number * size + array
    return number.astype(np.int64, copy=False)
