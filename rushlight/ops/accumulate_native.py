"""Sums of rows by index in machine code: the threads share the columns, so that every sum has one order of additions."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.multiply import address
from ..backends.llvm.rows import RowKernel, Rows

#: the columns of a piece: a few lines of the cache
BLOCK = 64


def write(c: Rows) -> None:
    """out[index[i]] += g[i], for i in order, of [out, g], columns, rows, index: the blocks of columns from `start` to `stop`."""
    width, first = c.word("%arguments", 2), c.times("%start", BLOCK)
    columns = c.minus(c.smaller(width, c.times("%stop", BLOCK)), first)
    out, g = (c.at(c.pointer("%arguments", k), first) for k in range(2))
    index = c.pointer("%arguments", 4)
    with c.loop(0, c.word("%arguments", 3)) as i:
        target, source = c.at(out, c.times(c.word(index, i), width)), c.at(g, c.times(i, width))
        c.over(columns, lambda p: p.store(c.add(p.load(target), p.load(source)), target))


@cache
def kernel() -> RowKernel:
    return RowKernel(write)


def add_rows(out: Any, index: Any, g: Any) -> None:
    """`accumulate.add_rows` of float32 tables without gaps. Raises IndexError for an index that names no row, and writes nothing then."""
    rows, columns = g.shape
    places = np.ascontiguousarray(index, np.int64)
    # A negative number is a large unsigned one.
    if np.maximum.reduce(places.view(np.uint64)) >= len(out):
        raise IndexError(f"an index is out of bounds for {len(out)} rows")
    kernel()(-(-columns // BLOCK), columns, (out, g), (rows, address(places)))
