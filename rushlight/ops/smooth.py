"""Smooth activation functions: elu, selu, celu, gelu, silu, mish, softplus, logsigmoid and their relatives.

Each has its backward as one fused kernel, an Op of its own; how that depends on the input in turn, the second derivative, is written in
plain operations, so that derivatives of every order follow.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..backends.native import is_native
from ..core.apply import apply
from ..core.fused import fused
from ..core.inplace import inplace as inplace_form
from ..core.op import Kind, Op, opaque
from ..core.samples import between, one
from .activation import floating, not_implemented
from .choose import where, zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input) - 1) below."""
    if inplace:
        return elu_(input, alpha)
    return apply(ELU, input, alpha=alpha, scale=1.0, input_scale=1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(input, alpha) with the two constants that keep mean 0 and variance 1.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017, equation 14.
    """
    if inplace:
        return selu_(input)
    return apply(ELU, input, alpha=1.6732632423543772848170429916717, scale=1.0507009873554804934193349852946, input_scale=1.0)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input above 0, alpha * (exp(input / alpha) - 1) below: its slope has no step."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    if inplace:
        return celu_(input, alpha)
    return apply(CELU, input, alpha=alpha, scale=1.0, input_scale=1.0 / alpha)


ELU_CODE = "where(x < 0, alpha * scale * expm1(minimum(x, 0) * input_scale), x * scale)"
ELU_GRADIENT = "where(x <= 0, grad * (alpha * scale * input_scale) * exp(minimum(x, 0) * input_scale), grad * scale)"
ELU_SCALARS = ("alpha", "scale", "input_scale")
ELU = Op("elu", floating("elu_cpu"), fused(ELU_CODE, ("x",), ELU_SCALARS),
    samples=between((-2, 2), alpha=0.7, scale=1.5, input_scale=1.2),
    grads=(lambda g, x, alpha, scale, input_scale: apply(ELU_BACKWARD, g, x, alpha=alpha, scale=scale, input_scale=input_scale),),
    code=ELU_CODE)
CELU = ELU.printed_as("CeluBackward0")


def _elu_bend(g: Any, grad: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    below = x <= 0
    return where(below, g * grad * (where(below, x, 0) * input_scale).exp() * (alpha * scale * input_scale * input_scale), 0)


ELU_BACKWARD = Op("elu_backward", opaque, fused(ELU_GRADIENT, ("grad", "x"), ELU_SCALARS), arguments=("grad", "x"),
    samples=between((-2, 2), (-2, 2), alpha=0.7, scale=1.5, input_scale=1.2),
    grads=(lambda g, x, alpha, scale, input_scale: apply(ELU_BACKWARD, g, x, alpha=alpha, scale=scale, input_scale=input_scale),
           _elu_bend),
    code=ELU_GRADIENT)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """input * P(Z <= input) for a standard normal Z; approximate "tanh" uses a tanh in place of the normal distribution.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
    """
    if approximate == "none":
        return apply(GELU, input)
    if approximate == "tanh":
        return apply(GELU_TANH, input)
    raise RuntimeError("approximate argument must be either none or tanh.")


ROOT_HALF = 1 / math.sqrt(2)
DENSITY = 1 / math.sqrt(2 * math.pi)      # the normal density at 0
TANH_SCALE = math.sqrt(2 / math.pi)
CUBIC = 0.044715
GELU_CODE = f"0.5 * x * (1 + erf(x * {ROOT_HALF}))"
GELU_GRADIENT = f"grad * (0.5 * (1 + erf(x * {ROOT_HALF})) + x * exp(x * x * -0.5) * {DENSITY})"
GELU_TANH_CODE = f"0.5 * x * (1 + tanh(x * ({TANH_SCALE} + {TANH_SCALE * CUBIC} * (x * x))))"
GELU_TANH_GRADIENT = f"""
square = x * x
t = tanh(x * ({TANH_SCALE} + {TANH_SCALE * CUBIC} * square))
out = grad * 0.5 * (1 + t + x * (1 - t * t) * ({TANH_SCALE} + {3 * TANH_SCALE * CUBIC} * square))
"""

_gelu_of_any, _gelu_backward_of_any = fused(GELU_CODE), fused(GELU_GRADIENT, ("grad", "x"))


def _gelu(x: Any) -> Any:
    if not is_native(x):
        return _gelu_of_any(x)
    from . import gelu_native
    return gelu_native.run(gelu_native.write_gelu, x)


def _gelu_backward(grad: Any, x: Any) -> Any:
    if grad.shape != x.shape or not is_native(grad, x):
        return _gelu_backward_of_any(grad, x)
    from . import gelu_native
    return gelu_native.run(gelu_native.write_gelu_backward, grad, x)


GELU = Op("gelu", floating("GeluKernelImpl"), _gelu, samples=one,
    grads=(lambda g, x: apply(GELU_BACKWARD, g, x),),
    code=GELU_CODE, launches=True)
GELU_BACKWARD = Op("gelu_backward", opaque, _gelu_backward, samples=between((-2, 2), (-2, 2)),
    arguments=("grad", "x"),
    grads=(lambda g, x: apply(GELU_BACKWARD, g, x),
           lambda g, grad, x: g * grad * (2 - x * x) * (x * x * -0.5).exp() * DENSITY),
    code=GELU_GRADIENT, launches=True, over=((0, 0),))


def _gelu_tanh_bend(g: Any, grad: Any, x: Any) -> Any:
    # With u the argument of tanh and t = tanh(u): f' = (1 + t) / 2 + x (1 - t^2) u' / 2, differentiated once more.
    t = (x * (TANH_SCALE + TANH_SCALE * CUBIC * x * x)).tanh()
    slope = TANH_SCALE + 3 * TANH_SCALE * CUBIC * x * x
    return g * grad * (1 - t * t) * (slope + x * x * (3 * TANH_SCALE * CUBIC) - x * t * slope * slope)


GELU_TANH = Op("gelu", floating("GeluKernelImpl"), fused(GELU_TANH_CODE), samples=one,
    grads=(lambda g, x: apply(GELU_TANH_BACKWARD, g, x),),
    code=GELU_TANH_CODE)
GELU_TANH_BACKWARD = Op("gelu_backward", opaque, fused(GELU_TANH_GRADIENT, ("grad", "x")), samples=between((-2, 2), (-2, 2)),
    arguments=("grad", "x"),
    grads=(lambda g, x: apply(GELU_TANH_BACKWARD, g, x),
           _gelu_tanh_bend),
    code=GELU_TANH_GRADIENT)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input), also called swish."""
    if inplace:
        return silu_(input)
    return apply(SILU, input)


def _evaluate_silu(op: Op, args: tuple, attrs: dict) -> Any:
    array = args[0]._array
    if array.dtype.kind in "biu":
        raise not_implemented("silu_cpu", args[0])
    return op.forward(array)


SILU_GRADIENT = """
s = sigmoid(x)
out = grad * s * (1 + x * (1 - s))
"""
SILU = Op("silu", Kind("silu", _evaluate_silu, ("x",)), fused("x / (1 + exp(-x))"), samples=one,
    grads=(lambda g, x: apply(SILU_BACKWARD, g, x),),
    code="x / (1 + exp(-x))")


def _silu_bend(g: Any, grad: Any, x: Any) -> Any:
    s = x.sigmoid()
    return g * grad * s * (1 - s) * (2 + x * (1 - 2 * s))


SILU_BACKWARD = Op("silu_backward", opaque, fused(SILU_GRADIENT, ("grad", "x")), samples=between((-2, 2), (-2, 2)),
    arguments=("grad", "x"),
    grads=(lambda g, x: apply(SILU_BACKWARD, g, x),
           _silu_bend),
    code=SILU_GRADIENT)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input)). Source: Misra, Mish, 2019."""
    if inplace:
        return mish_(input)
    return apply(MISH, input)


MISH_GRADIENT = """
t = tanh(log1p(exp(x)))
out = grad * (t + x * sigmoid(x) * (1 - t * t))
"""
MISH = Op("mish", floating("mish_cpu"), fused("x * tanh(log1p(exp(x)))"), samples=one,
    grads=(lambda g, x: apply(MISH_BACKWARD, g, x),),
    code="x * tanh(log1p(exp(x)))")


def _mish_bend(g: Any, grad: Any, x: Any) -> Any:
    # With t = tanh(softplus(x)) and s = sigmoid(x): f' = t + x s (1 - t^2), t' = s (1 - t^2), s' = s (1 - s).
    t, s = softplus(x).tanh(), x.sigmoid()
    return g * grad * s * (1 - t * t) * (2 + x * (1 - s - 2 * t * s))


MISH_BACKWARD = Op("mish_backward", opaque, fused(MISH_GRADIENT, ("grad", "x")), samples=between((-2, 2), (-2, 2)),
    arguments=("grad", "x"),
    grads=(lambda g, x: apply(MISH_BACKWARD, g, x),
           _mish_bend),
    code=MISH_GRADIENT)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input is above threshold, where the two are equal but for rounding."""
    return apply(SOFTPLUS, input, beta=beta, threshold=threshold)


SOFTPLUS_CODE = "where(x * beta > threshold, x, log1p(exp(x * beta)) / beta)"
SOFTPLUS_GRADIENT = "where(x * beta > threshold, grad, grad * sigmoid(x * beta))"
SOFTPLUS = Op("softplus", floating("softplus_cpu"), fused(SOFTPLUS_CODE, ("x",), ("beta", "threshold")),
    samples=between((-2, 2), beta=1.5, threshold=2.0),
    grads=(lambda g, x, beta, threshold: apply(SOFTPLUS_BACKWARD, g, x, beta=beta, threshold=threshold),),
    code=SOFTPLUS_CODE)


def _softplus_bend(g: Any, grad: Any, x: Any, beta: float, threshold: float) -> Any:
    s = (x * beta).sigmoid()
    return zero_where(x * beta > threshold, g * grad * s * (1 - s) * beta)


SOFTPLUS_BACKWARD = Op("softplus_backward", opaque, fused(SOFTPLUS_GRADIENT, ("grad", "x"), ("beta", "threshold")),
    samples=between((-2, 2), (-2, 2), beta=1.5, threshold=2.0), arguments=("grad", "x"),
    grads=(lambda g, x, beta, threshold: apply(SOFTPLUS_BACKWARD, g, x, beta=beta, threshold=threshold),
           _softplus_bend),
    code=SOFTPLUS_GRADIENT)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)), exact also far below 0."""
    return apply(LOG_SIGMOID, input)


LOG_SIGMOID_CODE = "minimum(x, 0) - log1p(exp(-abs(x)))"
LOG_SIGMOID = Op("log_sigmoid", floating("log_sigmoid_cpu"), fused(LOG_SIGMOID_CODE), samples=one,
    grads=(lambda g, x: apply(LOG_SIGMOID_BACKWARD, g, x),),
    code=LOG_SIGMOID_CODE)


def _log_sigmoid_bend(g: Any, grad: Any, x: Any) -> Any:
    s = x.sigmoid()
    return -g * grad * s * (1 - s)


LOG_SIGMOID_BACKWARD = Op("log_sigmoid_backward", opaque, fused("grad * sigmoid(-x)", ("grad", "x")),
    samples=between((-2, 2), (-2, 2)), arguments=("grad", "x"),
    grads=(lambda g, x: apply(LOG_SIGMOID_BACKWARD, g, x),
           _log_sigmoid_bend),
    code="grad * sigmoid(-x)")


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


elu_, selu_, celu_ = inplace_form(elu), inplace_form(selu), inplace_form(celu)
silu_, mish_ = inplace_form(silu), inplace_form(mish)
