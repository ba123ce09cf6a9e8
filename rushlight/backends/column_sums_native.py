"""Sums over the rows of a float32 matrix in machine code, in the order of additions of `column_sums.in_runs`, to the bit."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .llvm.rows import Piece, RowKernel, Rows

#: rows that are summed one after the other, and columns of a piece: so many that each row of it is a few lines of the cache
RUN, BLOCK = 16, 64


def write(c: Rows) -> None:
    """[x, out, runs, runs of runs, runs of these], columns, rows, row stride: the sums of blocks of columns from `start` to `stop`.

    Every run's sum is added to the first table of sums, every sixteenth time that table to the next one, and so on. Sums begin with -0.0,
    which changes no number that it is added to.
    """
    first, stride = c.times("%start", BLOCK), c.word("%arguments", 7)
    columns = c.minus(c.smaller(c.word("%arguments", 5), c.times("%stop", BLOCK)), first)
    x, out, *sums = (c.at(c.pointer("%arguments", k), first) for k in range(5))
    runs, rows = c.quotient(c.word("%arguments", 6), RUN), c.word("%arguments", 6)

    def clear(p: Piece) -> None:
        for table in (out, *sums):
            p.store(c.number(-0.0), table)
    c.over(columns, clear)
    with c.loop(0, runs) as run:
        row = c.at(x, c.times(c.times(run, RUN), stride))
        lines = [c.at(row, c.times(k, stride)) for k in range(RUN)]

        def add_run(p: Piece) -> None:
            total = p.load(lines[0])
            for line in lines[1:]:
                total = c.add(total, p.load(line))
            p.store(c.add(p.load(sums[0]), total), sums[0])
        c.over(columns, add_run)
        done = c.plus(run, 1)
        for lower, upper, every in ((sums[0], sums[1], RUN), (sums[1], sums[2], RUN * RUN)):
            with c.when(c.test("eq", c.emit(f"srem i64 {done}, {every}"), 0)):
                carry(c, columns, lower, upper)
    with c.loop(c.times(runs, RUN), rows) as k:
        last = c.at(x, c.times(k, stride))
        c.over(columns, lambda p: p.store(c.add(p.load(out), p.load(last)), out))

    def finish(p: Piece) -> None:
        total = p.load(out)
        for table in sums:
            total = c.add(total, p.load(table))
        p.store(total, out)
    c.over(columns, finish)


def carry(c: Rows, columns: str, lower: str, upper: str) -> None:
    """Add a table of sums to the next one, and begin it anew."""
    def move(p: Piece) -> None:
        p.store(c.add(p.load(upper), p.load(lower)), upper)
        p.store(c.number(-0.0), lower)
    c.over(columns, move)


@cache
def kernel() -> RowKernel:
    return RowKernel(write)


def in_runs(x: Any) -> Any:
    """`column_sums.in_runs` of a float32 matrix whose columns are neighbours in memory."""
    rows, columns = x.shape
    out, sums = np.empty(columns, np.float32), np.empty((3, columns), np.float32)
    kernel()(-(-columns // BLOCK), columns, (x, out, *sums), (rows, x.strides[0] // 4))
    return out
