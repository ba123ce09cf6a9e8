"""New tensors: from data, filled, counted."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices
from ..core import dtypes
from ..core.apply import wrap
from .dims import sizes_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def made(array: Any, requires_grad: bool = False) -> Tensor:
    """A new tensor on an array."""
    result = wrap(array)
    return result.requires_grad_(True) if requires_grad else result


def numpy_dtype(dtype: Any) -> Any:
    """NumPy's dtype for a dtype or None, the default."""
    return (dtypes.get_default_dtype() if dtype is None else dtype).numpy


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A new tensor with a copy of data: a number, nested lists, an array or a tensor."""
    devices.require_cpu(device)
    return made(array_of(data, dtype), requires_grad)


def array_of(data: Any, dtype: Any = None) -> Any:
    """A new array with a copy of data; Python floats get the default dtype."""
    if hasattr(data, "_array"):
        array = data._array
        return np.array(array, dtype=array.dtype if dtype is None else dtype.numpy)
    typed = hasattr(data, "dtype")
    array = np.array(data)
    if dtype is not None:
        return array.astype(dtype.numpy, copy=False)
    if not typed and array.dtype.kind in "fc" or array.size == 0 and not typed:
        default = dtypes.get_default_dtype()
        return array.astype((default.to_complex() if array.dtype.kind == "c" else default).numpy, copy=False)
    dtypes.of_numpy(array.dtype)
    return array


def legacy_tensor(args: tuple, device: Any = None) -> Tensor:
    """What `Tensor(...)` makes: uninitialised of given sizes, or the default dtype's copy of data."""
    default = dtypes.get_default_dtype()
    if len(args) == 1 and not isinstance(args[0], int):
        data = args[0]
        if isinstance(data, dtypes_size()):
            return wrap(np.zeros(data, default.numpy))
        if hasattr(data, "_array"):
            return data.detach()
        return wrap(array_of(data, default))
    return wrap(np.zeros(sizes_of(args) if args else (0,), default.numpy))


def dtypes_size() -> Any:
    from ..core.size import Size
    return Size


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the same memory as a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of_numpy(ndarray.dtype)
    return wrap(ndarray.view(np.ndarray))


def zeros(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
          pin_memory: bool = False) -> Tensor:
    """Zeros of that size."""
    devices.require_cpu(device)
    return made(np.zeros(sizes_of(size), numpy_dtype(dtype)), requires_grad)


def ones(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
         pin_memory: bool = False) -> Tensor:
    """Ones of that size."""
    devices.require_cpu(device)
    return made(np.ones(sizes_of(size), numpy_dtype(dtype)), requires_grad)


def new_zeros(input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, layout: Any = None,
              pin_memory: bool = False) -> Tensor:
    """Zeros of that size in input's dtype."""
    return made(np.zeros(sizes_of(size), input._array.dtype if dtype is None else dtype.numpy), requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None) -> Tensor:
    """Ones in input's shape and dtype."""
    return made(np.ones_like(input._array, dtype=None if dtype is None else dtype.numpy), requires_grad)
