"""Exponential, Cauchy, log-normal and gamma numbers: float64 and the C library's functions, then the array's dtype."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np

from .generator import Generator
from .sampling import blocks, fill, fused, library_rounded, store, uniform_doubles
from .sampling_normal import standard_normals


def exponential(array: np.ndarray, rate: float, generator: Generator) -> np.ndarray:
    """Exponential numbers of that rate: -log(1 - u) / rate."""
    return fill(array, _exponential, -1.0 / rate, generator)


def _exponential(flat: np.ndarray, scale: float, generator: Generator) -> None:
    for out in blocks(flat):
        u = np.negative(uniform_doubles(out.size, generator))
        library_rounded(scale * np.log1p(u), lambda x: scale * math.log1p(x), u, out)


def cauchy(array: np.ndarray, median: float, sigma: float, generator: Generator) -> np.ndarray:
    """Cauchy numbers: median + sigma tan(pi (u - 1/2))."""
    return fill(array, _cauchy, float(median), float(sigma), generator)


def _cauchy(flat: np.ndarray, median: float, sigma: float, generator: Generator) -> None:
    for out in blocks(flat):
        angles = math.pi * (uniform_doubles(out.size, generator) - 0.5)
        store(out, fused(np.array(list(map(math.tan, angles.tolist()))), sigma, median))


def log_normal(array: np.ndarray, mean: float, std: float, generator: Generator) -> np.ndarray:
    """exp of normal numbers of that mean and standard deviation."""
    return fill(array, _log_normal, float(mean), float(std), generator)


def _log_normal(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    for out in blocks(flat):
        powers = fused(standard_normals(out.size, generator), std, mean)
        store(out, np.array(list(map(_exp, powers.tolist()))))


def _exp(x: float) -> float:
    # math.exp raises where the C library gives infinity.
    return math.exp(x) if x < 709.7827128933841 else math.inf


def gamma(alpha: np.ndarray, generator: Generator) -> np.ndarray:
    """Gamma numbers of those shapes and scale 1, in alpha's dtype.

    *Source*: Marsaglia and Tsang, A simple method for generating gamma variables (2000).
    """
    real = np.float64 if alpha.itemsize == 8 else np.float32
    out = np.empty(alpha.shape, alpha.dtype)
    with contextlib.closing(generator.uniforms()) as uniforms:
        numbers = [_gamma(real(a), real, uniforms, generator) for a in alpha.reshape(-1).tolist()]
    least = float(np.finfo(real).tiny)
    store(out.reshape(-1), np.maximum(np.array(numbers, real), real(least)))
    return out


# PyTorch writes these as float32, whatever the dtype.
_THIRD, _SQUEEZE = float(np.float32(1.0 / 3.0)), float(np.float32(0.0331))


def _gamma(alpha: np.floating, real: type, uniforms: Iterator[float], generator: Generator) -> float:
    scale = 1.0
    if alpha < 1:
        # A gamma number of shape alpha is one of shape alpha + 1 times u ** (1 / alpha).
        if alpha == 0:
            return 0.0
        scale = math.pow(1.0 - next(uniforms), float(real(1) / alpha))
        alpha = alpha + real(1)
    d = float(alpha - real(_THIRD))
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x, y = 0.0, 0.0
        while y <= 0:
            x = _normal(uniforms, generator)
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - next(uniforms)
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square or math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _normal(uniforms: Iterator[float], generator: Generator) -> float:
    """The next normal number of the one-by-one way, where uniform numbers are taken from an iterator."""
    cached = generator.cached_normal
    if cached is not None:
        generator.cached_normal = None
        return cached
    turn, chance = next(uniforms), next(uniforms)
    radius, angle = math.sqrt(-2.0 * math.log1p(-chance)), 2.0 * math.pi * turn
    generator.cached_normal = radius * math.sin(angle)
    return radius * math.cos(angle)
