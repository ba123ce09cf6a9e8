"""The Dirichlet distribution over probabilities."""
from __future__ import annotations

from typing import Any

from .. import finfo
from ..ops.random_gamma import _standard_gamma
from ..tensor import Tensor
from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class Dirichlet(ExponentialFamily):
    """Gamma(sum a) / prod Gamma(a_i) times the product of x_i^(a_i - 1), for x of sum 1; a = concentration.

    *Gradient* of rsample: through the gamma numbers that a draw is made of.
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    expanded = {"concentration": 1}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        inside = (self.concentration < 1).all(-1, keepdim=True)
        corner = (self.concentration == self.concentration.max(-1, True)[0]).to(mode)
        return mode.where(~inside, corner)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        # In double precision: for small concentrations every number of a row may be too small for float.
        numbers = _standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)).double())
        shares = (numbers / numbers.sum(-1, True)).to(self.concentration.dtype)
        shares.data.clamp_(min=finfo(shares.dtype).tiny, max=1 - finfo(shares.dtype).eps / 2)
        return shares

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return (a - 1.0).xlogy(value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        return a.lgamma().sum(-1) - total.lgamma() - (a.shape[-1] - total) * total.digamma() - ((a - 1.0) * a.digamma()).sum(-1)
