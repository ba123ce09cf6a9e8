"""Cross entropy behind a linear layer."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cross_entropy import cross_entropy
from .matmul import linear

if TYPE_CHECKING:
    from ..tensor import Tensor


def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
                         weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
                         label_smoothing: float = 0.0, options: Any = None) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target).

    *Shape*: input (N, D) or (D), linear_weight (C, D) or (C, d1, ..., D), target as that of the logits (N, C, d1, ...). PyTorch can work on
    the rows in chunks, as `options` say; here the logits are one table.
    """
    x, w = input._array.shape, linear_weight._array.shape
    if len(x) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(x)}")
    if len(w) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(w)}")
    if x[-1] != w[-1]:
        raise RuntimeError(f"expected equal input and linear_weight last dimensions (in_features), got {x[-1]} and {w[-1]}, respectively")
    if len(w) > 2 and len(x) == 1:
        raise RuntimeError(f"K-dimensional loss defined by linear_weight shape {w} requires batched input, (N, {x[0]}), got unbatched input "
                           f"with shape {x}")
    if linear_bias is not None and linear_bias._array.shape != w[:-1]:
        raise RuntimeError(f"expected linear_bias shape {w[:-1]}, got {linear_bias._array.shape}")
    if ignore_index is not None and target._array.dtype.kind in "fV":
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = linear(input, linear_weight.reshape(-1, w[-1]), bias).reshape(*x[:-1], *w[:-1])
    return cross_entropy(logits, target, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction,
                         label_smoothing=label_smoothing)
