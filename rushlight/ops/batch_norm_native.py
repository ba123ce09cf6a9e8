"""Batch normalisation of float32 images in machine code: statistics, forward and backward.

The formulas are those of norm_kernels.py. The work is cut by images, as that of convolutions is, so that a core finds in its cache what it wrote
before. A row, one channel of one image, has sums of its own; those of a channel's rows are added in the order of the images, whichever thread
made them.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vectors import maximum
from .norm_native import BLOCK, total_kernel


@contextmanager
def rows(c: Rows, channels: str, width: str, *arrays: str) -> Iterator[tuple]:
    """The lines inside for every row: its number, its channel, and where it lies in each array."""
    with c.loop("%start", "%stop") as row:
        place = c.times(row, width)
        yield row, c.minus(row, c.times(c.quotient(row, channels), channels)), [c.at(array, place) for array in arrays]


def write_row_statistics(c: Rows) -> None:
    """[x, means, squares], width, channels: each row's mean, and the sum of the squared distances from it."""
    x, means, squares = (c.pointer("%arguments", k) for k in range(3))
    width, channels = c.word("%arguments", 3), c.word("%arguments", 4)
    size = c.emit(f"sitofp i64 {width} to float")
    with rows(c, channels, width, x) as (number, _, [row]):
        totals, dots = c.cells(0.0), c.cells(0.0)
        c.over(width, lambda p: c.accumulate(p.load(row), totals[p.strand]))
        mean = c.one("fdiv", c.total(totals), size)
        center = c.splat(mean)

        def square(p: Piece) -> None:
            shifted = p.chosen(c.subtract(p.load(row), center))
            c.store(c.fma(shifted, shifted, c.load(dots[p.strand])), dots[p.strand])
        c.over(width, square)
        c.store_one(mean, c.at(means, number))
        c.store_one(c.total(dots), c.at(squares, number))


def write_statistics(c: Rows) -> None:
    """[row means, squares, means, variances], channels, width, images: each channel's mean and biased variance, of those of its rows.

    The variance is the mean of the rows' own variances, and that of the squared distances of their means from the channel's.
    *Source*: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
    """
    of_rows, squares, means, variances = (c.pointer("%arguments", k) for k in range(4))
    channels, width, count = (c.word("%arguments", k) for k in range(4, 7))
    images, size = (c.splat(c.emit(f"sitofp i64 {number} to float")) for number in (count, width))

    def channel(p: Piece) -> None:
        total, within, between = (c.cell(c.number(0.0)) for _ in range(3))
        with c.loop(0, count) as image:
            row = c.times(image, channels)
            c.accumulate(p.load(c.at(of_rows, row)), total)
            c.accumulate(p.load(c.at(squares, row)), within)
        mean = c.divide(c.load(total), images)
        with c.loop(0, count) as image:
            shifted = c.subtract(p.load(c.at(of_rows, c.times(image, channels))), mean)
            c.store(c.fma(shifted, shifted, c.load(between)), between)
        p.store(mean, means)
        p.store(c.divide(c.add(c.divide(c.load(within), size), c.load(between)), images), variances)
    c.over(channels, channel)


def write_row_sums(c: Rows) -> None:
    """[x, out], width, channels: each row's sum."""
    x, out = c.pointer("%arguments", 0), c.pointer("%arguments", 1)
    width, channels = c.word("%arguments", 2), c.word("%arguments", 3)
    with rows(c, channels, width, x) as (number, _, [row]):
        totals = c.cells(0.0)
        c.over(width, lambda p: c.accumulate(p.load(row), totals[p.strand]))
        c.store_one(c.total(totals), c.at(out, number))


def scale_of(c: Rows, variances: str, channel: str, eps: str) -> str:
    """1 / sqrt(variance + eps)."""
    return c.inverse_root(c.one("fadd", c.load_one(c.at(variances, channel)), eps))


def write_forward(c: Rows, has_weight: bool, has_bias: bool, added: bool, relu: bool) -> None:
    """[x, weight, bias, means, variances, added, out], width, channels, eps: (x - mean) * scale * weight + bias.

    `added`: an array of x's shape is added to that. `relu`: what is then below 0 becomes 0.
    """
    x, weight, bias, means, variances, other, out = (c.pointer("%arguments", k) for k in range(7))
    width, channels, eps = c.word("%arguments", 7), c.word("%arguments", 8), c.real("%arguments", 9)
    with rows(c, channels, width, x, other, out) as (_, channel, [row, more, target]):
        scale = scale_of(c, variances, channel, eps)
        factor = c.splat(c.one("fmul", scale, c.load_one(c.at(weight, channel))) if has_weight else scale)
        center = c.splat(c.load_one(c.at(means, channel)))
        shift = c.splat(c.load_one(c.at(bias, channel))) if has_bias else c.number(0.0)

        def finish(p: Piece) -> None:
            y = c.fma(c.subtract(p.load(row), center), factor, shift)
            if added:
                y = c.add(y, p.load(more))
            p.store(maximum(c, y, c.number(0.0)) if relu else y, target)
        c.over(width, finish)


def write_row_dots(c: Rows) -> None:
    """[g, x, means, dots, totals], width, channels: each row's sum of g (x - mean), and of g."""
    g, x, means, dots, totals = (c.pointer("%arguments", k) for k in range(5))
    width, channels = c.word("%arguments", 5), c.word("%arguments", 6)
    with rows(c, channels, width, g, x) as (number, channel, [row, other]):
        center = c.splat(c.load_one(c.at(means, channel)))
        products, sums = c.cells(0.0), c.cells(0.0)

        def collect(p: Piece) -> None:
            # Beyond the row g is 0, and so is what is added.
            here = p.load(row)
            c.store(c.fma(here, c.subtract(p.load(other), center), c.load(products[p.strand])), products[p.strand])
            c.accumulate(here, sums[p.strand])
        c.over(width, collect)
        c.store_one(c.total(products), c.at(dots, number))
        c.store_one(c.total(sums), c.at(totals, number))


def write_dots(c: Rows) -> None:
    """[dots, totals, variances, by weight, by bias], channels, images, eps: the gradients by weight and bias, of the rows' sums."""
    dots, totals, variances, by_weight, by_bias = (c.pointer("%arguments", k) for k in range(5))
    channels, count, eps = c.word("%arguments", 5), c.word("%arguments", 6), c.real("%arguments", 7)

    def channel(p: Piece) -> None:
        products, sums = c.cell(c.number(0.0)), c.cell(c.number(0.0))
        with c.loop(0, count) as image:
            row = c.times(image, channels)
            c.accumulate(p.load(c.at(dots, row)), products)
            c.accumulate(p.load(c.at(totals, row)), sums)
        root = c.intrinsic("sqrt", c.add(p.load(variances), c.splat(eps)))
        p.store(c.multiply(c.load(products), c.divide(c.number(1.0), root)), by_weight)
        p.store(c.load(sums), by_bias)
    c.over(channels, channel)


def write_backward(c: Rows, has_weight: bool, training: bool) -> None:
    """[g, x, weight, means, variances, by weight, by bias, out], width, channels, images, eps: the gradient by x.

    In training the statistics depend on x: (g - total / size - (x - mean) scale dot / size) scale weight, where total and dot are the gradients by
    bias and weight.
    """
    g, x, weight, means, variances, by_weight, by_bias, out = (c.pointer("%arguments", k) for k in range(8))
    width, channels, count, eps = *[c.word("%arguments", k) for k in range(8, 11)], c.real("%arguments", 11)
    size = c.emit(f"sitofp i64 {c.times(width, count)} to float")
    with rows(c, channels, width, g, x, out) as (_, channel, [row, other, target]):
        scale = scale_of(c, variances, channel, eps)
        factor = c.splat(c.one("fmul", scale, c.load_one(c.at(weight, channel))) if has_weight else scale)
        center, dot, total = (c.load_one(c.at(values, channel)) for values in (means, by_weight, by_bias))
        slope, level = (c.splat(c.one("fdiv", value, size)) for value in (c.one("fmul", dot, scale), total))

        def finish(p: Piece) -> None:
            h = p.load(row)
            if training:
                h = c.subtract(h, c.fma(c.subtract(p.load(other), c.splat(center)), slope, level))
            p.store(c.multiply(h, factor), target)
        c.over(width, finish)


@cache
def kernel(write: Callable, **how: bool) -> RowKernel:
    return RowKernel(partial(write, **how))


def sizes(x: Any) -> tuple[int, int, int]:
    """Images, channels and width of (N, C, ...)."""
    count, channels = x.shape[:2]
    return count, channels, x.size // (count * channels)


def statistics(x: Any) -> tuple:
    """The mean and the biased variance of each channel of (N, C, ...)."""
    count, channels, width = sizes(x)
    of_rows, squares = np.empty(count * channels, np.float32), np.empty(count * channels, np.float32)
    means, variances = np.empty(channels, np.float32), np.empty(channels, np.float32)
    kernel(write_row_statistics)(count * channels, width, (x, of_rows, squares), (channels,))
    kernel(write_statistics)(1, channels, (of_rows, squares, means, variances), (width, count))
    return means, variances


def sums(x: Any) -> Any:
    """The sum of each channel of (N, C, ...)."""
    count, channels, width = sizes(x)
    of_rows, out = np.empty(count * channels, np.float32), np.empty(channels, np.float32)
    kernel(write_row_sums)(count * channels, width, (x, of_rows), (channels,))
    total_kernel()(-(-channels // BLOCK), channels, (of_rows, out), (count,))
    return out


def forward(x: Any, weight: Any, bias: Any, means: Any, variances: Any, eps: float, added: Any = None, relu: bool = False) -> Any:
    """(x - mean) / sqrt(variance + eps) * weight + bias, with a number of each for each channel; then `added`, and the relu of it."""
    count, channels, width = sizes(x)
    out = np.empty(x.shape, np.float32)
    run = kernel(write_forward, has_weight=weight is not None, has_bias=bias is not None, added=added is not None, relu=relu)
    run(count * channels, width, (x, weight, bias, means, variances, added, out), (channels, float(eps)))
    return out


def backward(g: Any, x: Any, weight: Any, means: Any, variances: Any, eps: float, training: bool) -> tuple:
    """The gradients by x, weight and bias."""
    count, channels, width = sizes(x)
    out, by_weight, by_bias = np.empty(x.shape, np.float32), np.empty(channels, np.float32), np.empty(channels, np.float32)
    dots, totals = np.empty(count * channels, np.float32), np.empty(count * channels, np.float32)
    kernel(write_row_dots)(count * channels, width, (g, x, means, dots, totals), (channels,))
    kernel(write_dots)(1, channels, (dots, totals, variances, by_weight, by_bias), (count, float(eps)))
    kernel(write_backward, has_weight=weight is not None, training=training)(
        count * channels, width, (g, x, weight, means, variances, by_weight, by_bias, out), (channels, count, float(eps)))
    return out, by_weight, by_bias
