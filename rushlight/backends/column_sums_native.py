"""Sums of runs of rows of a float32 matrix in machine code, in the order of additions of column_sums.py, to the bit."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .llvm.rows import Piece, RowKernel, Rows


def write(c: Rows, run: int) -> None:
    """[x, sums], columns, row stride: the sums of the runs from `start` to `stop`. Threads share the rows, as those who made them did."""
    columns, stride = c.word("%arguments", 2), c.word("%arguments", 3)
    with c.loop("%start", "%stop") as i:
        first, out = c.at(c.pointer("%arguments", 0), c.times(c.times(i, run), stride)), c.at(c.pointer("%arguments", 1), c.times(i, columns))
        rows = [c.at(first, c.times(k, stride)) for k in range(run)]

        def add(p: Piece) -> None:
            total = p.load(rows[0])
            for row in rows[1:]:
                total = c.add(total, p.load(row))
            p.store(total, out)
        c.over(columns, add)


@cache
def kernel(run: int) -> RowKernel:
    return RowKernel(lambda c: write(c, run))


def run_sums(x: Any, run: int) -> Any:
    """The sums of every `run` rows of a float32 matrix whose columns are neighbours in memory."""
    rows, columns = x.shape
    sums = np.empty((rows // run, columns), np.float32)
    kernel(run)(len(sums), columns, (x, sums), (x.strides[0] // 4,))
    return sums
