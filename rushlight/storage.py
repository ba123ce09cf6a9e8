"""Storages: the flat memory behind tensors, as bytes (UntypedStorage) or as elements of one dtype (TypedStorage, the old way)."""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .core import dtypes, recording
from .core.device import CPU, device
from .core.memory import address, array_at, extent, owner
from .core.warn import warn_once


def flat_bytes(array: Any) -> Any:
    """All the memory of an array's owner, as an array of bytes."""
    memory = owner(array)
    return array_at(memory, address(memory), (extent(memory),), (1,), np.dtype(np.uint8))


class UntypedStorage:
    """The bytes that tensors stand on. `UntypedStorage(10)` is ten bytes, not filled; a list gives their values."""

    is_cuda = is_sparse = is_hpu = False

    def __init__(self, size: Any = 0, *, device: Any = None):
        if not isinstance(size, (int, np.ndarray)):
            size = np.array(list(size), np.uint8)
        # An array of bytes becomes the storage's own memory.
        self._bytes = np.empty(size, np.uint8) if isinstance(size, int) else size

    @property
    def _bytes(self) -> Any:
        """The memory, to be read or written."""
        recording.reads("the memory of a storage")
        return self._memory

    @_bytes.setter
    def _bytes(self, memory: Any) -> None:
        self._memory = memory

    @classmethod
    def of(cls, array: Any) -> UntypedStorage:
        """The storage of an array's memory."""
        result = cls.__new__(cls)
        result._bytes = flat_bytes(array)
        return result

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first `nbytes` bytes of a file, read as they are looked at.

        What is written reaches the file only if it is shared; then a shorter file, or none, grows to this size.
        Raises: RuntimeError if the file cannot be opened, or is too short.
        """
        from .ops.exchange import as_own_memory
        if not nbytes:
            return cls(0)
        try:
            if shared:
                with open(filename, "ab") as file:
                    file.truncate(max(nbytes, os.path.getsize(filename)))
            size = os.path.getsize(filename)
            if size < nbytes:
                raise RuntimeError(f"file <{filename}> size <{size}> is smaller than the required mapping size <{nbytes}>")
            return cls(as_own_memory(np.memmap(filename, np.uint8, "r+" if shared else "c", shape=(nbytes,))))
        except OSError as error:
            mode = "read-write" if shared else "read-only"
            raise RuntimeError(f"unable to open file <{filename}> in {mode} mode: {error.strerror} ({error.errno})") from None

    @classmethod
    def _new_shared(cls, size: int, **options: Any) -> UntypedStorage:
        return cls(size)

    def as_array(self, dtype: np.dtype) -> Any:
        """The memory as a flat array of a dtype, as far as whole elements go."""
        return self._bytes[:len(self._bytes) // dtype.itemsize * dtype.itemsize].view(dtype)

    @property
    def device(self) -> device:
        return CPU

    def data_ptr(self) -> int:
        """The address of the first byte; 0 if there is none."""
        return address(self._bytes) if len(self._bytes) else 0

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return len(self._memory)

    size = __len__ = nbytes

    def element_size(self) -> int:
        """1: an element is a byte."""
        return 1

    def resize_(self, size: int) -> UntypedStorage:
        """Take room for `size` bytes. Tensors that stand on this storage keep the memory they have."""
        kept = min(size, len(self._bytes))
        larger = np.empty(size, np.uint8)
        larger[:kept] = self._bytes[:kept]
        self._bytes = larger
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool | None = None) -> UntypedStorage:
        """Overwrite the bytes with another storage's."""
        self._bytes[...] = source._bytes
        return self

    def fill_(self, value: int) -> UntypedStorage:
        """Overwrite every byte."""
        self._bytes[...] = value
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return UntypedStorage(self._bytes.copy())

    def tolist(self) -> list:
        """The bytes as a list of numbers."""
        return self._bytes.tolist()

    def cpu(self) -> UntypedStorage:
        """The storage itself: it is in the CPU's memory."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes see this memory: no."""
        return False

    def share_memory_(self) -> UntypedStorage:
        """The storage itself: threads share it anyhow."""
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory is locked for a device: no."""
        return False

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def __getitem__(self, index: Any) -> Any:
        found = self._bytes[index]
        return UntypedStorage(found) if isinstance(index, slice) else int(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def __iter__(self) -> Iterator:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr() and len(self) == len(other)

    def __hash__(self) -> int:
        return hash((self.data_ptr(), len(self)))

    def __repr__(self) -> str:
        lines = "".join([f" {value}\n" for value in self.tolist()])
        return f"{lines}[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


def warn_deprecated() -> None:
    """PyTorch's warning that typed storages will go."""
    warn_once("TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This should only "
              "matter to you if you are using storages directly.  To access UntypedStorage directly, use tensor.untyped_storage() instead of "
              "tensor.storage()")


class TypedStorage:
    """A storage seen as elements of one dtype."""

    is_cuda = is_sparse = is_hpu = False
    dtype: dtypes.dtype = dtypes.float32

    def __init__(self, *args: Any, wrap_storage: UntypedStorage | None = None, dtype: dtypes.dtype | None = None, device: Any = None,
                 _internal: bool = False):
        self.dtype = dtype or type(self).dtype
        if wrap_storage is not None:
            self._untyped = wrap_storage
            return
        size = args[0] if args else 0
        values = np.empty(size, self.dtype.numpy) if isinstance(size, int) else np.array(list(size)).astype(self.dtype.numpy)
        self._untyped = UntypedStorage.of(values)

    @classmethod
    def of(cls, array: Any) -> TypedStorage:
        """The storage of an array's memory, in the array's dtype."""
        return cls(wrap_storage=UntypedStorage.of(array), dtype=dtypes.of_numpy(array.dtype))

    @property
    def _values(self) -> Any:
        return self._untyped.as_array(self.dtype.numpy)

    def as_array(self, dtype: np.dtype) -> Any:
        """The memory as a flat array of a dtype."""
        if dtype != self.dtype.numpy:
            raise RuntimeError(f"Expected a Storage of type {dtypes.of_numpy(dtype)} or an UntypedStorage, but got type {self.dtype} for argument 1 "
                               "'storage'")
        return self._values

    @property
    def device(self) -> device:
        return CPU

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped

    def data_ptr(self) -> int:
        """The address of the first element; 0 if there is none."""
        return self._untyped.data_ptr()

    @property
    def _cdata(self) -> int:
        return self.data_ptr()

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._untyped.nbytes()

    def size(self) -> int:
        """The number of elements."""
        return len(self._values)

    __len__ = size

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.dtype.itemsize

    def tolist(self) -> list:
        """The elements as a list of Python numbers."""
        values = self._values
        return (values if values.dtype.kind in "biufc" else values.astype(np.float32)).tolist()

    def fill_(self, value: Any) -> TypedStorage:
        """Overwrite every element."""
        self._values[...] = value
        return self

    def copy_(self, source: Any, non_blocking: bool | None = None) -> TypedStorage:
        """Overwrite the elements with another storage's."""
        self._values[...] = source._values
        return self

    def clone(self) -> TypedStorage:
        """A copy."""
        return type(self)(wrap_storage=self._untyped.clone(), dtype=self.dtype)

    def resize_(self, size: int) -> TypedStorage:
        """Take room for `size` elements."""
        self._untyped.resize_(size * self.dtype.itemsize)
        return self

    def cpu(self) -> TypedStorage:
        """The storage itself: it is in the CPU's memory."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes see this memory: no."""
        return False

    def share_memory_(self) -> TypedStorage:
        """The storage itself: threads share it anyhow."""
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Whether the memory is locked for a device: no."""
        return False

    def pickle_storage_type(self) -> str:
        """The old name of the class for this dtype, which files use."""
        return class_name(self.dtype)

    def __getitem__(self, index: int) -> Any:
        return self.tolist()[index] if isinstance(index, int) else self._values[index].tolist()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._values[index] = value

    def __iter__(self) -> Iterator:
        return iter(self.tolist())

    def __repr__(self) -> str:
        lines = "".join([f" {value}\n" for value in self.tolist()])
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


def class_name(dtype: dtypes.dtype) -> str:
    """The old name of the class of storages of a dtype."""
    return dtype.kernel_name + "Storage"


_classes: dict = {}


def class_of(dtype: dtypes.dtype) -> type:
    """The old class of storages of a dtype, such as FloatStorage."""
    if dtype not in _classes:
        _classes[dtype] = type(class_name(dtype), (TypedStorage,), {"dtype": dtype, "__module__": "torch", "__doc__": f"A storage of {dtype}."})
    return _classes[dtype]


UntypedStorage.__module__ = TypedStorage.__module__ = "torch.storage"

#: the old names, made when they are asked for
NAMES = {class_name(d): d for d in dtypes.ALL}


def __getattr__(name: str) -> Any:
    if name == "Storage":
        return class_of(dtypes.get_default_dtype())
    if name in NAMES:
        return class_of(NAMES[name])
    raise AttributeError(f"module 'torch.storage' has no attribute '{name}'")
