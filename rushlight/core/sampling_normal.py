"""Normal numbers. PyTorch has two ways: one by one, and in blocks of sixteen for contiguous arrays of sixteen or more.

Both turn two uniform numbers into two normal ones (Box and Muller, 1958): radius * cos(angle) and radius * sin(angle). One by one, all is done
in float64 with the C library. In blocks, float32 has its own logarithm, sine and cosine: the polynomials of Moshier's Cephes library,
each step rounded to float32.
"""
from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.engine import available, is_loaded
from ..backends.native import MANY
from ..backends.parallel import parallel_for
from .generator import Generator
from .sampling import BLOCK, blocks, fill, fused, fused_single, parts, store

TWO_PI = 2.0 * math.pi
_ZERO, _MINUS_HALF, _MINUS_TWO = (np.array(n, np.float32) for n in (0, -0.5, -2))
#: Words drawn at a time, for pieces of a block each.
CHUNK = 16 * BLOCK
#: Fewer numbers than this are quicker as Python's floats than as an array.
FEW = 32
#: No normal number is so small that its product with this is not a float32 number of full precision.
TINY = 2.0**-80


def _singles(*decimals: float) -> tuple[np.ndarray, ...]:
    """The decimals rounded to float32, as 0-d float64 arrays, which NumPy takes faster than Python's floats."""
    return tuple(np.array(np.float32(d), np.float64) for d in decimals)


def normal(array: np.ndarray, mean: float, std: float, generator: Generator, contiguous: bool | None = None) -> np.ndarray:
    """Normal numbers of that mean and standard deviation; complex ones have a variance of std**2 in all.

    `contiguous` says whether the array that they are meant for is, if it is another one.
    """
    mean, std = float(mean), float(std)
    size = array.size
    if array.dtype.kind == "c":
        std, size = std / math.sqrt(2.0), 2 * size
    in_blocks = size >= 16 and (array.flags.c_contiguous if contiguous is None else contiguous)
    return fill(array, _normal_in_blocks if in_blocks else _normal_one_by_one, mean, std, generator)


def standard_normals(count: int, generator: Generator) -> np.ndarray:
    """`count` normal numbers in float64 the one-by-one way."""
    return np.array(_one_by_one(count, generator), np.float64)


def _one_by_one(count: int, generator: Generator) -> list[float]:
    """`count` normal numbers: the cached one first, then pairs; a second one left over is cached."""
    numbers = []
    if count and generator.cached_normal is not None:
        numbers.append(generator.cached_normal)
        generator.cached_normal = None
    missing = count - len(numbers)
    whole = iter(_whole_numbers(missing + missing % 2, generator))
    for turn, chance in zip(whole, whole):
        radius, angle = math.sqrt(-2.0 * math.log1p(chance * -2.0**-53)), turn * (TWO_PI * 2.0**-53)
        numbers += (radius * math.cos(angle), radius * math.sin(angle))
    if len(numbers) > count:
        generator.cached_normal = numbers.pop()
    return numbers


def _whole_numbers(count: int, generator: Generator) -> list[int]:
    """The next integers of 53 bits, of two words each."""
    if count > FEW:
        return generator.draw(count, 53).tolist()
    words = iter(generator.words(2 * count).tolist())
    return [(high & 0x1FFFFF) << 32 | low for high, low in zip(words, words)]


def _normal_one_by_one(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    flat = parts(flat)
    if flat.size < FEW and flat.itemsize != 2:
        numbers: list[Any] = _one_by_one(flat.size, generator)  # `fused` takes single numbers as well as arrays
        if mean == 0 or std == 1:  # then all is rounded but once anyhow
            flat[...] = [number * std + mean for number in numbers]
        else:
            flat[...] = [fused(number, std, mean) for number in numbers]
        return
    for out in blocks(flat):
        store(out, fused(standard_normals(out.size, generator), std, mean))


def _normal_in_blocks(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    flat = parts(flat)
    if flat.itemsize == 8:
        _by_numpy(flat, mean, std, generator, 53, _transform_double)
        return
    mean, std = _single(mean), _single(std)
    if is_loaded() or (flat.size >= MANY or is_wanted_often()) and available():
        _by_kernel(flat, mean, std, generator)
    else:
        _by_numpy(flat, mean, std, generator, 24, _transform_single)


#: How often a few numbers are made by NumPy's calls before the kernel is loaded for them: by then they have taken as long.
PATIENCE = 1000
_times = itertools.count(1)


def is_wanted_often() -> bool:
    """Whether a few numbers were wanted more often than PATIENCE, with this time, which is counted."""
    return next(_times) > PATIENCE


def _single(x: float) -> float:
    """x rounded to float32."""
    return x if x in (0.0, 1.0) else float(np.float32(x))


def _by_kernel(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    if flat.itemsize == 4:
        generator.moved_by(partial(_fill_blocks(), flat, flat.size, mean, std), flat.size + 16)
        return
    for out in (*blocks(flat[:_last(flat)], CHUNK), flat[_last(flat):]):
        numbers = np.empty(out.size, np.float32)
        generator.moved_by(partial(_fill_blocks(), numbers, out.size // 16 * 16, mean, std))
        out[...] = numbers


@cache
def _fill_blocks() -> Callable:
    """The kernel's caller: an import statement takes as long as some numbers."""
    from .sampling_normal_native import fill_blocks
    return fill_blocks


def _last(flat: np.ndarray) -> int:
    """Where the last piece begins: one of full blocks and, maybe, one that is not full."""
    return max(flat.size // 16 * 16 - BLOCK, 0)


def _by_numpy(flat: np.ndarray, mean: float, std: float, generator: Generator, bits: int, transform: Callable) -> None:
    for out in blocks(flat[:_last(flat)], CHUNK):
        transform(out, generator.draw(out.size, bits), mean, std)
    out, rest = flat[_last(flat):], flat.size % 16
    # PyTorch draws the rest too, but then redoes the last sixteen. (For the 16-bit types it does not draw it.)
    words = generator.draw(out.size - rest if out.itemsize == 2 else out.size, bits)
    if not rest:
        transform(out, words, mean, std)
        return
    words = np.concatenate((words[:out.size - rest], generator.draw(16, bits)))
    numbers = np.empty(words.size, out.dtype)
    transform(numbers, words, mean, std)
    out[:-rest] = numbers[:-16]
    out[-16:] = numbers[-16:]


def _transform_double(out: np.ndarray, words: np.ndarray, mean: float, std: float) -> None:
    first, second = (words * 2.0**-53).reshape(-1, 2, 8).transpose(1, 0, 2)
    radius = np.sqrt(-2.0 * _library(math.log, 1.0 - first))
    angle = TWO_PI * second
    pairs = out.reshape(-1, 2, 8)
    pairs[:, 0] = fused(radius * _library(math.cos, angle), std, mean)
    pairs[:, 1] = fused(radius * _library(math.sin, angle), std, mean)


def _library(function: Callable, x: np.ndarray) -> np.ndarray:
    """The C library's function of each number: NumPy's own may differ in the last bit."""
    return np.fromiter(map(function, x.reshape(-1).tolist()), np.float64, x.size).reshape(x.shape)


def _transform_single(out: np.ndarray, words: np.ndarray, mean: float, std: float) -> None:
    """Fill out with what its words give. The words are drawn in order, but this part runs on all cores."""
    words = words.reshape(-1, 2, 8)
    pairs = np.empty(words.shape, np.float32) if out.itemsize == 2 else out.reshape(-1, 2, 8)

    def fill_pairs(start: int, stop: int) -> None:
        for at in range(start, stop, BLOCK // 16):
            end = min(at + BLOCK // 16, stop)
            _fill_pairs(pairs[at:end], words[at:end], mean, std)

    parallel_for(len(words), BLOCK // 16, fill_pairs)
    if out.itemsize == 2:
        out[...] = pairs.reshape(-1)


def _fill_pairs(pairs: np.ndarray, words: np.ndarray, mean: float, std: float) -> None:
    radius = _radius(words[:, 0].astype(np.int32).reshape(-1))
    sine, cosine = _sine_and_cosine(words[:, 1].astype(np.int32).reshape(-1))
    for half, part in ((0, cosine), (1, sine)):
        np.multiply(radius, part, part)
        # A mean of 0 makes a -0 a 0, unless it is one that a product too small was rounded to, or the mean is -0 itself.
        if mean == 0 and std > TINY and math.copysign(1.0, mean) > 0:
            if std != 1:
                np.multiply(part, np.float32(std), part)
            np.add(part, _ZERO, part)
        else:
            part = fused_single(part.astype(np.float64) * std, mean)
        pairs[:, half] = part.reshape(-1, 8)


def _step(polynomial: np.ndarray, x: np.ndarray, coefficient: np.ndarray, wide: np.ndarray) -> None:
    """polynomial = polynomial * x + coefficient, rounded once to float32; x is a float64 twin and `wide` is scratch."""
    wide[...] = polynomial  # faster than a product of two dtypes
    np.multiply(wide, x, wide)
    np.add(wide, coefficient, wide)
    polynomial[...] = wide


SQRT_HALF = 0x3F3504F3  # the bits of the float32 number sqrt(1/2)
LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
       -2.4999993993e-1, 3.3333331174e-1)
LOG_2_LOW, LOG_2_HIGH = -2.12194440e-4, 0.693359375
_SQRT_HALF, _MANTISSA, _EXPONENT_AT, _24 = (np.array(n, np.int32) for n in (SQRT_HALF, 0x7FFFFF, 23, 24))
_2_24, _ONE = np.array(2**24, np.int32), np.array(1, np.float32)
_LOG = _singles(*LOG)
_LOG_2_LOW, _LOG_2_HIGH = np.array(LOG_2_LOW, np.float32), np.array(LOG_2_HIGH, np.float32)


def _radius(k: np.ndarray) -> np.ndarray:
    """sqrt(-2 log(1 - k * 2**-24)) in float32, for 24-bit integers k.

    With 1 - k * 2**-24 = (1 + x) * 2**e and sqrt(1/2) <= 1 + x < sqrt(2):  log = e log 2 + x - x**2 / 2 + x**3 polynomial(x).
    """
    # 2**24 - k is exact in float32; its exponent is 24 too high.
    bits = np.subtract(_2_24, k).astype(np.float32).view(np.int32)
    np.subtract(bits, _SQRT_HALF, bits)
    exponent = np.right_shift(bits, _EXPONENT_AT)
    exponent = np.subtract(exponent, _24, exponent).astype(np.float32)
    np.bitwise_and(bits, _MANTISSA, bits)
    np.add(bits, _SQRT_HALF, bits)
    x = np.subtract(bits.view(np.float32), _ONE)
    z, x_wide = x * x, x.astype(np.float64)
    wide = x_wide * _LOG[0]
    np.add(wide, _LOG[1], wide)
    log = wide.astype(np.float32)
    for coefficient in _LOG[2:]:
        _step(log, x_wide, coefficient, wide)
    np.multiply(log, x, log)
    _step(log, z.astype(np.float64), exponent * _LOG_2_LOW, wide)
    np.multiply(z, _MINUS_HALF, z)
    np.add(log, z, log)
    np.add(x, log, log)
    np.add(log, np.multiply(exponent, _LOG_2_HIGH, exponent), log)
    np.multiply(log, _MINUS_TWO, log)
    return np.sqrt(log, log)


TURN = float(np.array(0x40C90FDB, np.int32).view(np.float32)) * 2.0**-24  # 2 pi, for integers of 24 bits
FOUR_OVER_PI = 1.27323954473516
# pi/4 as the sum of three numbers, so that multiples of it are subtracted without loss.
PI_4_HIGH, PI_4_MIDDLE, PI_4_LOW = 0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8
COSINE = 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2
SINE = -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1
_TURN, _4_OVER_PI, _PI_4_HIGH, _PI_4_MIDDLE = (np.array(n, np.float32) for n in (TURN, FOUR_OVER_PI, PI_4_HIGH, PI_4_MIDDLE))
_1, _EVEN = np.array(1, np.int32), np.array(~1, np.int32)
(_MINUS_PI_4_LOW,), _COSINE, _SINE = _singles(-PI_4_LOW), _singles(*COSINE), _singles(*SINE)


def _sine_and_cosine(k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sine and the cosine of 2 pi k * 2**-24 in float32, for 24-bit integers k."""
    angle = k.astype(np.float32)
    np.multiply(angle, _TURN, angle)
    # The nearest even multiple of pi/4 is taken off.
    octant = np.multiply(angle, _4_OVER_PI).astype(np.int32)
    np.bitwise_and(np.add(octant, _1, octant), _EVEN, octant)
    multiple = octant.astype(np.float32)
    part = np.multiply(multiple, _PI_4_HIGH)
    np.subtract(angle, part, angle)
    np.subtract(angle, np.multiply(multiple, _PI_4_MIDDLE, part), angle)
    wide = np.empty(k.size)
    _step(multiple, _MINUS_PI_4_LOW, angle, wide)
    angle, angle_wide = multiple, multiple.astype(np.float64)
    z = np.multiply(angle, angle)
    z_wide = z.astype(np.float64)
    sine = _polynomial(_SINE, z, z_wide, wide)
    _step(sine, angle_wide, angle_wide, wide)
    cosine = _polynomial(_COSINE, z, z_wide, wide)
    # 1 - z/2 + z**2 polynomial(z), where the last product and -z/2 are one rounding.
    _step(cosine, z_wide, np.multiply(z_wide, _MINUS_HALF, angle_wide), wide)
    np.add(cosine, _ONE, cosine)
    return _turned(sine, cosine, octant)


def _polynomial(coefficients: tuple, z: np.ndarray, z_wide: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """z * (c0 z**2 + c1 z + c2), each step rounded to float32."""
    np.multiply(z_wide, coefficients[0], wide)
    np.add(wide, coefficients[1], wide)
    value = wide.astype(np.float32)
    _step(value, z_wide, coefficients[2], wide)
    return np.multiply(value, z, value)


_SIGN, _SWAPS_AT, _SIGN_AT, _31, _2 = (np.array(n, np.int32) for n in (-2**31, 30, 29, 31, 2))


def _turned(sine: np.ndarray, cosine: np.ndarray, octant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of an angle that is `octant` eighths of a turn further; octant is even."""
    sine, cosine = sine.view(np.int32), cosine.view(np.int32)
    # Swap the two where octant & 2, without a branch: x ^ (x ^ y) = y.
    swap = np.bitwise_xor(sine, cosine)
    mask = np.left_shift(octant, _SWAPS_AT)
    np.right_shift(mask, _31, mask)  # all bits set where octant & 2
    np.bitwise_and(swap, mask, swap)
    np.bitwise_xor(sine, swap, sine)
    np.bitwise_xor(cosine, swap, cosine)
    # The sign bit: of the sine where octant & 4, of the cosine where (octant + 2) & 4.
    np.bitwise_and(np.left_shift(octant, _SIGN_AT, mask), _SIGN, mask)
    np.bitwise_xor(sine, mask, sine)
    np.left_shift(np.add(octant, _2, mask), _SIGN_AT, mask)
    np.bitwise_xor(cosine, np.bitwise_and(mask, _SIGN, mask), cosine)
    return sine.view(np.float32), cosine.view(np.float32)
