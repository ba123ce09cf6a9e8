"""What distributions share: parameters of one shape, probabilities and their logarithms, values that are computed when asked for."""
from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

from .. import finfo, get_default_dtype
from ..core.grad_mode import enable_grad
from ..nn.functional import softmax
from ..ops.create import tensor
from ..ops.views import broadcast_tensors
from ..tensor import Tensor

euler_constant = 0.57721566490153286060

__all__ = ["broadcast_all", "clamp_probs", "euler_constant", "lazy_property", "logits_to_probs", "probs_to_logits"]


def broadcast_all(*values: Any) -> tuple:
    """The values as tensors of one shape; numbers get the dtype of the first tensor, or the default one."""
    if not all([isinstance(value, (Number, Tensor)) for value in values]):
        raise ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__.")
    dtype = next((value.dtype for value in values if isinstance(value, Tensor)), get_default_dtype())
    return tuple(broadcast_tensors(*[value if isinstance(value, Tensor) else tensor(value, dtype=dtype) for value in values]))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the dtype's eps, so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log p; log(p / (1 - p)) where there are two outcomes."""
    kept = clamp_probs(probs)
    return kept.log() - (-kept).log1p() if is_binary else kept.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The probabilities: softmax over the last dimension, the logistic function where there are two outcomes."""
    return logits.sigmoid() if is_binary else softmax(logits, dim=-1)


class lazy_property:
    """A decorator: the value is computed when it is first asked for, recorded, and kept as an attribute."""

    def __init__(self, function: Callable):
        self.function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]  # an object, not a function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.function(instance)
        setattr(instance, self.function.__name__, value)
        return value
