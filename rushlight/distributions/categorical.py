"""The categorical distribution: one of several classes."""
from __future__ import annotations

from typing import Any

from .. import finfo, multinomial
from ..core.grad_mode import no_grad
from ..core.size import Size
from ..ops.views import broadcast_tensors
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .probs_or_logits import ProbsOrLogits, one_of

__all__ = ["Categorical"]


class Categorical(ProbsOrLogits):
    """Class i with probability probs[..., i], which are scaled to a sum of 1 (logits: their logarithms, up to a constant)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    expanded = {"probs": 1, "logits": 1}
    has_enumerate_support = True
    _two_outcomes = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, given = one_of(probs, logits)
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if name == "probs":
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        # Not ProbsOrLogits's, which takes every dimension for the batch's: the last is the classes'.
        Distribution.__init__(self, given.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def _num_events(self) -> int:
        return self._param.shape[-1]

    @property
    def mean(self) -> Tensor:
        return self.probs.new_full(self._extended_shape(), float("nan"))

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(dim=-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = Size(sample_shape)
        with no_grad():
            rows = multinomial(self.probs.reshape(-1, self._num_events), sample_shape.numel(), True).T
        return rows.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index, logits = broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        # -inf times a probability of 0 would be nan.
        return -(self.logits.clamp(min=finfo(self.logits.dtype).min) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._integers(self._num_events, expand)
