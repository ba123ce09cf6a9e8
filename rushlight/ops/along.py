"""Values put back to places along a dimension: what the gradients of max, sort, median and others share."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, opaque
from .dims import one_dim
from .gather import GATHER_BACK


def put_along(g: Any, index: Any, dim: int, shape: tuple) -> Any:
    """Zeros of a shape with g put at the indices along dim, no two of which are the same."""
    return apply(PUT_ALONG, g, index, dim=dim, shape=shape)


def add_along(g: Any, index: Any, dim: int, shape: tuple) -> Any:
    """Zeros of a shape with g added at the indices along dim."""
    return apply(GATHER_BACK, g, index, dim=dim, shape=shape)


def _put_along(g: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    if shape:
        np.put_along_axis(out, index, g, dim)
    else:
        out[...] = g
    return out


PUT_ALONG = Op("value_selecting_reduction_backward", opaque, _put_along,
    grads=(lambda g, index, dim: g.gather(dim, index),
           None))


def selected_gradient(g: Any, index: Any, dim: int, keepdim: bool, shape: tuple) -> Any:
    """The gradient of choosing one number of each line: g at its place, 0 elsewhere."""
    if not keepdim and shape:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return put_along(g, index, dim, shape)


def dim_with_size(name: str, dim: Any, array: Any, word: str = "()") -> int:
    """dim counted from the front. Raises PyTorch's IndexError if it has size 0."""
    dim = one_dim(dim, array.ndim)
    if array.ndim and array.shape[dim] == 0:
        raise IndexError(f"{name}{word}: Expected reduction dim {dim} to have non-zero size.")
    return dim
