"""The negative binomial distribution: how many trials succeed before a number of them failed."""
from __future__ import annotations

from typing import Any

from ..core.grad_mode import no_grad
from ..nn.functional import logsigmoid
from ..ops.random import poisson
from ..tensor import Tensor
from . import constraints
from .gamma import Gamma
from .probs_or_logits import ManyTrials

__all__ = ["NegativeBinomial"]


class NegativeBinomial(ManyTrials):
    """Gamma(n + k) / (k! Gamma(n)) (1 - p)^n p^k for k successes and n = total_count failures."""

    arg_constraints = {"total_count": constraints.greater_than_eq(0), "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(total_count, probs, logits, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(Gamma(self.total_count, (-self.logits).exp(), validate_args=False).sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        choices = (n + value).lgamma() - (1.0 + value).lgamma() - n.lgamma()
        return n * logsigmoid(-self.logits) + value * logsigmoid(self.logits) + choices.masked_fill(n + value == 0.0, 0.0)
