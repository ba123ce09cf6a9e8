"""Layers that make the input larger at its borders.

`padding` is one number for all borders, or (left, right) for the last dimension, then (top, bottom), then (front, back).
Shape: a dimension of size L becomes L + left + right; a negative padding cuts off.
"""
from __future__ import annotations

from typing import Any

from rushlight.tensor import Tensor

from . import functional as F
from .module import Module
from .tuples import _ntuple


class _Pad(Module):
    """What all paddings share. A subclass says how many dimensions it pads and what it pads with."""

    __constants__ = ["padding"]
    dims: int
    mode: str
    padding: tuple

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = _ntuple(2 * self.dims)(padding)

    def forward(self, input: Tensor) -> Tensor:
        """The input with its borders."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class _CircularPadNd(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """The input with its borders."""
        self._check_input_dim(input)
        return super().forward(input)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self.dims + 1, self.dims + 2):
            raise ValueError(f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.dim()}D input)")


class CircularPad1d(_CircularPadNd):
    """The input continued as if it began anew at its end. Shape: `(N, C, W)` or `(C, W)`."""

    dims = 1


class CircularPad2d(_CircularPadNd):
    """The input continued as if it began anew at its end. Shape: `(N, C, H, W)` or `(C, H, W)`."""

    dims = 2


class CircularPad3d(_CircularPadNd):
    """The input continued as if it began anew at its end. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`."""

    dims = 3


class _ConstantPadNd(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input with its borders."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The padding and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """The input with borders of one value. Shape: `(N, C, W)` or `(C, W)`."""

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """The input with borders of one value. Shape: `(N, C, H, W)` or `(C, H, W)`."""

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """The input with borders of one value. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`."""

    dims = 3


class _ReflectionPadNd(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The input mirrored at its borders, the border itself not repeated. Shape: `(N, C, W)` or `(C, W)`."""

    dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """The input mirrored at its borders, the border itself not repeated. Shape: `(N, C, H, W)` or `(C, H, W)`."""

    dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """The input mirrored at its borders, the border itself not repeated. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`."""

    dims = 3


class _ReplicationPadNd(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The input with its border values repeated outwards. Shape: `(N, C, W)` or `(C, W)`."""

    dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The input with its border values repeated outwards. Shape: `(N, C, H, W)` or `(C, H, W)`."""

    dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The input with its border values repeated outwards. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`."""

    dims = 3


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """The input with borders of zeros. Shape: `(N, C, W)` or `(C, W)`."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """The input with borders of zeros. Shape: `(N, C, H, W)` or `(C, H, W)`."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """The input with borders of zeros. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`."""
