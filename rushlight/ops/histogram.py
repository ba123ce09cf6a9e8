"""Counting: how often each integer occurs, and how many numbers fall into each bin. No gradients."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import wrap

if TYPE_CHECKING:
    from ..tensor import Tensor


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, ... occurs in a vector of integers, or the sum of the weights there."""
    recording.reads("bincount()")
    x = input._array
    if x.dtype.kind not in "iu":
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{input.dtype.kernel_name}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if x.ndim != 1 or x.size and x.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(x, minlength=minlength).astype(np.int64, copy=False))
    if weights._array.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counts = np.bincount(x, weights._array.astype(np.float64), minlength)
    return wrap(counts.astype(weights._array.dtype) if weights._array.dtype == np.float32 else counts)


def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many numbers fall into each of `bins` equal parts of [min, max]; min = max means the range of the data."""
    recording.reads("histc()")
    x = input._array
    if x.dtype.kind not in "fV":
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{input.dtype.kernel_name}'")
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    low, high = _bounds(wide, min, max)
    counts = _count(wide.reshape(-1, 1), [_equal_edges(low, high, bins, wide.dtype)], None)
    return wrap(counts.astype(x.dtype))


def _bounds(x: Any, low: Any, high: Any) -> tuple[float, float]:
    """The range of histc's bins: as given, or that of the data; never empty."""
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    return low, high


def _equal_edges(low: float, high: float, bins: int, dtype: Any) -> Any:
    return np.linspace(low, high, bins + 1).astype(dtype)


def _count(points: Any, edges: list, weight: Any) -> Any:
    """How many points `(N, D)` fall into each cell of a grid; every bin holds its lower edge, the last one both."""
    inside = np.ones(len(points), np.bool_)
    places = []
    for column, edge in zip(points.T, edges):
        inside &= (column >= edge[0]) & (column <= edge[-1])
        places.append(np.clip(np.searchsorted(edge, column, "right") - 1, 0, len(edge) - 2))
    shape = tuple([len(edge) - 1 for edge in edges])
    flat = np.ravel_multi_index(tuple(places), shape)[inside]
    weights = None if weight is None else weight[inside].astype(np.float64)
    return np.bincount(flat, weights, math.prod(shape)).reshape(shape)


def histogram(input: Tensor, bins: Any = 100, *, range: Any = None, weight: Tensor | None = None, density: bool = False) -> Any:
    """Named tuple (hist, bin_edges) of all numbers; bins is a count, or the edges themselves."""
    recording.reads("histogram()")
    x = input._array
    if hasattr(bins, "_array"):
        if bins.dtype is not input.dtype:
            raise RuntimeError(f"torch.histogram(): input tensor and bins tensors should have the same dtype, but got input with dtype "
                               f"{input.dtype.kernel_name} and bins with dtype {bins.dtype.kernel_name}")
        edges = bins._array
    else:
        edges = _equal_edges(*_histogram_range("histogram", x, range), bins, x.dtype)
    hist = _weighted(x.reshape(-1, 1), [edges], weight, density)
    return return_types.histogram(wrap(hist.astype(x.dtype)), wrap(edges))


def _histogram_range(name: str, x: Any, given: Any) -> tuple[float, float]:
    """The range of the bins: as given, that of the data, or 0 to 1 without data; never empty."""
    low, high = given if given is not None else (float(x.min()), float(x.max())) if x.size else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}(): range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{name}(): min should not exceed max, but got min {low:g} max {high:g}")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _weighted(points: Any, edges: list, weight: Any, density: bool) -> Any:
    """The counts, or the sums of weights; as a density their integral is 1."""
    hist = _count(points, edges, None if weight is None else weight._array.reshape(-1)).astype(np.float64)
    if density:
        hist /= hist.sum()
        for axis, edge in enumerate(edges):
            hist /= np.diff(edge.astype(np.float64)).reshape([-1 if at == axis else 1 for at in np.arange(len(edges))])
    return hist


def histogramdd(input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False) -> Any:
    """Named tuple (hist, bin_edges) of points `(..., D)` in a grid of D dimensions."""
    recording.reads("histogramdd()")
    x = input._array
    points = x.reshape(-1, x.shape[-1])
    count = points.shape[1]
    if isinstance(bins, int):
        bins = [bins] * count
    if len(bins) != count:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    edges = []
    for at, wanted in enumerate(bins):
        if hasattr(wanted, "_array"):
            edges.append(wanted._array)
        else:
            limits = None if range is None else (range[2 * at], range[2 * at + 1])
            edges.append(_equal_edges(*_histogram_range("histogramdd", points[:, at], limits), wanted, x.dtype))
    hist = _weighted(points, edges, weight, density)
    return return_types.histogramdd(wrap(hist.astype(x.dtype)), tuple([wrap(edge) for edge in edges]))
