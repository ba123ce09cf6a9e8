"""Sums, means, products and truth values over dimensions."""
from __future__ import annotations

import builtins
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.column_sums import column_sums
from ..backends.reduce_numpy import reduce
from ..backends.row_sums import FEW
from ..core.apply import apply
from ..core.dtypes import FLOAT, get_default_dtype
from ..core.op import Op, opaque, reduction
from ..core.samples import over_dims
from .choose import where, zero_where
from .create import eye
from .dims import one_dim, sizes_of, some_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


#: NumPy's own, for what is small; untyped, because its stub wants keepdims as a literal
add_reduce: Any = np.add.reduce


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
        return sum(input.to(dtype), dim, keepdim).to(dtype)
    if dim is None and not keepdim:
        return apply(SUM_ALL, input)
    dim = some_dims(dim, input._array.ndim) or None  # an empty list means all
    return apply(SUM, input, dim=dim, keepdim=keepdim)


def _sum(x: Any, *, dim: Any, keepdim: bool) -> Any:
    if dim == (0,) and x.ndim == 2 and not keepdim and x.dtype.kind == "f":
        return column_sums(x)
    return reduce(np.add, x, dim, np.int64 if x.dtype.kind in "biu" else None, keepdim)


SUM = Op("sum", reduction, _sum, samples=over_dims(), node_name="SumBackward1",
    loop=lambda sizes, dim, keepdim: ("x", range(len(sizes)) if dim is None else dim, 1.0),
    grads=(lambda g, dim, keepdim: spread(g, dim, keepdim),))


def sum_of_elements(x: Any) -> Any:
    """The sum of all elements of an array."""
    return add_reduce(x, None) if x.size < FEW and x.dtype.kind not in "biu" else _sum(x, dim=None, keepdim=False)


SUM_ALL = Op("sum", reduction, sum_of_elements, loop=lambda sizes: ("x", range(len(sizes)), 1.0),
    grads=(lambda g: g,))  # spread out by the engine


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """input summed over the dimensions that broadcasting from `size` would add or stretch."""
    size = sizes_of(size)
    shape = input._array.shape
    if not size:
        return sum(input)
    if size == shape:
        return input
    return apply(SUM_TO_SIZE, input, dim=stretched_dims(size, shape), size=size, shape=shape)


@lru_cache(256)
def stretched_dims(size: tuple, shape: tuple) -> tuple:
    """The dimensions of shape that broadcasting from size adds or stretches. The same few are asked for at every step of a training run."""
    extra = len(shape) - len(size)
    if extra < 0 or builtins.any([n != m and n != 1 for n, m in zip(size, shape[extra:])]):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    return (*range(extra), *[at + extra for at, n in enumerate(size) if n == 1 and shape[at + extra] != 1])


def _sum_to_size(x: Any, *, dim: tuple, size: tuple, shape: tuple) -> Any:
    if len(size) == 1 and x.dtype.kind == "f" and (len(shape) == 2 or x.flags.c_contiguous and size[0] == shape[-1] and x.size):
        # A bias's gradient: PyTorch sums over all rows of a table, whatever dimensions they come from.
        table = x if len(shape) == 2 else x.reshape(-1, shape[-1])
        return column_sums(table) if size[0] == shape[-1] else add_reduce(x, dim).reshape(size)
    return add_reduce(x, dim, np.int64 if x.dtype.kind in "biu" else None, None, len(size) == len(shape)).reshape(size)


SUM_TO_SIZE = Op("sum_to_size", reduction, _sum_to_size, node_name="SumBackward1", loop=lambda sizes, dim, size, shape: ("x", dim, 1.0),
    grads=(lambda g, shape: g.expand(shape),))


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over dim (an int, several, or None for all). Floating or complex input only."""
    if dtype is not None:
        if dtype.category < FLOAT:
            raise RuntimeError("mean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
                               f"Got: {dtype.kernel_name}")
        input = input.to(dtype)
    array = input._array
    if array.dtype.kind in "biu":
        raise RuntimeError("mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                           f"Got: {input.dtype.kernel_name}")
    if dim is None:
        return apply(MEAN, input, dim=None, keepdim=keepdim, shape=array.shape)
    return apply(MEAN_OVER, input, dim=some_dims(dim, array.ndim) or None, keepdim=keepdim, shape=array.shape)


def count_of(shape: tuple, dim: Any) -> int:
    """How many numbers a reduction over dim takes together."""
    count = 1
    for at in range(len(shape)) if dim is None else dim:
        count *= shape[at]
    return count


def share(shape: tuple, dim: Any) -> float:
    """What each number counts in a mean over dim; infinite where there are none, which makes their sum of nothing no number."""
    count = count_of(shape, dim)
    return 1 / count if count else np.inf


def _mean(x: Any, *, dim: Any, keepdim: bool, shape: tuple) -> Any:
    return np.true_divide(reduce(np.add, x, dim, None, keepdim), x.dtype.type(count_of(shape, dim)))


MEAN = Op("mean", reduction, _mean, samples=over_dims(shaped=True),
    loop=lambda sizes, dim, keepdim, shape: ("x", range(len(sizes)) if dim is None else dim, share(sizes, dim)),
    grads=(lambda g, shape, dim, keepdim: spread(g / count_of(shape, dim), dim, keepdim),))
MEAN_OVER = MEAN.printed_as("MeanBackward1")


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of all numbers that are not nan."""
    if input._array.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if input._array.dtype.kind in "biu":
        return sum(input, dim, keepdim, dtype=dtype)
    if dtype is not None:
        input = input.to(dtype)
    return apply(NANSUM, input, dim=some_dims(dim, input._array.ndim) or None, keepdim=keepdim)


def _nansum(x: Any, *, dim: Any, keepdim: bool) -> Any:
    return add_reduce(np.where(np.isnan(x), x.dtype.type(0), x), dim, None, None, keepdim)


NANSUM = Op("nansum", reduction, _nansum, samples=over_dims(),
    grads=(lambda g, x, dim, keepdim: where(x.isnan(), 0, spread(g, dim, keepdim)),))


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of all numbers that are not nan."""
    if input._array.dtype.kind in "biu":
        raise RuntimeError("nanmean(): expected input to have floating point or complex dtype but got " + input.dtype.kernel_name)
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input.isnan().logical_not(), dim, keepdim)


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product of all numbers, or along one dim. Integers and bools multiply to int64."""
    if dtype is not None:
        return prod(input.to(dtype), dim, keepdim).to(dtype)
    if dim is None:
        return apply(PROD, input, dim=None, keepdim=False)
    return apply(PROD_OVER, input, dim=(one_dim(dim, input._array.ndim),) if input._array.ndim else None, keepdim=keepdim)


def _prod(x: Any, *, dim: Any, keepdim: bool) -> Any:
    return reduce(np.multiply, x, dim, np.int64 if x.dtype.kind in "biu" else None, keepdim)


def _prod_gradient(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """The product of all others, times g: out / x, except at a zero, where it is the product of the nonzero numbers if it is alone."""
    g, out = spread(g, dim, keepdim), spread(out, dim, keepdim)
    nought = x == 0
    filled = where(nought, 1, x)
    others = zero_where(sum(nought, dim, True) > 1, _product_over(filled, dim))
    return g * where(nought, others, out / filled)


def _product_over(x: Any, dim: Any) -> Any:
    return prod(x) if dim is None else prod(x, dim[0], True)


PROD = Op("prod", reduction, _prod, samples=over_dims(0.5, 2, one=True), holomorphic=True,
    grads=(_prod_gradient,))
PROD_OVER = PROD.printed_as("ProdBackward1")


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over dim, without overflow."""
    if input._array.dtype.kind in "biu":
        input = input.to(get_default_dtype())
    return apply(LOGSUMEXP, input, dim=some_dims(dim, input._array.ndim) or None, keepdim=keepdim)


def _logsumexp(x: Any, *, dim: Any, keepdim: bool) -> Any:
    if not x.size:
        return np.log(add_reduce(x, dim, None, None, keepdim))
    top = reduce(np.maximum, x.real if x.dtype.kind == "c" else x, dim, None, True)
    # An infinite maximum is not taken off: inf - inf is not a number.
    top = np.where(np.isinf(top), top.dtype.type(0), top)
    power = np.subtract(x, top)
    total = reduce(np.add, np.exp(power, power) if power.ndim else np.exp(power), dim, None, True)
    out = np.log(total) + top
    return out if keepdim else np.reshape(out, [n for at, n in enumerate(x.shape) if dim is not None and at not in dim])


LOGSUMEXP = Op("logsumexp", reduction, _logsumexp, samples=over_dims(), holomorphic=True,
    grads=(lambda g, x, out, dim, keepdim: spread(g, dim, keepdim) * (x - spread(out, dim, keepdim)).exp(),))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix."""
    if input._array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._array.ndim}")
    return apply(TRACE, input, shape=input._array.shape)


TRACE = Op("trace", reduction, lambda x, *, shape: np.trace(x, dtype=np.int64 if x.dtype.kind in "biu" else None), arguments=("x",),
    grads=(lambda g, shape: g * eye(*shape, dtype=g.dtype),))


# Truth values and counts: no gradient.

def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all are nonzero. bool, but uint8 for uint8."""
    return apply(ALL, input, dim=some_dims(dim, input._array.ndim) or None if dim != () else (), keepdim=keepdim)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether one or more are nonzero. bool, but uint8 for uint8."""
    return apply(ANY, input, dim=some_dims(dim, input._array.ndim) or None if dim != () else (), keepdim=keepdim)


def _truth(ufunc: Any) -> Any:
    def forward(x: Any, *, dim: Any, keepdim: bool) -> Any:
        if dim == ():
            out = x != 0
        else:
            out = reduce(ufunc, x, dim, None, keepdim)
        return out.astype(np.uint8) if x.dtype == np.uint8 else out
    return forward


ALL = Op("all", opaque, _truth(np.logical_and))
ANY = Op("any", opaque, _truth(np.logical_or))


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many numbers over dim are not 0."""
    return apply(COUNT_NONZERO, input, dim=some_dims(dim, input._array.ndim) or None)


COUNT_NONZERO = Op("count_nonzero", opaque, lambda x, *, dim: np.asarray(np.count_nonzero(x, axis=dim), np.int64))
