"""Reductions: sums, means and extremes over dimensions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, reduction
from .dims import sizes_of, some_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


def spread(g: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of a sum, with size 1 along the summed dimensions: the engine repeats it there."""
    if dim is None or keepdim:
        return g
    for at in sorted(dim):
        g = g.unsqueeze(at)
    return g


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over dim (an int, several, or None for all). Integers and bools sum to int64."""
    if dtype is not None:
        input = input.to(dtype)
    array = input._array
    if dim is not None:
        dim = some_dims(dim, array.ndim) or None  # an empty list means all
    return apply(SUM, input, dim=dim, keepdim=keepdim)


def _sum(x: Any, *, dim: Any, keepdim: bool) -> Any:
    return np.add.reduce(x, dim, np.int64 if x.dtype.kind in "biu" else None, None, keepdim)


SUM = Op("sum", reduction, _sum,
    grads=(lambda g, dim, keepdim: spread(g, dim, keepdim),))


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """input summed over the dimensions that broadcasting from `size` would add or stretch."""
    size = sizes_of(size)
    shape = input._array.shape
    if size == shape:
        return input
    extra = len(shape) - len(size)
    if extra < 0 or any([n != m and n != 1 for n, m in zip(size, shape[extra:])]):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    dim = (*range(extra), *[at + extra for at, n in enumerate(size) if n == 1 and shape[at + extra] != 1])
    return apply(SUM_TO_SIZE, input, dim=dim, size=size, shape=shape)


def _sum_to_size(x: Any, *, dim: tuple, size: tuple, shape: tuple) -> Any:
    return np.add.reduce(x, dim, None, None, len(size) == len(shape)).reshape(size)


SUM_TO_SIZE = Op("sum_to_size", reduction, _sum_to_size, node_name="SumBackward1",
    grads=(lambda g, shape: g.expand(shape),))


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim (an int, several, or None for all). Floating or complex input only."""
    if dtype is not None:
        input = input.to(dtype)
    array = input._array
    if array.dtype.kind in "biu":
        raise RuntimeError(f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                           f"Got: {input.dtype.kernel_name}")
    if dim is not None:
        dim = some_dims(dim, array.ndim) or None
    return apply(MEAN, input, dim=dim, keepdim=keepdim, shape=array.shape)


def count_of(shape: tuple, dim: Any) -> int:
    """How many numbers a reduction over dim takes together."""
    count = 1
    for at in range(len(shape)) if dim is None else dim:
        count *= shape[at]
    return count


def _mean(x: Any, *, dim: Any, keepdim: bool, shape: tuple) -> Any:
    total = np.add.reduce(x, axis=dim, keepdims=keepdim)
    return np.true_divide(total, x.dtype.type(count_of(shape, dim)))


MEAN = Op("mean", reduction, _mean,
    grads=(lambda g, shape, dim, keepdim: spread(g / count_of(shape, dim), dim, keepdim),))
