"""The geometric distribution: how many trials fail before the first that succeeds."""
from __future__ import annotations

from typing import Any

from .. import finfo
from ..core.grad_mode import no_grad
from ..ops.binary_loss import binary_cross_entropy_with_logits
from ..tensor import Tensor
from . import constraints
from .probs_or_logits import ProbsOrLogits
from .utils import broadcast_all

__all__ = ["Geometric"]


class Geometric(ProbsOrLogits):
    """(1 - p)^k p for k failures."""

    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(probs, logits, validate_args)
        if self._validate_args and probs is not None and not (self.probs > 0).all():
            raise ValueError(f"Expected parameter probs ({type(self.probs).__name__} of shape {tuple(self.probs.shape)}) of distribution {self!r} to "
                             f"be positive but found invalid values:\n{self.probs[self.probs <= 0]}")

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return self.probs.new_zeros(self.probs.shape)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            # The logarithm of 0 would be infinite.
            u = self.probs.new_empty(self._extended_shape(sample_shape)).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, probs = broadcast_all(value, self.probs)
        return _failures(value, probs) + probs.log()

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


def _failures(value: Tensor, probs: Tensor) -> Tensor:
    """value * log(1 - p), and 0 where value is 0 and p is 1."""
    return value * (-probs.masked_fill((probs == 1) & (value == 0), 0)).log1p()
