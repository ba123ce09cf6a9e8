"""Distributions of real numbers that are moved by loc and stretched by scale."""
from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Located", "LocationScale"]


class Located(Distribution):
    """A distribution around loc: its mode, and its mean where it has one."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc


class LocationScale(Located):
    """loc + scale * x for real numbers x of a distribution without parameters.

    Subclasses repeat the signature of `__init__`, because Python's TypeError for a wrong call names the class that defines it.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    expanded = {"loc": 0, "scale": 0}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)
