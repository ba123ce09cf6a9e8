"""Losses that want one number to exceed another by a margin: of pairs, classes and triplets."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, kernel
from .choose import where
from .distance import cosine_terms, pairwise_distance
from .loss import reduced, reduction_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None,
                         reduction: str = "mean") -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1 (any other target adds both), and its mean or sum."""
    reduction = reduction_of(reduction, size_average, reduce)
    far = where(target != 1, (margin - input).clamp_min(0), 0)
    near = where(target != -1, input, 0)
    return reduced(far + near, reduction)


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
                        reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """max(0, margin - target * (input1 - input2)): target 1 wants the first to be larger, -1 the second; and its mean or sum."""
    reduction = reduction_of(reduction, size_average, reduce)
    if not input1._array.ndim == input2._array.ndim == target._array.ndim:
        raise RuntimeError(f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.shape}, "
                           f"input2: {input2.shape}, target: {target.shape} ")
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: bool | None = None,
                          reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1, with cos that of the angle between two rows; and its mean or sum."""
    reduction = reduction_of(reduction, size_average, reduce)
    dims, a, b = target._array.ndim, input1._array, input2._array
    if dims > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if a.ndim != dims + 1 or b.ndim != dims + 1:
        raise RuntimeError(f"{dims}D target tensor expects {dims + 1}D input tensors, but found inputs with sizes {list(a.shape)} and "
                           f"{list(b.shape)}.")
    cosine = cosine_terms(input1, input2)
    near = where(target == 1, 1 - cosine, 0)
    far = where(target == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(near + far, reduction)


# ---- classes

def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
                      size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """The mean over the classes c of max(0, margin - input[target] + input[c]) ** p, without c = target; and its mean or sum over the rows.

    *Shape*: input (N, C) or (C), target (N) or (), weight (C): the factor of the rows of each class.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._array.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    check_classes(input, target, weight)
    return apply(MULTI_MARGIN_LOSS, input, target, weight, p=p, margin=margin, reduction=reduction)


def check_classes(input: Any, target: Any, weight: Any) -> None:
    """Raise PyTorch's error unless there is one class for each row."""
    x, t = input._array, target._array
    if x.ndim > 2 or x.ndim and x.shape[-1] == 0:
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}")
    classes = x.shape[-1] if x.ndim else 1
    rows = x.shape[0] if x.ndim == 2 else 1
    if t.ndim > 1 or t.size != rows:
        raise RuntimeError("multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
                           f"Expected target size [{rows}], but got {list(t.shape)}. Input has shape {list(x.shape)}.")
    if weight is not None and weight._array.size != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight._array.shape)}")
    if target.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.kernel_name}")


def _multi_margin(x: Any, target: Any, weight: Any, *, p: int, margin: float, reduction: str) -> tuple:
    """The loss, and its derivatives by the margins of each class and row."""
    table, classes = x.reshape(-1, x.shape[-1] if x.ndim else 1), target.reshape(-1, 1)
    if ((classes < 0) | (classes >= table.shape[1])).any():
        raise RuntimeError("target out of range")
    gap = np.maximum(table - np.take_along_axis(table, classes, 1) + x.dtype.type(margin), 0)
    np.put_along_axis(gap, classes, 0, 1)
    scale = np.full((len(table), 1), 1 / table.shape[1], x.dtype) if weight is None else weight[classes] / x.dtype.type(table.shape[1])
    slopes = (gap > 0) * scale if p == 1 else 2 * gap * scale
    np.put_along_axis(slopes, classes, -slopes.sum(1, keepdims=True), 1)
    rows = ((gap if p == 1 else gap * gap) * scale).sum(1)
    if reduction == "none":
        return rows.reshape(target.shape), slopes.reshape(x.shape)
    if reduction == "mean":
        slopes /= len(table)
    return np.asarray(rows.sum() if reduction == "sum" else rows.sum() / x.dtype.type(len(table))), slopes.reshape(x.shape)


def _by_rows(g: Any, x: Any) -> Any:
    """A gradient of the rows, or of all of them together, to multiply the derivatives with."""
    return g.unsqueeze(-1) if g._array.ndim and g._array.ndim < x._array.ndim else g


MULTI_MARGIN_LOSS = Op("multi_margin_loss", kernel, _multi_margin, hidden=True,
    grads=(lambda g, out: _by_rows(g, out[1]) * out[1], None, None))


def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                           reduction: str = "mean") -> Tensor:
    """The mean over the classes of max(0, 1 - (input[a] - input[b])), added up for all a among the targets and b not among them.

    *Shape*: input (N, C) or (C); target as input, in each row the numbers of some classes, ended by -1.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x, t = input._array, target._array
    if x.ndim > 2 or x.ndim and x.shape[-1] == 0:
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}")
    if x.shape != t.shape and x.size != t.size or x.ndim > 1 and x.shape != t.shape:
        raise RuntimeError(f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}")
    if target.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.kernel_name}")
    return apply(MULTILABEL_MARGIN_LOSS, input, target, reduction=reduction)


def label_counts(target: Any) -> Any:
    """How often each class is named in the rows (N, C) before the first -1."""
    classes = target.shape[1]
    if ((target < -1) | (target >= classes)).any():
        raise RuntimeError("argument #2 'target' is out of range")
    named = np.cumsum(target == -1, 1) == 0
    counts = np.zeros(target.shape, np.int64)
    rows = np.broadcast_to(np.arange(len(target))[:, None], target.shape)
    np.add.at(counts, (rows[named], target[named]), 1)
    return counts


def _multilabel_margin(x: Any, target: Any, *, reduction: str) -> tuple:
    """The loss, and its derivatives by input."""
    table = x.reshape(-1, x.shape[-1] if x.ndim else 1)
    counts = label_counts(target.reshape(table.shape))
    pairs = (counts[:, :, None] * (counts == 0)[:, None, :]).astype(x.dtype) / x.dtype.type(table.shape[1])
    gaps = 1 - (table[:, :, None] - table[:, None, :])
    active = pairs * (gaps > 0)
    slopes = (active.sum(1) - active.sum(2)).reshape(x.shape)
    rows = (active * gaps).sum((1, 2))
    if reduction == "none":
        return rows.reshape(x.shape[:-1]), slopes
    if reduction == "sum":
        return np.asarray(rows.sum()), slopes
    return np.asarray(rows.sum() / x.dtype.type(len(table))), np.asarray(slopes / x.dtype.type(len(table)))


MULTILABEL_MARGIN_LOSS = Op("multilabel_margin_loss", kernel, _multilabel_margin, hidden=True,
    grads=(lambda g, out: _by_rows(g, out[1]) * out[1], None))


# ---- triplets

def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
                        swap: bool = False, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|) with the p-norm along the last dimension; and its mean or sum.

    `swap` takes the distance from positive to negative where it is the smaller one.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    return triplet_loss((anchor, positive, negative), lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, reduction)


def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Callable | None = None,
                                      margin: float = 1.0, swap: bool = False, reduction: str = "mean") -> Tensor:
    """As `triplet_margin_loss`, with a distance of the caller's; without one, the Euclidean distance."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return triplet_loss((anchor, positive, negative), distance_function or pairwise_distance, margin, swap, reduction)


def triplet_loss(triplet: tuple, distance: Callable, margin: float, swap: bool, reduction: str) -> Any:
    """The loss of a triplet (anchor, positive, negative) under a distance."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    a, p, n = [t._array.ndim for t in triplet]
    if not a == p == n:
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
                           f"anchor {a}D, positive {p}D, and negative {n}D inputs")
    anchor, positive, negative = triplet
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
