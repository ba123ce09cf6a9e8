"""ChannelShuffle: mixing the groups of a grouped convolution."""
from __future__ import annotations

from rushlight.tensor import Tensor

from . import functional as F
from .module import Module


class ChannelShuffle(Module):
    """The channels in another order: one of each group in turn. Shape: `(N, C, *) -> (N, C, *)`.

    Source: Zhang and others 2017, "ShuffleNet".
    """

    __constants__ = ["groups"]

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """The input, its channels reordered."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"
