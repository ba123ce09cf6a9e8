"""GELU in machine code, forward and backward, with one exponential each.

Near the middle the normal distribution is P(Z < x) = 1/2 + x s(x^2). Beyond a distance a from it, P(Z > a) = e^(-a^2 / 2) m(a), where the
exponential is sqrt(2 pi) times the density, which the gradient needs too; m is a polynomial in t = 1 / (1 + SCALE a). s and m are minimax
fits of our own, to 5e-8 of the value. The result is exact to 2 units in the last place above -NEAR and to 7 below: there 1 + erf(x / sqrt(2))
loses one digit after the other.
Source: the form of m, Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vectors import exp_below_zero

#: the numbers of one piece, as whole vectors
BLOCK = 4096
NEAR, SCALE = 1.25, 0.4
TAIL = (0.159598938775, 0.159043233613, 0.139406509264, 0.0540788586251, 0.108204437033, -0.189253937959, 0.0692493700024)
#: the polynomial of erf in vectors.py, of x / sqrt(2)
MIDDLE = tuple([c / 2 ** k / math.sqrt(8) for k, c in enumerate((
    1.12837916642, -0.376126317281, 0.112836656532, -0.0268577916277, 0.00519715483494, -0.000809987713596, 8.19377839155e-05))])


def write_normal(c: Rows, x: str) -> tuple[str, str]:
    """P(Z < x), and e^(-x^2 / 2)."""
    a, half, one, most = c.intrinsic("fabs", x), c.number(-0.5), c.number(1.0), c.number(20.0)
    # From 14 on the exponential is zero; the square of infinity less itself would be NaN.
    a = c.where(c.compare("ogt", a, most), most, a)
    square = c.multiply(a, a)
    # What rounding took from the square is a factor of the exponential: far out it would be several units of the result.
    lost = c.fma(a, a, c.negative(square))
    power = exp_below_zero(c, c.multiply(square, half))
    power = c.fma(c.multiply(lost, half), power, power)
    t = c.divide(one, c.fma(a, c.number(SCALE), one))
    tail = c.multiply(c.multiply(c.polynomial(t, TAIL), t), power)
    far = c.where(c.compare("ogt", x, c.number(0.0)), c.subtract(one, tail), tail)
    middle = c.fma(x, c.polynomial(square, MIDDLE), c.number(0.5))
    return c.where(c.compare("olt", a, c.number(NEAR)), middle, far), power


def over_block(c: Rows, count: int, results: int, write: Callable[..., Sequence[str]]) -> None:
    """The last arrays = write(the others) over the blocks from `start` to `stop` of so many arrays of one size."""
    first = c.times("%start", BLOCK)
    size = c.minus(c.smaller(c.word("%arguments", count + 1), c.times("%stop", BLOCK)), first)
    arrays = [c.at(c.pointer("%arguments", k), first) for k in range(count)]

    def work(p: Piece) -> None:
        for value, array in zip(write(*[p.load(array) for array in arrays[:-results]]), arrays[-results:], strict=True):
            p.store(value, array)
    c.over(size, work)


def write_slope(c: Rows, x: str) -> tuple[str, str]:
    """P(Z < x), and the slope P(Z < x) + x e^(-x^2 / 2) / sqrt(2 pi)."""
    below, power = write_normal(c, x)
    return below, c.fma(c.multiply(x, c.number(1 / math.sqrt(2 * math.pi))), power, below)


def write_gelu(c: Rows) -> None:
    """x P(Z < x) of [x, out]."""
    over_block(c, 2, 1, lambda x: [c.multiply(x, write_normal(c, x)[0])])


def write_gelu_backward(c: Rows) -> None:
    """grad times the slope of [grad, x, out]."""
    over_block(c, 3, 1, lambda grad, x: [c.multiply(grad, write_slope(c, x)[1])])


def write_gelu_with_slope(c: Rows) -> None:
    """x P(Z < x) and the slope of [x, out, slope]."""
    def both(x: str) -> tuple[str, str]:
        below, slope = write_slope(c, x)
        return c.multiply(x, below), slope
    over_block(c, 3, 2, both)


@cache
def kernel(write: Callable) -> RowKernel:
    return RowKernel(write)


def run(write: Callable, *arrays: Any) -> Any:
    """A new array that a kernel makes of arrays of its shape, float32 and without gaps."""
    out = np.empty(arrays[0].shape, np.float32)
    kernel(write)(-(-out.size // BLOCK), BLOCK, (*arrays, out), (out.size,))
    return out


def with_slope(x: Any) -> tuple:
    """GELU of an array, and its slope there."""
    slope = np.empty(x.shape, np.float32)
    out = np.empty(x.shape, np.float32)
    kernel(write_gelu_with_slope)(-(-x.size // BLOCK), BLOCK, (x, out, slope), (x.size,))
    return out, slope
