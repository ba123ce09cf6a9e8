"""Reductions of large arrays: `ufunc.reduce` on all cores.

Small arrays, arrays that do not lie in order and reductions over dimensions in the middle are NumPy's own.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .column_sums import column_sums
from .parallel import get_num_threads, parallel_for
from .row_sums import MANY, in_this_order, sum_of_all

FLOATS = (np.float32, np.float64)
#: numbers below which NumPy's own call is as fast
SMALL = 16384
#: numbers per thread below which a second thread costs more than it saves
GRAIN = 262144
#: numbers of a matrix of short rows above which its columns are summed by products with ones: there speed goes before PyTorch's order
LONG = 1 << 20
#: rows that one product with ones adds up
BLOCK = 512


def reduce(ufunc: Any, x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """ufunc.reduce(x, axis, dtype, keepdims=keepdims); axis is None or a tuple of dimensions counted from the front."""
    if ufunc is np.add and dtype is None and x.dtype in FLOATS and x.flags.c_contiguous:
        if (axis is None or len(axis) == x.ndim) and in_this_order(x):
            total = sum_of_all(x.reshape(-1))
            return np.reshape(total, (1,) * x.ndim) if keepdims else total
        if x.ndim == 2 and axis == (0,) and not keepdims and x.size <= MANY:
            return column_sums(x)
    if x.size < SMALL or not x.flags.c_contiguous:
        return ufunc.reduce(x, axis, dtype, None, keepdims)
    axes = tuple(range(x.ndim)) if axis is None else tuple(sorted(axis))
    count, ndim = len(axes), x.ndim
    kept = x.shape[count:] if axes == tuple(range(count)) else x.shape[:ndim - count]
    if count == ndim:
        out = flat(ufunc, x.reshape(-1), dtype)
    elif axes == tuple(range(ndim - count, ndim)):
        out = rows(ufunc, x.reshape(size_of(kept), -1), dtype)
    elif axes == tuple(range(count)):
        out = columns(ufunc, x.reshape(-1, size_of(kept)), dtype)
    else:
        return ufunc.reduce(x, axis, dtype, None, keepdims)
    return np.reshape(out, [1 if at in axes else n for at, n in enumerate(x.shape)] if keepdims else kept)


def size_of(shape: tuple) -> int:
    """The number of elements of an array of this shape."""
    size = 1
    for n in shape:
        size *= n
    return size


def flat(ufunc: Any, x: Any, dtype: Any) -> Any:
    """The reduction of a vector: a part of it on each thread."""
    pieces = min(get_num_threads(), x.size // GRAIN)
    if pieces < 2:
        return ufunc.reduce(x, 0, dtype)
    parts = [ufunc.reduce(x[:1], 0, dtype)] * pieces

    def run(start: int, stop: int) -> None:
        for piece in range(start, stop):
            parts[piece] = ufunc.reduce(x[x.size * piece // pieces:x.size * (piece + 1) // pieces], 0, dtype)
    parallel_for(pieces, 1, run)
    return ufunc.reduce(np.array(parts), 0, dtype)


def rows(ufunc: Any, x: Any, dtype: Any) -> Any:
    """The reduction of each row of a matrix."""
    if ufunc is np.multiply:
        return folded(x, dtype)
    if x.size < 2 * GRAIN or not len(x):
        return ufunc.reduce(x, 1, dtype)
    out = np.empty(len(x), ufunc.reduce(x[:1, :1], 1, dtype).dtype)
    parallel_for(len(x), max(1, GRAIN // x.shape[1]), lambda start, stop: ufunc.reduce(x[start:stop], 1, dtype, out[start:stop]))
    return out


def folded(x: Any, dtype: Any) -> Any:
    """The product of each row: halves are multiplied together first, because a running product waits for itself at every step."""
    x = x.astype(dtype) if dtype is not None else x
    while x.shape[1] > 64:
        half = x.shape[1] // 2
        rest = x[:, 2 * half:]
        x = x[:, :half] * x[:, half:2 * half]
        x[:, :rest.shape[1]] *= rest
    return np.multiply.reduce(x, 1)


def columns(ufunc: Any, x: Any, dtype: Any) -> Any:
    """The reduction of each column of a matrix."""
    adds = ufunc is np.add and dtype is None and x.dtype in FLOATS
    if x.shape[1] < 256 and (x.size > LONG or not adds):
        return product_sums(x) if adds else narrow_columns(ufunc, x, dtype)

    def work(part: Any) -> Any:
        return column_sums(part) if adds else ufunc.reduce(part, 0, dtype)
    if x.size < 2 * GRAIN or x.shape[1] < 1024:
        return work(x)
    out = np.empty(x.shape[1], work(x[:1, :1]).dtype)
    steps = x.shape[1] // 64  # whole vectors: the order of additions stays the same

    def run(start: int, stop: int) -> None:
        part = slice(64 * start, 64 * stop if stop < steps else None)
        out[part] = work(x[:, part])
    parallel_for(steps, 8, run)
    return out


def narrow_columns(ufunc: Any, x: Any, dtype: Any) -> Any:
    """The reduction of each column of a matrix of short rows: many rows are first taken as one, because NumPy works along rows."""
    together = 1024 // max(x.shape[1], 1)
    whole = len(x) // together if together else 0
    if whole < 8:
        return ufunc.reduce(x, 0, dtype)
    wide = ufunc.reduce(x[:whole * together].reshape(whole, -1), 0, dtype).reshape(together, -1)
    rest = x[whole * together:]
    return ufunc.reduce(np.concatenate([wide, rest.astype(wide.dtype, copy=False)]), 0, dtype)


def product_sums(x: Any) -> Any:
    """The sum of each column of a very long matrix of short rows, as products with ones: NumPy would add row to row, 20 times slower."""
    block = max(1, min(BLOCK, 8192 // x.shape[1]))  # BLAS hands larger products to threads of its own, which wait for each other
    ones = np.ones(block, x.dtype)
    whole = len(x) // block
    rest = x[whole * block:]
    parts = np.empty((whole, x.shape[1]), x.dtype)
    parallel_for(whole, max(1, GRAIN // (block * x.shape[1])), lambda start, stop: np.matmul(
        ones, x[start * block:stop * block].reshape(-1, block, x.shape[1]), parts[start:stop]))
    return (product_sums(parts) if whole > BLOCK else np.add.reduce(parts, 0)) + ones[:len(rest)] @ rest


def accumulate(ufunc: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    """ufunc.accumulate(x, dim, dtype), on all cores: across another dimension."""
    if x.size < SMALL or x.ndim < 2:
        return ufunc.accumulate(x, dim, dtype)
    if size_of(x.shape[dim + 1:]) >= 128 and x.flags.c_contiguous:
        return accumulate_down(ufunc, x, dim, dtype)
    cut = 0 if dim else 1
    out = np.empty(x.shape, ufunc.accumulate(x[(slice(0, 1),) * x.ndim], dim, dtype).dtype)
    lead = (slice(None),) * cut

    def run(start: int, stop: int) -> None:
        part = (*lead, slice(start, stop))
        ufunc.accumulate(x[part], dim, dtype, out[part])
    parallel_for(x.shape[cut], max(1, 65536 * x.shape[cut] // x.size), run)
    return out


def accumulate_down(ufunc: Any, x: Any, dim: int, dtype: Any) -> Any:
    """The same row by row: NumPy would go down one column after the other, which is many times slower where rows are long."""
    x = x if dtype is None else x.astype(dtype)
    out = np.empty_like(x)
    source, target = np.moveaxis(x, dim, 0), np.moveaxis(out, dim, 0)
    if len(source):
        target[0] = source[0]
    for step in range(1, len(source)):
        ufunc(target[step - 1], source[step], out=target[step])
    return out
