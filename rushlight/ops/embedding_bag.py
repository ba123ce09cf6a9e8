"""embedding_bag: the sum, mean or maximum of rows of a table, over bags of indices, in one operation."""
from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, opaque
from .accumulate import add_rows
from .create import zeros_like
from .embedding import EMBEDDING_BACK, check_indices, limit_rows

if TYPE_CHECKING:
    from ..tensor import Tensor

MODES = ("sum", "mean", "max")


def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
                  scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Tensor | None = None,
                  include_last_offset: bool = False, padding_idx: int | None = None) -> Tensor:
    """One vector for each bag: the sum, mean or maximum of the rows of `weight` whose numbers the bag holds; 0 for an empty bag.

    Shape: input `(B, N)`, a bag in each row, or `(N)` with the first position of each bag in offsets `(B)`; -> `(B, D)`.
    With include_last_offset the offsets end with N. per_sample_weights, in input's shape and for "sum" alone, multiply the rows.
    What equals padding_idx does not count.
    """
    if weight._array.dtype.kind in "iu" and input._array.dtype.kind == "f":
        warnings.warn("Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is deprecated, and "
                      "should now be `embedding_bag(input, weight, ...)`.", stacklevel=2)
        weight, input = input, weight
    check_samples(input, per_sample_weights, mode)
    starts = bag_starts(input, offsets)
    if mode not in MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    check_indices(input, "embedding_bag")
    rows = weight._array.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError("padding_idx must be within the number of embeddings, "
                               f"{-rows} through {rows - 1} but got {padding_idx}")
        padding_idx %= rows
    if max_norm is not None:
        check_rows(input._array.reshape(-1), rows)
        limit_rows(weight, input._array, max_norm, norm_type)
    samples = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    return apply(EMBEDDING_BAGS[mode], weight, input.reshape(-1), samples, starts, whole=include_last_offset or offsets is None, rows=rows,
                 padding_idx=padding_idx, scale=bool(scale_grad_by_freq))


def check_samples(input: Any, samples: Any, mode: str) -> None:
    """Raise PyTorch's error unless per_sample_weights fit the input and the mode."""
    if samples is None:
        return
    if samples.shape != input.shape:
        raise ValueError(f"embedding_bag: If per_sample_weights ({samples.shape}) is not None, then it must have the same shape as the input "
                         f"({input.shape})")
    if mode != "sum":
        raise NotImplementedError("embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
                                  f"mode='{mode}'). Please open a feature request on GitHub.")


def bag_starts(input: Any, offsets: Any) -> Any:
    """The first position of each bag, and of rows of a table the end of the last one too. Raises PyTorch's errors for no offsets."""
    index = input._array
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
                             f"However, found offsets of type {type(offsets)}")
        return recording.constant(wrap(np.arange(index.shape[0] + 1) * index.shape[1]))
    if index.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}")
    if offsets is None:
        raise ValueError(f"offsets has to be a 1D Tensor but got {type(offsets).__name__ if offsets is not None else None}")
    if offsets._array.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    return offsets


def ends_of(starts: Any, count: int, whole: bool) -> Any:
    """The first position of each bag, and the end of the last one, as an array `(B + 1)`, which `starts` is if it is whole.

    Raises PyTorch's errors for bad offsets.
    """
    if starts.size and starts[0] != 0:
        raise RuntimeError("offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
                           f"{starts[0]}")
    if starts.size and starts[-1] > count:
        raise RuntimeError(f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of {starts[-1]}")
    return starts if whole else np.append(starts, count)


def check_rows(index: Any, rows: int) -> None:
    """Raise PyTorch's error if an index names no row."""
    bad = np.flatnonzero((index < 0) | (index >= rows))
    if bad.size:
        raise RuntimeError(f"Index {bad[0]} of input takes value {index[bad[0]]} which is not in the valid range [0, {rows})")


def bag_of_each(starts: Any) -> Any:
    """The number of the bag that each position is in."""
    return np.repeat(np.arange(len(starts) - 1), np.diff(starts))


def counted(indices: Any, padding_idx: Any, dtype: Any) -> Any:
    """1 for each index that counts, 0 for padding."""
    return np.ones(indices.size, dtype) if padding_idx is None else (indices != padding_idx).astype(dtype)


def sizes_of(starts: Any, counts: Any) -> Any:
    """How many indices count in each bag; 1 where none does, to divide by."""
    return np.maximum(np.bincount(bag_of_each(starts), counts, len(starts) - 1), 1).astype(counts.dtype)


def _sum(mean: bool) -> Any:
    def forward(weight: Any, indices: Any, samples: Any, starts: Any, *, whole: bool, rows: int, padding_idx: Any, scale: bool) -> Any:
        starts = ends_of(starts, indices.size, whole)
        check_rows(indices, rows)
        out = np.zeros((len(starts) - 1, weight.shape[1]), weight.dtype)
        counts = counted(indices, padding_idx, weight.dtype)
        parts = weight[indices] * (counts if samples is None else counts * samples)[:, None]
        add_rows(out, bag_of_each(starts), parts)
        return out / sizes_of(starts, counts)[:, None] if mean else out
    return forward


def _sum_grads(mean: bool) -> Any:
    def vjp(g: Any, weight: Any, indices: Any, samples: Any, starts: Any, needs: tuple, whole: bool, rows: int, padding_idx: Any,
            scale: bool) -> tuple:
        arrived = apply(BAG_SHARES, g, indices, starts, whole=whole, padding_idx=padding_idx, mean=mean)
        by_weight = by_samples = None
        if needs[0]:
            by_weight = apply(EMBEDDING_BACK, arrived if samples is None else arrived * samples.unsqueeze(1), indices, rows=rows,
                              padding_idx=padding_idx, scale=scale)
        if needs[2]:
            by_samples = (arrived * weight.index_select(0, indices)).sum(1)
        return by_weight, None, by_samples, None
    return vjp


def _shares(g: Any, indices: Any, starts: Any, *, whole: bool, padding_idx: Any, mean: bool) -> Any:
    """What each index gets of its bag's gradient."""
    bags, factor = factors(g, indices, starts, whole, padding_idx, mean)
    return g[bags] * factor


def _sums(x: Any, indices: Any, starts: Any, *, whole: bool, padding_idx: Any, mean: bool) -> Any:
    """The rows x of each bag, added up: the transpose of `_shares`."""
    bags, factor = factors(x, indices, starts, whole, padding_idx, mean)
    out = np.zeros((len(starts) - whole, x.shape[1]), x.dtype)
    add_rows(out, bags, x * factor)
    return out


def factors(x: Any, indices: Any, starts: Any, whole: bool, padding_idx: Any, mean: bool) -> tuple:
    """The bag of each index, and by what its row is multiplied there."""
    starts = ends_of(starts, indices.size, whole)
    bags, factor = bag_of_each(starts), counted(indices, padding_idx, x.dtype)
    return bags, (factor / sizes_of(starts, factor)[bags] if mean else factor)[:, None]


BAG_SHARES = Op("embedding_bag_shares", opaque, _shares, grads=(lambda g, indices, starts, whole, padding_idx, mean: apply(
    BAG_SUMS, g, indices, starts, whole=whole, padding_idx=padding_idx, mean=mean), None, None))
BAG_SUMS = Op("embedding_bag_sums", opaque, _sums, grads=(lambda g, indices, starts, whole, padding_idx, mean: apply(
    BAG_SHARES, g, indices, starts, whole=whole, padding_idx=padding_idx, mean=mean), None, None))


def _max(weight: Any, indices: Any, samples: Any, starts: Any, *, whole: bool, rows: int, padding_idx: Any, scale: bool) -> tuple:
    """The maxima, and for each the position it came from: the first of equals, -1 in an empty bag."""
    starts = ends_of(starts, indices.size, whole)
    check_rows(indices, rows)
    bags = bag_of_each(starts)
    positions = np.arange(indices.size) if padding_idx is None else np.flatnonzero(indices != padding_idx)
    bags, picked = bags[positions], weight[indices[positions]]
    out = np.zeros((len(starts) - 1, weight.shape[1]), weight.dtype)
    source = np.full(out.shape, -1)
    if positions.size:
        filled, first = np.unique(bags, return_index=True)
        out[filled] = np.maximum.reduceat(picked, first, axis=0)
        number = np.where(picked == out[bags], positions[:, None], indices.size)
        source[filled] = np.minimum.reduceat(number, first, axis=0)
    return out, source


def _max_grads(g: Any, weight: Any, indices: Any, out: tuple, rows: int) -> tuple:
    source = out[1]
    row = indices[source.clamp(min=0)] if indices._array.size else zeros_like(source)
    zeros = g.new_zeros((rows, g.shape[1]))
    return zeros.scatter_add(0, row.long(), g.masked_fill(source < 0, 0)), None, None, None


EMBEDDING_BAGS = {
    "sum": Op("embedding_bag", opaque, _sum(False), vjp=_sum_grads(False), arguments=("weight", "indices", "samples", "starts")),
    "mean": Op("embedding_bag", opaque, _sum(True), vjp=_sum_grads(True), arguments=("weight", "indices", "samples", "starts")),
    "max": Op("embedding_bag", opaque, _max, vjp=_max_grads, hidden=True, arguments=("weight", "indices", "samples", "starts")),
}
