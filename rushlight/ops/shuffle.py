"""Channels traded for places in an image, and channels in another order."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, opaque

if TYPE_CHECKING:
    from ..tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """The image r times as large, the places of each r x r square taken from as many channels. Shape: `(*, C r r, H, W) -> (*, C, H r, W r)`."""
    shape = input._array.shape
    check("pixel_shuffle", "upscale_factor", shape, upscale_factor)
    if shape[-3] % upscale_factor ** 2:
        raise RuntimeError("pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
                           f"input.size(-3)={shape[-3]} is not divisible by {upscale_factor ** 2}")
    return apply(PIXEL_SHUFFLE, input, r=upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """What pixel_shuffle does, undone. Shape: `(*, C, H r, W r) -> (*, C r r, H, W)`."""
    shape = input._array.shape
    check("pixel_unshuffle", "downscale_factor", shape, downscale_factor)
    for name, dim in (("height", -2), ("width", -1)):
        if shape[dim] % downscale_factor:
            raise RuntimeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={shape[dim]} is not "
                               f"divisible by {downscale_factor}")
    return apply(PIXEL_UNSHUFFLE, input, r=downscale_factor)


def check(name: str, factor_name: str, shape: tuple, factor: int) -> None:
    """Raise PyTorch's error for too few dimensions or a factor below 1."""
    if len(shape) < 3:
        raise RuntimeError(f"{name} expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)")
    if factor <= 0:
        raise RuntimeError(f"{name} expects a positive {factor_name}, but got {factor}")


def _shuffle(x: Any, *, r: int) -> Any:
    *batch, channels, height, width = x.shape
    parts = x.reshape(math.prod(batch), channels // r ** 2, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(*batch, channels // r ** 2, height * r, width * r)


def _unshuffle(x: Any, *, r: int) -> Any:
    *batch, channels, height, width = x.shape
    parts = x.reshape(math.prod(batch), channels, height // r, r, width // r, r).transpose(0, 1, 3, 5, 2, 4)
    return parts.reshape(*batch, channels * r ** 2, height // r, width // r)


PIXEL_SHUFFLE = Op("pixel_shuffle", opaque, lambda x, *, r: np.array(_shuffle(x, r=r)), grads=(lambda g, r: pixel_unshuffle(g, r),))
PIXEL_UNSHUFFLE = Op("pixel_unshuffle", opaque, lambda x, *, r: np.array(_unshuffle(x, r=r)), grads=(lambda g, r: pixel_shuffle(g, r),))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels in another order: the first of every group, then the second of every group, and so on. Shape: `(N, C, *)`, the same out."""
    shape = input._array.shape
    if len(shape) <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups.")
    return apply(CHANNEL_SHUFFLE, input, groups=groups)


def _channel_shuffle(x: Any, *, groups: int) -> Any:
    parts = x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
    return np.array(parts.swapaxes(1, 2)).reshape(x.shape)


CHANNEL_SHUFFLE = Op("channel_shuffle", opaque, _channel_shuffle, grads=(lambda g, groups: channel_shuffle(g, g._array.shape[1] // groups),))
