"""one_hot: class numbers as rows of zeros with a single one."""
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.wrap import wrap

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
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(index.max()) + 1
    elif index.size and index.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((index[..., None] == np.arange(num_classes)).astype(np.int64))
