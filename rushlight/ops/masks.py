"""Elements chosen by a mask of bools, and triangles of matrices."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, watchers
from ..core.grad_mode import mode
from ..core.inplace import bump, inplace, requires_grad
from ..core.numbers import checked_number
from ..core.op import Op, opaque
from ..core.out import exact_out
from ..core.samples import shaped
from .views import common_shape

if TYPE_CHECKING:
    from ..tensor import Tensor

_same_dtype = exact_out("Expected out tensor to have dtype {c_result}, but got {c_out} instead")


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input with a number, or a 0-d tensor, wherever the mask is true. Shapes broadcast."""
    check_masked_fill(mask, value)
    common_shape(mask._array.shape, input._array.shape)
    return apply(MASKED_FILL, input, mask, value)


def check_masked_fill(mask: Tensor, value: Any) -> None:
    """Raise PyTorch's error unless mask holds bools and value is one number."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.c_name}")
    array = getattr(value, "_array", None)
    if array is None:
        if not isinstance(value, (int, float, complex, np.generic)):
            raise TypeError(f"masked_fill() received an invalid combination of arguments - got (Tensor, {type(value).__name__}), but expected one "
                            "of:\n * (Tensor mask, Tensor value)\n * (Tensor mask, Number value)")
    elif array.ndim:
        raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {array.ndim} dimension(s).")


def _masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, as_element(value, x.dtype), x)


def as_element(value: Any, dtype: Any) -> Any:
    """A number, or an array without dimensions, as an array of a dtype."""
    if value.__class__ is np.ndarray and (value.dtype.kind != "c" or dtype.kind == "c"):
        return value.astype(dtype)
    return checked_number(value if not hasattr(value, "dtype") else complex(value), dtype)


MASKED_FILL = Op("masked_fill", opaque, _masked_fill,
    grads=(lambda g, mask: g.masked_fill(mask, 0), None,
           lambda g, mask: g.masked_fill(~mask, 0).sum()),
    code="where(mask, value, x)",
    samples=lambda random, shape: [((random.uniform(-2, 2, shape), random.uniform(0, 1, shape) > 0.5, random.uniform(-2, 2)), {})])


_masked_fill_recorded = inplace(masked_fill, "masked_fill_")


def masked_fill_(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Overwrite what the mask shows with a number or a 0-d tensor."""
    array = input._array
    if watchers or requires_grad(input) and mode.grad or getattr(value, "requires_grad", False) or 0 in array.strides:
        return _masked_fill_recorded(input, mask, value)
    check_masked_fill(mask, value)
    shape = common_shape(mask._array.shape, array.shape)
    if shape != array.shape:
        raise RuntimeError(f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(shape)}")
    np.copyto(array, as_element(getattr(value, "_array", value), array.dtype), where=mask._array)
    bump(input)
    return input


@exact_out("masked_select(): self and result must have the same scalar type")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of input where the mask is true, as a vector. Shapes broadcast."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    recording.reads("masked_select()")
    shape = common_shape(mask._array.shape, input._array.shape)
    return apply(MASKED_SELECT, input, mask, shape=shape)


def _masked_select(x: Any, mask: Any, *, shape: tuple) -> Any:
    return np.broadcast_to(x, shape)[np.broadcast_to(mask, shape)]


def _masked_select_back(g: Any, mask: Any, *, shape: tuple) -> Any:
    out = np.zeros(shape, g.dtype)
    out[np.broadcast_to(mask, shape)] = g
    return out


MASKED_SELECT = Op("masked_select", opaque, _masked_select,
    grads=(lambda g, mask, shape: apply(MASKED_SELECT_BACK, g, mask, shape=shape), None),
    samples=lambda random, shape: [((random.uniform(-2, 2, shape), random.uniform(0, 1, shape) > 0.5), {"shape": shape})])

#: zeros of a shape, with the elements of a vector where the mask is true
MASKED_SELECT_BACK = Op("masked_select_back", opaque, _masked_select_back, node_name="MaskedSelectBackwardBackward0",
    grads=(lambda g, mask: masked_select(g, mask), None))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input with the elements of source, one after the other, where the mask is true. The mask broadcasts."""
    if mask._array.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.kernel_name}")
    if input._array.dtype != source._array.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got{input.dtype.kernel_name} and "
                           f"{source.dtype.kernel_name}")
    shape = common_shape(mask._array.shape, input._array.shape)
    return apply(MASKED_SCATTER, input, mask, source, shape=shape)


def _masked_scatter(x: Any, mask: Any, source: Any, *, shape: tuple) -> Any:
    out, where = np.array(np.broadcast_to(x, shape), order="C"), np.broadcast_to(mask, shape)
    count = int(np.count_nonzero(where))
    if count > source.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    out[where] = source.reshape(-1)[:count]
    return out


def _into_source(g: Any, mask: Any, source: Any) -> Any:
    """The elements of g where the mask is true, as the first ones of source's shape."""
    found = masked_select(g, mask)
    filled = found.new_zeros((source._array.size,))
    if found._array.size:
        from .join import cat
        filled = cat([found, filled[found._array.size:]])
    return filled.reshape(source._array.shape)


MASKED_SCATTER = Op("masked_scatter", opaque, _masked_scatter,
    grads=(lambda g, mask: g.masked_fill(mask, 0), None,
           lambda g, mask, source: _into_source(g, mask, source)),
    samples=lambda random, shape: [((random.uniform(-2, 2, shape), random.uniform(0, 1, shape) > 0.5, random.uniform(-2, 2, shape)),
                                    {"shape": shape})])


# ---- triangles

@_same_dtype
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with zeros above a diagonal."""
    check_triangle("tril", input, diagonal)
    return apply(TRIL, input, diagonal=diagonal)


@_same_dtype
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Matrices with zeros below a diagonal."""
    check_triangle("triu", input, diagonal)
    return apply(TRIU, input, diagonal=diagonal)


def check_triangle(name: str, input: Tensor, diagonal: Any) -> None:
    """Raise PyTorch's error unless input holds matrices and diagonal is an integer."""
    if not hasattr(diagonal, "__index__"):
        raise TypeError(f"{name}(): argument 'diagonal' (position 1) must be int, not {type(diagonal).__name__}")
    if input._array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


TRIL = Op("tril", opaque, lambda x, *, diagonal: np.tril(x, diagonal),
    grads=(lambda g, diagonal: g.tril(diagonal),),
    samples=shaped(lambda shape: {"diagonal": 1} if len(shape) > 1 else None))

TRIU = Op("triu", opaque, lambda x, *, diagonal: np.triu(x, diagonal),
    grads=(lambda g, diagonal: g.triu(diagonal),),
    samples=shaped(lambda shape: {"diagonal": -1} if len(shape) > 1 else None))
