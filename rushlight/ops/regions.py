"""Views of a part of the same memory: narrow, select, slice, diagonal, unfold, as_strided; and copies with such a part replaced.

`key` is an index of NumPy made of integers, slices and an ellipsis, which always gives a view and never a scalar.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, opaque, view as view_kind
from ..core.samples import shaped
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

ALL = slice(None)


def _take_region(x: Any, *, key: tuple, shape: tuple) -> Any:
    return x[key]


def _place(g: Any, *, key: tuple, shape: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


#: zeros of a shape with g in the region `key`
PLACE = Op("place", opaque, _place,
    grads=(lambda g, key, shape: apply(SLICE, g, key=key, shape=shape),))

_region_grads = (lambda g, key, shape: apply(PLACE, g, key=key, shape=shape),)

SELECT = Op("select", view_kind, _take_region, _region_grads,
    samples=shaped(lambda shape: {"key": (..., -1), "shape": shape} if shape and shape[-1] else None))
SLICE = Op("slice", view_kind, _take_region, _region_grads,
    samples=shaped(lambda shape: {"key": (slice(1, None, 2), ...), "shape": shape} if shape else None))


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The view at one index of a dimension, which disappears."""
    shape = input._array.shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = one_dim(dim, len(shape)), index.__index__()
    if not -shape[dim] <= index < shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    return apply(SELECT, input, key=(*(ALL,) * dim, index, ...), shape=shape)


def slice_along(input: Tensor, dim: int, start: int, end: int | None, step: int = 1) -> Tensor:
    """The view of the indices start, start + step ... below end of a dimension."""
    return apply(SLICE, input, key=(*(ALL,) * dim, slice(start, end, step), ...), shape=input._array.shape)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """The view of `length` indices of a dimension from start on."""
    shape = input._array.shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    dim, start = one_dim(dim, len(shape)), _start(start)
    size = shape[dim]
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    if start < 0:
        start += size
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_along(input, dim, start, start + length)


def _start(start: Any) -> int:
    array = getattr(start, "_array", None)
    if array is not None and (array.ndim or array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    return start.__index__()


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of `length` indices of a dimension from start on."""
    shape = input._array.shape
    if shape and dim >= len(shape):
        raise RuntimeError("Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.")
    if shape and length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({shape[dim]}).")
    return narrow(input, dim, start, length).clone()


# ---- diagonals

def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonals of the planes dim1, dim2 as a view, in a new last dimension. A positive offset lies above the main diagonal."""
    ndim = input._array.ndim
    first, second = one_dim(dim1, ndim), one_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return apply(DIAGONAL, input, offset=offset, dim1=first, dim2=second, shape=input._array.shape)


def _diagonal(x: Any, *, offset: int, dim1: int, dim2: int, shape: tuple) -> Any:
    result = x.diagonal(offset, dim1, dim2)
    if x.flags.writeable:
        result.flags.writeable = True  # NumPy guards its diagonals; ours are views as all others are
    return result


DIAGONAL = Op("diagonal", view_kind, _diagonal,
    grads=(lambda g, offset, dim1, dim2, shape: apply(PLACE_DIAGONAL, g, offset=offset, dim1=dim1, dim2=dim2, shape=shape),),
    samples=shaped(lambda shape: {"offset": 1, "dim1": 0, "dim2": 1, "shape": shape} if len(shape) > 1 else None))


def _place_diagonal(g: Any, *, offset: int, dim1: int, dim2: int, shape: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    _diagonal(out, offset=offset, dim1=dim1, dim2=dim2, shape=shape)[...] = g
    return out


#: zeros of a shape with g on a diagonal
PLACE_DIAGONAL = Op("place_diagonal", opaque, _place_diagonal, node_name="DiagonalBackwardBackward0",
    grads=(lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with input's last dimension on a diagonal, zero elsewhere; dim1 and dim2 are where the matrices lie in the result."""
    ndim = input._array.ndim + 1
    first, second = one_dim(dim1, ndim), one_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    own = input._array.shape
    size = own[-1] + abs(offset)
    rest = iter(own[:-1])
    shape = tuple([size if d in (first, second) else next(rest) for d in range(ndim)])
    return apply(DIAG_EMBED, input, offset=offset, dim1=first, dim2=second, shape=shape)


DIAG_EMBED = Op("diag_embed", opaque, _place_diagonal,
    grads=(lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),),
    samples=shaped(lambda shape: {"offset": 0, "dim1": len(shape) - 1, "dim2": len(shape), "shape": (*shape, shape[-1])} if shape else None))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, as a copy; or the matrix that has a vector on its diagonal."""
    ndim = input._array.ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return apply(DIAGONAL_COPY, input, offset=diagonal, dim1=0, dim2=1, shape=input._array.shape)


DIAGONAL_COPY = Op("diagonal_copy", opaque, lambda x, *, offset, dim1, dim2, shape: x.diagonal(offset, dim1, dim2).copy(), DIAGONAL.grads,
    node_name="DiagonalBackward0_copy")


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix that has all of input's elements on its diagonal."""
    return diag_embed(input.reshape(-1), offset)


# ---- windows and free strides

def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of `size` along a dimension, `step` apart, as a view: a new last dimension runs inside the window."""
    array = input._array
    dim = one_dim(dimension, array.ndim)
    length = array.shape[dim] if array.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return apply(UNFOLD, input, dim=dim, size=size, step=step, shape=array.shape)


def _unfold(x: Any, *, dim: int, size: int, step: int, shape: tuple) -> Any:
    if not x.ndim:
        return x.reshape(1)[:size]
    windows = (x.shape[dim] - size) // step + 1
    return np.lib.stride_tricks.as_strided(x, (*x.shape[:dim], windows, *x.shape[dim + 1:], size),
                                           (*x.strides[:dim], x.strides[dim] * step, *x.strides[dim + 1:], x.strides[dim]))


UNFOLD = Op("unfold", view_kind, _unfold,
    grads=(lambda g, dim, size, step, shape: apply(FOLD, g, dim=dim, size=size, step=step, shape=shape),),
    samples=shaped(lambda shape: {"dim": 0, "size": 2, "step": 1, "shape": shape} if shape else None))


def _fold(g: Any, *, dim: int, size: int, step: int, shape: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    # One place in all windows at a time: windows overlap each other, never themselves.
    target = out if out.ndim else out.reshape(1)
    for at in range(size):
        steps = slice(at, at + (g.shape[dim] - 1) * step + 1, step) if out.ndim else at
        target[(*(ALL,) * dim, steps)] += g[..., at]
    return out


#: overlapping windows added back to where they came from
FOLD = Op("fold", opaque, _fold, node_name="UnfoldBackwardBackward0",
    grads=(lambda g, dim, size, step: unfold(g, dim, size, step),))
