"""Values taken from, and put back to, places along a dimension: what max, sort, median and their gradients share."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, opaque
from .dims import one_dim


def take_along(x: Any, index: Any, dim: int) -> Any:
    """The numbers of x at the indices along dim."""
    return apply(TAKE_ALONG, x, index, dim=dim, shape=x._array.shape)


def put_along(g: Any, index: Any, dim: int, shape: tuple, repeats: bool = False) -> Any:
    """Zeros of a shape with g put at the indices along dim; added up, if a line of indices repeats itself. The gradient of taking."""
    return apply(PUT_ALONG, g, index, dim=dim, shape=shape, repeats=repeats)


def _take_along(x: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    return np.take_along_axis(x, index, dim) if x.ndim else x.copy()


def _put_along(g: Any, index: Any, *, dim: int, shape: tuple, repeats: bool) -> Any:
    out = np.zeros(shape, g.dtype)
    if not shape:
        out[...] = g
    elif not repeats:
        np.put_along_axis(out, index, g, dim)
    else:
        from .accumulate import add_numbers
        grid = list(np.ogrid[tuple([slice(n) for n in index.shape])])
        grid[dim] = index
        add_numbers(out.reshape(-1), np.ravel_multi_index(tuple(grid), shape).reshape(-1), g.reshape(-1))
    return out


TAKE_ALONG = Op("gather", opaque, _take_along,
    grads=(lambda g, index, dim, shape: put_along(g, index, dim, shape, True),
           None))
PUT_ALONG = Op("value_selecting_reduction_backward", opaque, _put_along,
    grads=(lambda g, index, dim: take_along(g, index, dim),
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
