"""Activation functions that are straight or bent lines: relu and its relatives, thresholds, shrinking, prelu and glu.

Each has its backward as one fused kernel, an Op of its own that can be differentiated again. The smooth curves are in `smooth.py`.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import MANY, is_native
from ..backends.select import masked
from ..core.apply import apply
from ..core.dtypes import is_half
from ..core.fused import fused, machine_coded
from ..core.inplace import inplace as inplace_form
from ..core.numbers import checked_number
from ..core.op import Kind, Op, opaque, unary
from ..core.samples import between, one, pair
from .choose import where, zero_where
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor


def floating(kernel_name: str) -> Kind:
    """The kind of an elementwise operation for floating tensors alone; the name is that of PyTorch's error."""
    def evaluate(op: Op, args: tuple, attrs: dict) -> Any:
        array = args[0]._array
        if array.dtype.kind in "biuc":
            raise not_implemented(kernel_name, args[0])
        return op.forward(array, **attrs)
    return Kind("activation", evaluate, ("x",))


def not_implemented(kernel_name: str, tensor: Any) -> NotImplementedError:
    """PyTorch's error for a dtype that a kernel does not take."""
    return NotImplementedError(f"\"{kernel_name}\" not implemented for '{tensor.dtype.kernel_name}'")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0). Gradient: 0 at 0."""
    if inplace:
        return relu_(input)
    return apply(RELU, input)


def _relu(x: Any) -> Any:
    if x.dtype.kind in "bc":
        raise (RuntimeError("Boolean inputs not supported for relu") if x.dtype.kind == "b" else
               NotImplementedError("clamp is not supported for complex types"))
    if x.size >= MANY and is_native(x):
        return large_relu(x)
    return np.maximum(x, ZEROS[x.dtype])


def _relu_backward(grad: Any, out: Any) -> Any:
    # Of the result, which is above 0, 0 or nan: the gradient passes at nan.
    found = coded_relu_backward(grad, out)
    return masked(grad, np.not_equal(out, ZEROS[out.dtype])) if found is None else found


# In machine code alone: by NumPy's calls these would be slower than the rules above.
large_relu, coded_relu_backward = fused("maximum(x, 0)"), machine_coded("where(x == 0, 0, grad)", ("grad", "x"))


class Zeros(dict):
    """Zero as an array without dimensions, by dtype: a ufunc takes it in half the time of a Python number."""

    def __missing__(self, dtype: Any) -> Any:
        self[dtype] = np.zeros((), dtype)
        return self[dtype]


ZEROS = Zeros()

RELU = Op("relu", unary, _relu, samples=one,
    grads=(lambda g, out: apply(RELU_BACKWARD, g, out),),
    code="maximum(x, 0)")
RELU_BACKWARD = Op("threshold_backward", opaque, _relu_backward,
    samples=between((-2, 2), (0.1, 2)), arguments=("grad", "x"),
    grads=(lambda g, x: apply(RELU_BACKWARD, g, x),
           None),
    code="where(x <= 0, 0, grad)")


def _threshold_backward(grad: Any, x: Any, *, threshold: float) -> Any:
    # Not `x > threshold`: the gradient passes at nan.
    return masked(grad, ~(x <= bound(threshold, x)))


def bound(number: float, x: Any) -> Any:
    """The number that elements of x are compared with for their gradient: in PyTorch no half, also where x has half precision."""
    return np.float32(number) if is_half(x.dtype) else number


def _outside(x: Any, low: float, high: float) -> Any:
    return (x <= bound(low, x)) | (x >= bound(high, x))


THRESHOLD_BACKWARD = Op("threshold_backward", opaque, _threshold_backward, samples=between((-2, 2), (-2, 2), threshold=0.5),
    grads=(lambda g, x, threshold: apply(THRESHOLD_BACKWARD, g, x, threshold=threshold),
           None),
    code="where(x <= threshold, 0, grad)")


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above threshold, else value."""
    if inplace:
        return threshold_(input, threshold, value)
    return apply(THRESHOLD, input, threshold=threshold, value=value)


THRESHOLD = Op("threshold", unary, fused("where(x <= threshold, value, x)", ("x",), ("threshold", "value")),
    samples=between((-2, 2), threshold=0.5, value=-1.0),
    grads=(lambda g, x, threshold: apply(THRESHOLD_BACKWARD, g, x, threshold=threshold),),
    code="where(x <= threshold, value, x)")


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input, not below min_val and not above max_val. Gradient: 0 at the bounds."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return hardtanh_(input, min_val, max_val)
    return apply(HARDTANH, input, min_val=min_val, max_val=max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6). Gradient: 0 at 0 and at 6."""
    return hardtanh(input, 0.0, 6.0, inplace)


def _hardtanh(x: Any, *, min_val: float, max_val: float) -> Any:
    kind = x.dtype.kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if kind == "u" and (min_val < 0 or max_val < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return np.minimum(np.maximum(x, checked_number(min_val, x.dtype)), checked_number(max_val, x.dtype))


HARDTANH = Op("hardtanh", unary, _hardtanh, samples=between((-2, 2), min_val=-1.0, max_val=0.5),
    grads=(lambda g, x, min_val, max_val: apply(HARDTANH_BACKWARD, g, x, min_val=min_val, max_val=max_val),),
    code="minimum(maximum(x, min_val), max_val)")
HARDTANH_BACKWARD = Op("hardtanh_backward", opaque, lambda grad, x, *, min_val, max_val: masked(grad, ~_outside(x, min_val, max_val)),
    samples=between((-2, 2), (-2, 2), min_val=-1.0, max_val=0.5),
    grads=(lambda g, x, min_val, max_val: apply(HARDTANH_BACKWARD, g, x, min_val=min_val, max_val=max_val),
           None),
    code="where((x <= min_val) | (x >= max_val), 0, grad)")


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input above 0, negative_slope * input below."""
    if inplace:
        return leaky_relu_(input, negative_slope)
    return apply(LEAKY_RELU, input, negative_slope=negative_slope)


LEAKY = "where(x > 0, x, x * negative_slope)"
LEAKY_GRADIENT = "where(x > 0, grad, grad * negative_slope)"
LEAKY_RELU = Op("leaky_relu", floating("leaky_relu_cpu"), fused(LEAKY, ("x",), ("negative_slope",)),
    samples=between((-2, 2), negative_slope=0.1),
    grads=(lambda g, x, negative_slope: apply(LEAKY_RELU_BACKWARD, g, x, negative_slope=negative_slope),),
    code=LEAKY)
LEAKY_RELU_BACKWARD = Op("leaky_relu_backward", opaque, fused(LEAKY_GRADIENT, ("grad", "x"), ("negative_slope",)),
    samples=between((-2, 2), (-2, 2), negative_slope=0.1), arguments=("grad", "x"),
    grads=(lambda g, x, negative_slope: apply(LEAKY_RELU_BACKWARD, g, x, negative_slope=negative_slope),
           None),
    code=LEAKY_GRADIENT)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input above 0, weight * input below; weight has one number, or one for each channel (dimension 1)."""
    check_prelu(input, weight)
    shape = input._array.shape
    if weight._array.ndim and weight._array.size != 1 or len(shape) != weight._array.ndim:
        weight = weight.reshape([-1 if at == 1 or len(shape) == 1 and at == 0 else 1 for at in range(len(shape))])
    return apply(PRELU, input, weight)


def check_prelu(input: Any, weight: Any) -> None:
    """Raise PyTorch's error unless the weight fits the input."""
    if input.dtype is not weight.dtype:
        raise RuntimeError(f"prelu: Type promoting not supported. Got {input.dtype.kernel_name} and {weight.dtype.kernel_name}")
    if weight._array.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight._array.ndim}")
    if weight._array.size == 1:
        return
    shape = input._array.shape
    if not shape:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = shape[1] if len(shape) > 1 else 1
    if channels != weight._array.size:
        raise RuntimeError(f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight._array.size} and "
                           f"channel size = {channels}.")


PRELU = Op("prelu", opaque, fused("where(x > 0, x, weight * x)", ("x", "weight")), samples=pair, arguments=("x", "weight"),
    grads=(lambda g, x, weight: where(x > 0, g, g * weight),
           lambda g, x: zero_where(x > 0, g * x)),
    code="where(x > 0, x, weight * x)", node_name="PreluKernelBackward0")


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half of input along dim times the sigmoid of the second half."""
    array = input._array
    if not array.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    dim = one_dim(dim, array.ndim)
    if array.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {array.shape[dim]}")
    half = array.shape[dim] // 2
    return apply(GLU, input.narrow(dim, 0, half), input.narrow(dim, half, half))


GLU = Op("glu", opaque, fused("x * sigmoid(y)", ("x", "y")), samples=pair, arguments=("x", "y"),
    grads=(lambda g, y: g * y.sigmoid(),
           lambda g, y, out: g * out * (-y).sigmoid()),
    code="x * sigmoid(y)")


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """0 below -3, 1 above 3, and the line input / 6 + 1/2 between."""
    if inplace:
        return hardsigmoid_(input)
    return apply(HARDSIGMOID, input)


HARDSIGMOID = Op("hardsigmoid", floating("hardsigmoid_cpu"), fused("minimum(maximum(x + 3, 0), 6) / 6"), samples=between((-5, 5)),
    grads=(lambda g, x: apply(HARDSIGMOID_BACKWARD, g, x),),
    code="minimum(maximum(x + 3, 0), 6) / 6")
HARDSIGMOID_BACKWARD = Op("hardsigmoid_backward", opaque, fused("where((x > -3) & (x < 3), grad / 6, 0)", ("grad", "x")),
    samples=between((-2, 2), (-5, 5)), arguments=("grad", "x"),
    grads=(lambda g, x: apply(HARDSIGMOID_BACKWARD, g, x),
           None),
    code="where((x > -3) & (x < 3), grad / 6, 0)")


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * hardsigmoid(input)."""
    if inplace:
        return hardswish_(input)
    return apply(HARDSWISH, input)


HARDSWISH_GRADIENT = "where(x <= -3, 0, where(x < 3, grad * (x / 3 + 0.5), grad))"
HARDSWISH = Op("hardswish", floating("hardswish_cpu"), fused("x * minimum(maximum(x + 3, 0), 6) / 6"), samples=between((-5, 5)),
    grads=(lambda g, x: apply(HARDSWISH_BACKWARD, g, x),),
    code="x * minimum(maximum(x + 3, 0), 6) / 6")
HARDSWISH_BACKWARD = Op("hardswish_backward", opaque, fused(HARDSWISH_GRADIENT, ("grad", "x")),
    samples=between((-2, 2), (-5, 5)), arguments=("grad", "x"),
    grads=(lambda g, x: apply(HARDSWISH_BACKWARD, g, x),
           lambda g, grad, x: where((x > -3) & (x < 3), g * grad / 3, 0)),
    code=HARDSWISH_GRADIENT)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input where it is farther than lambd from 0, else 0. lambd is rounded to input's dtype."""
    dtype = input._array.dtype
    return apply(HARDSHRINK, input, lambd=float(checked_number(lambd, dtype)) if is_half(dtype) else lambd)


HARDSHRINK = Op("hardshrink", floating("hardshrink_cpu"), fused("where((x >= -lambd) & (x <= lambd), 0, x)", ("x",), ("lambd",)),
    samples=between((-2, 2), lambd=0.5),
    grads=(lambda g, x, lambd: apply(HARDSHRINK_BACKWARD, g, x, lambd=lambd),),
    code="where((x >= -lambd) & (x <= lambd), 0, x)")


def _hardshrink_backward(grad: Any, x: Any, *, lambd: float) -> Any:
    rounded = checked_number(lambd, x.dtype)
    return masked(grad, ~((x >= -rounded) & (x <= rounded)))


# Softshrink is a shift beside hardshrink, and has its gradient; PyTorch gives each a name.
HARDSHRINK_BACKWARD = Op("hardshrink_backward", opaque, _hardshrink_backward,
    samples=between((-2, 2), (-2, 2), lambd=0.5),
    grads=(lambda g, x, lambd: apply(HARDSHRINK_BACKWARD, g, x, lambd=lambd),
           None),
    code="where((x >= -lambd) & (x <= lambd), 0, grad)")


#: the largest finite number of each dtype
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input moved by lambd towards 0, and 0 where that would pass it."""
    dtype = input.dtype
    if not 0 <= lambd <= LARGEST.get(dtype.name, math.inf):
        raise RuntimeError(f"lambda must be in range [0, {LARGEST.get(dtype.name, 0):g}] for input dtype {dtype.kernel_name}, but found {lambd:g}")
    return apply(SOFTSHRINK, input, lambd=lambd)


# x * 0, because nan stays nan.
SOFTSHRUNK = "where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0))"
SOFTSHRINK = Op("softshrink", floating("softshrink_check"), fused(SOFTSHRUNK, ("x",), ("lambd",)), samples=between((-2, 2), lambd=0.5),
    grads=(lambda g, x, lambd: apply(SOFTSHRINK_BACKWARD, g, x, lambd=lambd),),
    code=SOFTSHRUNK)
SOFTSHRINK_BACKWARD = HARDSHRINK_BACKWARD.printed_as("SoftshrinkBackwardBackward0")

relu_, relu6_, threshold_ = inplace_form(relu), inplace_form(relu6), inplace_form(threshold)
hardtanh_, leaky_relu_ = inplace_form(hardtanh), inplace_form(leaky_relu)
hardsigmoid_, hardswish_ = inplace_form(hardsigmoid), inplace_form(hardswish)
