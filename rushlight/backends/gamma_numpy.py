"""The gamma function's family, vectorised in float64: log gamma and its derivatives, Hurwitz zeta, incomplete gamma.

Sources: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), chapters 6 and 23: Stirling's series 6.1.40, the
series about 1 6.1.33, reflection 6.1.17 and 6.3.7, the series of psi 6.3.18; the incomplete gamma function 6.5.29 and 6.5.31.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

#: Up to so many numbers a loop over Python's own function is faster than a hundred calls of NumPy.
FEW = 400

#: (-1)^k (zeta(k) - 1) / k for k = 2, 3, ...
ABOUT_ONE = (
    0.3224670334241132, -0.0673523010531981, 0.020580808427784546, -0.007385551028673986, 0.0028905103307415234, -0.001192753911703261,
    0.0005096695247430425, -0.00022315475845357939, 9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05,
    -9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07, -4.492469198764566e-07,
    2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08, -2.2711094608943164e-08, 1.0838659214896955e-08,
    -5.183475041970047e-09, 2.4836745438024785e-09, -1.1921401405860912e-09, 5.731367241678862e-10, -2.7595228851242334e-10,
    1.330476437424449e-10, -6.4229645638381e-11,
)
ONE_MINUS_EULER = 0.42278433509846713
#: Bernoulli numbers B(2k), over 2k (2k - 1), over 2k, and over (2k)!
STIRLING = (0.08333333333333333, -0.002777777777777778, 0.0007936507936507937, -0.0005952380952380953, 0.0008417508417508417,
            -0.0019175269175269176, 0.00641025641025641, -0.029550653594771242, 0.17964437236883057)
PSI = (0.08333333333333333, -0.008333333333333333, 0.003968253968253968, -0.004166666666666667, 0.007575757575757576,
       -0.021092796092796094, 0.08333333333333333, -0.4432598039215686)
ZETA = (0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07, 2.08767569878681e-08,
        -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15, -2.174868698558062e-16,
        5.5090028283602295e-18, -1.3954464685812522e-19)


def polynomial(t: Any, coefficients: tuple) -> Any:
    """The sum of coefficients[k] t^k."""
    out = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        np.multiply(out, t, out=out)
        np.add(out, coefficient, out=out)
    return out


def sin_pi(x: Any) -> Any:
    """sin(pi x), exact at whole and half numbers."""
    nearest = np.rint(x)
    value = np.sin(math.pi * (x - nearest))
    return np.where(np.mod(nearest, 2) == 0, value, -value)


# ---- log gamma

def lgamma(x: Any) -> Any:
    """log |gamma(x)|; infinite at 0, -1, -2 ..."""
    if x.size <= FEW:
        return np.array([_lgamma_one(v) for v in x.ravel().tolist()]).reshape(x.shape)
    left = x < 0.5
    if not left.any():
        return np.where(np.isinf(x), np.inf, _lgamma_right(x))
    out = _lgamma_right(np.where(left, 1 - x, x))
    mirrored = math.log(math.pi) - np.log(np.abs(sin_pi(x))) - out
    out = np.where(left, mirrored, out)
    return np.where(np.isinf(x) | ((x <= 0) & (x == np.floor(x))), np.inf, out)


def _lgamma_one(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or beyond the largest number
        return math.inf


def _lgamma_right(x: Any) -> Any:
    """log gamma(x) for x from 0.5 on: about 1 and 2, where it is zero, by its series there, else by Stirling's."""
    near = x <= 2.5
    if near.all():
        return _lgamma_near(x)
    if not near.any():
        return _lgamma_far(x)
    return np.where(near, _lgamma_near(np.minimum(x, 2.5)), _lgamma_far(np.maximum(x, 2.5)))


def _lgamma_near(x: Any) -> Any:
    about_one = x < 1.5
    z = x - np.where(about_one, 1, 2)
    return z * ONE_MINUS_EULER + z * z * polynomial(z, ABOUT_ONE) - np.where(about_one, np.log1p(z), 0)


def _lgamma_far(x: Any) -> Any:
    factor = np.ones_like(x)
    for _ in range(6):  # gamma(x) = gamma(x + 1) / x, until Stirling's series is exact
        low = x < 8
        if not low.any():
            break
        factor = np.where(low, factor * x, factor)
        x = np.where(low, x + 1, x)
    return (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + polynomial(1 / (x * x), STIRLING) / x - np.log(factor)


# ---- its derivatives

def digamma(x: Any) -> Any:
    """The derivative of log gamma; nan at -1, -2 ..., infinite at 0."""
    right = np.where(x < 0, 1 - x, x)
    out, up = np.zeros_like(right), right
    for _ in range(10):
        low = up < 10
        out = np.where(low, out - 1 / np.where(up == 0, 1, up), out)
        up = np.where(low, up + 1, up)
    t = 1 / (up * up)
    out = out + np.log(up) - 0.5 / up - t * polynomial(t, PSI)
    part = x - np.rint(x)
    out = np.where(x < 0, out - math.pi / np.tan(math.pi * part), out)
    out = np.where((x < 0) & (part == 0) | np.isneginf(x), np.nan, out)
    return np.where(x == 0, np.copysign(np.inf, -x), out)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    if n == 0:
        return digamma(x)
    if n == 1:
        mirrored = (math.pi / sin_pi(x)) ** 2 - zeta(2.0, np.where(x < 0.5, 1 - x, 1.0))
        right = np.where(np.isposinf(x), 0.0, zeta(2.0, np.maximum(x, 0.5)))
        return np.where(x < 0.5, np.where(np.isneginf(x), np.nan, mirrored), right)
    return (-1.0) ** (n + 1) * math.gamma(n + 1) * zeta(n + 1.0, x)


def zeta(x: Any, q: Any) -> Any:
    """Hurwitz's zeta: the sum of (q + k)^-x over k = 0, 1, ..., by Euler and Maclaurin's formula after the first few."""
    x, q = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(q, np.float64))
    enough = 10 + np.clip(np.nan_to_num(x), 0, 60)  # the formula's terms fall as ((x + k) / (2 pi (q + k)))^2
    missing = (enough - q)[np.isfinite(q)].max(initial=0.0)
    out, up = np.zeros(q.shape), q
    for _ in range(int(min(math.ceil(missing), 1000))):
        still = up < enough
        out = np.where(still, out + np.power(np.where(up == 0, 1, up), -x), out)
        up = np.where(still, up + 1, up)
    term = np.power(up, -x)
    out = out + term * up / np.where(x == 1, 1, x - 1) + 0.5 * term
    factor = term * x / up
    for k, coefficient in enumerate(ZETA):
        out = out + factor * coefficient
        factor = factor * (x + 2 * k + 1) * (x + 2 * k + 2) / (up * up)
    pole = (q <= 0) & (q == np.floor(q))
    out = np.where((q < 0) & ~pole & (x != np.floor(x)), np.nan, np.where(pole, np.inf, out))
    return np.where(x == 1, np.inf, np.where((x < 1) | np.isnan(x) | np.isnan(q), np.nan, out))


# ---- incomplete gamma

def gammainc(a: Any, x: Any) -> Any:
    """P(a, x): the part of gamma(a) that lies below x."""
    return _incomplete(a, x)[0]


def gammaincc(a: Any, x: Any) -> Any:
    """Q(a, x) = 1 - P(a, x)."""
    return _incomplete(a, x)[1]


def _incomplete(a: Any, x: Any) -> tuple:
    """P and Q, each exact where it is the smaller one."""
    a, x = np.broadcast_arrays(a, x)
    ordinary = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    b, y = np.where(ordinary, a, 1.0), np.where(ordinary, x, 1.0)
    factor = np.exp(b * np.log(y) - y - lgamma(b))  # x^a e^-x / gamma(a)
    below = (y <= 1) | (y <= b)
    low = factor * _power_series(np.where(below, b, 1.0), np.where(below, y, 0.5))
    high = factor * _continued_fraction(np.where(below, 1.0, b), np.where(below, 2.0, y))
    p, q = np.where(below, low, 1 - high), np.where(below, 1 - low, high)
    nothing = (a >= 0) & (x == 0) | np.isinf(a) & np.isfinite(x) & (x >= 0)
    whole = (a == 0) & (x > 0) | np.isfinite(a) & (a >= 0) & np.isposinf(x)
    undefined = (a < 0) | (x < 0) | (a == 0) & (x == 0) | np.isinf(a) & np.isinf(x) | np.isnan(a) | np.isnan(x)
    for out, at_nothing in ((p, 0.0), (q, 1.0)):
        out[nothing] = at_nothing
        out[whole] = 1.0 - at_nothing
        out[undefined] = np.nan
    return p, q


def _power_series(a: Any, x: Any) -> Any:
    """The sum of x^n / (a (a + 1) ... (a + n))."""
    term = 1 / a
    total, at = term, a
    for _ in range(2000):
        at = at + 1
        term = term * x / at
        total = total + term
        if not (term > total * 1e-17).any():
            break
    return total


def _continued_fraction(a: Any, x: Any) -> Any:
    """1 / (x + (1 - a) / (1 + 1 / (x + (2 - a) / (1 + 2 / (x + ...))))), by Lentz's method on its even part."""
    b = x + 1 - a
    c, d = np.full_like(b, 1e300), 1 / np.where(b == 0, 1e-300, b)
    out = d
    for n in range(1, 2000):
        step = n * (a - n)
        b = b + 2
        d = step * d + b
        d = 1 / np.where(d == 0, 1e-300, d)
        c = b + step / c
        c = np.where(c == 0, 1e-300, c)
        out = out * (c * d)
        if not (np.abs(c * d - 1) > 1e-16).any():
            break
    return out
