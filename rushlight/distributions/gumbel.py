"""The Gumbel distribution."""
from __future__ import annotations

import math
from typing import Any

from .. import finfo
from ..tensor import Tensor
from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, ExpTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Gumbel"]


class Gumbel(TransformedDistribution):
    """loc - scale * log(-log(u)) for u uniform between 0 and 1: the largest of many draws."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    expanded = {"loc": 0, "scale": 0}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        whole = self.loc.new_full(self.loc.shape, 1.0)
        base = Uniform(whole * limits.tiny, whole * (1 - limits.eps), validate_args=validate_args)
        minus = AffineTransform(0, -whole)
        super().__init__(base, [ExpTransform().inv, minus, ExpTransform().inv, AffineTransform(self.loc, -self.scale)], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)
