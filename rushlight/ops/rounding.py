"""Absolute values, signs and rounding, elementwise."""
from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes
from ..core.apply import apply
from ..core.fused import widened
from ..core.op import INT_TO_FLOAT, Op, binary, number_like, opaque, tensor_first, two_tensors, unary
from ..core.samples import between, one, pair
from .arithmetic import conj, no_derivative, zero
from .choose import require_tensor, zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor


def abs(input: Tensor) -> Tensor:
    """The absolute value; the modulus of a complex number, which is real. The gradient at 0 is 0."""
    if input._array.dtype.kind == "b":
        raise _no_kernel("abs", input)
    return apply(ABS, input)


absolute = abs


def _no_kernel(name: str, input: Any) -> Exception:
    return NotImplementedError(f"\"{name}_cpu\" not implemented for '{input.dtype.kernel_name}'")


def _abs(x: Any) -> Any:
    out = np.absolute(x)
    return out if out.__class__ is x.__class__ else np.asarray(out)


ABS = Op("abs", unary, _abs, samples=one,
    grads=(lambda g, x: g * sgn(x),),
    code="abs(x)")


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1; 0 for nan."""
    if input._array.dtype.kind == "c":
        raise RuntimeError("Unlike NumPy, torch.sign doesn't support complex numbers, use torch.sgn instead")
    return apply(SIGN, input)


def _sign(x: Any) -> Any:
    if x.dtype.kind in "iub":
        return x.copy() if x.dtype.kind == "b" else np.sign(x)
    # NumPy's sign of nan is nan.
    return np.where(np.isnan(x), x.dtype.type(0), np.sign(x))


SIGN = Op("sign", unary, _sign, samples=one,
    grads=(zero,),
    code="sign(x)")


def sgn(input: Tensor) -> Tensor:
    """The sign; of a complex number z / |z|, and 0 at 0."""
    return apply(SGN, input) if input._array.dtype.kind == "c" else apply(SGN_REAL, input)


def _sgn(x: Any) -> Any:
    size = np.absolute(x)
    return np.where(size == 0, x.dtype.type(0), x / np.where(size == 0, size.dtype.type(1), size)).astype(x.dtype)


def _sgn_gradient(g: Any, x: Any, out: Any) -> Any:
    # Only the part of g across the direction of z turns it: (g - Re(g conj(s)) s) / |z| with s = z / |z|.
    size = abs(x)
    across = (g - (g * conj(out)).real * out) / size
    return zero_where(size == 0, across)


SGN_REAL = Op("sgn", unary, _sign, samples=one, grads=(zero,), code="sign(x)")
SGN = Op("sgn", unary, _sgn, grads=(_sgn_gradient,))


def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set: true for negative numbers and -0.0."""
    if input._array.dtype.kind == "c":
        raise RuntimeError("signbit is not implemented for complex tensors.")
    return apply(SIGNBIT, input)


SIGNBIT = Op("signbit", opaque, lambda x: np.signbit(x) if x.dtype.kind in "fV" else x < 0)


def copysign(input: Tensor, other: Any) -> Tensor:
    """The magnitude of input with the sign of other."""
    return apply(COPYSIGN, input, other)


COPYSIGN = Op("copysign", tensor_first, np.copysign, dtype=INT_TO_FLOAT, samples=pair,
    grads=(lambda g, x, out: g * zero_where(x == 0, out / x),
           zero),
    code="copysign(x, y)")


# Rounding: flat between its steps, so the gradient is 0.

def _whole(forward: Any) -> Any:
    """The rounding of floats; integers are whole already."""
    return lambda x: x.copy() if x.dtype.kind in "iu" else forward(x)


def _rounding(name: str, input: Any, op: Op) -> Any:
    if input._array.dtype.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{input.dtype.kernel_name}'")
    return apply(op, input)


def floor(input: Tensor) -> Tensor:
    """The largest whole number that is not above input."""
    return _rounding("floor_vml_cpu", input, FLOOR)


FLOOR = Op("floor", unary, _whole(np.floor), grads=(zero,), samples=one, code="floor(x)")


def ceil(input: Tensor) -> Tensor:
    """The smallest whole number that is not below input."""
    return _rounding("ceil_vml_cpu", input, CEIL)


CEIL = Op("ceil", unary, _whole(np.ceil), grads=(zero,), samples=one, code="ceil(x)")


def trunc(input: Tensor) -> Tensor:
    """input without its fraction."""
    return _rounding("trunc_vml_cpu", input, TRUNC)


fix = trunc

TRUNC = Op("trunc", unary, _whole(np.trunc), grads=(zero,), samples=one, code="trunc(x)")


def frac(input: Tensor) -> Tensor:
    """The fraction, with the sign of input."""
    if input._array.dtype.kind not in "fV":
        raise NotImplementedError(f"\"frac_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(FRAC, input)


FRAC = Op("frac", unary, widened(lambda x: x - np.trunc(x)), samples=one,
    grads=(lambda g: g,),
    code="x - trunc(x)")


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """input rounded to a number of decimals (negative: to tens, hundreds ...); halves go to the even neighbour."""
    if decimals == 0:
        return _rounding("round_vml_cpu", input, ROUND)
    if input._array.dtype.kind not in "fV":
        raise NotImplementedError(f"\"round_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(ROUND_DECIMALS, input, decimals=decimals)


def _round_decimals(x: Any, *, decimals: int) -> Any:
    # As PyTorch's: scale, round, scale back, with the power of ten on the side where it is exact.
    scale = number_like(10.0 ** builtins.abs(decimals), x.dtype)
    return np.rint(x / scale) * scale if decimals < 0 else np.rint(x * scale) / scale


ROUND = Op("round", unary, _whole(np.rint), grads=(zero,), samples=one, code="round(x)")
ROUND_DECIMALS = Op("round", unary, widened(_round_decimals), samples=between((-2, 2), decimals=1), node_name="RoundBackward1",
    grads=(zero,))


def positive(input: Tensor) -> Tensor:
    """input itself."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above it, and `values` at it."""
    require_tensor("heaviside", values, "values")
    if input._array.dtype.kind == "c" or values._array.dtype.kind == "c":
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return apply(HEAVISIDE, input, values)


def _heaviside(x: Any, y: Any) -> Any:
    step = (x > 0).astype(x.dtype)
    return np.where(x == 0, y, step)


HEAVISIDE = Op("heaviside", binary, _heaviside, node_name="torch::autograd::NotImplemented", grads=(no_derivative("heaviside"),) * 2,
    code="where(x == 0, y, where(x > 0, 1, 0))")


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number that the dtype can hold, from input towards other."""
    require_tensor("nextafter", other)
    dtype = dtypes.result_type((input, other))
    if dtype.category != dtypes.FLOAT:
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{dtype.kernel_name}'")
    return apply(NEXTAFTER, input, other)


def _nextafter(x: Any, y: Any) -> Any:
    # Of equal numbers, such as the two zeros, the second: NumPy gives the first for float16.
    return np.nextafter(x, y) if x.dtype != np.float16 else np.where(x == y, y, np.nextafter(x, y))


NEXTAFTER = Op("nextafter", two_tensors, _nextafter,
    grads=(lambda g: g,
           zero))


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other."""
    return apply(LDEXP, input, other)


LDEXP = Op("ldexp", two_tensors, lambda x, y: x * np.exp2(y), dtype=INT_TO_FLOAT, samples=pair, wide_number=True,
    grads=(lambda g, y: g * 2.0 ** y,
           lambda g, out: g * (out * math.log(2))),
    code="x * exp2(y)", holomorphic=True)


def frexp(input: Tensor) -> Any:
    """Named tuple (mantissa, exponent) with input = mantissa * 2 ** exponent and the mantissa in [0.5, 1)."""
    from ..return_types import frexp as result
    if input._array.dtype.kind not in "fV":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return result(*apply(FREXP, input))


def _frexp(x: Any) -> Any:
    mantissa, exponent = np.frexp(x)
    return np.asarray(mantissa), np.asarray(exponent, np.int32)


FREXP = Op("frexp", opaque, _frexp, arguments=("x",),
    grads=(lambda g, out: g[0] / 2.0 ** out[1],))


def nan_to_num(input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """input with nan as `nan` (0), inf as `posinf` (the largest number) and -inf as `neginf` (the lowest). They pass no gradient."""
    return apply(NAN_TO_NUM, input, nan=nan, posinf=posinf, neginf=neginf)


def _nan_to_num(x: Any, *, nan: Any, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind in "biu":
        return x.copy()
    if x.dtype.kind == "c":
        parts = np.stack([x.real, x.imag], -1)
        return _nan_to_num(parts, nan=nan, posinf=posinf, neginf=neginf).view(x.dtype)[..., 0]
    top = _largest(x.dtype)
    for condition, value in ((np.isnan(x), 0.0 if nan is None else nan),
                             (x == np.inf, top if posinf is None else posinf), (x == -np.inf, -top if neginf is None else neginf)):
        x = np.where(condition, number_like(value, x.dtype), x)
    return x


def _largest(dtype: Any) -> float:
    if dtype.kind != "V":
        return float(np.finfo(dtype).max)
    import ml_dtypes
    return float(ml_dtypes.finfo(dtype).max)


NAN_TO_NUM = Op("nan_to_num", unary, _nan_to_num, samples=between((-2, 2), nan=None, posinf=None, neginf=None),
    grads=(lambda g, x: zero_where(x.isfinite().logical_not(), g),))
