"""The hyperbolic tangent of float32 vectors.

Where a vector has 16 lanes, two registers hold a number for each of 32 intervals, and one instruction looks up 16 of them. So each lane has
the polynomial of its own interval: 18 instructions in place of 35, among which was a division, which takes as long as 16 others.
"""
from __future__ import annotations

import math
import struct
from functools import cache

from .vectors import Vectors, exp_of_some

#: the intervals, and the degree of their polynomials
INTERVALS, DEGREE = 32, 5
#: The first interval ends at 2^FIRST; from there on each power of two has 2^BITS intervals.
FIRST, BITS = -4, 2
#: From a little above 9 on tanh is 1 in float32; this is where an interval begins.
ONE = 10.0
#: terms of a Taylor series that are more than enough
TERMS = 20
#: the floats on either side of an interval's middle, up to a quarter of it away, that may be its centre, and the relative error that is small enough
CHOICES, EXACT = 100, 1e-9


def tanh(v: Vectors, x: str) -> str:
    """tanh x; 1 ulp."""
    return of_intervals(v, x) if v.lanes == 16 else of_exponential(v, x)


def of_exponential(v: Vectors, x: str) -> str:
    """tanh x: x + x^3 q(x^2) below 0.625, and 1 - 2 / (e^2|x| + 1) above."""
    a = v.intrinsic("fabs", x)
    z = v.multiply(x, x)
    q = v.polynomial(z, (-0.333332783155, 0.133313289638, -0.0537292303013, 0.0206020085678, -0.00566078992439))
    small = v.fma(v.multiply(q, z), a, a)
    # From 10 on tanh is 1 in float32; up to there 2^n is one factor.
    e = exp_of_some(v, v.where(v.compare("ogt", a, v.number(10.0)), v.number(20.0), v.add(a, a)))
    large = v.subtract(v.number(1.0), v.divide(v.number(2.0), v.add(e, v.number(1.0))))
    return v.intrinsic("copysign", v.where(v.compare("olt", a, v.number(0.625)), small, large), x)


def of_intervals(v: Vectors, x: str) -> str:
    """tanh x: with the sign of x, a polynomial of |x| - c, where c is about the middle of the interval that |x| is in."""
    a = v.intrinsic("fabs", x)
    a = v.where(v.compare("ogt", a, v.number(ONE)), v.number(ONE), a)  # NaN stays
    # The exponent and BITS bits behind it tell the interval: 1 for what begins at 2^FIRST, 0 for all below.
    place = v.int_op("lshr", v.bits(a), v.integer(23 - BITS))
    least = v.integer(first_place())
    place = v.emit(f"select {v.truth} {v.emit(f'icmp sgt {v.int} {place}, {least}')}, {v.int} {place}, {v.int} {least}")
    centres, *coefficients = zip(*table())
    t = v.subtract(a, look_up(v, centres, place))
    out = look_up(v, coefficients[-1], place)
    for numbers in reversed(coefficients[:-1]):
        out = v.fma(out, t, look_up(v, numbers, place))
    return v.intrinsic("copysign", out, x)


def first_place() -> int:
    """The exponent and the BITS bits behind it, of the floats just below 2^FIRST."""
    return (127 + FIRST << BITS) - 1


def look_up(v: Vectors, numbers: tuple[float, ...], place: str) -> str:
    """The number of each lane's interval. The instruction reads the lowest five bits of a place, so the table is turned until they fit."""
    turned = [numbers[(i - first_place()) % INTERVALS] for i in range(INTERVALS)]
    low, high = ("<" + ", ".join([f"float {v.literal(c)}" for c in half]) + ">" for half in (turned[:16], turned[16:]))
    name = "@llvm.x86.avx512.vpermi2var.ps.512"
    v.declared[f"declare {v.float} {name}({v.float}, {v.int}, {v.float})"] = None
    return v.emit(f"call {v.float} {name}({v.float} {low}, {v.int} {place}, {v.float} {high})")


@cache
def table() -> tuple[tuple[float, ...], ...]:
    """For each interval its centre c, and the coefficients of 1, x - c, (x - c)^2 ..."""
    ends = [0.0] + [2.0 ** (FIRST + (k >> BITS)) * (1 + (k % (1 << BITS)) / (1 << BITS)) for k in range(INTERVALS)]
    return ((0.0, *series(0.0)[:DEGREE + 1]), *[row(start, end) for start, end in zip(ends[1:], ends[2:])])


def row(start: float, end: float) -> tuple[float, ...]:
    c = centre(start, end)
    return c, *shortened(series(c), max(c - start, end - c))


def centre(start: float, end: float) -> float:
    """The float nearest to the middle of an interval at which tanh is nearly a float itself: the first coefficient is then right to more than its
    own precision (S. Gal, Computing elementary functions: a new approach for achieving high accuracy and good performance, 1986)."""
    def error(c: float) -> float:
        return max(abs(single(math.tanh(c)) / math.tanh(c) - 1), EXACT)
    steps = sorted(range(-CHOICES, CHOICES + 1), key=abs)
    return min([single((start + end) / 2 + (end - start) / 4 * step / CHOICES) for step in steps], key=error)


def single(value: float) -> float:
    """A number rounded to float32."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def series(c: float) -> list[float]:
    """The Taylor series of tanh at c: its derivative is 1 - tanh^2, so (k + 1) y[k + 1] is 1 at k = 0, less the sum of y[i] y[k - i]."""
    y = [math.tanh(c)]
    for k in range(TERMS):
        y.append(((k == 0) - sum([y[i] * y[k - i] for i in range(k + 1)])) / (k + 1))
    return y


def shortened(coefficients: list[float], reach: float) -> list[float]:
    """A polynomial of degree DEGREE near a longer one between -reach and reach: as a sum of Chebyshev polynomials, cut off (C. Lanczos,
    Applied Analysis, 1956)."""
    from numpy.polynomial.chebyshev import cheb2poly, poly2cheb
    scaled = [c * reach ** k for k, c in enumerate(coefficients)]
    short = [*cheb2poly(poly2cheb(scaled)[:DEGREE + 1]), *[0.0] * (DEGREE + 1)][:DEGREE + 1]
    return [float(c) / reach ** k for k, c in enumerate(short)]
