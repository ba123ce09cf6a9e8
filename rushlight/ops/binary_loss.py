"""Losses of yes or no: binary cross entropy of probabilities and of logits, soft margins; and the divergence of two distributions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.fused import fused
from ..core.op import Op
from ..core.program import warn_user
from ..core.samples import between
from .loss import REDUCTIONS, loss_kind, reduced, reduced_array, reduction_of, share

if TYPE_CHECKING:
    from ..tensor import Tensor


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """-(target log(input) + (1 - target) log(1 - input)) for probabilities input, and its mean or sum.

    A logarithm is not below -100, so a wrong certainty costs 100 and not infinity. Raises RuntimeError for an input outside [0, 1].
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if input._array.shape != target._array.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
                         "Please ensure they have the same size.")
    if weight is not None:
        weight = weight.expand(broadcast_shape(weight, target))
    for value in (target, weight):
        if value is not None and value.dtype is not input.dtype:
            raise RuntimeError(f"Found dtype {value.dtype.kernel_name} but expected {input.dtype.kernel_name}")
    return apply(BINARY_CROSS_ENTROPY, input, target, weight, reduction=reduction)


def broadcast_shape(weight: Any, target: Any) -> tuple:
    """The common shape. Raises PyTorch's error if there is none."""
    shape, other = target._array.shape, weight._array.shape
    try:
        return np.broadcast_shapes(other, shape)
    except ValueError:
        at = next(n for n in range(1, 1 + min(len(shape), len(other))) if shape[-n] != other[-n] and 1 not in (shape[-n], other[-n]))
        raise RuntimeError(f"Attempting to broadcast a dimension of length {other[-at]} at -{at}! Mismatching argument at index 1 had "
                           f"{weight.shape}; but expected shape should be broadcastable to {list(shape)}") from None


def _binary_cross_entropy(x: Any, y: Any, weight: Any, *, reduction: str) -> Any:
    if x.size and not (np.minimum.reduce(x, axis=None) >= 0 and np.maximum.reduce(x, axis=None) <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    if y.size and not (np.minimum.reduce(y, axis=None) >= 0 and np.maximum.reduce(y, axis=None) <= 1):
        raise RuntimeError("all elements of target should be between 0 and 1")
    values = BCE_VALUES(x, y)
    return reduced_array(values if weight is None else values * weight, reduction)


BCE_VALUES = fused("(y - 1) * maximum(log1p(-x), -100) - y * maximum(log(x), -100)", ("x", "y"))
# PyTorch's bound on the denominator.
BCE_SLOPES = fused("grad * (x - y) / maximum((1 - x) * x, 1e-12)", ("x", "y"), ("grad",))


def number_and_weights(grad: Any, weight: Any, count: int, reduction: str) -> tuple:
    """The factor of all elements and, where they differ, an array of their own factors."""
    if reduction == "none":
        return 1.0, grad if weight is None else grad * weight
    return grad.item() * share(count, reduction), weight


def _bce_backward(grad: Any, x: Any, y: Any, weight: Any, *, reduction: str) -> Any:
    scale, each = number_and_weights(grad, weight, x.size, reduction)
    out = BCE_SLOPES(x, y, grad=scale)
    return out if each is None else np.multiply(out, each, out=out)


def _weighted(g: Any, weight: Any, reduction: str) -> Any:
    """g times what each element counts."""
    if weight is not None:
        g = g * weight
    return g * share(g._array.size, reduction) if reduction == "mean" else g


def _full(g: Any, x: Any) -> Any:
    """A reduced loss's gradient for each element."""
    return g if g._array.shape == x._array.shape else g.expand(x._array.shape)


BINARY_CROSS_ENTROPY = Op("binary_cross_entropy", loss_kind("binary_cross_entropy"), _binary_cross_entropy,
    arguments=("x", "y", "weight"), samples=lambda random, shape: [
        ((random.uniform(0.1, 0.9, shape), random.uniform(0.1, 0.9, shape), None), {"reduction": "mean"}),
        ((random.uniform(0.1, 0.9, shape), random.uniform(0.1, 0.9, shape), random.random(shape)), {"reduction": "sum"})],
    grads=(lambda g, x, y, weight, reduction: apply(BINARY_CROSS_ENTROPY_BACKWARD, g, x, y, weight, reduction=reduction),
           lambda g, x, weight, reduction: _weighted(_full(g, x), weight, reduction) * ((-x).log1p().clamp(min=-100) - x.log().clamp(min=-100)),
           None))
BINARY_CROSS_ENTROPY_BACKWARD = Op("binary_cross_entropy_backward", loss_kind("binary_cross_entropy_backward"), _bce_backward,
    arguments=("grad", "x", "y", "weight"),
    grads=(lambda g, x, y, weight, reduction: _weighted(g, weight, reduction) * (x - y) / ((1 - x) * x).clamp(min=1e-12),
           lambda g, grad, x, y, weight, reduction: _weighted(g, weight, reduction) * grad * _bce_bend(x, y),
           lambda g, grad, x, weight, reduction: -_weighted(g, weight, reduction) * grad / ((1 - x) * x).clamp(min=1e-12),
           None))


def _bce_bend(x: Any, y: Any) -> Any:
    # The derivative of (x - y) / (x (1 - x)).
    spread = ((1 - x) * x).clamp(min=1e-12)
    return (x * x - 2 * x * y + y) / (spread * spread)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                                     reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    """Binary cross entropy of sigmoid(input), exact for logits of any size, and its mean or sum.

    `pos_weight` multiplies the part of the positive targets, `weight` the whole.
    """
    if size_average is not None or reduce is not None or reduction not in REDUCTIONS:
        reduction = reduction_of(reduction, size_average, reduce)
    if input._array.shape != target._array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if input._array.dtype.kind in "fV" and target._array.dtype.kind in "biu":
        reject_whole_targets(input, target)
    return apply(BCE_WITH_LOGITS, input, target, weight, pos_weight, reduction=reduction)


def reject_whole_targets(input: Any, target: Any) -> None:
    """Raise PyTorch's error for targets that are integers or truth values."""
    if target.dtype.name == "bool":
        raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
                           "instead.")
    raise RuntimeError(f"result type {input.dtype.kernel_name} can't be cast to the desired output type {target.dtype.kernel_name}")


# With s = log(1 + exp(-|x|)), -log sigmoid(x) is s + max(-x, 0), and -log(1 - sigmoid(x)) is x more.
LOGIT_VALUES = fused("(1 - y) * x + (log1p(exp(-abs(x))) + maximum(-x, 0))", ("x", "y"))
LOGIT_SLOPES = fused("grad * (sigmoid(x) - y)", ("x", "y"), ("grad",))
POSITIVE_VALUES = fused("(1 - y) * x + (1 + (p - 1) * y) * (log1p(exp(-abs(x))) + maximum(-x, 0))", ("x", "y", "p"))
POSITIVE_SLOPES = fused("grad * ((1 - y + p * y) * sigmoid(x) - p * y)", ("x", "y", "p"), ("grad",))


def _bce_with_logits(x: Any, y: Any, weight: Any, positive: Any, *, reduction: str) -> Any:
    values = LOGIT_VALUES(x, y) if positive is None else POSITIVE_VALUES(x, y, positive)
    return reduced_array(values if weight is None else values * weight, reduction)


def _bce_with_logits_backward(grad: Any, x: Any, y: Any, weight: Any, positive: Any, *, reduction: str) -> Any:
    scale, each = number_and_weights(grad, weight, x.size, reduction)
    out = LOGIT_SLOPES(x, y, grad=scale) if positive is None else POSITIVE_SLOPES(x, y, positive, grad=scale)
    return out if each is None else out * each


def _logit_slope(x: Any, y: Any, positive: Any) -> Any:
    s = x.sigmoid()
    return s - y if positive is None else (1 - y + positive * y) * s - positive * y


def _logit_bend(x: Any, y: Any, positive: Any) -> Any:
    s = x.sigmoid()
    return s * (1 - s) if positive is None else (1 - y + positive * y) * s * (1 - s)


def _logit_target_slope(x: Any, positive: Any) -> Any:
    """How the loss depends on the target: -x, and with a positive weight p, -x + (p - 1) (-log sigmoid(x))."""
    from .smooth import logsigmoid
    return -x if positive is None else -x - (positive - 1) * logsigmoid(x)


def _logit_target_bend(x: Any, positive: Any) -> Any:
    s = x.sigmoid()
    return s * 0 - 1 if positive is None else (positive - 1) * s - positive


BCE_WITH_LOGITS = Op("binary_cross_entropy_with_logits", loss_kind("log_sigmoid_cpu"), _bce_with_logits,
    arguments=("x", "y", "weight", "positive"), samples=lambda random, shape: [
        ((random.normal(size=shape), random.random(shape), None, None), {"reduction": "mean"}),
        ((random.normal(size=shape), random.random(shape), random.random(shape), 1 + random.random(shape)), {"reduction": "sum"})],
    grads=(lambda g, x, y, weight, positive, reduction: apply(BCE_WITH_LOGITS_BACKWARD, g, x, y, weight, positive, reduction=reduction),
           lambda g, x, weight, positive, reduction: _weighted(_full(g, x), weight, reduction) * _logit_target_slope(x, positive),
           None, None))
BCE_WITH_LOGITS_BACKWARD = Op("binary_cross_entropy_with_logits_backward", loss_kind("log_sigmoid_backward_cpu"), _bce_with_logits_backward,
    arguments=("grad", "x", "y", "weight", "positive"),
    grads=(lambda g, x, y, weight, positive, reduction: _weighted(g, weight, reduction) * _logit_slope(x, y, positive),
           lambda g, grad, x, y, weight, positive, reduction: _weighted(g, weight, reduction) * grad * _logit_bend(x, y, positive),
           lambda g, grad, x, weight, positive, reduction: _weighted(g, weight, reduction) * grad * _logit_target_bend(x, positive),
           None, None))


def soft_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target * input)) for targets 1 and -1, and its mean or sum."""
    reduction = reduction_of(reduction, size_average, reduce)
    if input._array.dtype.kind in "biu":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.kernel_name}")
    return apply(SOFT_MARGIN_LOSS, input, target, reduction=reduction)


MARGIN_VALUES = fused("log1p(exp(-x * y))", ("x", "y"))
MARGIN_SLOPES = fused("grad * -y * sigmoid(-x * y)", ("x", "y"), ("grad",))


def _soft_margin_backward(grad: Any, x: Any, y: Any, *, reduction: str) -> Any:
    scale, each = number_and_weights(grad, None, np.broadcast(x, y).size, reduction)
    out = MARGIN_SLOPES(x, y, grad=scale)
    return out if each is None else np.multiply(out, each, out=out)


def _margin_bend(x: Any, y: Any) -> Any:
    s = (x * y).sigmoid()
    return y * y * s * (1 - s)


SOFT_MARGIN_LOSS = Op("soft_margin_loss", loss_kind("soft_margin_cpu"), lambda x, y, *, reduction: reduced_array(MARGIN_VALUES(x, y), reduction),
    samples=between((-2, 2), (-1, 1), reduction="mean"),
    grads=(lambda g, x, y, reduction: apply(SOFT_MARGIN_LOSS_BACKWARD, g, x, y, reduction=reduction),
           None))
SOFT_MARGIN_LOSS_BACKWARD = Op("soft_margin_loss_backward", loss_kind("soft_margin_backward_cpu", ("grad", "x", "y")), _soft_margin_backward,
    grads=(lambda g, x, y, reduction: _weighted(g, None, reduction) * -y * (-x * y).sigmoid(),
           lambda g, grad, x, y, reduction: _weighted(g, None, reduction) * grad * _margin_bend(x, y),
           None))


def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                                reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """Binary cross entropy of the logits of each class, averaged over the classes (the last dimension), and its mean or sum over the rows."""
    from .smooth import logsigmoid
    reduction = reduction_of(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return reduced(loss.sum(-1) / input._array.shape[-1], reduction)


def kl_div(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean",
           log_target: bool = False) -> Tensor:
    """target * (log(target) - input) for the logarithm of a distribution, input, and a distribution, or its logarithm, target.

    reduction "batchmean" divides the sum by the number of rows, which is the divergence itself; "mean" by the number of elements.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(reduction, size_average, reduce)
    elif reduction == "mean":
        warn_user("reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the "
                  "batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in "
                  "the next major release.")
    if reduction != "batchmean" and reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if "c" in (input._array.dtype.kind, target._array.dtype.kind):
        raise RuntimeError("kl_div: Complex inputs not supported.")
    if input._array.dtype.kind in "biu" or target._array.dtype.kind in "biu":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = target.xlogy(target) - target * input  # xlogy: 0 log 0 is 0
    if reduction == "batchmean":
        return loss.sum() / input._array.shape[0] if input._array.ndim else loss
    return reduced(loss, reduction)
