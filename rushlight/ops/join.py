"""Joining tensors: cat along a dimension, stack along a new one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import MANY, is_native
from ..backends.parallel import inside
from ..core.apply import apply
from ..core.dtypes import of_numpy, promote_types
from ..core.op import Op, joining
from ..core.samples import several
from .dims import one_dim
from .views import atleast_1d, atleast_2d, atleast_3d

if TYPE_CHECKING:
    from ..tensor import Tensor


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Tensor:
    """The tensors one after the other along dim. All other sizes must agree; dtypes promote; empty vectors are passed over."""
    tensors = listed("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    dim = dim if axis is None else axis
    shapes = [tensor._array.shape for tensor in tensors]
    ndim = len(shapes[0])
    if not ndim or shapes[0] == (0,):
        return cat_unlike(tensors, dim)
    at = one_dim(dim, ndim)
    sizes: tuple = ()
    for shape in shapes:
        if len(shape) != ndim:
            return cat_unlike(tensors, dim)
        sizes += (shape[at],)
    try:
        return apply(CAT, *tensors, dim=at, sizes=sizes)
    except ValueError:
        return cat_unlike(tensors, dim)


def cat_unlike(tensors: Any, dim: int) -> Tensor:
    """cat of tensors whose numbers of dimensions differ: an empty vector counts for nothing, all else is an error."""
    first, dim = check_cat(tensors, dim)
    sizes = tuple([a.shape[dim] if a.ndim == first.ndim else None for a in [t._array for t in tensors]])
    return apply(CAT, *tensors, dim=dim, sizes=sizes)


concat = concatenate = cat


def listed(name: str, tensors: Any) -> list | tuple:
    """A list or tuple of tensors. Raises TypeError for anything else."""
    if tensors.__class__ is not list and tensors.__class__ is not tuple:
        if hasattr(tensors, "_array") or not isinstance(tensors, (list, tuple)):
            raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}")
    for tensor in tensors:
        if not hasattr(tensor, "_array"):
            at = [hasattr(t, "_array") for t in tensors].index(False)
            raise TypeError(f"expected Tensor as element {at} in argument 0, but got {type(tensor).__name__}")
    return tensors


def check_cat(tensors: Any, dim: int) -> tuple:
    """The first array that counts and dim counted from the front. Raises RuntimeError where the shapes cannot be joined."""
    arrays = [t._array for t in tensors]
    for at, a in enumerate(arrays):
        if a.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    first = next((a for a in arrays if a.shape != (0,)), arrays[0])
    dim = one_dim(dim, first.ndim)
    expected = first.shape
    for at, a in enumerate(arrays):
        shape = a.shape
        if shape == expected or shape == (0,):
            continue
        if len(shape) != len(expected):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(expected)} and {len(shape)}")
        for d in range(len(shape)):
            if d != dim and shape[d] != expected[d]:
                raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}. Expected size {expected[d]} but got size {shape[d]} "
                                   f"for tensor number {at} in the list.")
    return first, dim


def _cat(*arrays: Any, dim: int, sizes: tuple) -> Any:
    given = alike(arrays)
    if None in sizes:
        given = [a for a, size in zip(given, sizes) if size is not None]
    # Rows are copied side by side; along the first dimension there are none, and NumPy copies whole arrays.
    if dim and (given[0].size >= MANY or inside.launches is not None) and len(given) > 1 and is_native(*given):
        from .join_native import joined
        return joined(given, dim)
    return in_order(np.concatenate(given, axis=dim), given)


def in_order(joined: Any, arrays: Any) -> Any:
    """What the arrays were joined to, in PyTorch's order: the last dimension's elements side by side, or, if all arrays are images with their
    channels last, so too. NumPy keeps any order that the arrays agree on, and what was joined of transposed tensors could not be viewed in
    another shape."""
    if joined.flags.c_contiguous:
        return joined
    if joined.ndim in (4, 5) and all([channels_are_last(a) for a in arrays]):
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(joined, 1, -1)), -1, 1)
    return np.ascontiguousarray(joined)


def channels_are_last(array: Any) -> bool:
    """Whether the strides are those of images (N, C, ..., H, W) whose channels lie side by side."""
    least = 0
    for dim in (1, *range(array.ndim - 1, 1, -1), 0):
        size, stride = array.shape[dim], array.strides[dim]
        # Where all sizes but one are 1, the strides do not tell; PyTorch then takes the usual order.
        if not size or stride < least or not dim and least == array.strides[1]:
            return False
        least = stride * size
    return True


def alike(arrays: Any) -> Any:
    """The arrays in their common dtype. NumPy's own rule differs: it makes float64 of float32 with int64."""
    first = arrays[0].dtype
    for a in arrays:
        if a.dtype is not first:
            break
    else:
        return arrays
    common = of_numpy(first)
    for a in arrays:
        common = promote_types(common, of_numpy(a.dtype))
    return [a.astype(common.numpy, copy=False) for a in arrays]


def _cat_grads(g: Any, dim: int, sizes: tuple, needs: tuple) -> list:
    """Each argument's own part of g."""
    grads, start = [], 0
    for size, wanted in zip(sizes, needs):
        grads.append(None if not wanted else g.new_zeros(0) if size is None else g.narrow(dim, start, size))
        start += size or 0
    return grads


CAT = Op("cat", joining, _cat, vjp=_cat_grads, launches=True,
    samples=several(lambda shape: {"dim": 0, "sizes": (shape[0],) * 3}))


def stack(tensors: Any, dim: int = 0) -> Tensor:
    """The tensors, all of one shape, along a new dimension."""
    tensors = listed("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0]._array.shape
    dim = one_dim(dim, len(shape) + 1)
    for at, tensor in enumerate(tensors):
        if tensor._array.shape != shape:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(tensor._array.shape)} at "
                               f"entry {at}")
    return apply(STACK, *tensors, dim=dim)


def _stack(*arrays: Any, dim: int) -> Any:
    arrays, shape = alike(arrays), arrays[0].shape
    if dim == len(shape):
        deep = [a[..., None] for a in arrays]
        return in_order(np.concatenate(deep, axis=dim), deep)
    # Side by side along dim, and that dimension then taken apart: a third of the time of numpy.stack.
    return in_order(np.concatenate(arrays, axis=dim), arrays).reshape((*shape[:dim], len(arrays), *shape[dim:]))


STACK = Op("stack", joining, _stack,
    vjp=lambda g, dim, needs: [g.select(dim, at) if wanted else None for at, wanted in enumerate(needs)],
    samples=several(lambda shape: {"dim": len(shape)}))


def hstack(tensors: Any) -> Tensor:
    """The tensors side by side: along dimension 1, vectors along dimension 0."""
    tensors = _at_least("hstack", tensors, atleast_1d)
    return cat(tensors, 0 if tensors[0]._array.ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """The tensors one below the other, vectors as rows."""
    return cat(_at_least("vstack", tensors, atleast_2d), 0)


row_stack = vstack


def dstack(tensors: Any) -> Tensor:
    """The tensors one behind the other, along dimension 2."""
    return cat(_at_least("dstack", tensors, atleast_3d), 2)


def column_stack(tensors: Any) -> Tensor:
    """The tensors side by side, vectors as columns."""
    tensors = _at_least("column_stack", tensors, lambda t: t)
    return hstack([t.reshape(-1, 1) if t._array.ndim <= 1 else t for t in tensors])


def _at_least(name: str, tensors: Any, deepen: Any) -> list:
    tensors = listed(name, tensors)
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return [deepen(t) for t in tensors]
