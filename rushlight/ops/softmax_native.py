"""softmax and log_softmax over the rows of a float32 table in machine code: each row passes through the cache once.

The formulas are those of softmax.py. Every kernel is a function of tables without gaps.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vectors import exp_below_zero, log


def write_largest(c: Rows, row: str, width: str) -> str:
    """The largest number of a row, in every lane. NaN is passed over: it comes back in the sum."""
    tops = c.cells(-math.inf)

    def look(p: Piece) -> None:
        c.store(c.larger(p.load(row, -math.inf), c.load(tops[p.strand])), tops[p.strand])
    c.over(width, look)
    return c.splat(c.largest(tops))


def softmax_rows(c: Rows) -> None:
    """softmax of [x, out]."""
    width = c.word("%arguments", 2)
    with c.loop("%start", "%stop") as i:
        x, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in range(2))
        top, sums = write_largest(c, x, width), c.cells(0.0)

        def raise_(p: Piece) -> None:
            e = exp_below_zero(c, c.subtract(p.load(x, -math.inf), top))
            p.store(e, out)
            c.accumulate(e, sums[p.strand])
        c.over(width, raise_)
        factor = c.divide(c.number(1.0), c.splat(c.total(sums)))
        c.over(width, lambda p: p.store(c.multiply(p.load(out), factor), out))


def log_softmax_rows(c: Rows) -> None:
    """log_softmax of [x, out]."""
    width = c.word("%arguments", 2)
    with c.loop("%start", "%stop") as i:
        x, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in range(2))
        top, sums = write_largest(c, x, width), c.cells(0.0)
        c.over(width, lambda p: c.accumulate(exp_below_zero(c, c.subtract(p.load(x, -math.inf), top)), sums[p.strand]))
        behind = log(c, c.splat(c.total(sums)))
        c.over(width, lambda p: p.store(c.subtract(c.subtract(p.load(x), top), behind), out))


def softmax_backward_rows(c: Rows) -> None:
    """y * (g - sum(g * y)) of [g, y, out]."""
    width = c.word("%arguments", 3)
    with c.loop("%start", "%stop") as i:
        g, y, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in range(3))
        dots = c.cells(0.0)
        c.over(width, lambda p: c.store(c.fma(p.load(g), p.load(y), c.load(dots[p.strand])), dots[p.strand]))
        dot = c.splat(c.total(dots))
        c.over(width, lambda p: p.store(c.multiply(p.load(y), c.subtract(p.load(g), dot)), out))


def log_softmax_backward_rows(c: Rows) -> None:
    """g - exp(y) * sum(g) of [g, y, out]."""
    width = c.word("%arguments", 3)
    with c.loop("%start", "%stop") as i:
        g, y, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in range(3))
        sums = c.cells(0.0)
        c.over(width, lambda p: c.accumulate(p.load(g), sums[p.strand]))
        total = c.splat(c.total(sums))
        c.over(width, lambda p: p.store(c.subtract(p.load(g), c.multiply(exp_below_zero(c, p.load(y)), total)), out))


@cache
def kernel(write: Callable) -> RowKernel:
    return RowKernel(write, by_row=True)


def of_rows(write: Callable, *tables: Any) -> Any:
    """A new table that a kernel makes of tables of its shape."""
    out = np.empty(tables[0].shape, np.float32)
    rows, width = out.shape
    kernel(write)(rows, width, (*tables, out))
    return out
