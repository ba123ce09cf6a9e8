"""One-hot rows made continuous."""
from __future__ import annotations

import math
from typing import Any

from ..ops.random import rand
from ..tensor import Tensor
from . import constraints
from .around_categorical import AroundCategorical
from .transformed_distribution import TransformedDistribution, of_base
from .transforms import ExpTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


class ExpRelaxedCategorical(AroundCategorical):
    """The logarithms of softmax((logits + Gumbel noise) / temperature).

    Source: Maddison, Mnih and Teh, "The Concrete Distribution", 2017.
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device))
        return ((self.logits - (-u.log()).log()) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        count = self._event_shape[0]
        logits, value = broadcast_all(self.logits, value)
        return (logits - value * self.temperature).log_softmax(-1).sum(-1) + (math.lgamma(count) + (count - 1) * self.temperature.log())


class RelaxedOneHotCategorical(TransformedDistribution):
    """Rows of sum 1, the nearer to a single 1 the lower the temperature."""

    arg_constraints = ExpRelaxedCategorical.arg_constraints
    support = constraints.simplex
    has_rsample = True
    base_dist: ExpRelaxedCategorical
    temperature = of_base("temperature", "How far from the discrete draws.")
    probs = of_base("probs", "The probabilities.")
    logits = of_base("logits", "Their logarithms.")

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args), ExpTransform(), validate_args=validate_args)
