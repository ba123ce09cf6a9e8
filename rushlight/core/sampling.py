"""What all samplers share, and uniform numbers.

A sampler fills a NumPy array with the numbers that PyTorch's CPU kernels give: the same draws in the same order, then the same
roundings. Elements are filled in the order of their addresses, whatever the order of the indices. PyTorch's kernels multiply and add
with one rounding (fma); NumPy has no such operation, so it is put together here from exact ones.
"""
from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backends.native import is_native
from .generator import Generator

#: Elements worked on at a time: the scratch arrays stay in the cache, which is worth a factor of 2.
BLOCK = 16384


def memory_axes(array: np.ndarray) -> list[int]:
    """The axes from the largest stride to the smallest."""
    strides = array.strides
    return sorted(range(array.ndim), key=lambda axis: -strides[axis])


def fill(array: np.ndarray, draw: Callable, *arguments: Any) -> np.ndarray:
    """`array`, filled in the order of its addresses by `draw(flat, *arguments)`, which fills a contiguous array of one axis."""
    if array.flags.c_contiguous:
        draw(array.reshape(-1), *arguments)
        return array
    view = array.transpose(memory_axes(array))
    if view.flags.c_contiguous:
        draw(view.reshape(-1), *arguments)
    elif array.size:
        flat = np.empty(array.size, array.dtype)
        draw(flat, *arguments)
        view[...] = flat.reshape(view.shape)
    return array


def parts(flat: np.ndarray) -> np.ndarray:
    """The real and imaginary parts of complex numbers in turn; real numbers as they are."""
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def blocks(flat: np.ndarray, most: int = BLOCK) -> Iterator[np.ndarray]:
    """The array in pieces of at most so many elements."""
    if flat.size <= most:
        return iter((flat,) if flat.size else ())
    return (flat[start:start + most] for start in range(0, flat.size, most))


def store(out: np.ndarray, numbers: np.ndarray) -> None:
    """Round float64 numbers to out's dtype; PyTorch goes to the 16-bit types by way of float32."""
    out[...] = numbers.astype(np.float32) if out.itemsize == 2 and out.dtype.kind in "fV" else numbers


def uniform_doubles(count: int, generator: Generator) -> np.ndarray:
    """`count` doubles uniform in [0, 1), of 53 random bits each."""
    return generator.draw(count, 53) * 2.0**-53


def fused(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """x * scale + shift in float64 with one rounding.

    *Source*: Dekker's exact product and Knuth's exact sum.
    """
    if shift == 0 or not abs(scale) < 2.0**900:
        return x * scale + shift
    product = x * scale
    high, low = _halves(x)
    scale_high, scale_low = _halves(scale)
    product_error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    total = product + shift
    return total + (_sum_error(product, shift, total) + product_error)


def _halves(x: Any) -> tuple[Any, Any]:
    """x as a sum of two numbers of 26 bits, whose products are exact."""
    shifted = x * 134217729.0
    high = shifted - (shifted - x)
    return high, x - high


def _sum_error(x: np.ndarray, y: float, total: np.ndarray) -> np.ndarray:
    """x + y - total, exactly."""
    part = total - x
    return (x - (total - part)) + (y - part)


def fused_single(product: np.ndarray, shift: float) -> np.ndarray:
    """product + shift rounded once, to float32: exact products of two float32 numbers in float64, and a float32 number."""
    total = product + shift
    # Rounded to float64 the sum may land midway between two float32 numbers: then what was cut off decides.
    midway = near_midway(total, 0)
    if midway.size:
        there = total[midway]
        error = _sum_error(product[midway], shift, there)
        total[midway] = np.where(error == 0, there, np.nextafter(there, np.copysign(np.inf, error)))
    return total.astype(np.float32)


def near_midway(numbers: np.ndarray, ulps: int) -> np.ndarray:
    """Where float64 numbers lie within `ulps` of the middle between two float32 numbers, as indices."""
    below = numbers.view(np.int64) & 0x1FFFFFFF
    if ulps == 0:
        return np.flatnonzero(below == 0x10000000)
    below -= 0x10000000 - ulps
    return np.flatnonzero(below.view(np.uint64) <= 2 * ulps)


def library_rounded(numbers: np.ndarray, exact: Callable, inputs: np.ndarray, out: np.ndarray) -> None:
    """Store what `exact`, a function of the C library, gives for the inputs; `numbers` are NumPy's values, a few ulps off.

    For float32 and less NumPy's values do, save for the few so near to the middle of two float32 numbers that an ulp decides.
    """
    if out.itemsize == 8:
        numbers = np.fromiter(map(exact, inputs.tolist()), np.float64, inputs.size)
    else:
        for i in near_midway(numbers, 8).tolist():
            numbers[i] = exact(float(inputs[i]))
    store(out, numbers)


def uniform(array: np.ndarray, low: float, high: float, generator: Generator) -> np.ndarray:
    """Numbers uniform in [low, high)."""
    return fill(array, _uniform, float(low), float(high), generator)


def _uniform(flat: np.ndarray, low: float, high: float, generator: Generator) -> None:
    flat = parts(flat)
    if flat.itemsize == 8:
        _uniform_in_place(flat, low, high, 53, generator)
        return
    if (low, high) != (0.0, 1.0):
        low, high = float(np.float32(low)), float(np.float32(high))
    if flat.itemsize == 4:
        _uniform_in_place(flat, low, high, 24, generator)
        return
    for out in blocks(flat):
        single = np.empty(out.size, np.float32)
        _uniform_in_place(single, low, high, 24, generator)
        out[...] = single
        _exclude(out, low, high)


def _uniform_in_place(flat: np.ndarray, low: float, high: float, bits: int, generator: Generator) -> None:
    """Numbers k * 2**-bits * (high - low) + low, rounded once, for the next integers k of so many bits."""
    if high > 2.0**-100 and low in (0.0, -high):
        # One product then, of exact numbers: k * high, or (2k - 1) * high for symmetric bounds. It never rounds up to high.
        center = 0 if low == 0 else 1 << (bits - 1)
        scale = scalar(high * 2.0**(-bits if low == 0 else 1 - bits), flat.dtype)
        for out in blocks(flat):
            whole = generator.draw(out.size, bits)
            out[...] = whole - center if center else whole
            np.multiply(out, scale, out)
        return
    for out in blocks(flat):
        unit = generator.draw(out.size, bits) * 2.0**-bits
        if bits == 24:
            out[...] = fused_single(unit * float(np.float32(high) - np.float32(low)), low)
        else:
            out[...] = fused(unit, high - low, low)
        _exclude(out, low, high)


@functools.lru_cache(256)
def scalar(value: float, dtype: np.dtype) -> np.ndarray:
    """A number as an array without dimensions."""
    return np.array(value, dtype)


def _exclude(out: np.ndarray, low: float, high: float) -> None:
    """Put low where a number was rounded up to high."""
    reached = out == np.array(high).astype(out.dtype)
    if reached.any():
        out[reached] = low


def bernoulli(array: np.ndarray, p: float, generator: Generator) -> np.ndarray:
    """1 with probability p, else 0; two words each."""
    return fill(array, _bernoulli, math.ceil(p * 2.0**53), generator)


def _bernoulli(flat: np.ndarray, limit: int, generator: Generator) -> None:
    for out in blocks(flat):
        out[...] = generator.draw(out.size, 53) < limit


def dropout_noise(array: np.ndarray, keep: float, generator: Generator) -> np.ndarray:
    """1 / keep with probability keep, else 0, in a floating dtype."""
    return fill(array, _dropout_noise, *_limit_and_scale(keep, array.dtype), generator)


@functools.lru_cache(64)
def _limit_and_scale(keep: float, dtype: np.dtype) -> tuple[int, np.ndarray]:
    single = np.float64 if dtype.itemsize == 8 else np.float32
    return math.ceil(keep * 2.0**53), np.array(single(1) / single(keep)).astype(dtype)


def _dropout_noise(flat: np.ndarray, limit: int, scale: np.ndarray, generator: Generator) -> None:
    if is_native(flat):
        from .generator_native import dropout_noise
        generator.moved_by(functools.partial(dropout_noise, out=flat, limit=limit, scale=scale))
        return
    for out in blocks(flat):
        np.multiply(generator.draw(out.size, 53) < limit, scale, out)


def bernoulli_each(array: np.ndarray, p: np.ndarray, generator: Generator) -> np.ndarray:
    """1 with the probability that p, broadcast to the array, gives for each place; two words each if p is float64, else one."""
    p = np.broadcast_to(p, array.shape).transpose(memory_axes(array)).reshape(-1)
    return fill(array, _bernoulli_each, p, generator)


def _bernoulli_each(flat: np.ndarray, p: np.ndarray, generator: Generator) -> None:
    if p.itemsize == 8:
        flat[...] = uniform_doubles(p.size, generator) < p
    else:
        # k * 2**-24 < p, both sides times 2**24, is exact in float32.
        flat[...] = generator.draw(p.size, 24).astype(np.float32) < p.astype(np.float32) * np.float32(2.0**24)
