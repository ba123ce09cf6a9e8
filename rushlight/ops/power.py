"""Powers, elementwise."""
from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes
from ..core.apply import apply
from ..core.dtypes import is_half
from ..core.fused import widened
from ..core.numbers import checked_number
from ..core.op import Op, binary, unary
from ..core.samples import one, positive_pair
from .arithmetic import conj, zero
from .choose import where, zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor


def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, elementwise. Raises RuntimeError for an integer to a negative integer power."""
    if getattr(exponent, "_array", None) is None:
        if exponent == 2 and exponent.__class__ in (int, float) and _keeps_dtype(input, exponent):
            return apply(SQUARE, input)
        if input._array.dtype.kind in "iu" and isinstance(exponent, int) and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if is_half(input._array.dtype) and not isinstance(exponent, complex):
            checked_number(exponent, input._array.dtype)
        return apply(POW_NUMBER, input, exponent)
    return apply(POW if getattr(input, "_array", None) is not None else POW_OF_NUMBER, input, exponent)


def _keeps_dtype(input: Any, exponent: Any) -> bool:
    kind = input._array.dtype.kind
    return kind in "fcV" or kind in "iu" and exponent.__class__ is int


def __rpow__(input: Tensor, other: Any) -> Tensor:
    """other ** input."""
    return pow(other, input)


def _pow(a: Any, b: Any) -> Any:
    if a.dtype.kind == "b":
        return a | ~b
    if a.dtype.kind in "iu" and b.dtype.kind == "i" and (b < 0).any():
        # As PyTorch's: 1 / a**n in integers, which is 0 but for a = 1 and a = -1.
        positive = np.power(a, np.abs(b))
        return np.where(b < 0, np.where(a == 1, 1, np.where(a == -1, positive, 0)), positive).astype(a.dtype)
    return np.power(a, b)


def _pow_number(a: Any, b: Any) -> Any:
    # PyTorch takes the quick ways for all dtypes but float16.
    quick = QUICK.get(b.item()) if b.ndim == 0 and a.dtype.kind in "fcV" and a.dtype != np.float16 else None
    return _pow(a, b) if quick is None else quick(a)


#: powers that are cheaper, and as exact, as something else
QUICK: dict[float, Callable] = {0.5: np.sqrt, 1: np.positive, 2: np.square, 3: lambda a: a * a * a,
                              -1: np.reciprocal, -2: lambda a: np.reciprocal(a * a),
                              -0.5: widened(lambda a: np.reciprocal(np.sqrt(a)))}


def _pow_x(g: Any, x: Any, y: Any) -> Any:
    # d x**y / dx = y x**(y - 1), and 0 where y is 0, also at x = 0, where the formula would give 0 * inf.
    if getattr(y, "_array", None) is None:
        return zero(g) if y == 0 else g * conj(x ** (y - 1) * y)
    return zero_where(y == 0, g * conj(y * pow(x, y - 1)))


def _pow_y(g: Any, x: Any, y: Any, out: Any) -> Any:
    # d x**y / dy = x**y log x, and 0 where x is 0 and y is not negative, where the formula would give 0 * inf.
    if getattr(x, "_array", None) is None:
        if x == 0:
            return where(_not_negative(y), 0, g * conj(out * -math.inf))
        return g * conj(out * _number_log(x, out))
    return zero_where((x == 0) & _not_negative(y), g * conj(out * x.log()))


def _not_negative(y: Any) -> Any:
    return (y.real if y.is_complex() else y) >= 0


def _number_log(x: Any, out: Any) -> Any:
    """The logarithm of a Python number, complex only where the result is."""
    if isinstance(x, complex) or x < 0 and out.is_complex():
        return cmath.log(x)
    return math.log(x) if x > 0 else math.nan


POW = Op("pow", binary, _pow, samples=positive_pair,
    grads=(_pow_x, _pow_y),
    code="x ** y", node_name="PowBackward1")
POW_NUMBER = Op("pow", binary, _pow_number, grads=(_pow_x, None), code="x ** y", node_name="PowBackward0")
POW_OF_NUMBER = POW.printed_as("PowBackward2")


def square(input: Tensor) -> Tensor:
    """input * input."""
    return apply(SQUARE, input)


def _square(x: Any) -> Any:
    if x.dtype.kind == "b":
        return x.astype(np.int64)
    return np.square(x)


SQUARE = Op("square", unary, _square, samples=one,
    grads=(lambda g, x: g * (x * 2),),
    code="x * x", holomorphic=True, node_name="PowBackward0")


def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64, or in complex128 where one of them is complex."""
    category = dtypes.result_type((input, exponent)).category
    wide = dtypes.complex128 if category == dtypes.COMPLEX else dtypes.float64
    return pow(_wide(input, wide), _wide(exponent, wide))


def float_power_(input: Tensor, exponent: Any) -> Tensor:
    """float_power written into input. Raises RuntimeError unless input has float_power's dtype."""
    found, wanted = input.dtype, dtypes.complex128 if dtypes.result_type((input, exponent)).category == dtypes.COMPLEX else dtypes.float64
    if found is not wanted:
        raise RuntimeError(f"the base given to float_power_ has dtype {found.kernel_name} but the operation's result requires dtype "
                           f"{wanted.kernel_name}")
    return input.pow_(_wide(exponent, wanted))


def _wide(value: Any, dtype: Any) -> Any:
    if hasattr(value, "_array"):
        return value.to(dtype)
    return complex(value) if dtype.is_complex else float(value)
