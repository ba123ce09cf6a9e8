"""Bessel functions of orders 0 and 1, and the Airy function, vectorised in float64. Relative error a few 1e-16 away from zeros."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import bessel_tables as tables

TWO_OVER_PI = 2 / math.pi


def series(table: tuple, x: Any, low: float, high: float) -> Any:
    """A Chebyshev series at x in [low, high], by Clenshaw's recurrence."""
    twice = (4 * x - 2 * (low + high)) / (high - low)
    after = later = np.zeros_like(twice)
    for coefficient in table[:0:-1]:
        after, later = twice * after - later + coefficient, after
    return 0.5 * twice * after - later + table[0]


def by_size(x: Any, border: float, small: Any, large: Any) -> Any:
    """small(x) up to border, large(x) beyond; each is given only what it is for."""
    return np.where(x <= border, small(np.minimum(x, border)), large(np.maximum(x, border)))


# ---- modified, of the first kind

def i0e(x: Any) -> Any:
    """exp(-|x|) I0(x)."""
    return by_size(np.abs(x), 8, lambda y: series(tables.I0E_SMALL, y, 0, 8),
                   lambda y: series(tables.I0E_LARGE, 8 / y, 0, 1) / np.sqrt(y))


def i1e(x: Any) -> Any:
    """exp(-|x|) I1(x)."""
    out = by_size(np.abs(x), 8, lambda y: y * series(tables.I1E_SMALL, y, 0, 8),
                  lambda y: series(tables.I1E_LARGE, 8 / y, 0, 1) / np.sqrt(y))
    return np.copysign(out, x)


def i0(x: Any) -> Any:
    """I0(x)."""
    return unscaled(i0e(x), np.abs(x))


def i1(x: Any) -> Any:
    """I1(x)."""
    return unscaled(i1e(x), np.abs(x))


def unscaled(scaled: Any, power: Any) -> Any:
    """scaled exp(power), in two steps: exp alone overflows a little before the product does."""
    half = np.exp(0.5 * power)
    return scaled * half * half


# ---- modified, of the second kind: nan below 0, infinite at it

def k0e(x: Any) -> Any:
    """exp(x) K0(x)."""
    return positive(x, by_size(x, 2, lambda y: np.exp(y) * _k0_small(y), lambda y: series(tables.K0E_LARGE, 2 / y, 0, 1) / np.sqrt(y)))


def k1e(x: Any) -> Any:
    """exp(x) K1(x)."""
    return positive(x, by_size(x, 2, lambda y: np.exp(y) * _k1_small(y), lambda y: series(tables.K1E_LARGE, 2 / y, 0, 1) / np.sqrt(y)))


def k0(x: Any) -> Any:
    """K0(x)."""
    return positive(x, by_size(x, 2, _k0_small, lambda y: np.exp(-y) * series(tables.K0E_LARGE, 2 / y, 0, 1) / np.sqrt(y)))


def k1(x: Any) -> Any:
    """K1(x)."""
    return positive(x, by_size(x, 2, _k1_small, lambda y: np.exp(-y) * series(tables.K1E_LARGE, 2 / y, 0, 1) / np.sqrt(y)))


def _k0_small(x: Any) -> Any:
    return series(tables.K0_SMALL, x * x, 0, 4) - np.log(0.5 * x) * i0(x)


def _k1_small(x: Any) -> Any:
    return np.where(x > 0, series(tables.K1_SMALL, x * x, 0, 4) / x + np.log(0.5 * x) * i1(x), np.inf)


def positive(x: Any, out: Any) -> Any:
    """out, but nan where x is negative and infinite where it is 0."""
    return np.where(x > 0, out, np.where(x == 0, np.inf, np.nan))


# ---- of the first and the second kind

def j0(x: Any) -> Any:
    """J0(x)."""
    return by_size(np.abs(x), 8, lambda y: series(tables.J0_SMALL, y * y, 0, 64), lambda y: waves(y, 0)[0])


def j1(x: Any) -> Any:
    """J1(x)."""
    out = by_size(np.abs(x), 8, lambda y: y * series(tables.J1_SMALL, y * y, 0, 64), lambda y: waves(y, 1)[0])
    return np.where(x < 0, -out, out)


def y0(x: Any) -> Any:
    """Y0(x); nan below 0, -inf at it."""
    out = by_size(x, 8, lambda y: series(tables.Y0_SMALL, y * y, 0, 64) + TWO_OVER_PI * np.log(y) * j0(y), lambda y: waves(y, 0)[1])
    return -positive(x, -out)


def y1(x: Any) -> Any:
    """Y1(x); nan below 0, -inf at it."""
    out = by_size(x, 8, lambda y: series(tables.Y1_SMALL, y * y, 0, 64) / y + TWO_OVER_PI * np.log(y) * j1(y), lambda y: waves(y, 1)[1])
    return -positive(x, -out)


def waves(x: Any, order: int) -> tuple:
    """J and Y of large x: waves whose height falls as 1 / sqrt(x)."""
    t = 8 / x
    p = series((tables.P0, tables.P1)[order], t * t, 0, 1)
    q = series((tables.Q0, tables.Q1)[order], t * t, 0, 1) * t
    # cos and sin of x - pi/4 or x - 3 pi/4, by the sum formula: subtracting first would lose digits of a large x.
    cos, sin = np.cos(x), np.sin(x)
    a, b = (cos + sin, sin - cos) if order == 0 else (sin - cos, -(sin + cos))
    height = np.sqrt(1 / (math.pi * x))
    return height * (p * a - q * b), height * (p * b + q * a)


def spherical_j0(x: Any) -> Any:
    """sin(x) / x, and 1 at 0."""
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(x) / np.where(x == 0, 1.0, x)))


# ---- Airy

def airy(x: Any) -> Any:
    """Ai(x)."""
    out = np.where(x <= 0, series(tables.AIRY_MIDDLE, np.clip(x, -5, 0), -5, 0), series(tables.AIRY_POSITIVE, np.clip(x, 0, 2), 0, 2))
    if (x > 2).any():
        big = np.clip(x, 2, 200)
        z = 2 / 3 * big * np.sqrt(big)
        tail = np.exp(-z) * series(tables.AIRY_LARGE, 2 / 3 * 2 ** 1.5 / z, 0, 1) / (2 * math.sqrt(math.pi) * np.sqrt(np.sqrt(big)))
        out = np.where(x > 2, tail, out)
    if (x < -5).any():
        far = np.maximum(-x, 5)
        z = 2 / 3 * far * np.sqrt(far)
        t = 2 / 3 * 5 ** 1.5 / z
        p, q = series(tables.AIRY_P, t * t, 0, 1), series(tables.AIRY_Q, t * t, 0, 1) * t
        wave = (p * np.cos(z - math.pi / 4) + q * np.sin(z - math.pi / 4)) / (math.sqrt(math.pi) * np.sqrt(np.sqrt(far)))
        out = np.where(x < -5, wave, out)
    return np.where(np.isnan(x), x, out)
