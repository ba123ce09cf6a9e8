"""Trigonometric and hyperbolic functions, elementwise. Angles are in radians; integers give the default float."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.fused import fused, widened
from ..core.op import INT_TO_FLOAT, Op, binary, two_tensors, unary
from ..core.samples import between, one, pair
from .choose import require_real, zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor


def sin(input: Tensor) -> Tensor:
    """The sine."""
    return apply(SIN, input)


SIN = Op("sin", unary, np.sin, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * cos(x),),
    code="sin(x)", holomorphic=True)


def cos(input: Tensor) -> Tensor:
    """The cosine."""
    return apply(COS, input)


COS = Op("cos", unary, np.cos, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: -g * sin(x),),
    code="cos(x)", holomorphic=True)


def tan(input: Tensor) -> Tensor:
    """The tangent."""
    return apply(TAN, input)


TAN = Op("tan", unary, np.tan, dtype=INT_TO_FLOAT, samples=between((-1.4, 1.4)),
    grads=(lambda g, out: g * (out * out + 1),),
    code="tan(x)", holomorphic=True)


def asin(input: Tensor) -> Tensor:
    """The angle in [-pi/2, pi/2] whose sine is input."""
    return apply(ASIN, input)


arcsin = asin

ASIN = Op("asin", unary, np.arcsin, dtype=INT_TO_FLOAT, samples=between((-0.9, 0.9)),
    grads=(lambda g, x: g / (1 - x * x).sqrt(),),
    code="asin(x)", holomorphic=True)


def acos(input: Tensor) -> Tensor:
    """The angle in [0, pi] whose cosine is input."""
    return apply(ACOS, input)


arccos = acos

ACOS = Op("acos", unary, np.arccos, dtype=INT_TO_FLOAT, samples=between((-0.9, 0.9)),
    grads=(lambda g, x: -g / (1 - x * x).sqrt(),),
    code="acos(x)", holomorphic=True)


def atan(input: Tensor) -> Tensor:
    """The angle in (-pi/2, pi/2) whose tangent is input."""
    return apply(ATAN, input)


arctan = atan

ATAN = Op("atan", unary, np.arctan, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g / (x * x + 1),),
    code="atan(x)", holomorphic=True)


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input) in [-pi, pi]."""
    require_real("atan2", input, other)
    return apply(ATAN2, input, other)


arctan2 = atan2

# At the origin, where the angle has no derivative, the gradient is 0 as PyTorch's.
ATAN2 = Op("atan2", two_tensors, np.arctan2, dtype=INT_TO_FLOAT, samples=pair,
    grads=(lambda g, x, y: g * _over_square(y, x, y),
           lambda g, x, y: g * -_over_square(x, x, y)),
    code="atan2(x, y)")


def _over_square(part: Any, x: Any, y: Any) -> Any:
    """part / (x * x + y * y), 0 at the origin."""
    square = x * x + y * y
    return zero_where(square == 0, part / square)


def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine."""
    return apply(SINH, input)


SINH = Op("sinh", unary, np.sinh, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * cosh(x),),
    code="sinh(x)", holomorphic=True)


def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine."""
    return apply(COSH, input)


COSH = Op("cosh", unary, np.cosh, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * sinh(x),),
    code="cosh(x)", holomorphic=True)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return apply(TANH, input)


TANH = Op("tanh", unary, np.tanh, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, out: apply(TANH_BACKWARD, g, out),),
    code="tanh(x)", holomorphic=True)

#: g times the derivative of tanh, from its result y
TANH_BACKWARD = Op("tanh_backward", binary, fused("x * (1 - y * y)", ("x", "y")), samples=pair, node_name="TanhBackwardBackward0",
    grads=(lambda g, y: apply(TANH_BACKWARD, g, y),
           lambda g, x, y: g * x * y * -2),
    code="x * (1 - y * y)", holomorphic=True)


def asinh(input: Tensor) -> Tensor:
    """The inverse of the hyperbolic sine."""
    return apply(ASINH, input)


arcsinh = asinh

ASINH = Op("asinh", unary, np.arcsinh, dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g / (x * x + 1).sqrt(),),
    code="asinh(x)", holomorphic=True)


def acosh(input: Tensor) -> Tensor:
    """The inverse of the hyperbolic cosine on [1, inf)."""
    return apply(ACOSH, input)


arccosh = acosh

# sqrt(x - 1) sqrt(x + 1), not sqrt(x * x - 1): only the product has the right sign for complex numbers of negative real part.
ACOSH = Op("acosh", unary, np.arccosh, dtype=INT_TO_FLOAT, samples=between((1.1, 3)),
    grads=(lambda g, x: g / ((x - 1).sqrt() * (x + 1).sqrt()),),
    code="acosh(x)", holomorphic=True)


def atanh(input: Tensor) -> Tensor:
    """The inverse of the hyperbolic tangent."""
    return apply(ATANH, input)


arctanh = atanh

ATANH = Op("atanh", unary, np.arctanh, dtype=INT_TO_FLOAT, samples=between((-0.9, 0.9)),
    grads=(lambda g, x: g / (1 - x * x),),
    code="atanh(x)", holomorphic=True)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """The distance of the point (input, other) from the origin, without overflow."""
    return apply(HYPOT, input, other)


HYPOT = Op("hypot", two_tensors, np.hypot, samples=pair,
    grads=(lambda g, x, out: g * (x / out),
           lambda g, y, out: g * (y / out)),
    code="hypot(x, y)")


def sinc(input: Tensor) -> Tensor:
    """sin(pi input) / (pi input), and 1 at 0."""
    return apply(SINC, input)


def _sinc(x: Any) -> Any:
    angle = np.where(x == 0, x.dtype.type(1), x * x.dtype.type(math.pi))
    return np.where(x == 0, x.dtype.type(1), np.sin(angle) / angle)


def _sinc_slope(x: Any) -> Any:
    # (x pi cos(x pi) - sin(x pi)) / (x x pi), whose limit at 0 is 0.
    angle = x * math.pi
    return zero_where(x == 0, (angle * cos(angle) - sin(angle)) / (x * angle))


SINC = Op("sinc", unary, widened(_sinc), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * _sinc_slope(x),),
    code="where(x == 0, 1, sin(x * pi) / (x * pi))", holomorphic=True)


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    require_real("deg2rad", input)
    return apply(DEG2RAD, input)


DEG2RAD = Op("deg2rad", unary, fused("x * (pi / 180)"), dtype=INT_TO_FLOAT, samples=one, node_name="Deg2RadBackward0",
    grads=(lambda g: g * (math.pi / 180),),
    code="x * (pi / 180)")


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    require_real("rad2deg", input)
    return apply(RAD2DEG, input)


RAD2DEG = Op("rad2deg", unary, fused("x * (180 / pi)"), dtype=INT_TO_FLOAT, samples=one, node_name="Rad2DegBackward0",
    grads=(lambda g: g * (180 / math.pi),),
    code="x * (180 / pi)")
