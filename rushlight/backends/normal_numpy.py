"""The normal distribution's functions, vectorised in float64: erfcx, the inverses of erf and of the distribution, its logarithm."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .special_numpy import erf, erfc, scaled_tail

SQRT2, SQRT_PI, SQRT_TWO_PI = math.sqrt(2), math.sqrt(math.pi), math.sqrt(2 * math.pi)

# P. J. Acklam's rational approximations of the inverse of the normal distribution (relative error 1.2e-9): numerator and denominator,
# highest power first, of q = p - 1/2 in the middle and of sqrt(-2 log p) in the tail. One step of Halley's method makes them exact.
MIDDLE = ((-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01,
           2.506628277459239e+00),
          (-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01, 1.0))
TAIL = ((-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00,
         2.938163982698783e+00),
        (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1.0))
TAIL_BEGINS = 0.02425


def ratio(approximation: tuple, t: Any) -> Any:
    return np.polyval(approximation[0], t) / np.polyval(approximation[1], t)


def erfcx(x: Any) -> Any:
    """exp(x^2) erfc(x), which does not vanish for large x."""
    size = np.abs(x)
    near = np.exp(np.square(np.minimum(size, 0.5))) * erfc(np.minimum(size, 0.5))
    # Beyond 1e7 the continued fraction is 1 / (x sqrt(pi)) to the last digit, where squares would overflow.
    far = np.where(size > 1e7, 1 / (np.maximum(size, 1) * SQRT_PI), scaled_tail(np.clip(size, 0.46875, 1e7)))
    right = np.where(size < 0.46875, near, far)
    return np.where(x < 0, 2 * np.exp(np.square(x)) - right, right)


def log_ndtr(x: Any) -> Any:
    """The logarithm of the normal distribution function."""
    t = x / SQRT2
    left = np.log(erfcx(np.maximum(-t, 0)) / 2) - t * t
    return np.where(x < -1, left, np.log1p(-erfc(np.maximum(t, -1)) / 2))


def lower_quantile(p: Any) -> Any:
    """The x at which the distribution function is p, for p in (0, 1/2]."""
    q = p - 0.5
    middle = q * ratio(MIDDLE, q * q)
    tail = ratio(TAIL, np.sqrt(-2 * np.log(np.minimum(p, TAIL_BEGINS))))
    x = np.where(p < TAIL_BEGINS, tail, middle)
    # Halley's step on log p: the error relative to p, times the ratio of distribution and density.
    scaled = erfcx(-x / SQRT2)
    density_ratio = 0.5 * scaled * SQRT_TWO_PI
    error = np.log(0.5 * scaled) - 0.5 * x * x - np.log(p)
    step = error * density_ratio
    return x - step / (1 + 0.5 * step * (x + 1 / density_ratio))


def ndtri(p: Any) -> Any:
    """The x at which the distribution function is p; infinite at 0 and 1, nan outside."""
    inside = (p > 0) & (p < 1)
    share = np.where(inside, p, 0.5)
    x = lower_quantile(np.minimum(share, 1 - share))
    x = np.where(share > 0.5, -x, x)
    x = np.where(share == 0.5, 0.0, x)
    return np.where(inside, x, np.where(p == 0, -np.inf, np.where(p == 1, np.inf, np.nan)))


def erfinv(y: Any) -> Any:
    """The x at which erf is y; infinite at -1 and 1, nan outside."""
    size = np.abs(y)
    inside = size < 1
    size = np.where(inside, size, 0.5)
    far = -lower_quantile(np.minimum((1 - size) / 2, 0.25)) / SQRT2
    # Near 0 the same start, made exact in terms of erf, which is exact there.
    near = size / 2 * ratio(MIDDLE, np.square(np.minimum(size, 0.5) / 2)) / SQRT2
    error = (erf(near) - size) * (SQRT_PI / 2) * np.exp(near * near)
    near = near - error / (1 + near * error)
    x = np.copysign(np.where(size < 0.5, near, far), y)
    return np.where(inside, x, np.where(np.abs(y) == 1, np.copysign(np.inf, y), np.nan))
