"""Layer normalisation over the rows of a float32 table in machine code, forward and backward.

The formulas are those of norm_kernels.py. A row is read from memory once; the other passes over it find it in the cache.
"""
from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.rows import Piece, RowKernel, Rows

#: The rows whose share of the parameters' gradients is summed in one table, whichever thread does it: the order of additions is always
#: the same.
PART = 32
#: the columns of a piece of their sum
BLOCK = 512


def write_forward(c: Rows, has_weight: bool, has_bias: bool) -> None:
    """[x, weight, bias, out, means, scales], width, eps: weight * (x - mean) * scale + bias, with scale = 1 / sqrt(variance + eps)."""
    weight, bias, means, scales = (c.pointer("%arguments", k) for k in (1, 2, 4, 5))
    width, eps = c.word("%arguments", 6), c.real("%arguments", 7)
    count = c.emit(f"sitofp i64 {width} to float")
    with c.loop("%start", "%stop") as i:
        x, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in (0, 3))
        sums, squares = c.cells(0.0), c.cells(0.0)
        c.over(width, lambda p: c.accumulate(p.load(x), sums[p.strand]))
        mean = c.one("fdiv", c.total(sums), count)
        center = c.splat(mean)

        def square(p: Piece) -> None:
            shifted = p.chosen(c.subtract(p.load(x), center))
            c.store(c.fma(shifted, shifted, c.load(squares[p.strand])), squares[p.strand])
        c.over(width, square)
        scale = c.inverse_root(c.one("fadd", c.one("fdiv", c.total(squares), count), eps))
        c.store_one(mean, c.at(means, i))
        c.store_one(scale, c.at(scales, i))
        factor = c.splat(scale)

        def finish(p: Piece) -> None:
            y = c.multiply(c.subtract(p.load(x), center), factor)
            if has_bias:
                y = c.fma(y, p.load(weight), p.load(bias)) if has_weight else c.add(y, p.load(bias))
            elif has_weight:
                y = c.multiply(y, p.load(weight))
            p.store(y, out)
        c.over(width, finish)


def write_backward(c: Rows, has_weight: bool) -> None:
    """[g, x, weight, means, scales, out, sums], width, rows: the gradients by x, and of each part of PART rows those by weight and bias."""
    weight, means, scales, sums = (c.pointer("%arguments", k) for k in (2, 3, 4, 6))
    width, rows = c.word("%arguments", 7), c.word("%arguments", 8)
    count = c.emit(f"sitofp i64 {width} to float")
    with c.loop("%start", "%stop") as part:
        by_weight = c.at(sums, c.times(part, c.times(width, 2)))
        by_bias = c.at(by_weight, width)

        def clear(p: Piece) -> None:
            p.store(c.number(0.0), by_weight)
            p.store(c.number(0.0), by_bias)
        c.over(width, clear)
        with c.loop(c.times(part, PART), c.smaller(rows, c.times(c.plus(part, 1), PART))) as i:
            g, x, out = (c.at(c.pointer("%arguments", k), c.times(i, width)) for k in (0, 1, 5))
            center, scale = c.splat(c.load_one(c.at(means, i))), c.splat(c.load_one(c.at(scales, i)))
            dots, totals = c.cells(0.0), c.cells(0.0)

            def collect(p: Piece) -> None:
                # Beyond the row g is 0, and so is all that is added.
                here, shifted = p.load(g), c.subtract(p.load(x), center)
                h = c.multiply(here, p.load(weight)) if has_weight else here
                c.store(c.fma(h, shifted, c.load(dots[p.strand])), dots[p.strand])
                c.accumulate(h, totals[p.strand])
                p.store(c.fma(c.multiply(here, shifted), scale, p.load(by_weight)), by_weight)
                p.store(c.add(p.load(by_bias), here), by_bias)
            c.over(width, collect)
            dot, total = (c.splat(c.one("fdiv", c.total(cells), count)) for cells in (dots, totals))
            # scale h - scale^3 dot (x - mean) - scale total
            slope = c.multiply(c.multiply(c.multiply(scale, scale), scale), dot)
            start = c.multiply(scale, total)

            def finish(p: Piece) -> None:
                h = c.multiply(p.load(g), p.load(weight)) if has_weight else p.load(g)
                rest = c.fma(c.subtract(p.load(x), center), slope, start)
                p.store(c.subtract(c.multiply(h, scale), rest), out)
            c.over(width, finish)


def write_total(c: Rows) -> None:
    """[sums, out], width, parts: the parts' sums added up, for the blocks of columns from `start` to `stop`."""
    width, parts, first = c.word("%arguments", 2), c.word("%arguments", 3), c.times("%start", BLOCK)
    columns = c.minus(c.smaller(width, c.times("%stop", BLOCK)), first)
    sums, out = (c.at(c.pointer("%arguments", k), first) for k in range(2))
    c.over(columns, lambda p: p.store(c.number(0.0), out))
    with c.loop(0, parts) as part:
        row = c.at(sums, c.times(part, width))
        c.over(columns, lambda p: p.store(c.add(p.load(out), p.load(row)), out))


@cache
def total_kernel() -> RowKernel:
    return RowKernel(write_total)


@cache
def forward_kernel(has_weight: bool, has_bias: bool) -> RowKernel:
    return RowKernel(partial(write_forward, has_weight=has_weight, has_bias=has_bias), by_row=True)


@cache
def backward_kernel(has_weight: bool) -> RowKernel:
    return RowKernel(partial(write_backward, has_weight=has_weight))


def normalised_rows(x: Any, weight: Any, bias: Any, eps: float) -> tuple:
    """`norm_kernels.normalised_rows` of float32 arrays without gaps."""
    rows, width = x.shape
    out, means, scales = np.empty(x.shape, np.float32), np.empty((rows, 1), np.float32), np.empty((rows, 1), np.float32)
    forward_kernel(weight is not None, bias is not None)(rows, width, (x, weight, bias, out, means, scales), (float(eps),))
    return out, means, scales


def rows_backward(g: Any, x: Any, weight: Any, means: Any, scales: Any) -> tuple:
    """`norm_kernels.rows_backward` of float32 arrays without gaps."""
    rows, width = x.shape
    out, sums = np.empty(x.shape, np.float32), np.empty((-(-rows // PART), 2, width), np.float32)
    backward_kernel(weight is not None)(len(sums), width, (g, x, weight, means, scales, out, sums), (rows,), rows=PART)
    total = np.empty((2, width), np.float32)
    total_kernel()(-(-2 * width // BLOCK), 2 * width, (sums, total), (len(sums),))
    return out, total[0], total[1]
