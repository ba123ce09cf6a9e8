"""The multinomial distribution: how often each class comes in several draws."""
from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import constraints
from .around_categorical import AroundCategorical
from .binomial import Binomial
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(AroundCategorical):
    """Counts of classes in total_count draws with probabilities probs, which are scaled to a sum of 1."""

    expanded = {**AroundCategorical.expanded, "_binomial": 1}
    total_count: int

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)
        self._binomial = Binomial(total_count, probs=self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape)).movedim(0, -1)
        counts = self.probs.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add_(-1, drawn, self.probs.new_ones(drawn.shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -float("inf")), 0)
        return (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1) + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.probs.new_tensor(self.total_count)
        cross = self._categorical.entropy() * n - (n + 1).lgamma()
        counts = self._binomial.enumerate_support(expand=False)[1:]
        return cross + (self._binomial.log_prob(counts).exp() * (counts + 1).lgamma()).sum((0, -1))
