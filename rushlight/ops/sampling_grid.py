"""Images sampled at places that a grid gives, and grids of affine maps: the spatial transformer.

Source: Jaderberg et al., Spatial Transformer Networks, 2015.
"""
from __future__ import annotations

import warnings
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.op import Op, kernel, opaque
from .choose import where
from .create import constant
from .definition import forward_by, gradient_by

if TYPE_CHECKING:
    from ..tensor import Tensor

CHANGED = ("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if "
           "the old behavior is desired. See the documentation of grid_sample for details.")


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None) -> Tensor:
    """input (N, C, H, W) at the places of grid (N, h, w, 2): (N, C, h, w); and so with a third dimension.

    The grid's numbers (x, y) go from -1 to 1 over the image, from center to center of its outer pixels with align_corners, else from edge
    to edge. Outside, padding_mode decides: "zeros", "border" (the nearest pixel) or "reflection". mode: "bilinear", "nearest", "bicubic".
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError("nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
                         f"'{padding_mode}'")
    if align_corners is None:
        warnings.warn(CHANGED, stacklevel=2)
        align_corners = False
    check_grid(input, grid, mode)
    return apply(GRID_SAMPLE[grid._array.ndim - 2], input, grid, mode=mode, padding_mode=padding_mode, align_corners=align_corners)


def check_grid(input: Any, grid: Any, mode: str) -> None:
    """Raise PyTorch's error unless the grid fits the image."""
    x, g = input._array.shape, grid._array.shape
    if x[0] != g[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(x)} and grid with "
                           f"sizes {list(g)}")
    if g[-1] != len(x) - 2:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got grid with sizes {list(g)}")
    for axis, n in enumerate(x[2:], 2):
        if not n:
            raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(x)} with "
                               f"dimension {axis} being empty")
    if len(x) not in (4, 5) or len(x) != len(g):
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
                           f"{list(x)} and grid with sizes {list(g)}")
    if len(x) == 5 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype is not grid.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.kernel_name} but found {grid.dtype.kernel_name}")


def sampled(input: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool) -> Any:
    """grid_sample in plain operations."""
    size = input._array.shape[2:]
    # The grid names x first, the image's last dimension.
    places = [pixel(grid.select(-1, len(size) - 1 - dim), n, align_corners) for dim, n in enumerate(size)]
    if mode == "bicubic":
        return cubic_sampled(input, places, padding_mode, align_corners)
    places = [inside(p, n, padding_mode, align_corners) for p, n in zip(places, size)]
    if mode == "nearest":
        return picked(input, [p.detach().round() for p in places])
    lows = [p.detach().floor() for p in places]
    parts = [p - low for p, low in zip(places, lows)]
    total = None
    for corner in product((0, 1), repeat=len(size)):
        weight: Any = 1
        for one, part in zip(corner, parts):
            weight = weight * (part if one else 1 - part)
        value = picked(input, [low + one for low, one in zip(lows, corner)]) * weight.unsqueeze(1)
        total = value if total is None else total + value
    return total


def pixel(x: Any, size: int, align_corners: bool) -> Any:
    """The grid's -1 to 1 as numbers of pixels."""
    return (x + 1) / 2 * (size - 1) if align_corners else ((x + 1) * size - 1) / 2


def inside(x: Any, size: int, padding_mode: str, align_corners: bool) -> Any:
    """A place moved into the image, if that is how the border is treated."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = reflected(x, 0, size - 1) if align_corners else reflected(x, -0.5, size)
    # No gradient at the bounds themselves, as in PyTorch; and nan goes to the left edge.
    return where(x.detach() >= size - 1, size - 1, where(x.detach() > 0, x, 0))


def reflected(x: Any, low: float, span: float) -> Any:
    """x mirrored at low and low + span until it lies between."""
    if span == 0:
        return x * 0
    distance = (x - low).abs()
    flips = (distance.detach() / span).floor()
    rest = distance - flips * span
    return where(flips % 2 == 0, rest + low, span - rest + low)


def picked(input: Any, places: list) -> Any:
    """The pixels at whole-numbered places (N, ...): (N, C, ...); 0 outside the image."""
    size = input._array.shape[2:]
    images, channels = input._array.shape[:2]
    index, seen = apply(FLAT_PLACES, *places, size=size, channels=channels)
    values = input.reshape(images, channels, -1).gather(2, index).reshape(images, channels, *seen._array.shape[1:])
    if recording.recorder is None and seen._array.all():
        return values
    return where(seen.unsqueeze(1), values, 0)


def _flat_places(*places: Any, size: tuple, channels: int) -> tuple:
    """For each channel the numbers of the pixels in the flat image (N, C, ...), at the edge for those outside; and which lie inside."""
    flat: Any = 0
    seen: Any = True
    for index, n in zip(places, size):
        seen = seen & (index >= 0) & (index <= n - 1)
        flat = flat * n + np.clip(np.nan_to_num(index), 0, n - 1).astype(np.int64)
    images = len(flat)
    return np.ascontiguousarray(np.broadcast_to(flat.reshape(images, 1, -1), (images, channels, flat[0].size))), seen


FLAT_PLACES = Op("grid_places", opaque, _flat_places)


def cubic_sampled(input: Any, places: list, padding_mode: str, align_corners: bool) -> Any:
    """The image at places between pixels, by Keys' cubic kernel over four by four pixels."""
    size = input._array.shape[2:]
    lows = [p.detach().floor() for p in places]
    weights = [cubic_weights(p - low) for p, low in zip(places, lows)]
    total = None
    for i, j in product(range(4), repeat=2):
        spots = [inside(low + at - 1, n, padding_mode, align_corners) for low, at, n in zip(lows, (i, j), size)]
        value = picked(input, spots) * (weights[0][i] * weights[1][j]).unsqueeze(1)
        total = value if total is None else total + value
    return total


def cubic_weights(t: Any, a: float = -0.75) -> list:
    """The weights of the four pixels around a place that is t behind the second one."""
    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


GRID_SAMPLE_2D = Op("grid_sampler_2d", kernel, forward_by(sampled), arguments=("input", "grid"), node_name="GridSampler2DBackward0",
    samples=lambda random, shape: [
        ((random.normal(size=(1, 2, 4, 5)), random.uniform(-1.5, 1.5, (1, 3, 2, 2))), {"mode": mode, "padding_mode": padding, "align_corners": False})
        for mode, padding in (("bilinear", "zeros"), ("bicubic", "reflection"), ("nearest", "border"))],
    vjp=lambda g, input, grid, mode, padding_mode, align_corners, needs: gradient_by(
        sampled, g, (input, grid), needs, mode=mode, padding_mode=padding_mode, align_corners=align_corners))
GRID_SAMPLE = {2: GRID_SAMPLE_2D, 3: GRID_SAMPLE_2D.printed_as("GridSampler3DBackward0")}


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for `grid_sample` of affine maps: theta (N, 2, 3) and size (N, C, H, W) -> (N, H, W, 2); or with a third dimension."""
    if align_corners is None:
        warnings.warn(CHANGED, stacklevel=2)
        align_corners = False
    if theta._array.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(size)
    if len(size) not in (4, 5):
        raise NotImplementedError("affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
                                  f"{size}.")
    dims = len(size) - 2
    if theta._array.ndim != 3 or theta._array.shape[1:] != (dims, dims + 1):
        raise ValueError(f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got {theta.shape}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return apply(AFFINE_GRID, theta, size=size, align_corners=align_corners)


def base_grid(size: tuple, align_corners: bool, dtype: Any) -> Any:
    """The places (x, y, 1) of all pixels, a row each."""
    axes = []
    for n in size:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(line if align_corners else line * (n - 1) / n)
    tables = np.meshgrid(*axes, indexing="ij")[::-1]
    return np.stack([*tables, np.ones(size)], -1).reshape(-1, len(size) + 1).astype(dtype)


def _affine_grid(theta: Any, *, size: tuple, align_corners: bool) -> Any:
    rows = base_grid(size[2:], align_corners, theta.dtype)
    return np.matmul(rows, theta.swapaxes(1, 2)).reshape(size[0], *size[2:], len(size) - 2)


def _affine_gradient(g: Any, size: tuple, align_corners: bool) -> Any:
    rows = constant(base_grid(size[2:], align_corners, g._array.dtype))
    return g.reshape(size[0], -1, len(size) - 2).transpose(1, 2).matmul(rows)


AFFINE_GRID = Op("affine_grid_generator", kernel, _affine_grid, grads=(_affine_gradient,),
    samples=lambda random, shape: [((random.normal(size=(2, 2, 3)),), {"size": (2, 1, 3, 4), "align_corners": True})])
