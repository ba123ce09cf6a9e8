"""New tensors: from data, filled with a number, shaped as another tensor.

Each is the result of an operation without arguments, whose attributes say all: so whoever watches operations sees where tensors come from.
"""
from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices, dtypes, recording
from ..core.apply import apply, watchers, wrap
from ..core.grad_mode import mode
from ..core.inplace import INFERENCE
from ..core.layout import contiguous_format, preserve_format
from ..core.numbers import checked_number, fits
from ..core.op import Op, opaque
from ..core.program import warn_user
from ..core.sampling import memory_axes
from .copying import cast, last_order
from .dims import plain_sizes, sizes_of
from .from_data import array_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def made(op: Op, requires_grad: bool, *attributes: Any) -> Tensor:
    """The new tensor that an operation without arguments makes of its attributes, which are what forward takes, in its order."""
    if watchers:
        result = apply(op, **dict(zip(op.arguments, attributes)))
    else:  # there is nothing for `apply` to do, and it would take as long as the operation
        result = wrap(op.forward(*attributes))
        if mode.grad is None:
            result._cell = INFERENCE
    return leaf(result) if requires_grad else result


def leaf(result: Tensor) -> Tensor:
    """A new tensor, made to require a gradient."""
    if result._array.dtype.kind in "biu":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return result.requires_grad_(True)


def constant(array: Any, requires_grad: bool = False) -> Tensor:
    """A new tensor on an array that nobody else has."""
    if not watchers:
        return held(array, requires_grad)
    result = recording.constant(wrap(array)).clone()  # the data stay as they are for a later run, whatever the program does to its tensor
    return leaf(result) if requires_grad else result


def held(array: Any, requires_grad: bool = False) -> Tensor:
    """A new tensor on an array."""
    result = wrap(array)
    if mode.inference:
        result._cell = INFERENCE
    return leaf(result) if requires_grad else result


def numpy_dtype(dtype: Any, name: str = "tensor") -> Any:
    """NumPy's dtype for a dtype, one of Python's types, or None, the default."""
    if dtype is None:
        return dtypes.get_default_dtype().numpy
    return (dtype if dtype.__class__ is dtypes.dtype else dtypes.as_dtype(dtype, name)).numpy


def shape_of(name: str, args: tuple, size: Any) -> tuple:
    """The sizes given to a creating function as f(2, 3), f((2, 3)) or f(size=(2, 3)). Raises PyTorch's errors."""
    if size is not None:
        args = (size,)
    elif not args:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    shape = plain_sizes(args)
    return checked_shape(name, args, wrong_size) if shape is None else shape


def checked_shape(name: str, args: tuple, wrong: Callable[[str, tuple], TypeError]) -> tuple:
    """Sizes where there is more to them than plain numbers; `wrong` gives the error for what is no integer."""
    try:
        shape = sizes_of(args)
    except TypeError:
        raise wrong(name, args) from None
    for n in shape:
        if n < 0:
            raise RuntimeError("zeros: Dimension size must be non-negative." if name == "zeros" else
                               f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def wrong_size(name: str, args: tuple) -> TypeError:
    """PyTorch's error for sizes that are not integers."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        at, wrong = next((at, n) for at, n in enumerate(args[0]) if not hasattr(n, "__index__"))
        return TypeError(f"{name}(): argument 'size' failed to unpack the object at pos {at + 1} with error \"type must be tuple of ints,but got "
                         f"{type(wrong).__name__}\"")
    wrong = args[0] if not hasattr(args[0], "__index__") else args
    return TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not {type(wrong).__name__}")


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
           names: Any = None) -> Tensor:
    """A new tensor with a copy of data: a number, nested lists, an array or a tensor.

    Dtype: that of an array or tensor; float for Python floats (the default dtype), int64 for integers, bool for bools.
    """
    devices.require_cpu(device)
    if hasattr(data, "_array"):
        warn_user("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                  "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).")
        result = cast(data.detach(), data.dtype if dtype is None else dtypes.as_dtype(dtype, "tensor"), copy=True)
        return leaf(result) if requires_grad else result
    if watchers and hasattr(data, "as_array"):
        return held(array_of(data, dtype), requires_grad)  # on the storage's own memory
    return constant(array_of(data, dtype), requires_grad)


# ---- filled with one number

def zeros(*args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Zeros of that size."""
    devices.require_cpu(device)
    shape = shape_of("zeros", args, size)
    if out is not None:
        return into(out, shape).zero_()
    return made(FILLED, requires_grad, shape, 0, numpy_dtype(dtype, "zeros"), None)


def ones(*args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """Ones of that size."""
    devices.require_cpu(device)
    shape = shape_of("ones", args, size)
    if out is not None:
        return into(out, shape).fill_(1)
    return made(FILLED, requires_grad, shape, 1, numpy_dtype(dtype, "ones"), None)


def empty(*args: Any, size: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = contiguous_format) -> Tensor:
    """A tensor of that size whose memory is not filled: it holds whatever lay there."""
    devices.require_cpu(device)
    shape = shape_of("empty", args, size)
    if out is not None:
        return into(out, shape)
    order = None if memory_format in (contiguous_format, preserve_format) else last_order(len(shape), memory_format)
    return made(EMPTY, requires_grad, shape, numpy_dtype(dtype, "empty"), order)


def full(size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """`fill_value` everywhere. Dtype: the number's own (int64, bool, the default float) unless given."""
    devices.require_cpu(device)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    shape = shape_of("full", (size,), None)
    if fill_value.__class__ is float:  # as most are
        value, own = fill_value, dtypes.Default.dtype
    else:
        value = number("full", fill_value, 2)
        own = fill_value.dtype if hasattr(fill_value, "_array") else dtypes.of_scalar(value)
    if out is not None:
        return into(out, shape).fill_(value)
    return made(FILLED, requires_grad, shape, value, own.numpy if dtype is None else numpy_dtype(dtype, "full"), None)


def blank(shape: tuple, dtype: Any, order: Any = None) -> Any:
    """An array without values yet; `order` are its axes from outermost to innermost in memory."""
    if order is None:
        return np.empty(shape, dtype)
    return np.empty([shape[axis] for axis in order], dtype).transpose(np.argsort(order))


def filled(shape: tuple, value: Any, dtype: Any, order: Any) -> Any:
    """An array with one number everywhere."""
    if value.__class__ is int and value == 0 and order is None:
        return np.zeros(shape, dtype)
    array = blank(shape, dtype, order)
    array.fill(value if fits(value, dtype) else checked_number(value, dtype))
    return array


FILLED = Op("filled", opaque, filled)
EMPTY = Op("empty", opaque, blank)


def number(name: str, value: Any, position: int, argument: str = "fill_value") -> Any:
    """A Python number from a number or a 0-d tensor. Raises TypeError for anything else."""
    if value.__class__ is float or value.__class__ is int:
        return value
    if isinstance(value, numbers.Number) or isinstance(value, np.generic):
        return value.item() if isinstance(value, np.generic) else value
    if hasattr(value, "_array") and value._array.ndim == 0:
        return value.item()
    kind = "Tensor" if hasattr(value, "_array") else type(value).__name__
    raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Number, not {kind}")


def into(out: Tensor, shape: tuple) -> Tensor:
    """The tensor given as `out`, resized."""
    if out._array.shape != shape:
        from .memory import resize_
        resize_(out, shape)
    return out


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:
    """A tensor of that size and strides whose memory is not filled."""
    devices.require_cpu(device)
    return made(EMPTY_STRIDED, requires_grad, tuple(size), tuple(stride), numpy_dtype(dtype, "empty_strided"))


def strided_array(size: tuple, stride: tuple, dtype: Any) -> Any:
    """An array of that size and strides, in elements, on memory that just holds it."""
    if len(size) != len(stride):
        raise RuntimeError(f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})")
    if any([n < 0 for n in (*size, *stride)]):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    extent = 0 if 0 in size else 1 + sum([(n - 1) * s for n, s in zip(size, stride)])
    return np.lib.stride_tricks.as_strided(np.empty(extent, dtype), size, [s * dtype.itemsize for s in stride])


EMPTY_STRIDED = Op("empty_strided", opaque, strided_array)


def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                   pin_memory: bool = False) -> Tensor:
    """A tensor of that size, not filled, whose dimensions lie in memory in the order `physical_layout`, outermost first."""
    devices.require_cpu(device)
    size, order = shape_of("empty_permuted", (size,), None), tuple(physical_layout)
    if len(order) != len(size):
        raise RuntimeError(f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(size)} is not "
                           f"equal to len(physical_layout) = {len(order)}")
    if sorted(order) != list(range(len(size))):
        if len(set(order)) != len(order):
            raise RuntimeError("Duplicate dim not allowed")
        at, wrong = next((at, d) for at, d in enumerate(order) if not 0 <= d < len(size))
        raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {wrong} at index {at}).  NB: negative "
                           "dims not currently supported; file an issue if you want it.")
    return made(EMPTY, requires_grad, size, numpy_dtype(dtype), order)


# ---- in the shape of another tensor

def order_like(array: Any, memory_format: Any) -> tuple | None:
    """The order of axes in memory of a new array in the shape of another: the other's, or as memory_format says; None if as usual."""
    if memory_format is None or memory_format is preserve_format:
        # What repeats memory (stride 0) has no order to keep.
        if array.flags.c_contiguous or 0 in array.strides:
            return None
        return tuple(range(array.ndim))[::-1] if array.flags.f_contiguous else tuple(memory_axes(array))
    return None if memory_format is contiguous_format else last_order(array.ndim, memory_format)


def like(name: str, input: Any, dtype: Any, device: Any, memory_format: Any) -> tuple:
    """Shape, dtype and order of what zeros_like and its relatives make."""
    devices.require_cpu(device)
    if not hasattr(input, "_array"):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    array = input._array
    return array.shape, array.dtype if dtype is None else numpy_dtype(dtype, name), order_like(array, memory_format)


def zeros_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               pin_memory: bool = False, memory_format: Any = None) -> Tensor:
    """Zeros in input's shape and dtype."""
    shape, kind, order = like("zeros_like", input, dtype, device, memory_format)
    return made(FILLED, requires_grad, shape, 0, kind, order)


def ones_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              pin_memory: bool = False, memory_format: Any = None) -> Tensor:
    """Ones in input's shape and dtype."""
    shape, kind, order = like("ones_like", input, dtype, device, memory_format)
    return made(FILLED, requires_grad, shape, 1, kind, order)


def empty_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               pin_memory: bool = False, memory_format: Any = None) -> Tensor:
    """A tensor of input's shape and dtype whose memory is not filled."""
    return made(EMPTY, requires_grad, *like("empty_like", input, dtype, device, memory_format))


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              pin_memory: bool = False, memory_format: Any = None) -> Tensor:
    """`fill_value` everywhere, in input's shape and dtype."""
    shape, kind, order = like("full_like", input, dtype, device, memory_format)
    return made(FILLED, requires_grad, shape, number("full_like", fill_value, 2), kind, order)


def new_zeros(input: Tensor, *args: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
              layout: Any = None, pin_memory: bool = False) -> Tensor:
    """Zeros of that size in input's dtype."""
    devices.require_cpu(device)
    shape = args[0] if len(args) == 1 and args[0].__class__ is tuple else shape_of("new_zeros", args, size)
    return made(FILLED, requires_grad, shape, 0, input._array.dtype if dtype is None else numpy_dtype(dtype), None)


def new_ones(input: Tensor, *args: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
             layout: Any = None, pin_memory: bool = False) -> Tensor:
    """Ones of that size in input's dtype."""
    devices.require_cpu(device)
    shape = shape_of("new_ones", args, size)
    return made(FILLED, requires_grad, shape, 1, input._array.dtype if dtype is None else numpy_dtype(dtype), None)


def new_empty(input: Tensor, *args: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
              layout: Any = None, pin_memory: bool = False) -> Tensor:
    """A tensor of that size in input's dtype whose memory is not filled."""
    devices.require_cpu(device)
    shape = shape_of("new_empty", args, size)
    return made(EMPTY, requires_grad, shape, input._array.dtype if dtype is None else numpy_dtype(dtype), None)


def new_full(input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
             layout: Any = None, pin_memory: bool = False) -> Tensor:
    """`fill_value` everywhere, of that size, in input's dtype."""
    return full(size, fill_value, dtype=input.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


def new_empty_strided(input: Tensor, size: Any, stride: Any, dtype: Any = None, layout: Any = None, device: Any = None,
                      pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """A tensor of that size and strides in input's dtype whose memory is not filled."""
    return empty_strided(size, stride, dtype=input.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


def new_tensor(input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
               pin_memory: bool = False) -> Tensor:
    """A new tensor with a copy of data in input's dtype."""
    return tensor(data, dtype=input.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


# ---- special matrices

def eye(n: int, m: int | None = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """The n x m matrix with ones on its diagonal, zeros elsewhere."""
    devices.require_cpu(device)
    for name, size, position in (("n", n, 1), ("m", m, 2)):
        if size is not None and not hasattr(size, "__index__"):
            raise TypeError(f"eye(): argument '{name}' (position {position}) must be int, not {type(size).__name__}")
        if size is not None and size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    result = made(EYE, requires_grad, n, m, numpy_dtype(dtype, "eye"))
    return result if out is None else into(out, result._array.shape).copy_(result)


EYE = Op("eye", opaque, lambda n, m, dtype: np.eye(n, m, dtype=dtype))


def scalar_tensor(s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:
    """A 0-d tensor of a number, in the default dtype."""
    return full((), s, dtype=dtypes.get_default_dtype() if dtype is None else dtype, device=device, requires_grad=requires_grad)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of a vector as columns, the highest first unless `increasing`: `(M,) -> (M, N)`."""
    if x._array.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x._array.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    # A running product, as PyTorch has it: powers would round differently.
    columns = [x.new_ones(x._array.shape, dtype=None if x._array.dtype.kind in "fcV" else dtypes.int64)]
    while len(columns) < count:
        columns.append(columns[-1] * x)
    if not count:
        return columns[0].new_empty((x._array.shape[0], 0))
    from .join import stack
    return stack(columns[:count] if increasing else columns[:count][::-1], 1)


def _triangle_indices(name: str, row: int, col: int, offset: int, dtype: Any, op: Op) -> Any:
    for what, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{what} must be non-negative, got{n}")
    dtype = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype, name)
    if dtype not in (dtypes.int64, dtypes.int32):
        raise NotImplementedError(f'"{name}" not implemented for \'{dtype.kernel_name}\'')
    return made(op, False, row, col, offset, dtype.numpy)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None,
                 pin_memory: bool = False) -> Tensor:
    """The indices `(2, K)` of a matrix's elements on and below a diagonal, row after row."""
    devices.require_cpu(device)
    return _triangle_indices("tril_indices", row, col, offset, dtype, TRIL_INDICES)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None,
                 pin_memory: bool = False) -> Tensor:
    """The indices `(2, K)` of a matrix's elements on and above a diagonal, row after row."""
    devices.require_cpu(device)
    return _triangle_indices("triu_indices", row, col, offset, dtype, TRIU_INDICES)


TRIL_INDICES = Op("tril_indices", opaque, lambda row, col, offset, dtype: np.stack(np.tril_indices(row, offset, col)).astype(dtype))
TRIU_INDICES = Op("triu_indices", opaque, lambda row, col, offset, dtype: np.stack(np.triu_indices(row, offset, col)).astype(dtype))
