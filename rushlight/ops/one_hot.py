"""one_hot: class numbers as rows of zeros with a single one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque

if TYPE_CHECKING:
    from ..tensor import Tensor


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """For every class number a row of num_classes zeros with a one at that place; -1 means one more than the largest.

    Shape: int64 `(*) -> (*, num_classes)`.
    """
    index = getattr(input, "_array", None)
    if index is None:
        raise TypeError(f"one_hot(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if num_classes == -1:
        recording.reads("one_hot() without num_classes")
        num_classes = max(int(index.max()), 0) + 1
    return apply(ONE_HOT, input, num_classes=num_classes)


def _one_hot(x: Any, *, num_classes: int) -> Any:
    if x.size and x.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if x.size and x.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (x[..., None] == np.arange(num_classes)).astype(np.int64)


ONE_HOT = Op("one_hot", opaque, _one_hot)
