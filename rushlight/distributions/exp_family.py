"""Distributions of the exponential family."""
from __future__ import annotations

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution with a density of the form h(x) exp(<t(x), eta> - A(eta)): a name for what programs ask by isinstance."""
