"""Rows of a float32 table by number, and sums of rows by number, in machine code."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..backends.aborts import number_of
from ..backends.llvm.multiply import address
from ..backends.llvm.rows import RowKernel, Rows
from .accumulate_native import BLOCK

OUT_OF_RANGE = number_of(lambda wrong: IndexError("index out of range in self"))


def write_take(c: Rows) -> None:
    """out[i] = table[index[i]] of [table, out], width, index, rows, where a wrong number is noted: for i from `start` to `stop`."""
    table, out = (c.pointer("%arguments", k) for k in range(2))
    width, index, rows, wrong = c.word("%arguments", 2), c.pointer("%arguments", 3), c.word("%arguments", 4), c.pointer("%arguments", 5)
    with c.loop("%start", "%stop") as i:
        number = c.word(index, i)
        fits = c.test("ult", number, rows)
        with c.when(fits):
            source, target = c.at(table, c.times(number, width)), c.at(out, c.times(i, width))
            c.over(width, lambda p: p.store(p.load(source), target))
        with c.when(c.test("uge", number, rows)):
            c.note(wrong, OUT_OF_RANGE, number)


def write_sums(c: Rows) -> None:
    """out = 0, then out[index[i]] += g[i] for i in order, of [out, g], columns, rows of g, index, rows of out, a number to skip.

    For the blocks of columns from `start` to `stop`. The numbers are known to fit: the forward took the same.
    """
    width, first = c.word("%arguments", 2), c.times("%start", BLOCK)
    columns = c.minus(c.smaller(width, c.times("%stop", BLOCK)), first)
    out, g = (c.at(c.pointer("%arguments", k), first) for k in range(2))
    index, skipped = c.pointer("%arguments", 4), c.word("%arguments", 6)
    with c.loop(0, c.word("%arguments", 5)) as row:
        target = c.at(out, c.times(row, width))
        c.over(columns, lambda p: p.store(c.number(0.0), target))
    with c.loop(0, c.word("%arguments", 3)) as i:
        number = c.word(index, i)
        with c.when(c.test("ne", number, skipped)):
            target, source = c.at(out, c.times(number, width)), c.at(g, c.times(i, width))
            c.over(columns, lambda p: p.store(c.add(p.load(target), p.load(source)), target))


@cache
def take_kernel() -> RowKernel:
    return RowKernel(write_take)


@cache
def sums_kernel() -> RowKernel:
    return RowKernel(write_sums)


def take_rows(table: Any, index: Any, abort: Any) -> Any:
    """table[index] for numbers of any shape."""
    out = np.empty((*index.shape, table.shape[1]), np.float32)
    take_kernel()(index.size, table.shape[1], (table, out), (address(index), len(table), address(abort)))
    return out


def row_sums(g: Any, index: Any, rows: int, skipped: int | None) -> Any:
    """For each of so many rows the sum of the rows of g that have its number; none for `skipped`."""
    width = g.shape[-1]
    out = np.empty((rows, width), np.float32)
    sums_kernel()(-(-width // BLOCK), width, (out, g), (index.size, address(index), rows, -1 if skipped is None else skipped))
    return out
