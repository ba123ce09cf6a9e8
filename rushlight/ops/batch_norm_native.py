"""Batch normalisation of float32 images in machine code: statistics, forward and backward, a channel at a time.

The formulas are those of norm_kernels.py. A channel is one row of every image; its second pass over memory finds it in the cache.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.rows import Piece, RowKernel, Rows


@contextmanager
def images(c: Rows, channel: str, width: str, count: str, channels: str, *arrays: str) -> Iterator[list[str]]:
    """The lines inside for every image: where the channel's row lies in each array."""
    with c.loop(0, count) as image:
        place = c.times(c.plus(c.times(image, channels), channel), width)
        yield [c.at(array, place) for array in arrays]


def write_statistics(c: Rows) -> None:
    """[x, means, variances], width, images, channels: each channel's mean and biased variance."""
    x, means, variances = (c.pointer("%arguments", k) for k in range(3))
    width, count, channels = (c.word("%arguments", k) for k in range(3, 6))
    size = c.emit(f"sitofp i64 {c.times(width, count)} to float")
    with c.loop("%start", "%stop") as channel:
        sums, squares = c.cells(0.0), c.cells(0.0)
        with images(c, channel, width, count, channels, x) as [row]:
            c.over(width, lambda p: c.accumulate(p.load(row), sums[p.strand]))
        mean = c.one("fdiv", c.total(sums), size)
        center = c.splat(mean)

        def square(p: Piece) -> None:
            shifted = p.chosen(c.subtract(p.load(row), center))
            c.store(c.fma(shifted, shifted, c.load(squares[p.strand])), squares[p.strand])
        with images(c, channel, width, count, channels, x) as [row]:
            c.over(width, square)
        c.store_one(mean, c.at(means, channel))
        c.store_one(c.one("fdiv", c.total(squares), size), c.at(variances, channel))


def write_sums(c: Rows) -> None:
    """[x, out], width, images, channels: each channel's sum."""
    x, out = c.pointer("%arguments", 0), c.pointer("%arguments", 1)
    width, count, channels = (c.word("%arguments", k) for k in range(2, 5))
    with c.loop("%start", "%stop") as channel:
        sums = c.cells(0.0)
        with images(c, channel, width, count, channels, x) as [row]:
            c.over(width, lambda p: c.accumulate(p.load(row), sums[p.strand]))
        c.store_one(c.total(sums), c.at(out, channel))


def write_forward(c: Rows) -> None:
    """[x, means, factors, bias, out], width, images, channels: (x - mean) * factor + bias."""
    x, means, factors, bias, out = (c.pointer("%arguments", k) for k in range(5))
    width, count, channels = (c.word("%arguments", k) for k in range(5, 8))
    with c.loop("%start", "%stop") as channel:
        center, factor, added = (c.splat(c.load_one(c.at(values, channel))) for values in (means, factors, bias))
        with images(c, channel, width, count, channels, x, out) as [row, target]:
            c.over(width, lambda p: p.store(c.fma(c.subtract(p.load(row), center), factor, added), target))


def write_backward(c: Rows, training: bool) -> None:
    """[g, x, means, scales, factors, out, by weight, by bias], width, images, channels: the gradients by x, weight and bias.

    A factor is the weight times the scale. In training the statistics depend on x.
    """
    g, x, means, scales, factors, out, by_weight, by_bias = (c.pointer("%arguments", k) for k in range(8))
    width, count, channels = (c.word("%arguments", k) for k in range(8, 11))
    size = c.emit(f"sitofp i64 {c.times(width, count)} to float")
    with c.loop("%start", "%stop") as channel:
        center, factor = (c.splat(c.load_one(c.at(values, channel))) for values in (means, factors))
        dots, totals = c.cells(0.0), c.cells(0.0)

        def collect(p: Piece) -> None:
            # Beyond the row g is 0, and so is what is added.
            here = p.load(row)
            c.store(c.fma(here, c.subtract(p.load(other), center), c.load(dots[p.strand])), dots[p.strand])
            c.accumulate(here, totals[p.strand])
        with images(c, channel, width, count, channels, g, x) as [row, other]:
            c.over(width, collect)
        scale = c.load_one(c.at(scales, channel))
        dot, total = c.one("fmul", c.total(dots), scale), c.total(totals)
        c.store_one(dot, c.at(by_weight, channel))
        c.store_one(total, c.at(by_bias, channel))
        # (g - total / size - (x - mean) scale dot / size) factor, where dot is the sum of g (x - mean) scale.
        slope, level = (c.splat(c.one("fdiv", value, size)) for value in (c.one("fmul", dot, scale), total))

        def finish(p: Piece) -> None:
            h = p.load(row)
            if training:
                h = c.subtract(h, c.fma(c.subtract(p.load(other), center), slope, level))
            p.store(c.multiply(h, factor), target)
        with images(c, channel, width, count, channels, g, x, out) as [row, other, target]:
            c.over(width, finish)


@cache
def kernel(write: Callable, **how: bool) -> RowKernel:
    return RowKernel(partial(write, **how))


def run(kernel: RowKernel, x: Any, *arrays: Any) -> None:
    """A kernel on all channels of x (N, C, ...)."""
    count, channels = x.shape[:2]
    width = x.size // (count * channels)
    kernel(channels, width, arrays, (count, channels))


def statistics(x: Any) -> tuple:
    """The mean and the biased variance of each channel of (N, C, ...)."""
    means, variances = np.empty((2, x.shape[1]), np.float32)
    run(kernel(write_statistics), x, x, means, variances)
    return means, variances


def sums(x: Any) -> Any:
    """The sum of each channel of (N, C, ...)."""
    out = np.empty(x.shape[1], np.float32)
    run(kernel(write_sums), x, x, out)
    return out


def forward(x: Any, means: Any, factors: Any, bias: Any) -> Any:
    """(x - mean) * factor + bias, with a number of each for each channel; bias may be None."""
    out = np.empty(x.shape, np.float32)
    run(kernel(write_forward), x, x, means, factors, np.zeros_like(factors) if bias is None else bias, out)
    return out


def backward(g: Any, x: Any, means: Any, scales: Any, factors: Any, training: bool) -> tuple:
    """The gradients by x, weight and bias."""
    out = np.empty(x.shape, np.float32)
    by_weight, by_bias = np.empty((2, x.shape[1]), np.float32)
    run(kernel(write_backward, training=training), x, g, x, means, scales, factors, out, by_weight, by_bias)
    return out, by_weight, by_bias
