"""The hyperbolic tangent of float32 vectors.

Where a vector has 16 lanes, two registers hold a number for each of 32 intervals, and one instruction looks up 16 of them. So each lane has
the polynomial of its own interval: 18 instructions in place of 35, among which was a division, which takes as long as 16 others.
"""
from __future__ import annotations

import math
from functools import cache

import numpy as np

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
    """For each interval its centre c, and the coefficients of 1, x - c, (x - c)^2 ...

    All intervals at once: row by row it takes 17 ms, a twentieth of the first three steps of a network that needs it.
    """
    ends = np.array([0.0] + [2.0 ** (FIRST + (k >> BITS)) * (1 + (k % (1 << BITS)) / (1 << BITS)) for k in range(INTERVALS)])
    start, end = ends[1:-1], ends[2:]
    c = centres_of(start, end)
    rows = np.column_stack([c, shortened(series(c), np.maximum(c - start, end - c))])
    return (0.0, *series(np.zeros(1))[0, :DEGREE + 1].tolist()), *map(tuple, rows.tolist())


def centres_of(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """For each interval the float nearest to the middle at which tanh is nearly a float itself: the first coefficient is then right to more than its
    own precision (S. Gal, Computing elementary functions: a new approach for achieving high accuracy and good performance, 1986)."""
    steps = np.array(sorted(range(-CHOICES, CHOICES + 1), key=abs)) / (4 * CHOICES)
    choices = ((start + end)[:, None] / 2 + (end - start)[:, None] * steps).astype(np.float32).astype(float)
    exact = np.tanh(choices)
    errors = np.maximum(np.abs(exact.astype(np.float32) / exact - 1), EXACT)
    return choices[np.arange(len(choices)), errors.argmin(1)]


def series(c: np.ndarray) -> np.ndarray:
    """The Taylor series of tanh at each c: its derivative is 1 - tanh^2, so (k + 1) y[k + 1] is 1 at k = 0, less the sum of y[i] y[k - i]."""
    y = np.zeros((TERMS + 1, len(c)))
    y[0] = np.tanh(c)
    for k in range(TERMS):
        y[k + 1] = ((k == 0) - (y[:k + 1] * y[k::-1]).sum(0)) / (k + 1)
    return y.T


def shortened(coefficients: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Polynomials of degree DEGREE near longer ones between -reach and reach: as sums of Chebyshev polynomials, cut off (C. Lanczos, Applied
    Analysis, 1956)."""
    powers = reach[:, None] ** np.arange(TERMS + 1)
    # x^k is the sum over j = k, k - 2 ... of 2^(1 - k) C(k, (k - j) / 2) T_j(x), with half of that for j = 0.
    in_chebyshev = np.array([[2.0 ** (1 - k) * math.comb(k, (k - j) // 2) / (1 if j else 2) if j <= k and (k - j) % 2 == 0 else 0.0
                              for j in range(DEGREE + 1)] for k in range(TERMS + 1)])
    chebyshev = np.zeros((DEGREE + 1, DEGREE + 1))  # T_j by powers: T_j = 2 x T_(j - 1) - T_(j - 2)
    chebyshev[0, 0] = chebyshev[1, 1] = 1
    for j in range(2, DEGREE + 1):
        chebyshev[j, 1:] = 2 * chebyshev[j - 1, :-1]
        chebyshev[j] -= chebyshev[j - 2]
    short: np.ndarray = coefficients * powers @ in_chebyshev @ chebyshev
    return short / powers[:, :DEGREE + 1]
