"""Losses between numbers: squared, absolute, Huber's. And what all losses share: reductions and their dtypes."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.fused import fused
from ..core.op import Kind, Op, explain_broadcast, promoted
from ..core.program import warn_user
from ..core.samples import between
from .activation import not_implemented
from .choose import where
from .reduce import sum_of_elements

if TYPE_CHECKING:
    from ..tensor import Tensor

REDUCTIONS = frozenset({"none", "mean", "sum"})


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the two old arguments mean together; None stands for True."""
    if reduce is not None and not reduce:
        return "none"
    return "mean" if size_average is None or size_average else "sum"


def reduction_of(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction, checked; the two old arguments, where given, come first."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
        warn_user(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """A loss for each element as its mean, its sum or itself."""
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def reduced_array(values: Any, reduction: str) -> Any:
    """As `reduced`, on arrays."""
    if reduction == "none":
        return values
    total = np.add.reduce(values, axis=None)
    return np.asarray(total / values.dtype.type(values.size) if reduction == "mean" else total)


def share(count: int, reduction: str) -> float:
    """What each of count elements counts in the reduced loss; nan for the mean of none."""
    return 1.0 if reduction != "mean" else 1.0 / count if count else float("nan")


def loss_kind(kernel_name: str, arguments: tuple = ("x", "y")) -> Kind:
    """The kind of a loss: floating tensors (or None) in their common dtype, halves computed in float32 and rounded once."""
    def evaluate(op: Op, args: tuple, attrs: dict) -> Any:
        first = args[0]._array.dtype
        arrays = [None if value is None else value._array for value in args]
        for array in arrays:
            if array is not None and array.dtype is not first:
                arrays = promoted(args)
                first = arrays[0].dtype
                break
        if first.kind == "f" and first.itemsize != 2:
            return op.forward(*arrays, **attrs)
        if first.kind in "biuc":
            raise not_implemented(kernel_name, args[0])
        wide = [None if array is None else array.astype(np.float32) for array in arrays]
        out = op.forward(*wide, **attrs)
        return (out[0].astype(first), *out[1:]) if out.__class__ is tuple else out.astype(first)
    return Kind("loss", evaluate, arguments, explain_broadcast)


def check_same_size(input: Any, target: Any) -> None:
    """Warn, as PyTorch does, where a loss would broadcast."""
    if input._array.shape != target._array.shape:
        warn_user(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
                  "incorrect results due to broadcasting. Please ensure they have the same size.")


# ---- squared error

def mse_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
             weight: Tensor | None = None) -> Tensor:
    """(input - target) ** 2, and its mean or sum over all elements; with weight the weighted mean."""
    if input._array.shape != target._array.shape:
        check_same_size(input, target)
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if weight is not None:
        return weighted((input - target).square(), input, weight, reduction)
    return apply(MSE_LOSS, input, target, reduction=reduction)


def weighted(loss: Tensor, input: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """weight * loss, its sum, or the mean in which each element counts as its weight says."""
    if weight._array.shape != input._array.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = loss * weight
    if reduction == "mean":
        return loss.sum() / weight.sum()
    return reduced(loss, reduction)


def _mse_loss(x: Any, y: Any, *, reduction: str) -> Any:
    out = np.asarray(np.subtract(x, y))
    np.multiply(out, out, out)
    if reduction == "none":
        return out
    total = sum_of_elements(out)  # in the order of `sum`, which is PyTorch's: programs print this number
    return np.asarray(total if reduction == "sum" else total / out.dtype.type(out.size) if out.size else np.nan, x.dtype)


MSE_LOSS = Op("mse_loss", loss_kind("mse_cpu"), _mse_loss, samples=between((-2, 2), (-2, 2), reduction="mean"),
    loop=lambda sizes, reduction: ("square(x - y)", None if reduction == "none" else range(len(sizes)), share(math.prod(sizes), reduction)),
    grads=(lambda g, x, y, reduction: apply(MSE_LOSS_BACKWARD, g, x, y, reduction=reduction),
           lambda g, x, y, reduction: apply(MSE_LOSS_BACKWARD, g, y, x, reduction=reduction)))


def _mse_loss_backward(grad: Any, x: Any, y: Any, *, reduction: str) -> Any:
    out = np.asarray(np.subtract(x, y))
    if reduction == "none":
        out *= 2
        return np.multiply(out, grad, out=out)
    return np.multiply(out, np.array(2 * share(out.size, reduction) * grad.item(), out.dtype), out=out)


def _twice(g: Any, reduction: str) -> Any:
    return g * (2 * share(g._array.size, reduction))


MSE_LOSS_BACKWARD = Op("mse_loss_backward", loss_kind("mse_backward_cpu", ("grad", "x", "y")), _mse_loss_backward,
    loop=lambda sizes, reduction: (f"(x - y) * ({2 * share(math.prod(sizes), reduction)!r} * grad)", None, 1.0),
    grads=(lambda g, x, y, reduction: _twice(g, reduction) * (x - y),  # summed by the engine where grad is one number
           lambda g, grad, reduction: _twice(g, reduction) * grad,
           lambda g, grad, reduction: -_twice(g, reduction) * grad))


# ---- absolute error, and what is squared near 0 and absolute far from it

def l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
            weight: Tensor | None = None) -> Tensor:
    """|input - target|, and its mean or sum over all elements; with weight the weighted mean. Gradient: 0 where the two are equal."""
    check_same_size(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    loss = (input - target).abs()
    return reduced(loss, reduction) if weight is None else weighted(loss, input, weight, reduction)


class Curve:
    """The kernels of a loss that is a curve of d = x - y: itself, and the first derivative times an arriving gradient.

    The gradient is an array for a loss that is not reduced, and a number for one that is.
    """

    def __init__(self, code: str, slope: str, scalars: tuple):
        self.value = fused("d = x - y\nout = " + code, ("x", "y"), scalars)
        self.slopes = fused("d = x - y\nout = grad * " + slope, ("grad", "x", "y"), scalars)
        self.scaled_slopes = fused("d = x - y\nout = grad * " + slope, ("x", "y"), ("grad", *scalars))

    def forward(self, x: Any, y: Any, *, reduction: str, **attributes: Any) -> Any:
        return reduced_array(self.value(x, y, **attributes), reduction)

    def backward(self, grad: Any, x: Any, y: Any, *, reduction: str, **attributes: Any) -> Any:
        if reduction == "none":
            return self.slopes(grad, x, y, **attributes)
        count = np.broadcast(x, y).size
        return self.scaled_slopes(x, y, grad=grad.item() * share(count, reduction), **attributes)


def smooth_l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
                   beta: float = 1.0) -> Tensor:
    """d ** 2 / (2 beta) where d = |input - target| is below beta, d - beta / 2 above; and its mean or sum."""
    check_same_size(input, target)
    reduction = reduction_of(reduction, size_average, reduce)
    if beta == 0.0:
        return l1_loss(input, target, reduction=reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return apply(SMOOTH_L1_LOSS, input, target, reduction=reduction, beta=beta)


SMOOTH = Curve("where(abs(d) < beta, 0.5 * d * d / beta, abs(d) - 0.5 * beta)", "minimum(maximum(d / beta, -1), 1)", ("beta",))
SMOOTH_L1_LOSS = Op("smooth_l1_loss", loss_kind("smooth_l1_cpu"), SMOOTH.forward,
    samples=between((-2, 2), (-2, 2), reduction="mean", beta=0.8),
    grads=(lambda g, x, y, reduction, beta: apply(SMOOTH_L1_LOSS_BACKWARD, g, x, y, reduction=reduction, beta=beta),
           lambda g, x, y, reduction, beta: apply(SMOOTH_L1_LOSS_BACKWARD, g, y, x, reduction=reduction, beta=beta)),
    node_name="SmoothL1LossBackward0")


def _smooth_slope(g: Any, x: Any, y: Any, reduction: str, beta: float) -> Any:
    return g * ((x - y) / beta).clamp(-1, 1) * share(g._array.size, reduction)


def _smooth_bend(g: Any, grad: Any, x: Any, y: Any, reduction: str, beta: float) -> Any:
    return where((x - y).abs() < beta, g * grad * (share(g._array.size, reduction) / beta), 0)


SMOOTH_L1_LOSS_BACKWARD = Op("smooth_l1_loss_backward", loss_kind("smooth_l1_backward_cpu", ("grad", "x", "y")), SMOOTH.backward,
    grads=(_smooth_slope,
           _smooth_bend,
           lambda g, grad, x, y, reduction, beta: -_smooth_bend(g, grad, x, y, reduction, beta)),
    node_name="SmoothL1LossBackwardBackward0")


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None) -> Tensor:
    """d ** 2 / 2 where d = |input - target| is below delta, delta * (d - delta / 2) above; and its mean or sum."""
    check_same_size(input, target)
    reduction = reduction_of(reduction, None, None)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return weighted(apply(HUBER_LOSS, input, target, reduction="none", delta=delta), input, weight, reduction)
    return apply(HUBER_LOSS, input, target, reduction=reduction, delta=delta)


HUBER = Curve("where(abs(d) < delta, 0.5 * d * d, delta * (abs(d) - 0.5 * delta))", "minimum(maximum(d, -delta), delta)", ("delta",))
HUBER_LOSS = Op("huber_loss", loss_kind("huber_cpu"), HUBER.forward, samples=between((-2, 2), (-2, 2), reduction="mean", delta=0.8),
    grads=(lambda g, x, y, reduction, delta: apply(HUBER_LOSS_BACKWARD, g, x, y, reduction=reduction, delta=delta),
           lambda g, x, y, reduction, delta: apply(HUBER_LOSS_BACKWARD, g, y, x, reduction=reduction, delta=delta)))


def _huber_bend(g: Any, grad: Any, x: Any, y: Any, reduction: str, delta: float) -> Any:
    return where((x - y).abs() < delta, g * grad * share(g._array.size, reduction), 0)


HUBER_LOSS_BACKWARD = Op("huber_loss_backward", loss_kind("huber_backward_cpu", ("grad", "x", "y")), HUBER.backward,
    grads=(lambda g, x, y, reduction, delta: g * (x - y).clamp(-delta, delta) * share(g._array.size, reduction),
           _huber_bend,
           lambda g, grad, x, y, reduction, delta: -_huber_bend(g, grad, x, y, reduction, delta)))


# ---- likelihoods

def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: bool | None = None,
                     eps: float = 1e-8, reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """exp(input) - target * input for counts `target` of a Poisson distribution whose rate, or its logarithm, is input.

    `full` adds Stirling's formula for log(target!) where target is above 1; eps keeps the logarithm of a rate 0 finite.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * np.pi * target).log()
        loss = loss + where(target > 1, stirling, 0)
    return reduced(loss, reduction)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Tensor:
    """(log var + (input - target) ** 2 / var) / 2 for normal distributions with mean input and variance var, which is not below eps.

    `full` adds the constant log(2 pi) / 2. No gradient passes by way of the bound on var.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * input.new_ones(input._array.shape)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    var = with_variances(var, input)
    if reduction not in REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    var.detach().clamp_(min=eps)  # the values alone: the gradient goes to var as it was
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * float(np.log(2 * np.pi))
    return reduced(loss, reduction)


def with_variances(var: Any, input: Any) -> Any:
    """var in a shape that fits input's: the same, one variance for each row, or with one dimension of size 1."""
    shape, wanted = var._array.shape, input._array.shape
    if shape == wanted:
        return var
    if wanted[:-1] == shape:
        return var.unsqueeze(-1)
    if len(shape) == len(wanted) and [a for a, b in zip(shape, wanted) if a != b] == [1]:
        return var
    raise ValueError("var is of incorrect size")
