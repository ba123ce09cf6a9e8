"""Layers that in training set some of their input to zero at random."""
from __future__ import annotations

from rushlight.tensor import Tensor

from . import functional as F
from .module import Module


class _DropoutNd(Module):
    """What all of them share: the probability, and whether to write over the input."""

    __constants__ = ["p", "inplace"]

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The probability, and whether to write over the input."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training: the input with each element zeroed with probability p and the others divided by 1 - p. Else the input.

    Shape: `(*) -> (*)`. Source: Hinton and others 2012, "Improving neural networks by preventing co-adaptation of feature detectors".
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input, with elements dropped in training."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Dropout of whole channels. Shape: `(N, C, L)` or `(C, L)`, the same out."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, with channels dropped in training."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Dropout of whole channels. Shape: `(N, C, H, W)`, the same out."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, with channels dropped in training."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Dropout of whole channels. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`, the same out."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, with channels dropped in training."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout to SELU's negative limit instead of zero, scaled and shifted so that mean 0 and variance 1 stay.

    Shape: `(*) -> (*)`. Source: Klambauer and others 2017, "Self-normalizing neural networks".
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input, with elements dropped in training."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels. Shape: `(N, C, *)`, the same out."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, with channels dropped in training."""
        return F.feature_alpha_dropout(input, self.p, self.training)
