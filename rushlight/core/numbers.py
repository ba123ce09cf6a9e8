"""Python numbers as elements of a dtype."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

#: C's names of the types, as PyTorch's message has them
C_NAMES = {"bool": "bool", "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t", "uint16": "uint16_t",
           "uint32": "uint32_t", "uint64": "uint64_t", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
           "float64": "double", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}
HALF, SINGLE, DOUBLE = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
LARGEST_SINGLE = 3.4028234663852886e38
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": LARGEST_SINGLE, "complex64": LARGEST_SINGLE}


def converted(array: Any, dtype: np.dtype, order: Any = "K") -> Any:
    """The array in another dtype. A double becomes float16 by way of float32, as in PyTorch: it is rounded twice."""
    if dtype is HALF and array.dtype == DOUBLE:
        array = array.astype(SINGLE)
    return array.astype(dtype, order)


def check_width(value: Any) -> None:
    """Raise PyTorch's OverflowError for an integer that neither int64 nor uint64 holds."""
    if value.__class__ is int and not -2**63 <= value < 2**64:
        raise OverflowError("int too big to convert" if value > 0 else "can't convert negative int to unsigned")


def fits(value: Any, dtype: np.dtype) -> bool:
    """Whether NumPy makes an element of a number as PyTorch does: so it is with 0 and 1, and with what a float type can hold."""
    if value.__class__ is float:
        return dtype is SINGLE and not abs(value) > LARGEST_SINGLE or dtype is DOUBLE
    return value.__class__ is int and (value == 0 or value == 1)


def checked_number(value: Any, dtype: np.dtype) -> Any:
    """A 0-d array of that dtype with the value: cut to an integer, or wrapped if negative in an unsigned one.

    Raises RuntimeError where the dtype cannot hold it.
    """
    if fits(value, dtype):
        return np.array(value, dtype)
    kind = dtype.kind
    check_width(value)
    if kind == "b":
        return np.array(bool(value))
    if kind in "iu":
        return np.array(whole(value, dtype)).astype(dtype)
    if isinstance(value, complex) and kind != "c":
        if value.imag:
            raise overflow(dtype)
        value = value.real
    largest = LARGEST.get(dtype.name)
    if largest is not None and abs(value) > largest and math.isfinite(abs(value)):
        raise overflow(dtype)
    return converted(np.array(value), dtype)


def whole(value: Any, dtype: np.dtype) -> int:
    """The integer part of a number as an integer dtype holds it."""
    if isinstance(value, complex):
        if value.imag:
            raise overflow(dtype)
        value = value.real
    if isinstance(value, float) and not math.isfinite(value):
        raise overflow(dtype)
    number = int(value)
    limits = np.iinfo(dtype)
    # An unsigned type takes a negative number for what is counted down from its largest.
    lowest = -limits.max if limits.min == 0 else limits.min
    if not lowest <= number <= limits.max:
        raise overflow(dtype)
    return number % (limits.max + 1) if limits.min == 0 else number


def overflow(dtype: np.dtype) -> RuntimeError:
    """PyTorch's error for a number that does not fit."""
    return RuntimeError(f"value cannot be converted to type {C_NAMES[dtype.name]} without overflow")
