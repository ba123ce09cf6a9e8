"""Images in another size: nearest, linear, cubic, area, with and without antialiasing.

Every mode but "area" is a linear map along each dimension: output i is the sum over t of weights[i, t] * input[places[i, t]]. The gradient is
the transposed map, and that one's gradient the map itself.
"""
from __future__ import annotations

import functools
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, kernel
from .activation import not_implemented

if TYPE_CHECKING:
    from ..tensor import Tensor

#: the modes that interpolate, with the number of spatial dimensions they need (None: any)
MODES: dict[str, Any] = {"nearest": None, "nearest-exact": None, "area": None, "linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2, "lanczos": 2}
ALL_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"


def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
                recompute_scale_factor: bool | None = None, antialias: bool = False) -> Tensor:
    """input (N, C, L), (N, C, H, W) or (N, C, D, H, W) resampled to `size`, or to scale_factor times its size.

    mode: "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "lanczos" or "area" (means). align_corners makes the
    outer numbers of both sizes coincide; antialias widens the filter where the image shrinks.
    """
    check_modes(mode, align_corners, antialias, input)
    dims = input._array.ndim - 2
    size, scales = wanted_size(input, size, scale_factor, recompute_scale_factor)
    if mode == "area" and dims in (1, 2, 3):
        from . import pool_adaptive
        return pool_adaptive.adaptive_avg_pool(dims, input, size)
    if mode not in MODES or not 1 <= dims <= 3:
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {dims + 2}D) for the modes: {ALL_MODES} "
                                  f"(got {mode})")
    if MODES[mode] not in (None, dims):
        raise NotImplementedError(f"Got {dims + 2}D input, but {mode} mode needs {MODES[mode] + 2}D input")
    check_sizes(input, size)
    given = input._array.shape[2:]
    single = np.float64 if input._array.dtype == np.float64 else np.float32
    maps = tuple([(mode, n, o, None if s is None else float(s), bool(align_corners), bool(antialias), single)
                  for n, o, s in zip(given, size, scales)])
    return apply(operation(mode, dims, antialias), input, maps=maps, size=given)


def check_modes(mode: str, align_corners: bool | None, antialias: bool, input: Any) -> None:
    """Raise PyTorch's error for options that do not go with the mode."""
    if mode in ("nearest", "area", "nearest-exact", "lanczos") and align_corners is not None and mode != "lanczos":
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input._array.ndim == 4):
        raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input")


def wanted_size(input: Any, size: Any, scale_factor: Any, recompute: bool | None) -> tuple:
    """The sizes to resample to, and for each dimension the factor that the caller gave, or None."""
    shape = input._array.shape[2:]
    dims = len(shape)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (tuple, list)) and len(size) != dims:
            raise ValueError(differing("output", "output size of ", shape, tuple(size), "output size in (o1, o2, ...,oK) format."))
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return tuple([int(n) for n in size]) if isinstance(size, (tuple, list)) else (int(size),) * dims, (None,) * dims
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (tuple, list)) and len(scale_factor) != dims:
        raise ValueError(differing("scale_factor", "scale_factor of shape ", shape, tuple(scale_factor),
                                   "scale_factor in (s1, s2, ...,sK) format."))
    factors = tuple(scale_factor) if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * dims
    # As PyTorch multiplies: in double precision, rounded down.
    found = tuple([math.floor(float(n) * f) for n, f in zip(shape, factors)])
    return found, (None,) * dims if recompute else factors


def differing(what: str, phrase: str, shape: tuple, given: tuple, ending: str) -> str:
    """PyTorch's sentence on a wrong number of sizes."""
    return (f"Input and {what} must have the same number of spatial dimensions, but got input with spatial dimensions of {list(shape)} and "
            f"{phrase}{given}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {ending}")


def check_sizes(input: Any, size: tuple) -> None:
    """Raise PyTorch's error for an image without numbers, or a dtype that is not resampled."""
    shape = input._array.shape[2:]
    if min(*shape, *size) <= 0:
        names = ("D", "H", "W")[3 - len(size):]
        given, wanted = (", ".join([f"{n}: {v}" for n, v in zip(names, values)]) for values in (shape, size))
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input ({given}) output ({wanted})")
    if input._array.dtype.kind in "bi":
        raise not_implemented(f"upsample_nearest{len(size)}d_channels_last", input)


# ---- the maps along one dimension

@functools.lru_cache(maxsize=64)
def taps(mode: str, size: int, count: int, factor: float | None, align: bool, antialias: bool, dtype: Any) -> tuple:
    """(places, weights) of each output, both (count, taps)."""
    scale = step(size, count, factor, align and "nearest" not in mode, dtype)
    numbers = np.arange(count).astype(dtype)
    if mode == "nearest":
        places = np.minimum((numbers * scale).astype(np.int64), size - 1)
        return places[:, None], np.ones((count, 1), dtype)
    if mode == "nearest-exact":
        places = np.minimum(((numbers + dtype(0.5)) * scale).astype(np.int64), size - 1)
        return places[:, None], np.ones((count, 1), dtype)
    if antialias or mode == "lanczos":
        return smoothed(mode, size, numbers, scale, dtype)
    source = numbers * scale if align else (numbers + dtype(0.5)) * scale - dtype(0.5)
    return cubic_taps(source, size, dtype) if mode == "bicubic" else linear_taps(np.maximum(source, 0), size, dtype)


def step(size: int, count: int, factor: float | None, align: bool, dtype: Any) -> Any:
    """By how much the source moves from one output to the next."""
    if align:
        return dtype(size - 1) / dtype(count - 1) if count > 1 else dtype(0)
    return dtype(1.0 / factor) if factor is not None and factor > 0 else dtype(size) / dtype(count)


def linear_taps(source: Any, size: int, dtype: Any) -> tuple:
    low = np.minimum(source.astype(np.int64), size - 1)
    part = np.clip(source - low.astype(dtype), 0, 1).astype(dtype)
    return np.stack([low, np.minimum(low + 1, size - 1)], 1), np.stack([1 - part, part], 1)


def cubic(x: Any, a: float) -> Any:
    """Keys' cubic convolution kernel. Source: Keys, Cubic convolution interpolation, 1981."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0)).astype(x.dtype)


def cubic_taps(source: Any, size: int, dtype: Any) -> tuple:
    low = np.floor(source).astype(np.int64)
    part = (source - low.astype(dtype))[:, None]
    offsets = np.arange(-1, 3)
    return np.clip(low[:, None] + offsets, 0, size - 1), cubic(part - offsets.astype(dtype), -0.75)


#: the filters that antialiasing widens, with half their width
FILTERS = {
    "bilinear": (1, lambda x: np.maximum(1 - np.abs(x), 0)),
    "bicubic": (2, lambda x: cubic(x, -0.5)),
    "lanczos": (3, lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)),
}


def smoothed(mode: str, size: int, numbers: Any, scale: Any, dtype: Any) -> tuple:
    """The filter stretched by the scale where the image shrinks, cut off at the edges and brought to sum 1."""
    half, function = FILTERS[mode]
    wide = max(scale, dtype(1))
    support = dtype(half) * wide
    center = (numbers + dtype(0.5)) * scale
    begin = np.maximum((center - support + dtype(0.5)).astype(np.int64), 0)
    end = np.minimum((center + support + dtype(0.5)).astype(np.int64), size)
    longest = int((end - begin).max())
    places = begin[:, None] + np.arange(longest)
    weights = function((places.astype(dtype) - center[:, None] + dtype(0.5)) / wide).astype(dtype)
    weights[places >= end[:, None]] = 0
    return np.minimum(places, size - 1), weights / weights.sum(1, keepdims=True)


# ---- the operation

def resampled(x: Any, maps: tuple) -> Any:
    """x with the map of each of its last dimensions applied; `maps` are what `taps` makes them of."""
    whole = x.dtype.kind == "u"
    out = x.astype(np.float32) if whole else x
    for dim, how in enumerate(maps):
        places, weights = taps(*how)
        out = along_axis(out, places, weights, x.ndim - len(maps) + dim)
    return np.clip(np.rint(out), 0, 255).astype(x.dtype) if whole else out


def along_axis(x: Any, places: Any, weights: Any, axis: int) -> Any:
    """One map along one axis."""
    if places.shape[1] == 1:
        return x.take(places[:, 0], axis=axis)
    shape = [-1 if at == axis else 1 for at in range(x.ndim)]
    total = None
    for tap in range(places.shape[1]):
        part = x.take(places[:, tap], axis=axis)
        part *= weights[:, tap].astype(x.real.dtype).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    return total


def _interpolate_backward(grad: Any, *, maps: tuple, size: tuple) -> Any:
    for dim, (how, n) in enumerate(zip(maps, size)):
        places, weights = taps(*how)
        axis = grad.ndim - len(maps) + dim
        matrix = np.zeros((n, len(places)), grad.real.dtype)
        np.add.at(matrix, (places, np.arange(len(places))[:, None]), weights)
        grad = np.moveaxis(np.matmul(matrix, np.moveaxis(grad, axis, -2)), -2, axis)
    return np.ascontiguousarray(grad)


INTERPOLATE_BACKWARD = Op("interpolate_backward", kernel, _interpolate_backward,
    grads=(lambda g, maps, size: apply(INTERPOLATE, g, maps=maps, size=size),))
INTERPOLATE = Op("interpolate", kernel, lambda x, *, maps, size: resampled(x, maps),
    samples=lambda random, shape: [((random.normal(size=(1, 2, 4, 3)),), {
        "maps": tuple([(mode, n, 5, None, False, False, np.float64) for n in (4, 3)]), "size": (4, 3)}) for mode in ("nearest", "bicubic")],
    grads=(lambda g, maps, size: apply(INTERPOLATE_BACKWARD, g, maps=maps, size=size),))

_named: dict = {}


def operation(mode: str, dims: int, antialias: bool) -> Op:
    """The operation under PyTorch's name for the mode."""
    name = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear", "bilinear": "Bilinear", "trilinear": "Trilinear",
            "bicubic": "Bicubic", "lanczos": "Lanczos"}[mode]
    node = f"Upsample{name}{dims}D{'Aa' if antialias else ''}Backward0"
    if node not in _named:
        _named[node] = INTERPOLATE.printed_as(node)
    return _named[node]


# ---- the older names

def upsample(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None) -> Tensor:
    """The older name of `interpolate`."""
    deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "nearest"."""
    deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "bilinear" and corners that coincide."""
    deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def deprecated(name: str) -> None:
    """Warn, as PyTorch does, of an old name."""
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)
