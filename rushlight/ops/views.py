"""Views: other shapes and orders of the same memory. No number is copied."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, view as view_kind
from .dims import one_dim, sizes_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def resolved_shape(shape: tuple, numel: int) -> tuple:
    """shape with its one -1 worked out. Raises RuntimeError where the numbers do not add up."""
    if -1 in shape:
        known = 1
        for n in shape:
            if n != -1:
                known *= n
        if shape.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        if known == 0 and numel == 0:
            raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be "
                               "any value and is ambiguous")
        if known == 0 or numel % known:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return tuple([numel // known if n == -1 else n for n in shape])
    total = 1
    for n in shape:
        if n < 0:
            raise RuntimeError(f"invalid shape dimension {n} at index {shape.index(n)} of shape {list(shape)}")
        total *= n
    if total != numel:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return shape


def as_view(array: Any, shape: tuple) -> Any:
    """array in another shape on the same memory; None if that takes a copy."""
    reshaped = array.reshape(shape)
    if array.flags.c_contiguous or array.size == 0 or np.may_share_memory(array, reshaped):
        return reshaped
    return None


def view(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    """The same memory in another shape, or as another dtype. Raises RuntimeError where that takes a copy."""
    if dtype is not None or len(size) == 1 and size[0].__class__.__name__ == "dtype":
        return view_dtype(input, dtype or size[0])
    array = input._array
    shape = resolved_shape(sizes_of(size), array.size)
    if as_view(array, shape) is None:
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
                           "subspaces). Use .reshape(...) instead.")
    return apply(VIEW, input, size=shape, shape=array.shape)


def _view(x: Any, *, size: tuple, shape: tuple) -> Any:
    return x.reshape(size)


VIEW = Op("view", view_kind, _view,
    grads=(lambda g, shape: g.reshape(shape),))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """input in another shape: a view where memory allows, else a copy."""
    array = input._array
    size = resolved_shape(sizes_of(shape), array.size)
    if as_view(array, size) is None:
        return apply(VIEW, input.contiguous(), size=size, shape=array.shape)
    return apply(VIEW, input, size=size, shape=array.shape)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """input with two dimensions exchanged, as a view."""
    ndim = input._array.ndim
    return apply(TRANSPOSE, input, dim0=one_dim(dim0, ndim), dim1=one_dim(dim1, ndim))


def _transpose(x: Any, *, dim0: int, dim1: int) -> Any:
    return x.swapaxes(dim0, dim1) if x.ndim else x[()].reshape(())


TRANSPOSE = Op("transpose", view_kind, _transpose,
    grads=(lambda g, dim0, dim1: g.transpose(dim0, dim1),))


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix, as a view; a vector or 0-d tensor as it is."""
    if input._array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._array.ndim}D")
    return apply(T, input)


T = Op("t", view_kind, lambda x: x.T, grads=(lambda g: g.t(),), node_name="TBackward0")


def expand(input: Tensor, *size: Any, implicit: bool = False) -> Tensor:
    """A view in which dimensions of size 1, and new leading ones, appear repeated. -1 keeps a size."""
    array = input._array
    sizes = sizes_of(size)
    extra = len(sizes) - array.ndim
    if extra < 0:
        raise RuntimeError(f"expand({input.dtype_name()}{list(array.shape)}, size={list(sizes)}): the number of sizes provided ({len(sizes)}) must be "
                           f"greater or equal to the number of dimensions in the tensor ({array.ndim})")
    target = []
    for at, n in enumerate(sizes):
        own = array.shape[at - extra] if at >= extra else None
        if n == -1:
            if own is None:
                raise RuntimeError(f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {at}")
            n = own
        elif own is not None and own != n and own != 1:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton dimension {at}.  "
                               f"Target sizes: {list(sizes)}.  Tensor sizes: {list(array.shape)}")
        target.append(n)
    return apply(EXPAND, input, size=tuple(target))


def _expand(x: Any, *, size: tuple) -> Any:
    # broadcast_to gives a read-only array; as_strided keeps it as writable as the memory itself.
    extra = len(size) - x.ndim
    strides = (0,) * extra + tuple([0 if own == 1 and n != 1 else s for own, n, s in zip(x.shape, size[extra:], x.strides)])
    if x.flags.c_contiguous and x.__class__ is np.ndarray and x.dtype.kind != "V" and x.flags.writeable:
        return np.ndarray(size, x.dtype, x, 0, strides)  # four times faster than as_strided
    return np.lib.stride_tricks.as_strided(x, size, strides)


EXPAND = Op("expand", view_kind, _expand,
    grads=(lambda g: g,))  # broadcasting is undone by the engine
