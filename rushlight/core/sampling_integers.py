"""Random integers and permutations. PyTorch takes plain remainders, and never throws a word away."""
from __future__ import annotations

import numpy as np

from . import dtypes
from .dtypes import of_numpy
from .generator import Generator
from .sampling import blocks, fill, scalar

#: How many integers `random_()` draws from without bounds, for each dtype: 0 up to its largest, or as many as a float counts exactly.
COUNT = {"bool": 2, "uint8": 2**8, "int8": 2**7, "int16": 2**15, "int32": 2**31, "int64": 2**63,
         "float16": 2**11 + 1, "bfloat16": 2**8 + 1, "float32": 2**24 + 1, "float64": 2**53 + 1}
#: Of so few words NumPy's remainder, which is slow, takes less time than a call more.
SMALL, WORD = 64, np.dtype(np.uint64)
#: The binary digits of a float's significand.
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
#: The largest finite number of a float type.
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}
#: The least and the largest number of each type.
RANGES = {"bool": (0, 1), **{f"{sign}int{bits}": (0, 2**bits - 1) if sign else (-2**(bits - 1), 2**(bits - 1) - 1)
                             for bits in (8, 16, 32, 64) for sign in ("", "u")},
          **{name: (-largest, largest) for name, largest in LARGEST.items()}}


def integers(array: np.ndarray, low: int, high: int, generator: Generator) -> np.ndarray:
    """Integers from low up to but without high, which `checked_bounds` gave."""
    count = high - low
    return fill(array, _integers, low, count, 1 if count < 2**28 else 2, generator)


def any_integers(array: np.ndarray, generator: Generator) -> np.ndarray:
    """Integers from 0 up to the largest that the dtype holds; for a float type, up to where it starts to leave some out."""
    name = of_numpy(array.dtype).name
    if not array.size:
        return array
    if name not in COUNT:
        raise NotImplementedError(f"\"random_kernel_cpu\" not implemented for '{of_numpy(array.dtype).kernel_name}'")
    return fill(array, _integers, 0, COUNT[name], 2 if array.itemsize == 8 else 1, generator)


def all_integers(array: np.ndarray, generator: Generator) -> np.ndarray:
    """Integers from all that have 64 bits."""
    d = of_numpy(array.dtype)
    if not array.size:
        return array
    if d.category == 0 or d.is_complex or d.name in ("float16", "uint16", "uint32", "uint64"):
        raise NotImplementedError(f"\"random_full_64_bits_range_kernel_cpu\" not implemented for '{d.kernel_name}'")
    if d.name not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16")
    return fill(array, _integers, 0, 2**64, 2, generator)


def _integers(flat: np.ndarray, low: int, count: int, words: int, generator: Generator) -> None:
    for out in blocks(flat):
        numbers = _remainders(out.size, count, words, generator)
        if low or numbers.itemsize == 8:
            numbers = numbers.astype(np.int64, copy=False)
            numbers += low
        out[...] = numbers.astype(np.float32) if out.dtype.kind in "fV" and out.itemsize == 2 else numbers


def _remainders(size: int, count: int, words: int, generator: Generator) -> np.ndarray:
    """The next draws' remainders by a count: whole numbers of 32 or 64 bits, in an array of their own."""
    bits = count.bit_length() - 1
    # The low bits of a draw are its remainder by a power of two.
    if count == 1 << bits and (bits > 32) == (words == 2) and bits:
        return generator.draw(size, bits)
    if words == 1 and size <= SMALL:
        return np.remainder(generator.words(size), scalar(count, WORD)).view(np.int64)
    numbers = generator.draw(size, 32 * words)
    divisor = np.array(count, numbers.dtype)
    # NumPy vectorises the quotient by a scalar, but not the remainder.
    quotient = np.floor_divide(numbers, divisor)
    np.multiply(quotient, divisor, quotient)
    return np.subtract(numbers, quotient, numbers)


def checked_bounds(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The bounds of `random_(low, high)` for that dtype; floats cannot tell all integers, so theirs may move inwards.

    Raises RuntimeError if there is nothing between them or the dtype does not reach that far.
    """
    d = of_numpy(dtype)
    if d.is_complex:
        which = "random_from_to_impl" if high is None else "check_random_bounds"
        raise RuntimeError(f"{which} handles only integral, floating-point and boolean types")
    if high is None:
        return _checked_open_bounds(d, low)
    _check_order(low, high)
    if d is dtypes.int64:  # by far the commonest; a bound is an int of 64 bits
        return low, high
    if d.is_floating_point:
        low, high = _moved_inwards(low, +1, d), _moved_inwards(high, -1, d)
        _check_order(low, high, " casted to dtype")
    _check_bound("from", low, d)
    _check_bound("to - 1", high - 1, d)
    return low, high


def _checked_open_bounds(d: dtypes.dtype, low: int) -> tuple[int, int]:
    """The bounds of `random_(low, None)`: up to the largest integer that `random_()` gives."""
    high = COUNT[d.name] if d.name in COUNT else 2**(8 * d.itemsize)
    if d.is_floating_point:
        low = _moved_inwards(low, +1, d)
        if low >= high - 1:
            raise RuntimeError("random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                               f"but got from={low} > to_inc={high - 1}")
    _check_bound("from", low, d)
    if d.name == "uint64":  # PyTorch cannot say its largest number in 64 signed bits
        raise RuntimeError("to - 1 is out of bounds for long unsigned int")
    return low, high


def _check_order(low: int, high: int, how: str = "") -> None:
    if low >= high:
        raise RuntimeError(f"random_ expects 'from'{how} to be less than 'to'{how}, but got from={low} >= to={high}")


def _moved_inwards(bound: int, inwards: int, d: dtypes.dtype) -> int:
    """The bound, or the next number of that float type if rounding would put what lies inside the bound outside."""
    inside = min(bound + inwards, 2**63 - 1)
    with np.errstate(over="ignore"):
        number = float(np.array(inside, np.int64).astype(np.float32 if d.itemsize == 2 else d.numpy).astype(d.numpy))
    # C makes what int64 cannot hold the most negative one.
    rounded = int(number) if abs(number) < 2.0**63 else -2**63
    if (rounded >= bound) if inwards > 0 else (rounded < bound):
        return bound
    spacing = 1 << (abs(inside).bit_length() - DIGITS[d.name])
    return rounded + inwards * spacing


def _check_bound(which: str, value: int, d: dtypes.dtype) -> None:
    low, high = RANGES[d.name]
    if not low <= value <= high:
        raise RuntimeError(f"{which} is out of bounds for {d.c_name}")
    if d.is_floating_point and abs(value) > 2**DIGITS[d.name]:
        import warnings
        digits = DIGITS[d.name]
        warnings.warn(f"{which} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {d.c_name} can support "
                      "discrete uniform distribution only within this range.", UserWarning, stacklevel=4)


#: Above this PyTorch shuffles the other way round, because the remainder of one word would no longer be fair.
HUGE = (2**32 - 1) // 20
# Measured: below this a plain loop is faster.
_LOOP_BELOW = 700


def permutation(n: int, generator: Generator) -> np.ndarray:
    """0 .. n-1 in random order (Fisher and Yates), as int64."""
    if n < 2:
        return np.arange(n, dtype=np.int64)
    if n >= HUGE:
        return _huge_permutation(n, generator)
    places = np.arange(n - 1, dtype=np.uint32)
    # Step i swaps entry i with entry target[i], which is i or a later one.
    targets = places + generator.draw(n - 1, 32).astype(np.uint32, copy=False) % np.arange(n, 1, -1, dtype=np.uint32)
    return _swapped(targets.tolist()) if n < _LOOP_BELOW else _swapped_at_once(targets)


def _swapped(targets: list[int]) -> np.ndarray:
    entries = list(range(len(targets) + 1))
    for i, target in enumerate(targets):
        entries[i], entries[target] = entries[target], entries[i]
    return np.array(entries, np.int64)


def _swapped_at_once(targets: np.ndarray) -> np.ndarray:
    """What the swaps give, without a loop over them: each entry's way is traced back, all ways at once.

    Step i puts into entry i what lies in entry target[i]. That was put there by the last step before i with the same target, which took it
    from its own entry; so let origin[i] be what lies in entry i just before step i: origin[i] = origin[last step j < i with target[j] = i],
    or i if there is none.
    """
    n = len(targets) + 1
    steps = np.arange(n, dtype=np.int64)
    targets = targets.astype(np.int64)
    previous = _previous_equal(targets)
    origin = steps.copy()
    origin[targets] = steps[:-1]  # the last of several wins
    still = np.flatnonzero(targets == steps[:-1])
    origin[still] = previous[still]
    while True:
        further = origin[origin]
        if np.array_equal(further, origin):
            break
        origin = further
    result = np.empty(n, np.int64)
    np.copyto(result[:-1], np.where(previous == targets, targets, origin[previous]))
    result[-1] = origin[-1]
    return result


def _previous_equal(targets: np.ndarray) -> np.ndarray:
    """For each step the last one before it with the same target, or the target itself if there is none."""
    count = len(targets)
    bits = np.int64(count.bit_length())
    ordered = np.sort(targets << bits | np.arange(count))
    step, target = ordered & ((1 << bits) - 1), ordered >> bits
    previous = target.copy()
    repeated = np.flatnonzero(target[1:] == target[:-1]) + 1
    previous[repeated] = step[repeated - 1]
    result = np.empty(count, np.int64)
    result[step] = previous
    return result


def _huge_permutation(n: int, generator: Generator) -> np.ndarray:
    """The inside-out shuffle, with two words a step."""
    result = np.empty(n, np.int64)
    for start in range(0, n, 2**20):
        stop = min(start + 2**20, n)
        places = generator.draw(stop - start, 64) % np.arange(start + 1, stop + 1, dtype=np.uint64)
        for i, place in zip(range(start, stop), places.tolist()):
            result[i] = i
            result[i] = result[place]
            result[place] = i
    return result
