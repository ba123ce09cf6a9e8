"""Tensors on memory that belongs to somebody else: NumPy, the buffer protocol, DLPack."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import device as devices, dtypes, recording
from ..core.apply import wrap
from ..core.memory import Memory
from ..core.warn import warn_once
from .create import held, tensor
from .from_data import check_array

if TYPE_CHECKING:
    from ..tensor import Tensor


def as_own_memory(array: Any) -> Any:
    """The array as if its memory began with its first element, as PyTorch sees an array that it is given."""
    if array.base is None and array.__class__ is np.ndarray:
        return array
    # NumPy lets a view refer to the first owner it finds, and passes over every array of a view's own class. Two in a row stay.
    return array.view(Memory).view(Memory).view(np.ndarray)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor on the same memory as a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        raise TypeError(f"expected np.ndarray (got {'numpy.' if kind.__module__ == 'numpy' else ''}{kind.__name__})")
    check_array(ndarray)
    if not ndarray.flags.writeable:
        warn_not_writable()
    recording.reads("from_numpy()")
    return wrap(as_own_memory(ndarray))


def warn_not_writable() -> None:
    """PyTorch's warning for an array that may only be read."""
    warn_once("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor will "
              "result in undefined behavior. You may want to copy the array to protect its data or make it writable before converting it to a "
              "tensor. This type of warning will be suppressed for the rest of this program.")


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor on the memory of an object with the buffer protocol, such as a bytearray."""
    data = memoryview(buffer)
    length, size = data.nbytes, dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1")
    if count > 0 and offset + count * size > length:
        raise ValueError(f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual buffer "
                         f"length ({length} bytes)")
    if count <= 0 and (length - offset) % size:
        raise ValueError(f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})")
    if data.readonly:
        warn_once("The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write to the underlying "
                  "(supposedly non-writable) buffer using the tensor. You may want to copy the buffer to protect its data or make it writable "
                  "before converting it to a tensor. This type of warning will be suppressed for the rest of this program.")
    recording.reads("frombuffer()")
    return held(np.frombuffer(buffer, dtype.numpy, count, offset), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """data as a tensor: without a copy if it is a tensor or an array of the wanted dtype already."""
    if hasattr(data, "_array"):
        return data if dtype is None and device is None else data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        devices.require_cpu(device)
        shared = from_numpy(data)
        return shared if dtype is None else shared.to(dtypes.as_dtype(dtype, "as_tensor"))
    return tensor(data, dtype=dtype, device=device)


def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None) -> Tensor:
    """obj as a tensor; shares memory where it can unless `copy` says otherwise."""
    devices.require_cpu(device)
    shares = hasattr(obj, "_array") or isinstance(obj, (np.ndarray, np.generic)) or hasattr(obj, "__dlpack__") or _is_buffer(obj)
    if not shares:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return tensor(obj, dtype=dtype, requires_grad=bool(requires_grad))
    result = _shared(obj, dtype)
    if dtype is not None and result.dtype is not dtype:
        if copy is False:
            raise ValueError(f"can't alias tensor with dtype '{result.dtype}' into dtype '{dtype}'.")
        result = result.to(dtype)
    elif copy:
        result = result.clone()
    if requires_grad is None or requires_grad == result.requires_grad:
        return result
    return result.requires_grad_() if requires_grad else result.detach()


def _is_buffer(obj: Any) -> bool:
    return isinstance(obj, (bytes, bytearray, memoryview)) or type(obj).__module__ == "array"


def _shared(obj: Any, dtype: Any) -> Tensor:
    if hasattr(obj, "_array"):
        return obj
    if isinstance(obj, np.generic):
        return from_numpy(np.asarray(obj))
    if isinstance(obj, np.ndarray):
        return from_numpy(obj)
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    return frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)


# ---- DLPack

class _Capsule:
    """Gives a bare DLPack capsule the method that NumPy asks for."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple:
        return 1, 0


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of an object with `__dlpack__`, or of a DLPack capsule."""
    devices.require_cpu(device)
    if hasattr(ext_tensor, "_array"):
        result = wrap(ext_tensor.detach()._array)
    else:
        recording.reads("from_dlpack()")
        result = wrap(writable(np.from_dlpack(ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Capsule(ext_tensor))))
    return result.clone() if copy else result


def writable(array: Any) -> Any:
    """The same memory, to be written to: a capsule of the first version does not say whether that is allowed, and NumPy says no."""
    if array.flags.writeable or not array.size:
        return array
    from ..core.memory import array_at
    return array_at(array, array.ctypes.data, array.shape, array.strides, array.dtype)


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of a tensor's memory, to be taken once."""
    return __dlpack__(tensor)


def __dlpack__(input: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
    """A DLPack capsule of this tensor's memory."""
    if input.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    recording.reads("to_dlpack()")
    options = {} if max_version is None else {"max_version": max_version, "dl_device": dl_device, "copy": copy}
    return input._array.__dlpack__(**options)


def __dlpack_device__(input: Tensor) -> tuple:
    """The kind and the number of the device that DLPack knows."""
    return input._array.__dlpack_device__()
