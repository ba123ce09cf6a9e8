"""Random tensors of any shape and dtype, for trying operations on."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import rushlight
from rushlight.core import dtypes


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor drawn uniformly from [low, high): by default [-9, 9), for integers including 9, for bool both values.

    Limits outside the dtype's range are moved to its ends. `noncontiguous` gives every second element of a longer row
    (ignored below two elements); `exclude_zero` replaces zeros by one, or by the dtype's smallest normal number.

    Raises: ValueError for empty or impossible intervals, `requires_grad` on an integer dtype, `noncontiguous` with a
    `memory_format`.
    """
    sizes: tuple[int, ...] = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    is_exact = not (dtype.is_floating_point or dtype.is_complex)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if requires_grad and is_exact:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    low, high = _interval(dtype, low, high)
    draw = _draw_integers if is_exact else _draw_floats
    if noncontiguous and math.prod(sizes) > 1:
        # Starting at the second element makes the storage offset matter too.
        result = draw((*sizes[:-1], 2 * sizes[-1]), dtype, device, low, high)[..., 1::2]
    else:
        result = draw(sizes, dtype, device, low, high)
    if memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if is_exact else rushlight.finfo(dtype).tiny
    return result.requires_grad_(requires_grad)


def _draw_integers(sizes: tuple, dtype: dtypes.dtype, device: Any, low: float, high: float) -> Any:
    # Both limits are rounded up: no value may be below `low`, and `high` itself is never drawn.
    return rushlight.randint(math.ceil(low), math.ceil(high), sizes, device=device, dtype=dtype)


def _draw_floats(sizes: tuple, dtype: dtypes.dtype, device: Any, low: float, high: float) -> Any:
    result = rushlight.empty(sizes, dtype=dtype, device=device)
    target = rushlight.view_as_real(result) if dtype.is_complex else result
    if high - low >= rushlight.finfo(dtype).max:
        # The width of the interval would overflow: draw from half of it.
        target.uniform_(low / 2, high / 2).mul_(2)
    else:
        target.uniform_(low, high)
    return result


def _interval(dtype: dtypes.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The limits to draw between, checked and moved into the dtype's range."""
    lowest, highest, default_low, default_high = _range(dtype)
    low, high = default_low if low is None else low, default_high if high is None else high
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and (dtype.is_floating_point or dtype.is_complex):
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types "
            "is deprecated since 2.1 and will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < lowest or low >= highest:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), "
            f"but {dtype} only supports [{lowest}, {highest})"
        )
    return min(max(low, lowest), highest), min(max(high, lowest), highest)


def _range(dtype: dtypes.dtype) -> tuple[float, float, float, float]:
    """What the dtype can hold, from inclusive to exclusive, and the limits that are used when none are given."""
    if dtype is dtypes.bool_:
        return 0, 2, 0, 2
    if dtype.is_floating_point or dtype.is_complex:
        limits = rushlight.finfo(dtype)
        return limits.min, limits.max, -9, 9
    limits = rushlight.iinfo(dtype)
    # One more than the largest int64 is no int64, so that value is never drawn.
    return limits.min, limits.max + (dtype is not dtypes.int64), -9, 10
