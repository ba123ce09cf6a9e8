"""Layers that resize images by interpolation."""
from __future__ import annotations

from typing import Any

from rushlight.tensor import Tensor

from . import functional as F
from .module import Module


class Upsample(Module):
    """The input, resized to `size` or by `scale_factor`, with the values between its places interpolated.

    Shape: `(N, C, *) -> (N, C, *)` with 1, 2 or 3 dimensions to resize. Modes: "nearest", "linear" (1), "bilinear" and "bicubic" (2),
    "trilinear" (3). With align_corners the corners of input and output coincide.
    """

    __constants__ = ["size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor"]

    def __init__(self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
                 recompute_scale_factor: bool | None = None):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple([float(factor) for factor in scale_factor])
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input, resized."""
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners,
                             recompute_scale_factor=self.recompute_scale_factor)

    def extra_repr(self) -> str:
        """The size or factor, and the mode."""
        size = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample of images, by repetition. Shape: `(N, C, H, W) -> (N, C, H, W)`."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample of images, bilinear with aligned corners. Shape: `(N, C, H, W) -> (N, C, H, W)`."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
