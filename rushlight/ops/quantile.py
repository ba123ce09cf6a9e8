"""Values in the middle of the order: median, mode, quantiles."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..backends import sort_numpy
from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque
from .along import dim_with_size
from .choose import lerp, where
from .create import constant, full_like
from .dims import one_dim
from .extremes import share_ties
from .sort import along_last, chosen, chosen_gradient, line_samples, sort

if TYPE_CHECKING:
    from ..tensor import Tensor


# ---- median

def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle number, the lower of two; nan if there is one. With dim a named tuple (values, indices) along it.

    Gradient: without dim, shared evenly among the numbers that equal it.
    """
    return _median("median", input, dim, keepdim, MEDIAN_ALL, MEDIAN, return_types.median)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle of the numbers that are not nan. With dim a named tuple (values, indices) along it. Gradient: as that of median."""
    return _median("nanmedian", input, dim, keepdim, NANMEDIAN_ALL, NANMEDIAN, return_types.nanmedian)


def _median(name: str, input: Any, dim: Any, keepdim: bool, over_all: Op, along: Op, result: Any) -> Any:
    array = input._array
    if array.dtype.kind in "bc":
        raise NotImplementedError(f"\"median_cpu\" not implemented for '{input.dtype.kernel_name}'")
    if dim is None:
        return apply(over_all, input)
    dim = dim_with_size("median", dim, array)
    return result(*apply(along, input, dim=dim, keepdim=keepdim, shape=array.shape))


def middle(x: Any) -> Any:
    """The index of the median of each row; of the first nan, if there is one."""
    index = sort_numpy.at(x, (x.shape[-1] - 1) // 2)
    if x.dtype.kind in "fV":
        nan = np.isnan(x)
        index = np.where(nan.any(-1, keepdims=True), nan.argmax(-1)[..., None], index)
    return index


def middle_of_numbers(x: Any) -> Any:
    """The index of the median of what is not nan in each row; of the first number, if all is nan."""
    if x.dtype.kind not in "fV":
        return middle(x)
    count = np.count_nonzero(~np.isnan(x), -1)[..., None]
    return np.take_along_axis(sort_numpy.order(x), np.maximum(count - 1, 0) // 2, -1)


def _along(pick: Any) -> Any:
    def forward(x: Any, *, dim: int, keepdim: bool, shape: tuple) -> tuple:
        return chosen(x, along_last(pick, x, dim) if x.ndim else None, dim, keepdim)
    return forward


def _over_all(pick: Any) -> Any:
    def forward(x: Any) -> Any:
        if not x.size:
            return np.array(np.nan if x.dtype.kind in "fV" else np.iinfo(x.dtype).min, x.dtype)
        return x.reshape(-1)[pick(x.reshape(-1))].reshape(())
    return forward


def _all_gradient(g: Any, x: Any, out: Any) -> Any:
    return share_ties(g, x, out, None, False)


_samples = line_samples(keepdim=False)
MEDIAN = Op("median", opaque, _along(middle), arguments=("x",), node_name="MedianBackward1", samples=_samples, grads=(chosen_gradient,))
NANMEDIAN = Op("nanmedian", opaque, _along(middle_of_numbers), arguments=("x",), node_name="NanmedianBackward1", grads=(chosen_gradient,))
MEDIAN_ALL = Op("median", opaque, _over_all(middle), grads=(_all_gradient,))
NANMEDIAN_ALL = Op("nanmedian", opaque, _over_all(middle_of_numbers), grads=(_all_gradient,))


# ---- mode

def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Named tuple (values, indices): the most frequent number along dim (the smallest of several) and where it occurs last."""
    array = input._array
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"mode_cpu\" not implemented for '{input.dtype.kernel_name}'")
    dim = dim_with_size("mode", dim, array)
    return return_types.mode(*apply(MODE, input, dim=dim, keepdim=keepdim, shape=array.shape))


def most_frequent(x: Any) -> Any:
    """The index of the last of the most frequent numbers of each row."""
    order = sort_numpy.order(x)
    ordered = np.take_along_axis(x, order, -1)
    steps = np.arange(x.shape[-1])
    starts = np.concatenate([np.ones((*x.shape[:-1], 1), np.bool_), ordered[..., 1:] != ordered[..., :-1]], -1)
    run = steps - np.maximum.accumulate(np.where(starts, steps, 0), -1)
    # The longest run's end is the first place where the length so far is the longest.
    return np.take_along_axis(order, run.argmax(-1)[..., None], -1)


MODE = Op("mode", opaque, _along(most_frequent), arguments=("x",), samples=_samples, grads=(chosen_gradient,))


# ---- quantiles

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """The number below which the share q of all numbers (or of those along dim) lies; several q give a new first dimension."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """`quantile` of the numbers that are not nan."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _check_quantile(name: str, input: Any, q: Any, interpolation: str) -> Any:
    """q as a tensor of input's dtype."""
    x = input._array
    if not x.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if x.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
    if not hasattr(q, "_array"):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        return constant(np.array(q, x.dtype))
    if q._array.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q._array.dtype != x.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    recording.reads(f"{name}() of a tensor")
    if not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool) -> Any:
    shares = _check_quantile(name, input, q, interpolation)
    ndim = input._array.ndim
    if dim is None:
        lines = input.reshape(-1)
        kept = (1,) * ndim if keepdim else ()
    else:
        dim = one_dim(dim, ndim)
        lines = input.movedim(dim, -1) if ndim else input.reshape(1)
        shape = lines._array.shape[:-1]
        kept = ((*shape[:dim], 1, *shape[dim:]) if keepdim else shape) if ndim else ()
    out = _quantile_of_lines(sort(lines, -1)[0], shares.reshape(-1), interpolation, skip_nan)  # (..., Q)
    out = out.movedim(-1, 0) if out._array.ndim > 1 else out
    return out.reshape((*shares._array.shape, *kept))


def _quantile_of_lines(ordered: Any, shares: Any, interpolation: str, skip_nan: bool) -> Any:
    """The quantiles `(..., Q)` of sorted lines `(..., n)`: between two neighbours by the rank's fraction."""
    ranks = _ranks(ordered, shares, skip_nan)
    places = ranks.detach()
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": places.floor, "higher": places.ceil, "nearest": places.round}[interpolation]()
        return ordered.gather(-1, rounded.long())
    below = places.floor()
    lower = ordered.gather(-1, below.long())
    upper = ordered.gather(-1, places.ceil().long())
    weight = full_like(below, 0.5) if interpolation == "midpoint" else ranks - below
    return lerp(lower, upper, weight)


def _ranks(ordered: Any, shares: Any, skip_nan: bool) -> Any:
    """The places `(..., Q)` in sorted lines, with fractions. nan sorts last: a line with one has its nan as every quantile."""
    nan = ordered.isnan()
    if skip_nan:
        return shares * (nan.logical_not().sum(-1, keepdim=True) - 1).clamp(min=0).to(ordered.dtype)
    last = ordered._array.shape[-1] - 1
    return where(nan.any(-1, keepdim=True), float(last), shares * last)
