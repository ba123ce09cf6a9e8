"""Samples of a categorical distribution that gradients pass through.

*Source*: Jang and others, Categorical reparameterization with Gumbel-softmax (2017).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.generator import default_generator
from ..core.op import Op, opaque
from .dims import one_dim
from .dropout import like
from .exponential import log
from .random_fill import EXPONENTIAL
from .softmax import softmax

if TYPE_CHECKING:
    from ..tensor import Tensor


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + noise) / tau) along dim, where -log of exponential numbers is the noise.

    With `hard` it is 1 for the largest and 0 for the others, with the gradient of the soft one.
    """
    if eps != 1e-10:
        import warnings
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    if logits._array.dtype.kind not in "fV":
        raise RuntimeError("Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified "
                           + logits.dtype.kernel_name)
    dim = one_dim(dim, logits._array.ndim)
    noise = -log(apply(EXPONENTIAL, apply(BLANK, logits), rate=1.0, generator=default_generator))
    soft = softmax((logits + noise) / tau, dim)
    return apply(LARGEST_AS_ONE, soft, dim=dim) - soft.detach() + soft if hard else soft


def _largest_as_one(x: Any, *, dim: int) -> Any:
    result = np.zeros_like(x)
    np.put_along_axis(result, np.expand_dims(x.argmax(dim), dim), 1, dim)
    return result


BLANK = Op("empty_like", opaque, like)
LARGEST_AS_ONE = Op("largest_as_one", opaque, _largest_as_one)
