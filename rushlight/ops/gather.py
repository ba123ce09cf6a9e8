"""Elements by an index along one dimension: gather reads them, scatter writes them, scatter_add and scatter_reduce combine them.

The index has as many dimensions as the tensor. Where it is smaller, the rest of the tensor is left alone. Index (i, j, k) along
dimension 1 stands for element (i, index[i, j, k], k).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.numbers import checked_number
from ..core.op import Op, kernel, opaque
from ..core.out import exact_out
from ..core.samples import indexed
from ..core.warn import warn_once
from .accumulate import add_numbers, flat_index
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

_same_dtype = exact_out("Expected out tensor to have dtype {c_result}, but got {c_out} instead")


def places(index: Any, dim: int) -> tuple:
    """The index in NumPy's form: one array for each dimension, which broadcast against each other."""
    ndim = index.ndim
    return tuple([index if d == dim else np.arange(index.shape[d]).reshape([-1 if at == d else 1 for at in range(ndim)]) for d in range(ndim)])


def check_index(name: str, input: Tensor, dim: int, index: Any, what: str = "input") -> int:
    """dim counted from the front. Raises unless index is an integer tensor with as many dimensions as input."""
    if not hasattr(index, "_array"):
        raise TypeError(f"{name}(): argument 'index' (position 2) must be Tensor, not {type(index).__name__}")
    dim = one_dim(dim, input._array.ndim)
    if not index._array.size:
        return dim
    if index._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if max(index._array.ndim, 1) != max(input._array.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {what} tensor")
    return dim


def check_range(index: Any, dim: int, size: int) -> None:
    """Raise RuntimeError if an index is negative or not below size."""
    if index.size:
        low, high = index.min(), index.max()
        if low < 0 or high >= size:
            wrong = index[(index < 0) | (index >= size)].flat[0]
            raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")


# ---- gather

@_same_dtype
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """The elements of input that index names along dim, in index's shape."""
    dim = check_index("gather", input, dim, index)
    shape, wanted = input._array.shape, index._array.shape
    for d in range(len(shape)):
        if index._array.size and d != dim and wanted[d] > shape[d]:
            raise RuntimeError(f"Size does not match at dimension {d} expected index {list(wanted)} to be no larger than self {list(shape)} apart "
                               f"from dimension {dim}")
    return apply(GATHER, input, index, dim=dim, shape=shape)


def _gather(x: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    if not index.size:
        return np.empty(index.shape, x.dtype)
    x, where = x.reshape(x.shape or 1), index.reshape(index.shape or 1)
    check_range(where, dim, x.shape[dim])
    if where.ndim == 1:
        return x[where].reshape(index.shape)
    if x.flags.c_contiguous:
        return x.reshape(-1).take(flat_index(where, x.shape, dim))  # half the time of an index for each dimension
    return x[places(where, dim)]


def _gather_back(g: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    return _scatter_add(np.zeros(shape, g.dtype), index, g, dim=dim)


GATHER = Op("gather", opaque, _gather,
    grads=(lambda g, index, dim, shape: apply(GATHER_BACK, g, index, dim=dim, shape=shape), None),
    samples=indexed(False, with_shape=True, dim=0))

#: zeros of a shape, with g added where the index points
GATHER_BACK = Op("gather_back", opaque, _gather_back, node_name="GatherBackwardBackward0",
    grads=(lambda g, index, dim: gather(g, dim, index), None))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements of input that indices name along dim; the other dimensions broadcast. Without dim, both are flattened."""
    if indices._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.kernel_name}")
    if dim is None:
        input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
    if input._array.ndim != indices._array.ndim:
        raise RuntimeError("torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                           f"{input._array.ndim} dimensions for input, and {indices._array.ndim} dimensions for indices")
    from .views import common_shape
    dim = one_dim(dim, input._array.ndim)
    own, wanted = list(input._array.shape), list(indices._array.shape)
    along, own[dim], length, wanted[dim] = own[dim], 1, wanted[dim], 1
    shape = list(common_shape(tuple(own), tuple(wanted)))
    input, indices = input.expand([*shape[:dim], along, *shape[dim + 1:]]), indices.expand([*shape[:dim], length, *shape[dim + 1:]])
    return gather(input, dim, (indices + along).where(indices < 0, indices))  # negative ones count from the end, here alone


# ---- scatter

@_same_dtype
def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Tensor:
    """A copy of input with src (a tensor or a number) written where index points along dim; with reduce, added or multiplied in."""
    src = value if src is None else src
    dim = check_index("scatter", input, dim, index, "self")
    if reduce is not None:
        return _scatter_with(input, dim, index, src, reduce)
    if not hasattr(src, "_array"):
        checked_number(src, input._array.dtype)
        return apply(SCATTER_NUMBER, input, index, dim=dim, value=src)
    return apply(SCATTER, input, index, fitting("scatter", input, dim, index, src), dim=dim)


def fitting(name: str, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """src cut down to index's shape. Raises RuntimeError where index is larger than src, or than input apart from dim."""
    own, wanted, given = input._array.shape, index._array.shape, src._array.shape
    if src._array.dtype != input._array.dtype:
        raise RuntimeError(f"{name if name == 'scatter_reduce' else 'scatter'}(): Expected self.dtype to be equal to src.dtype")
    if wanted == given and (not index._array.size or all([w <= n for d, (w, n) in enumerate(zip(wanted, own)) if d != dim])):
        return src
    if not index._array.size:
        return src.new_zeros(wanted)
    if len(given) != len(wanted) and max(len(given), len(wanted)) > 1:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if any([w > n for d, (w, n) in enumerate(zip(wanted, own)) if d != dim]) or any([w > n for w, n in zip(wanted, given)]):
        raise RuntimeError(f"Expected index {list(wanted)} to be no larger than self {list(own)} apart from dimension {dim} and to be no larger "
                           f"size than src {list(given)}")
    return src[tuple([slice(0, n) for n in wanted])] if len(wanted) == len(given) else src.reshape(wanted)


def _scatter(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    out = np.array(x, order="C")
    if index.size:
        target, where = out.reshape(out.shape or 1), index.reshape(index.shape or 1)
        check_range(where, dim, target.shape[dim])
        out.reshape(-1)[flat_index(where, target.shape, dim)] = src
    return out


SCATTER = Op("scatter", opaque, _scatter,
    grads=(lambda g, index, dim: scatter(g, dim, index, 0), None,
           lambda g, index, dim: gather(g, dim, index)))

SCATTER_NUMBER = Op("scatter", opaque, lambda x, index, *, dim, value: _scatter(x, index, checked_number(value, x.dtype), dim=dim),
    node_name="ScatterBackward1",
    grads=(lambda g, index, dim: scatter(g, dim, index, 0), None))


def _scatter_with(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str) -> Tensor:
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if not hasattr(src, "_array"):
        src = input.new_full(index._array.shape, src)
    return apply(SCATTER_WITH, input, index, fitting("scatter", input, dim, index, src), dim=dim, reduce="sum" if reduce == "add" else "prod",
                 include_self=True)


@_same_dtype
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of input with src added where index points along dim; what meets in one place is summed."""
    dim = check_index("scatter_add", input, dim, index, "self")
    return apply(SCATTER_ADD, input, index, fitting("scatter_add", input, dim, index, src), dim=dim)


def _scatter_add(x: Any, index: Any, src: Any, *, dim: int) -> Any:
    out = np.array(x, order="C")
    if index.size:
        target, where = out.reshape(out.shape or 1), index.reshape(index.shape or 1)
        check_range(where, dim, target.shape[dim])
        add_numbers(out.reshape(-1), flat_index(where, target.shape, dim).reshape(-1), np.ascontiguousarray(src).reshape(-1))
    return out


SCATTER_ADD = Op("scatter_add", opaque, _scatter_add,
    grads=(lambda g: g, None,
           lambda g, index, dim: gather(g, dim, index)),
    samples=indexed(False, 1, dim=0))


# ---- scatter_reduce

REDUCTIONS = {"sum": np.add, "prod": np.multiply, "mean": np.add, "amax": np.maximum, "amin": np.minimum}


@_same_dtype
def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of input in which src and, if include_self, what was there are combined where index points along dim.

    reduce: "sum", "prod", "mean", "amax" or "amin". Gradient: shared evenly between ties of amax and amin.
    """
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    dim = check_index("scatter_reduce", input, dim, index, "self")
    src = fitting("scatter_reduce", input, dim, index, src)
    return apply(SCATTER_REDUCE, input, index, src, dim=dim, reduce=reduce, include_self=include_self)


def identity(reduce: str, dtype: Any) -> Any:
    """The number that changes nothing."""
    if reduce in ("sum", "mean", "prod"):
        return 1 if reduce == "prod" else 0
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    if dtype.kind == "b":
        return reduce == "amin"
    limits = np.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max


def _scatter_reduce(x: Any, index: Any, src: Any, *, dim: int, reduce: str, include_self: bool) -> Any:
    out = np.array(x, order="C")
    if not index.size:
        return out
    target, where = out.reshape(out.shape or 1), index.reshape(index.shape or 1)
    check_range(where, dim, target.shape[dim])
    flat, numbers = out.reshape(-1), np.ascontiguousarray(src).reshape(-1)
    at = flat_index(where, target.shape, dim).reshape(-1)
    if not include_self:
        flat[at] = identity(reduce, flat.dtype)
    if reduce in ("sum", "mean"):
        add_numbers(flat, at, numbers)
    else:
        REDUCTIONS[reduce].at(flat, at, numbers)
    if reduce == "mean":
        count = np.bincount(at, minlength=flat.size) + (1 if include_self else 0)
        count = np.maximum(count, 1).astype(flat.dtype)
        np.floor_divide(flat, count, out=flat) if flat.dtype.kind in "iu" else np.divide(flat, count, out=flat)
    return out


def _scatter_reduce_grads(g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, reduce: str, include_self: bool) -> tuple:
    """The gradients for input and src."""
    for_self, for_src = GRADS[reduce](g, x, index, src, out, dim, include_self)
    return (for_self if include_self else scatter(for_self, dim, index, 0)), None, for_src


def _sum_grads(g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool) -> tuple:
    return g, gather(g, dim, index)


def _mean_grads(g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool) -> tuple:
    count = g.new_full(x.shape, 1 if include_self else 0)
    count = scatter_add(count, dim, index, g.new_ones(src.shape))
    count = count.masked_fill(count == 0, 1)
    return g / count, gather(g / count, dim, index)


def _prod_grads(g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool) -> tuple:
    """The product of all others, where a single zero must not be divided by."""
    ones = x.masked_fill(x == 0, 1)
    for_self = g * scatter_reduce(ones, dim, index, src, "prod", include_self=include_self) / ones
    zero = src == 0
    zeros = gather(scatter_add(x.new_zeros(x.shape), dim, index, zero.to(x.dtype)), dim, index)
    alone = zero & (zeros == 1)
    others = scatter_reduce(x, dim, index, src.masked_fill(alone, 1), "prod", include_self=include_self)
    plain = gather(g * out, dim, index) / src.masked_fill(zero, 1)
    return for_self, gather(g * others, dim, index).where(alone, plain)


def _extreme_grads(g: Any, x: Any, index: Any, src: Any, out: Any, dim: int, include_self: bool) -> tuple:
    self_is_it = (x == out).to(g.dtype)
    src_is_it = (src == gather(out, dim, index)).to(g.dtype)
    shared = g / scatter_add(self_is_it, dim, index, src_is_it)
    return self_is_it * shared, src_is_it * gather(shared, dim, index)


GRADS = {"sum": _sum_grads, "mean": _mean_grads, "prod": _prod_grads, "amax": _extreme_grads, "amin": _extreme_grads}

def _reducing(random: Any, shape: tuple) -> list:
    return [case for reduce in REDUCTIONS for case in indexed(False, 1, dim=0, reduce=reduce, include_self=reduce != "mean")(random, shape)]


SCATTER_REDUCE = Op("scatter_reduce", kernel, _scatter_reduce, vjp=_scatter_reduce_grads, samples=_reducing)


def _no_gradient(g: Any) -> tuple:
    raise NotImplementedError("derivative for aten::scatter is not implemented\n  scatter with reduce= has none: use scatter_reduce or scatter_add")


SCATTER_WITH = Op("scatter", kernel, _scatter_reduce, vjp=_no_gradient, node_name="torch::autograd::NotImplemented")


# ---- index_reduce, which is scatter_reduce with one index for a whole slice

@_same_dtype
def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of input in which the slices of source are combined with the slices of input that a vector of indices names.

    reduce: "prod", "mean", "amax" or "amin".
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    warn_beta()
    from .index_rows import check_rows, check_same_dtype
    dim = one_dim(dim, input._array.ndim)
    check_rows("index_reduce_", input, dim, index, source)
    check_same_dtype("index_reduce_", input, source)
    recording.reads("index_reduce()")
    found = index._array
    if found.size and (found.min() < 0 or found.max() >= (input._array.shape or (1,))[dim]):
        raise IndexError("index out of range in self")
    shape = [1] * source._array.ndim
    if shape:
        shape[dim] = -1
    index = index.reshape(shape).expand(source._array.shape)
    return apply(INDEX_REDUCE, input, index, source, dim=dim, reduce=reduce, include_self=include_self)


INDEX_REDUCE = Op("index_reduce", kernel, _scatter_reduce, vjp=_scatter_reduce_grads)


def warn_beta() -> None:
    """PyTorch's warning that index_reduce may change."""
    warn_once("index_reduce() is in beta and the API may change at any time.")
