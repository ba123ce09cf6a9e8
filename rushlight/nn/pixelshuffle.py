"""Layers that trade channels for places in an image."""
from __future__ import annotations

from rushlight.tensor import Tensor

from . import functional as F
from .module import Module


class PixelShuffle(Module):
    """The image r times as large, its places taken from r * r channels each. Shape: `(*, C r r, H, W) -> (*, C, H r, W r)`.

    Source: Shi and others 2016, "Real-time single image and video super-resolution".
    """

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input, larger and with fewer channels."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """What PixelShuffle does, undone. Shape: `(*, C, H r, W r) -> (*, C r r, H, W)`."""

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input, smaller and with more channels."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"
