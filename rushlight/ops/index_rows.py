"""Whole slices by a vector of indices along one dimension: index_select, index_add, index_copy, index_fill; and single elements by
their number: take and put.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.numbers import checked_number
from ..core.op import Op, opaque
from ..core.out import exact_out
from ..core.samples import indexed
from .accumulate import add_numbers, add_rows
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

_same_dtype = exact_out("Expected out tensor to have dtype {c_result}, but got {c_out} instead")

ALL = slice(None)


def key(dim: int, index: Any) -> tuple:
    """NumPy's index for whole slices along dim."""
    return (*(ALL,) * dim, index.reshape(-1))


# ---- index_select

@exact_out("index_select(): self and result must have the same scalar type")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of input along dim that a vector of indices names."""
    array, found = input._array, index._array
    dim = one_dim(dim, array.ndim)
    if found.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if found.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if not array.ndim and found.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {found.size} value(s)")
    return apply(INDEX_SELECT, input, index, dim=dim, shape=array.shape)


def _index_select(x: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    check_range(index, (shape or (1,))[dim])
    return x.copy() if not x.ndim else x.take(index.reshape(-1), dim)


def check_range(index: Any, size: int) -> None:
    """Raise IndexError if an index is negative or not below size."""
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError("index out of range in self")


def _index_select_back(g: Any, index: Any, *, dim: int, shape: tuple) -> Any:
    return added_rows(np.zeros(shape, g.dtype), index, g, dim)


INDEX_SELECT = Op("index_select", opaque, _index_select,
    grads=(lambda g, index, dim, shape: apply(INDEX_SELECT_BACK, g, index, dim=dim, shape=shape), None),
    samples=indexed(True, with_shape=True, dim=0))

#: zeros of a shape, with the slices of g added where the index points
INDEX_SELECT_BACK = Op("index_select_back", opaque, _index_select_back, node_name="IndexSelectBackwardBackward0",
    grads=(lambda g, index, dim: index_select(g, dim, index), None))


def added_rows(out: Any, index: Any, rows: Any, dim: int) -> Any:
    """out, in C order and our own, with slices added along dim."""
    if not out.ndim:
        out += rows.reshape(())
        return out
    moved = np.ascontiguousarray(np.moveaxis(out, dim, 0))
    rows = np.ascontiguousarray(np.moveaxis(rows.reshape(rows.shape or 1), dim if rows.ndim else 0, 0))
    width = moved.size // max(len(moved), 1)
    add_rows(moved.reshape(len(moved), width), index.reshape(-1), rows.reshape(index.size, width))
    return np.moveaxis(moved, 0, dim)


# ---- writing slices

def check_rows(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    """Raise PyTorch's error unless index is a vector of as many integers as source has slices along dim."""
    found, given = index._array, source._array
    if found.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {found.ndim} with type: {index.dtype.kernel_name} and size: "
                         f"{list(found.shape)}")
    if found.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.kernel_name}")
    length = given.shape[dim] if given.ndim > dim else 1
    if found.size != length:
        raise RuntimeError(f"{name}(): Number of indices ({found.size}) should be equal to source.size(dim): ({length}), for dim: {dim}")
    own, other = input._array.shape, given.shape
    if own[:dim] + own[dim + 1:] != other[:dim] + other[dim + 1:]:
        raise RuntimeError("source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
                           f"{list(own)} source.shape = {list(other)}")


def check_same_dtype(name: str, input: Tensor, source: Tensor) -> None:
    """Raise RuntimeError unless input and source are of one dtype."""
    if input._array.dtype != source._array.dtype:
        raise RuntimeError(f"{name}(): self ({input.dtype.kernel_name}) and source ({source.dtype.kernel_name}) must have the same scalar type")


@_same_dtype
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy of input with alpha times the slices of source added to the slices that index names; what meets is summed."""
    dim = one_dim(dim, input._array.ndim)
    check_rows("index_add_", input, dim, index, source)
    check_same_dtype("index_add_", input, source)
    return apply(INDEX_ADD, input, index, source if alpha == 1 else source * alpha, dim=dim)


def _index_add(x: Any, index: Any, source: Any, *, dim: int) -> Any:
    size = (x.shape or (1,))[dim]
    if index.size and (index.min() < 0 or index.max() >= size):
        wrong = index[(index < 0) | (index >= size)].flat[0]
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    return added_rows(np.array(x, order="C"), index, source, dim)


INDEX_ADD = Op("index_add", opaque, _index_add,
    grads=(lambda g: g, None,
           lambda g, index, dim, source: selected_like(g, index, dim, source)),
    samples=indexed(True, 1, dim=0))


def selected_like(g: Any, index: Any, dim: int, source: Any) -> Any:
    """The slices of g that index names, in source's shape."""
    return index_select(g, dim, index).expand(source._array.shape)


@_same_dtype
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of input in which the slices that index names are those of source."""
    dim = one_dim(dim, input._array.ndim)
    check_index_copy(input, dim, index, source)
    return apply(INDEX_COPY, input, index, source, dim=dim)


def check_index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    """Raise PyTorch's error unless the slices of source fit into input."""
    own, given, count = input._array.shape, source._array.shape, index._array.size
    if index._array.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index._array.ndim})")
    if not given and count != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {count})")
    if own and given and len(own) != len(given):
        raise IndexError("index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality "
                         f"({len(given)}), destination dimensionality ({len(own)})")
    if index._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype.kernel_name}")
    if input._array.dtype != source._array.dtype:
        raise RuntimeError("index_copy_(): self and source expected to have the same dtype, but got (self) "
                           f"{input.dtype.kernel_name} and (source) {source.dtype.kernel_name}")
    mine, theirs = own[:dim] + own[dim + 1:], given[:dim] + given[dim + 1:]
    if mine != theirs:
        raise RuntimeError(f"index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                           f"{' '.join(map(str, mine))} at dimension {dim} and source slice shape: {' '.join(map(str, theirs))} at dimension 0.")
    if given and count != given[dim]:
        raise IndexError(f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) ({given[dim]})")


def _index_copy(x: Any, index: Any, source: Any, *, dim: int) -> Any:
    size = (x.shape or (1,))[dim]
    if index.size and (index.min() < 0 or index.max() >= size):
        wrong = index[(index < 0) | (index >= size)].flat[0]
        raise IndexError(f"index_copy_(): index {wrong} is out of bounds for dimension {dim} with size {size}")
    out = np.array(x, order="C")
    if out.ndim:
        out[key(dim, index)] = source
    else:
        out[...] = source.reshape(())
    return out


INDEX_COPY = Op("index_copy", opaque, _index_copy,
    grads=(lambda g, index, dim: index_fill(g, dim, index, 0), None,
           lambda g, index, dim, source: selected_like(g, index, dim, source)))


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of input in which the slices that index names are filled with a number or a 0-d tensor."""
    dim = one_dim(dim, input._array.ndim)
    if index._array.dtype != np.int64 and index._array.dtype != np.int32:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index._array.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if isinstance(value, complex) and input._array.dtype.kind != "c":
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    if hasattr(value, "_array") and value._array.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s).")
    return apply(INDEX_FILL, input, index, value, dim=dim)


def _index_fill(x: Any, index: Any, value: Any, *, dim: int) -> Any:
    out = np.array(x, order="C")
    value = value if hasattr(value, "dtype") else checked_number(value, x.dtype)
    try:
        out.reshape(out.shape or 1)[key(dim, index)] = value
    except IndexError as error:
        raise IndexError(str(error).replace(f"axis {dim}", f"dimension {dim}")) from None
    return out


INDEX_FILL = Op("index_fill", opaque, _index_fill,
    grads=(lambda g, index, dim: index_fill(g, dim, index, 0), None,
           lambda g, index, dim: (g - index_fill(g, dim, index, 0)).sum()))  # each slice counts once


# ---- elements by number

def check_dtype(name: str, index: Tensor) -> None:
    """Raise PyTorch's error unless index holds integers."""
    if index._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {index.dtype.kernel_name}")


def check_numbers(name: str, found: Any, count: int) -> None:
    """Raise PyTorch's error unless an array holds numbers of so many elements."""
    if not found.size:
        return
    if not count:
        raise IndexError(f"{name}(): tried to {name.rstrip('_')} {'from' if name == 'take' else 'into'} an empty tensor")
    if found.min() < -count or found.max() >= count:
        wrong = found[(found < -count) | (found >= count)].flat[0]
        raise IndexError(f"out of range: tried to access index {wrong} on a tensor of {count} elements.")


@exact_out("take(): self and out expected to have the same dtype, but got self.dtype = {result} and out.dtype = {out}")
def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements of input by their number in C order, in index's shape."""
    check_dtype("take", index)
    return apply(TAKE, input, index, shape=input._array.shape)


def _take(x: Any, index: Any, *, shape: tuple) -> Any:
    check_numbers("take", index, x.size)
    return x.reshape(-1)[index.reshape(-1)].reshape(index.shape)


def _take_back(g: Any, index: Any, *, shape: tuple) -> Any:
    return _put(np.zeros(shape, g.dtype), index, g, accumulate=True)


TAKE = Op("take", opaque, _take,
    grads=(lambda g, index, shape: apply(TAKE_BACK, g, index, shape=shape), None),
    samples=indexed(True, with_shape=True))

#: zeros of a shape with g added to the elements that index numbers
TAKE_BACK = Op("take_back", opaque, _take_back, node_name="TakeBackwardBackward0",
    grads=(lambda g, index: take(g, index), None))


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of input with source written, or added, to the elements that index numbers in C order."""
    check_dtype("put_", index)
    if input._array.dtype != source._array.dtype:
        raise RuntimeError(f"put_(): self and source expected to have the same dtype, but got self.dtype = {input.dtype.kernel_name} and "
                           f"source.dtype = {source.dtype.kernel_name}")
    if source._array.size != index._array.size:
        raise IndexError("put_(): Expected source and index to have the same number of elements, but got source.numel() = "
                         f"{source._array.size}, index.numel() = {index._array.size}")
    return apply(PUT, input, index, source, accumulate=accumulate)


def _put(x: Any, index: Any, source: Any, *, accumulate: bool) -> Any:
    check_numbers("put_", index, x.size)
    out = np.array(x, order="C")
    flat, where, numbers = out.reshape(-1), index.reshape(-1), source.reshape(-1)
    if accumulate:
        add_numbers(flat, np.where(where < 0, where + flat.size, where), numbers)
    else:
        flat[where] = numbers
    return out


PUT = Op("put", opaque, _put,
    grads=(lambda g, index, source, accumulate: g if accumulate else put(g, index, source.new_zeros(source._array.shape)), None,
           lambda g, index, source: take(g, index).reshape(source._array.shape)))
