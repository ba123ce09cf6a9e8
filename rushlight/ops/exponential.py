"""Exponentials, logarithms, roots and what is made of them, elementwise. Integers give the default float."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.fused import fused
from ..core.numbers import checked_number
from ..core.op import INT_TO_FLOAT, Op, binary, two_tensors, unary
from ..core.samples import between, one, pair, positive, positive_pair
from .choose import where, zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor

LN2, LN10 = math.log(2), math.log(10)


def exp(input: Tensor) -> Tensor:
    """e ** input."""
    return apply(EXP, input)


EXP = Op("exp", unary, np.exp, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, out: g * out,),
    code="exp(x)", holomorphic=True)


def exp2(input: Tensor) -> Tensor:
    """2 ** input."""
    return apply(EXP2, input)


EXP2 = Op("exp2", unary, np.exp2, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, out: g * (out * LN2),),
    code="exp2(x)", holomorphic=True)


def expm1(input: Tensor) -> Tensor:
    """e ** input - 1, exact also near 0."""
    return apply(EXPM1, input)


EXPM1 = Op("expm1", unary, np.expm1, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, out: g * (out + 1),),
    code="expm1(x)", holomorphic=True)


def log(input: Tensor) -> Tensor:
    """The natural logarithm; nan below 0, -inf at 0."""
    return apply(LOG, input)


LOG = Op("log", unary, np.log, dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g / x,),
    code="log(x)", holomorphic=True)


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return apply(LOG2, input)


LOG2 = Op("log2", unary, np.log2, dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g / (x * LN2),),
    code="log2(x)", holomorphic=True)


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return apply(LOG10, input)


LOG10 = Op("log10", unary, np.log10, dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g / (x * LN10),),
    code="log10(x)", holomorphic=True)


def log1p(input: Tensor) -> Tensor:
    """log(1 + input), exact also near 0."""
    return apply(LOG1P, input)


LOG1P = Op("log1p", unary, np.log1p, dtype=INT_TO_FLOAT, samples=positive, node_name="Log1PBackward0",
    grads=(lambda g, x: g / (x + 1),),
    code="log1p(x)", holomorphic=True)


def sqrt(input: Tensor) -> Tensor:
    """The square root; nan below 0."""
    return apply(SQRT, input)


SQRT = Op("sqrt", unary, np.sqrt, dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, out: g / (out * 2),),
    code="sqrt(x)", holomorphic=True)


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""
    return apply(RSQRT, input)


RSQRT = Op("rsqrt", unary, fused("rsqrt(x)"), dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, out: g * (out * out * out) * -0.5,),
    code="rsqrt(x)", holomorphic=True)


def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return apply(RECIPROCAL, input)


RECIPROCAL = Op("reciprocal", unary, np.reciprocal, dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, out: -g * (out * out),),
    code="1 / x", holomorphic=True)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    return apply(SIGMOID, input)


SIGMOID = Op("sigmoid", unary, fused("sigmoid(x)"), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, out: apply(SIGMOID_BACKWARD, g, out),),
    code="sigmoid(x)", holomorphic=True)

#: g times the derivative of sigmoid, from its result y: 1 - y and y are both exact where the other is small
SIGMOID_BACKWARD = Op("sigmoid_backward", binary, fused("x * (1 - y) * y", ("x", "y")), samples=pair, node_name="SigmoidBackwardBackward0",
    grads=(lambda g, y: apply(SIGMOID_BACKWARD, g, y),
           lambda g, x, y: g * (x * (1 - y * 2))),
    code="x * (1 - y) * y", holomorphic=True)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), the inverse of sigmoid. With eps, input is first clamped to [eps, 1 - eps]."""
    if input._array.dtype.kind == "c":
        raise NotImplementedError(f"\"logit_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(LOGIT, input, eps=eps)


def _logit(x: Any, *, eps: float | None) -> Any:
    one = np.ones((), x.dtype)
    if eps is not None:
        low = checked_number(eps, x.dtype)
        high = one - low
        x = np.where(x < low, low, np.where(x > high, high, x))
    return np.log(x / (one - x))


def _logit_gradient(g: Any, x: Any, eps: float | None) -> Any:
    # Outside [eps, 1 - eps] the clamp is flat; outside [0, 1] the logarithm is not a number.
    slope = g / (x * (1 - x))
    if eps is None:
        return where((x >= 0) & (x <= 1), slope, math.nan)
    return zero_where((x < eps) | (x > 1 - eps), slope)


LOGIT = Op("logit", unary, _logit, dtype=INT_TO_FLOAT, samples=between((0.1, 0.9), eps=None),
    grads=(_logit_gradient,))


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other)), without overflow."""
    return apply(LOGADDEXP, input, other)


def logaddexp_arrays(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) on arrays."""
    if x.dtype.kind != "c":
        return np.logaddexp(x, y)
    # The number with the larger real part goes in front: the exponential of the difference cannot overflow.
    big, small = np.where(x.real >= y.real, x, y), np.where(x.real >= y.real, y, x)
    return np.where(big == small, big + LN2, big + np.log1p(np.exp(small - big))).astype(x.dtype)


LOGADDEXP = Op("logaddexp", two_tensors, logaddexp_arrays, samples=pair,
    grads=(lambda g, x, y: g / ((y - x).exp() + 1),
           lambda g, x, y: g / ((x - y).exp() + 1)),
    code="where(x == y, x + 0.6931471805599453, maximum(x, y) + log1p(exp(-abs(x - y))))", holomorphic=True)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2 ** input + 2 ** other), without overflow."""
    return apply(LOGADDEXP2, input, other)


LOGADDEXP2 = Op("logaddexp2", two_tensors, np.logaddexp2, samples=pair,
    grads=(lambda g, x, y: g / ((y - x).exp2() + 1),
           lambda g, x, y: g / ((x - y).exp2() + 1)))


def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), and 0 where input is 0, unless other is nan."""
    return apply(XLOGY if hasattr(input, "_array") and hasattr(other, "_array") else
                 XLOGY_OF_NUMBER if hasattr(other, "_array") else XLOGY_NUMBER, input, other)


def _xlogy(x: Any, y: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        out = x * np.log(y)
    return np.where((x == 0) & ~np.isnan(y), out.dtype.type(0), out)


XLOGY = Op("xlogy", binary, _xlogy, dtype=INT_TO_FLOAT, samples=positive_pair,
    grads=(lambda g, x, y: zero_where((x == 0) & (y <= 0), xlogy(g, y)),
           lambda g, x, y: g * x / y),
    code="where((x == 0) & ~isnan(y), 0, x * log(y))")
XLOGY_OF_NUMBER = XLOGY.printed_as("XlogyBackward1")
XLOGY_NUMBER = XLOGY.printed_as("XlogyBackward2")
