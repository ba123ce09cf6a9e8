"""Geometric, Poisson, binomial and multinomial numbers, and the noise of rrelu."""
from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import numpy as np

from .generator import Generator
from .memory import dense
from .sampling import blocks, fill, uniform_doubles
from .sampling_continuous import exponential


def geometric(array: np.ndarray, p: float, generator: Generator) -> np.ndarray:
    """The number of the first success among trials that succeed with probability p: ceil(log(u) / log(1 - p))."""
    return fill(array, _geometric, math.log1p(-p), generator)


def _geometric(flat: np.ndarray, log_failure: float, generator: Generator) -> None:
    for out in blocks(flat):
        u = uniform_doubles(out.size, generator)
        with np.errstate(divide="ignore"):
            trials = np.log(u) / log_failure
        # NumPy's logarithm is an ulp off at times, which matters next to an integer.
        for i in np.flatnonzero(np.abs(trials - np.rint(trials)) < 1e-9 * (1.0 + trials)).tolist():
            if u[i]:
                trials[i] = math.log(u[i]) / log_failure
        np.ceil(trials, trials)
        out[...] = trials.astype(np.float32) if out.itemsize == 2 and out.dtype.kind in "fV" else trials


def _each(out: np.ndarray, inputs: tuple[np.ndarray, ...], sample: Callable, generator: Generator) -> np.ndarray:
    """`out`, filled with sample(*inputs, uniforms) for one element after the other."""
    columns = [np.broadcast_to(x, out.shape).reshape(-1).astype(np.float64).tolist() for x in inputs]
    with contextlib.closing(generator.uniforms()) as uniforms:
        numbers = [sample(*row, uniforms) for row in zip(*columns)]
    out[...] = np.array(numbers, np.float64).reshape(out.shape)
    return out


def poisson(rates: np.ndarray, generator: Generator) -> np.ndarray:
    """Poisson numbers of those rates, in their dtype."""
    return _each(np.empty(rates.shape, rates.dtype), (rates,), _poisson, generator)


def _poisson(rate: float, uniforms: Iterator[float]) -> float:
    if rate == 0:
        return 0.0
    return _poisson_rejection(rate, uniforms) if rate >= 10 else _poisson_product(rate, uniforms)


def _poisson_product(rate: float, uniforms: Iterator[float]) -> float:
    """How many uniform numbers can be multiplied before the product falls to exp(-rate)."""
    end = math.exp(-rate)
    count, product = 0.0, next(uniforms)
    while product > end:
        count += 1.0
        product *= next(uniforms)
    return count


def _poisson_rejection(rate: float, uniforms: Iterator[float]) -> float:
    """*Source*: Hörmann, The transformed rejection method for generating Poisson random variables (1993), algorithm PTRS."""
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_limit = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = next(uniforms) - 0.5, next(uniforms)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_limit:
            return float(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= -rate + k * log_rate - math.lgamma(k + 1.0):
            return float(k)


def _log(x: float) -> float:
    # math.log raises where the C library gives minus infinity.
    return math.log(x) if x else -math.inf


def binomial(counts: np.ndarray, probabilities: np.ndarray, generator: Generator) -> np.ndarray:
    """How many of `counts` trials succeed, each with its probability, in counts' dtype."""
    return _each(np.empty(counts.shape, counts.dtype), (counts, probabilities), _binomial, generator)


def _binomial(count: float, p: float, uniforms: Iterator[float]) -> float:
    if count <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return count
    if not (p == p and count == count):
        return math.nan
    rare = min(p, 1.0 - p) if p > 0.5 else p
    number = (_binomial_rejection if count * rare >= 10 else _binomial_waiting)(count, rare, uniforms)
    return number if p <= 0.5 else count - number


def _binomial_waiting(count: float, p: float, uniforms: Iterator[float]) -> float:
    """How many waiting times for a success fit into `count` trials."""
    log_failure = math.log1p(-p)
    trials, successes = 0.0, -1.0
    while trials <= count:
        successes += 1.0
        trials += _ceil(_log(next(uniforms)) / log_failure)
    return successes


def _ceil(x: float) -> float:
    return float(math.ceil(x)) if x < math.inf else x


def _binomial_rejection(count: float, p: float, uniforms: Iterator[float]) -> float:
    """*Source*: Hörmann, The generation of binomial random variates (1993), algorithm BTRS."""
    spread = math.sqrt(count * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = count * p + 0.5
    v_limit = 0.92 - 4.2 / b
    odds = p / (1.0 - p)
    alpha = (2.83 + 5.1 / b) * spread
    mode = math.floor((count + 1.0) * p)
    while True:
        u, v = next(uniforms) - 0.5, next(uniforms)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + c)
        if us >= 0.07 and v <= v_limit:
            return float(k)
        if k < 0 or k > count:
            continue
        bound = ((mode + 0.5) * math.log((mode + 1.0) / (odds * (count - mode + 1.0)))
                 + (count + 1.0) * math.log((count - mode + 1.0) / (count - k + 1.0))
                 + (k + 0.5) * math.log(odds * (count - k + 1.0) / (k + 1.0))
                 + _stirling_tail(mode) + _stirling_tail(count - mode) - _stirling_tail(k) - _stirling_tail(count - k))
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return float(k)


#: What Stirling's formula lacks of log(k!), for k from 0 to 9.
_STIRLING_TAILS = (0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
                   0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287)


def _stirling_tail(k: float) -> float:
    if k <= 9:
        return _STIRLING_TAILS[int(k)]
    square = (k + 1.0) * (k + 1.0)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1.0)


def multinomial(weights: np.ndarray, count: int, replacement: bool, generator: Generator) -> np.ndarray:
    """`count` indices for each row of weights, drawn with probabilities in proportion to them, as int64.

    Raises RuntimeError if a row holds negative or infinite weights, or nothing but zeros.
    """
    if replacement and count > 1:
        return _with_replacement(weights, count, generator)
    _check_weights(weights)
    # The largest of weight / exponential number wins with the right probability; the next ones are as if drawn without it.
    # The numbers fall in memory's order, which for weights that repeat in memory is that of the rows.
    waiting = exponential(np.empty_like(weights, order="K" if dense(weights) else "C"), 1.0, generator)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.divide(weights, waiting, waiting)
    if count == 1:
        return np.argmax(scores, axis=-1, keepdims=True)
    return np.argsort(-scores, axis=-1, kind="stable")[..., :count]


def _check_weights(weights: np.ndarray) -> None:
    least, most = (weights.min(), weights.max()) if weights.size else (0, 0)
    if not (least >= 0 and most < math.inf):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not (weights.sum(axis=-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


def _with_replacement(weights: np.ndarray, count: int, generator: Generator) -> np.ndarray:
    real = np.float64 if weights.itemsize == 8 else np.float32
    rows = weights.reshape(-1, weights.shape[-1]).astype(real)
    result = np.empty((len(rows), count), np.int64)
    for row, indices in zip(rows, result):
        indices[:] = np.searchsorted(_cumulative(row), uniform_doubles(count, generator), side="left")
    return result.reshape(*weights.shape[:-1], count)


def _cumulative(row: np.ndarray) -> np.ndarray:
    """The probabilities of an index up to each, in float64."""
    if not (row >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(row).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    sums = np.cumsum(row)
    if not sums[-1] > 0:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums /= sums[-1]
    sums[-1] = 1
    return sums.astype(np.float64)


def rrelu_noise(x: np.ndarray, low: float, high: float, generator: Generator) -> np.ndarray:
    """The slopes for x: uniform in [low, high] where x <= 0, else 1; only the former draw."""
    noise = np.ones(x.shape, x.dtype)
    low, high = (float(np.array(bound).astype(x.dtype)) for bound in (low, high))
    flat = noise.reshape(-1)
    negative = np.flatnonzero(x.reshape(-1) <= 0)
    slopes = uniform_doubles(negative.size, generator) * (high - low) + low
    flat[negative] = slopes.astype(np.float32) if x.itemsize == 2 else slopes
    return noise
