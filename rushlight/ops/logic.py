"""Truth values, bits, and questions about numbers, elementwise. No gradients."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.op import BOOL, Op, binary, opaque, promoted, two_tensors
from .choose import require_tensor

if TYPE_CHECKING:
    from ..tensor import Tensor


# Truth values: whatever is not 0 is true.

def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Whether both are nonzero."""
    return apply(LOGICAL_AND, input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """Whether one or both are nonzero."""
    return apply(LOGICAL_OR, input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """Whether exactly one is nonzero."""
    return apply(LOGICAL_XOR, input, other)


def logical_not(input: Tensor) -> Tensor:
    """Whether input is zero."""
    return apply(LOGICAL_NOT, input)


LOGICAL_AND = Op("logical_and", two_tensors, np.logical_and, dtype=BOOL, code="(x != 0) & (y != 0)")
LOGICAL_OR = Op("logical_or", two_tensors, np.logical_or, dtype=BOOL, code="(x != 0) | (y != 0)")
LOGICAL_XOR = Op("logical_xor", two_tensors, np.logical_xor, dtype=BOOL, code="(x != 0) ^ (y != 0)")
LOGICAL_NOT = Op("logical_not", opaque, lambda x: np.logical_not(x), dtype=BOOL, code="x == 0")


# Bits of integers; truth values where both are bool.

def _bits(name: str, op: Op, input: Any, other: Any) -> Any:
    for value in (input, other):
        array = getattr(value, "_array", None)
        if array is not None and array.dtype.kind not in "biu" or isinstance(value, (float, complex)):
            kernel = value.dtype.kernel_name if array is not None else "Float"
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{kernel}'")
    return apply(op, input, other)


def bitwise_and(input: Any, other: Any) -> Tensor:
    """The bits that both have."""
    return _bits("bitwise_and", BITWISE_AND, input, other)


def bitwise_or(input: Any, other: Any) -> Tensor:
    """The bits that one or both have."""
    return _bits("bitwise_or", BITWISE_OR, input, other)


def bitwise_xor(input: Any, other: Any) -> Tensor:
    """The bits that exactly one has."""
    return _bits("bitwise_xor", BITWISE_XOR, input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Every bit flipped."""
    if input._array.dtype.kind not in "biu":
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(BITWISE_NOT, input)


def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """input with its bits moved up by `other` places; 0 where all are moved out."""
    return _bits("lshift", LEFT_SHIFT, input, other)


def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """input with its bits moved down by `other` places, the sign kept."""
    return _bits("rshift", RIGHT_SHIFT, input, other)



def _shift(ufunc: Any, limit_value: Any) -> Any:
    """A shift by less than 0 or more than the width, which C leaves open, gives what PyTorch gives."""
    def forward(x: Any, y: Any) -> Any:
        width = 8 * x.dtype.itemsize
        inside = (y >= 0) & (y < width)
        if inside.all():
            return ufunc(x, y)
        return np.where(inside, ufunc(x, np.where(inside, y, y.dtype.type(0))), limit_value(x)).astype(x.dtype)
    return forward


BITWISE_AND = Op("bitwise_and", binary, np.bitwise_and)
BITWISE_OR = Op("bitwise_or", binary, np.bitwise_or)
BITWISE_XOR = Op("bitwise_xor", binary, np.bitwise_xor)
BITWISE_NOT = Op("bitwise_not", opaque, lambda x: np.invert(x))
LEFT_SHIFT = Op("bitwise_left_shift", binary, _shift(np.left_shift, lambda x: x.dtype.type(0)))
RIGHT_SHIFT = Op("bitwise_right_shift", binary, _shift(np.right_shift, lambda x: np.where(x < 0, x.dtype.type(-1) if x.dtype.kind == "i" else 0, 0)))


# Common divisors.

def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of integers, not negative; gcd(0, 0) is 0."""
    return _divisor("gcd", GCD, input, other)


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of integers, not negative."""
    return _divisor("lcm", LCM, input, other)


def _divisor(name: str, op: Op, input: Any, other: Any) -> Any:
    require_tensor(name, other)
    for value in (input, other):
        if value._array.dtype.kind not in "iu":
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{value.dtype.kernel_name}'")
    return apply(op, input, other)


GCD = Op("gcd", two_tensors, np.gcd)
LCM = Op("lcm", two_tensors, np.lcm)


# Questions about numbers.

def isnan(input: Tensor) -> Tensor:
    """Whether input is not a number."""
    return apply(ISNAN, input)


def isinf(input: Tensor) -> Tensor:
    """Whether input is infinite."""
    return apply(ISINF, input)


def isfinite(input: Tensor) -> Tensor:
    """Whether input is neither infinite nor nan."""
    return apply(ISFINITE, input)


def isposinf(input: Tensor) -> Tensor:
    """Whether input is positive infinity."""
    return apply(ISPOSINF, _ordered("isposinf", input))


def isneginf(input: Tensor) -> Tensor:
    """Whether input is negative infinity."""
    return apply(ISNEGINF, _ordered("isneginf", input))


def isreal(input: Tensor) -> Tensor:
    """Whether the imaginary part is 0."""
    return apply(ISREAL, input)


def _ordered(name: str, input: Any) -> Any:
    if input._array.dtype.kind == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    return input


ISNAN = Op("isnan", opaque, lambda x: np.isnan(x), dtype=BOOL, code="isnan(x)")
ISINF = Op("isinf", opaque, lambda x: np.isinf(x), dtype=BOOL, code="isinf(x)")
ISFINITE = Op("isfinite", opaque, lambda x: np.isfinite(x), dtype=BOOL, code="isfinite(x)")
ISPOSINF = Op("isposinf", opaque, lambda x: x == np.inf, dtype=BOOL, code="x == inf")
ISNEGINF = Op("isneginf", opaque, lambda x: x == -np.inf, dtype=BOOL, code="x == -inf")
ISREAL = Op("isreal", opaque, lambda x: x.imag == 0 if x.dtype.kind == "c" else np.ones(x.shape, np.bool_), dtype=BOOL)


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| <= atol + rtol |other|; with equal_nan also where both are nan."""
    require_tensor("isclose", other)
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{input.dtype.kernel_name} did not match {other.dtype.kernel_name}")
    if rtol < 0 or atol < 0:
        name, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    return apply(ISCLOSE, input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


def _isclose(x: Any, y: Any, *, rtol: float, atol: float, equal_nan: bool) -> Any:
    close = x == y
    if equal_nan and x.dtype.kind in "fcV":
        close = close | (np.isnan(x) & np.isnan(y))
    if rtol == 0 and atol == 0:
        return close
    if x.dtype.kind in "biuV":
        x, y = (v.astype(np.float32 if x.dtype.kind == "V" else np.float64) for v in (x, y))
    allowed = atol + np.abs(rtol * y)
    error = np.abs(x - y)
    return close | (np.isfinite(error) & (error <= allowed))


ISCLOSE = Op("isclose", two_tensors, _isclose, dtype=BOOL)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether every |input - other| <= atol + rtol |other|; a Python bool."""
    recording.reads("allclose()")
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same values; a Python bool."""
    require_tensor("equal", other)
    recording.reads("equal()")
    a, b = input._array, other._array
    if a.shape != b.shape:
        return False
    if a.dtype is not b.dtype:
        a, b = promoted((input, other))
    return bool((a == b).all())
