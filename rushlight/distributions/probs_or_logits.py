"""Distributions of trials, given by probabilities or by their logits."""
from __future__ import annotations

from typing import Any

from ..core.size import Size
from ..ops.counted import arange
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["ManyTrials", "ProbsOrLogits", "one_of"]


def one_of(probs: Any, logits: Any) -> tuple[str, Any]:
    """The name and the value of the one that is given. Raises ValueError unless exactly one is."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return ("probs", probs) if logits is None else ("logits", logits)


class ProbsOrLogits(Distribution):
    """Trials that succeed with probability probs, of which logits are the log odds: one is given, the other computed when it is asked for.

    Subclasses repeat the signature of `__init__`, because Python's TypeError for a wrong call names the class that defines it.
    """

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}
    expanded = {"probs": 0, "logits": 0}
    _two_outcomes = True

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None = None):
        name, given = one_of(probs, logits)
        self.__dict__[name], = broadcast_all(given)
        super().__init__(self._param.shape, validate_args=validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """The log odds of success; of several classes, the logarithms of their probabilities."""
        return probs_to_logits(self.probs, self._two_outcomes)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of success; of several classes, of each."""
        return logits_to_probs(self.logits, self._two_outcomes)

    @property
    def _param(self) -> Tensor:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.shape

    def _integers(self, count: int, expand: bool, dtype: Any = None) -> Tensor:
        """0 to count - 1 along a dimension before those of the batch, over which they are repeated if `expand` says so."""
        values = arange(count, dtype=dtype, device=self._param.device).view(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class ManyTrials(ProbsOrLogits):
    """As many trials as total_count says, or until so many failed."""

    expanded = {"total_count": 0, **ProbsOrLogits.expanded}

    def __init__(self, total_count: Any, probs: Any, logits: Any, validate_args: bool | None = None):
        name, given = one_of(probs, logits)
        total_count, given = broadcast_all(total_count, given)
        self.total_count = total_count.type_as(given)
        super().__init__(validate_args=validate_args, **{"probs": None, "logits": None, name: given})
