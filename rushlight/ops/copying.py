"""Copies: to other dtypes, devices and layouts; writing values into a tensor."""
from __future__ import annotations

import builtins
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices, dtypes, recording
from ..core.apply import apply, watchers, wrap
from ..core.grad_mode import mode
from ..core.inplace import bump, check_apart, inplace
from ..core.layout import channels_last, channels_last_3d, contiguous_format, preserve_format
from ..core.memory import dense
from ..core.numbers import DOUBLE, HALF, checked_number, converted
from ..core.op import Op, binary, opaque
from ..core.warn import warn_once

if TYPE_CHECKING:
    from ..tensor import Tensor


def clone(input: Tensor, *, memory_format: Any = preserve_format) -> Tensor:
    """A copy of input in memory of its own; gradients pass through."""
    return apply(CLONE, input, memory_format=memory_format)


def laid_out(x: Any, memory_format: Any) -> Any:
    """A copy of an array in a memory format."""
    if memory_format is preserve_format:
        return np.array(x, order="K", copy=True, subok=False) if dense(x) else np.array(x, order="C", copy=True)
    if memory_format is contiguous_format:
        return np.array(x, order="C", copy=True)
    order = last_order(x.ndim, memory_format)
    out = np.empty([x.shape[d] for d in order], x.dtype).transpose(np.argsort(order))
    out[...] = x
    return out


def last_order(ndim: builtins.int, memory_format: Any) -> tuple:
    """The dimensions from outermost to innermost in a channels-last format."""
    if memory_format is channels_last and ndim == 4 or memory_format is channels_last_3d and ndim == 5:
        return (0, *range(2, ndim), 1)
    raise RuntimeError(f"required rank {5 if memory_format is channels_last_3d else 4} tensor to use {memory_format.name} format")


CLONE = Op("clone", opaque, lambda x, *, memory_format: laid_out(x, memory_format),
    grads=(lambda g: g,), code="x")
COPIED = CLONE.printed_as("ToCopyBackward0")


def contiguous(input: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """input itself if its elements lie in order, else a copy in order."""
    if is_contiguous(input, memory_format):
        return input
    return apply(CLONE, input, memory_format=memory_format)


def is_contiguous(input: Tensor, memory_format: Any = contiguous_format) -> builtins.bool:
    """Whether the elements lie in memory in order."""
    x = input._array
    if memory_format in (contiguous_format, preserve_format):
        return x.flags.c_contiguous
    ndim = 5 if memory_format is channels_last_3d else 4
    return x.ndim == ndim and x.transpose(last_order(ndim, memory_format)).flags.c_contiguous


def cast(input: Tensor, dtype: dtypes.dtype, copy: builtins.bool = False, memory_format: Any = preserve_format) -> Tensor:
    """input in another dtype; itself if it has that dtype, unless copy."""
    if input._array.dtype == dtype.numpy:
        return apply(COPIED, input, memory_format=memory_format) if copy else input
    return apply(CAST if dtype.category >= dtypes.FLOAT else CAST_TO_WHOLE, input, dtype=dtype)


def _cast(x: Any, *, dtype: dtypes.dtype) -> Any:
    target = dtype.numpy
    if x.dtype.kind == "c" and target.kind != "c":
        x = x.real if target.kind != "b" else x != 0
    if x.dtype.kind in "fV" and target.kind == "u" and x.size:
        # C's conversion of a negative float is undefined: go by way of int64, as PyTorch's kernels do.
        x = x.astype(np.int64)
    return converted(x, target, "K" if dense(x) else "C")


CAST = Op("to_copy", opaque, _cast, grads=(lambda g: g,), code="x")       # the engine casts the gradient back
CAST_TO_WHOLE = Op("to_whole", opaque, _cast, code="x")                   # to integers and bool: no gradient


def to(input: Tensor, *args: Any, dtype: Any = None, device: Any = None, non_blocking: builtins.bool = False, copy: builtins.bool = False,
       memory_format: Any = preserve_format) -> Tensor:
    """input in another dtype, on another device, or as another tensor's; itself where nothing changes."""
    for value in args:
        if isinstance(value, dtypes.dtype):
            dtype = value
        elif hasattr(value, "_array"):
            dtype, device = value.dtype, value.device
        elif value is True or value is False:  # `bool` is a function here
            non_blocking, copy = (value, copy) if not non_blocking else (non_blocking, value)
        elif value is not None:
            device = value
    if device is not None:
        devices.require_cpu(device)
    result = input if dtype is None else cast(input, dtype)
    if copy and result is input:
        result = apply(COPIED, input, memory_format=memory_format)
    elif memory_format is not preserve_format:
        result = contiguous(result, memory_format)
    return result


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """input in other's dtype, on other's device."""
    return cast(input, other.dtype)


def _caster(dtype: dtypes.dtype, name: str) -> Any:
    def method(input: Tensor, memory_format: Any = preserve_format) -> Tensor:
        return cast(input, dtype, memory_format=memory_format)
    method.__name__ = name
    method.__doc__ = f"input as {dtype}; itself if it is that already."
    return method


float = _caster(dtypes.float32, "float")
double = _caster(dtypes.float64, "double")
half = _caster(dtypes.float16, "half")
bfloat16 = _caster(dtypes.bfloat16, "bfloat16")
int = _caster(dtypes.int32, "int")
long = _caster(dtypes.int64, "long")
short = _caster(dtypes.int16, "short")
char = _caster(dtypes.int8, "char")
byte = _caster(dtypes.uint8, "byte")
bool = _caster(dtypes.bool_, "bool")
cfloat = _caster(dtypes.complex64, "cfloat")
cdouble = _caster(dtypes.complex128, "cdouble")


def cpu(input: Tensor, memory_format: Any = preserve_format) -> Tensor:
    """input in the CPU's memory; itself if it is there."""
    return input


def cuda(input: Tensor, device: Any = None, non_blocking: Any = False, memory_format: Any = preserve_format) -> Tensor:
    """input in a CUDA device's memory."""
    return to(input, device="cuda" if device is None else device)


def copy_(input: Tensor, src: Any, non_blocking: Any = False) -> Tensor:
    """Overwrite input with src, which is broadcast and cast."""
    if not hasattr(src, "_array"):
        if not isinstance(src, (numbers.Number, np.generic)):
            raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
        src = recording.constant(wrap(np.asarray(src)))
    if not watchers and (not mode.grad or input._node is None and src._node is None and input._base is None and src._base is None):
        if src._cell is not None and src._cell is input._cell:
            check_apart(input, src)
        check_broadcast(input._array.shape, src._array.shape)
        return write(input, src._array)
    return _copy_recorded(input, src)


def write(input: Tensor, values: Any) -> Tensor:
    """Overwrite a tensor's memory with values, which are broadcast and cast, and note the write."""
    if values.dtype.kind == "c" and input._array.dtype.kind not in "cb":
        values = values.real
        warn_once("Casting complex values to real discards the imaginary part")
    target = input._array
    np.copyto(target, converted(values, HALF) if target.dtype is HALF and values.dtype == DOUBLE else values, casting="unsafe")
    bump(input)
    return input


def check_broadcast(shape: tuple, source: tuple) -> None:
    """Raise PyTorch's error unless an array of shape `source` may be written into one of the other shape."""
    if shape == source:
        return
    from .views import common_shape
    common = common_shape(shape, source)
    if common != shape:
        raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(common)}")


def _copied(input: Tensor, src: Tensor) -> Tensor:
    check_broadcast(input._array.shape, src._array.shape)
    return apply(COPY, input, cast(src, input.dtype))


_copy_recorded = inplace(_copied, "copy_")

COPY = Op("copy", binary, lambda x, y: np.array(np.broadcast_to(y, x.shape)),
    grads=(lambda g: g.new_zeros(()).expand(g._array.shape),
           lambda g: g), node_name="CopyBackwards")


def detach(input: Tensor) -> Tensor:
    """The same memory without history."""
    return input.detach()


def detach_(input: Tensor) -> Tensor:
    """Forget the history, in place."""
    return input.detach_()


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of input's shape and dtype, every element `value` (a number or a 0-d tensor)."""
    array = getattr(value, "_array", None)
    if array is not None and array.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {array.ndim} dimensions.")
    return apply(FILL, input, value)


def _fill(x: Any, value: Any) -> Any:
    out = np.empty_like(x)
    np.copyto(out, value if hasattr(value, "dtype") else checked_number(value, x.dtype), casting="unsafe")
    return out


FILL = Op("fill", opaque, _fill,
    grads=(lambda g: g.new_zeros(()).expand(g._array.shape),
           lambda g: g.sum()))


def fill_(input: Tensor, value: Any) -> Tensor:
    """Overwrite every element with `value`."""
    if watchers or (mode.grad and (input._node is not None or input._base is not None)) or hasattr(value, "_array"):
        return _fill_recorded(input, value)
    return write(input, checked_number(value, input._array.dtype))


#: in place, PyTorch gives the operation other names
FILL_NUMBER, FILL_TENSOR = FILL.printed_as("FillBackward2"), FILL.printed_as("FillBackward3")


def _filled(input: Tensor, value: Any) -> Tensor:
    return apply(FILL_TENSOR if hasattr(value, "_array") else FILL_NUMBER, input, value)


_fill_recorded = inplace(_filled, "fill_")


def zero_(input: Tensor) -> Tensor:
    """Overwrite every element with 0."""
    if watchers or mode.grad and (input._node is not None or input._base is not None):
        return _zero_recorded(input)
    input._array.fill(0)
    bump(input)
    return input


def zeroed(input: Tensor) -> Tensor:
    """Zeros in input's shape and dtype, with input in their history."""
    return apply(ZERO, input)


ZERO = Op("zero", opaque, lambda x: np.zeros_like(x),
    grads=(lambda g: g.new_zeros(()).expand(g._array.shape),))

_zero_recorded = inplace(zeroed, "zero_")
