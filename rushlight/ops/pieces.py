"""A tensor in pieces along a dimension: split, chunk, unbind and their relatives. All pieces are views, made by one operation."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, opaque, view as view_kind
from ..core.samples import shaped
from .dims import one_dim
from .join import cat, stack
from .regions import slice_along

if TYPE_CHECKING:
    from ..tensor import Tensor

ALL = slice(None)


def cut(x: Any, *, dim: int, ends: tuple) -> tuple:
    """The pieces of an array between neighbouring numbers of 0, *ends."""
    before = (ALL,) * dim
    return tuple([x[(*before, slice(start, end))] for start, end in zip((0, *ends[:-1]), ends)])


_joined = (lambda g, dim: cat(g, dim),)

SPLIT = Op("split", view_kind, cut, _joined,
    samples=shaped(lambda shape: {"dim": 0, "ends": equal_ends(shape[0], 2)} if shape else None))
SPLIT_WITH_SIZES = Op("split_with_sizes", view_kind, cut, _joined)
#: the pieces may be written to one by one: they do not know that they are views of one tensor
UNSAFE_SPLIT = Op("unsafe_split", opaque, cut, _joined)
UNSAFE_SPLIT_WITH_SIZES = Op("unsafe_split_with_sizes", opaque, cut, _joined)


def equal_ends(length: int, size: int) -> tuple:
    """Where pieces of `size` end; the last may be smaller."""
    return (*range(size, length, size), length) if size else (0,)


def running_ends(sizes: Any) -> tuple:
    """Where pieces of given sizes end."""
    ends, end = [], 0
    for size in sizes:
        end += size
        ends.append(end)
    return tuple(ends)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple:
    """Views of `split_size` indices each, the last may be smaller; or of the sizes in a list."""
    return _split(tensor, split_size_or_sections, dim, SPLIT, SPLIT_WITH_SIZES)


def unsafe_split(tensor: Tensor, split_size: Any, dim: int = 0) -> tuple:
    """As split, for pieces that are written to one by one."""
    return _split(tensor, split_size, dim, UNSAFE_SPLIT, UNSAFE_SPLIT_WITH_SIZES)


def _split(tensor: Tensor, size: Any, dim: int, op: Op, op_with_sizes: Op) -> tuple:
    if not hasattr(size, "__index__"):
        return _split_with_sizes(tensor, size, dim, op_with_sizes)
    shape = tensor._array.shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    dim = one_dim(dim, len(shape))
    if size == 0 and shape[dim]:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {shape[dim]}")
    return apply(op, tensor, dim=dim, ends=equal_ends(shape[dim], size.__index__()))


def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple:
    """Views of the sizes in a list, which add up to the dimension's."""
    return _split_with_sizes(input, split_sizes, dim, SPLIT_WITH_SIZES)


def unsafe_split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple:
    """As split_with_sizes, for pieces that are written to one by one."""
    return _split_with_sizes(input, split_sizes, dim, UNSAFE_SPLIT_WITH_SIZES)


def _split_with_sizes(input: Tensor, sizes: Any, dim: int, op: Op) -> tuple:
    shape, sizes = input._array.shape, [n.__index__() for n in sizes]
    if not shape:
        raise RuntimeError("split_with_sizes expects at least a 1-dimensional tensor")
    dim = one_dim(dim, len(shape))
    if any([n < 0 for n in sizes]):
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}")
    if sum(sizes) != shape[dim]:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {shape[dim]} (input tensor's size at dimension {dim}), but got "
                           f"split_sizes={sizes}")
    return apply(op, input, dim=dim, ends=running_ends(sizes))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple:
    """At most `chunks` views of one size, the last may be smaller."""
    return _chunk(input, chunks, dim, SPLIT, SPLIT_WITH_SIZES)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple:
    """As chunk, for pieces that are written to one by one."""
    return _chunk(input, chunks, dim, UNSAFE_SPLIT, UNSAFE_SPLIT_WITH_SIZES)


def _chunk(input: Tensor, chunks: int, dim: int, op: Op, op_with_sizes: Op) -> tuple:
    shape = input._array.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = one_dim(dim, len(shape))
    size = -(-shape[dim] // chunks)
    if size == 0:  # nothing to share out: as many empty pieces as were asked for
        return apply(op_with_sizes, input, dim=dim, ends=(0,) * chunks)
    return apply(op, input, dim=dim, ends=equal_ends(shape[dim], size))


def unbind(input: Tensor, dim: int = 0) -> tuple:
    """The slices along a dimension, which disappears, as views."""
    ndim = input._array.ndim
    if not ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return apply(UNBIND, input, dim=one_dim(dim, ndim))


def _unbind(x: Any, *, dim: int) -> tuple:
    if dim == 0 and x.ndim > 1:
        return tuple(x)  # iteration gives views, and numbers where there is one dimension only
    before = (ALL,) * dim
    return tuple([x[(*before, at, ...)] for at in range(x.shape[dim])])


UNBIND = Op("unbind", view_kind, _unbind,
    grads=(lambda g, dim: stack(g, dim),),
    samples=shaped(lambda shape: {"dim": len(shape) - 1} if shape and shape[-1] else None))


# ---- pieces between given indices: each a slice of its own, as in PyTorch

def tensor_split(input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None) -> tuple:
    """Views between the given indices, or `sections` views whose sizes differ by at most one."""
    shape = input._array.shape
    given: Any = next((v for v in (indices_or_sections, indices, sections) if v is not None), None)
    if not shape:
        raise RuntimeError(f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {len(shape)} dims")
    dim = one_dim(dim, len(shape))
    array = getattr(given, "_array", None)
    if array is not None:
        given = _numbers(array)
    if not isinstance(given, (list, tuple)):
        return _sections(input, given.__index__(), dim)
    starts, ends = (0, *given), (*given, shape[dim])
    return tuple([slice_along(input, dim, start, end) for start, end in zip(starts, ends)])


def _numbers(array: Any) -> Any:
    """The indices or the number of sections in an integer tensor."""
    if array.dtype != np.int64:
        raise RuntimeError(f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                           f"{wrap(array).dtype.kernel_name}")
    if array.ndim > 1:
        raise RuntimeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor "
                           f"with {array.ndim} dims")
    recording.reads("tensor_split()")
    return array.tolist()


def _sections(input: Tensor, sections: int, dim: int) -> tuple:
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    size, more = divmod(input._array.shape[dim], sections)
    ends = running_ends([size + 1] * more + [size] * (sections - more))
    return tuple([slice_along(input, dim, start, end) for start, end in zip((0, *ends), ends)])


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 1; along dimension 0 for a vector. A number must divide the dimension."""
    return _split_along("hsplit", input, indices_or_sections, 1 if input._array.ndim > 1 else 0, 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 0. A number must divide the dimension."""
    return _split_along("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 2. A number must divide the dimension."""
    return _split_along("dsplit", input, indices_or_sections, 2, 3)


def _split_along(name: str, input: Tensor, given: Any, dim: int, least: int) -> tuple:
    shape = input._array.shape
    if len(shape) < least:
        raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {len(shape)} dimensions!")
    if not hasattr(given, "__index__") and not isinstance(given, (list, tuple)):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({type(given).__name__}), but expected one of:\n"
                        " * (int sections)\n * (tuple of ints indices)")
    if hasattr(given, "__index__") and not hasattr(given, "_array"):
        if given <= 0 or shape[dim] % given:
            raise RuntimeError(f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {shape[dim]} is not divisible "
                               f"by the split_size {given}!")
    return tensor_split(input, given, dim)
