"""Distributions built around a Categorical."""
from __future__ import annotations

from operator import attrgetter
from typing import Any

from . import constraints
from .categorical import Categorical
from .distribution import Distribution

__all__ = ["AroundCategorical"]


class AroundCategorical(Distribution):
    """Rows with a place for every class of a Categorical, whose parameters are theirs.

    Subclasses repeat the signature of `__init__`, because Python's TypeError for a wrong call names the class that defines it.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    expanded = {"_categorical": 0}
    probs = property(attrgetter("_categorical.probs"), doc="The probabilities.")
    logits = property(attrgetter("_categorical.logits"), doc="Their logarithms.")
    param_shape = property(attrgetter("_categorical.param_shape"), doc="The shape of the parameter.")

    def __init__(self, probs: Any, logits: Any, validate_args: bool | None = None):
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)
