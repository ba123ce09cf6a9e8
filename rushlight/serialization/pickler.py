"""Objects pickled as PyTorch pickles them: tensors as references to storages, our classes and functions under PyTorch's names."""
from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.device import CPU, device
from ..core.generator import Generator
from ..core.layout import layout, memory_format
from ..core.memory import address, extent, owner
from ..names import Portable
from ..return_types import NamedResult
from ..storage import TypedStorage, UntypedStorage, class_name, flat_bytes
from ..tensor import PRIVATE, Tensor
from .torch_names import TorchGlobal, name_of, torch_global

REBUILD = torch_global("torch._utils", "_rebuild_tensor_v2")
REBUILD_NEW_DTYPE = torch_global("torch._utils", "_rebuild_tensor_v3")
REBUILD_PARAMETER = torch_global("torch._utils", "_rebuild_parameter")
REBUILD_PARAMETER_WITH_STATE = torch_global("torch._utils", "_rebuild_parameter_with_state")
REBUILD_FROM_TYPE = torch_global("torch._tensor", "_rebuild_from_type_v2")
GET_LAYOUT = torch_global("torch.serialization", "_get_layout")

#: dtypes that PyTorch got after it stopped making a class of storages for each
NEW_DTYPES = (dtypes.uint16, dtypes.uint32, dtypes.uint64)
#: what needs no look at how it is pickled
PLAIN = frozenset({str, int, float, bool, type(None), list, dict, tuple, set, frozenset, bytes, bytearray, complex, OrderedDict})


class StorageRef:
    """What stands for a storage inside a pickle: the parts of PyTorch's persistent id."""

    __slots__ = ("type", "key", "location", "count")

    def __init__(self, kind: Any, key: str, location: str, count: int):
        self.type = kind
        self.key = key
        self.location = location
        self.count = count


class Storages:
    """The storages that a pickle refers to, each once, in the order in which they were met."""

    def __init__(self) -> None:
        self.bytes: dict[str, Any] = {}
        self.widths: dict[str, int] = {}  # bytes of an element
        self._keys: dict[int, str] = {}
        self._dtypes: dict[int, dtypes.dtype] = {}
        self._owners: list[Any] = []  # kept alive: an id is nobody else's only as long as its object lives

    def of_tensor(self, tensor: Tensor) -> tuple[StorageRef, int, tuple]:
        """(reference, offset, strides), the two last in elements, for a tensor."""
        array, location = tensor._array, "cpu"
        if array.__class__ is not np.ndarray:
            array, location = array.get(), str(tensor.device)
        memory = owner(array)
        if not _lies_evenly(array, memory):
            array = memory = np.ascontiguousarray(array).copy()
        offset = (address(array) - address(memory)) // array.itemsize if array.size else 0
        from ..ops.memory import contiguous_strides
        strides = [s // array.itemsize for s in array.strides] if array.size else contiguous_strides(array.shape)
        return self._refer(memory, tensor.dtype, location), offset, tuple(strides)

    def of_storage(self, storage: Any) -> StorageRef:
        """The reference for a storage that is saved as such."""
        data = storage.untyped()._bytes
        return self._refer(owner(data), getattr(storage, "dtype", None), _location(storage))

    def _refer(self, memory: Any, dtype: dtypes.dtype | None, location: str) -> StorageRef:
        size = extent(memory)
        seen_as = dtypes.uint8 if dtype is None or dtype in NEW_DTYPES else dtype
        if size and self._dtypes.setdefault(address(memory), seen_as) is not seen_as:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        key = self._keys.get(id(memory))
        if key is None:
            key = self._keys[id(memory)] = str(len(self._keys))
            self._owners.append(memory)
            self.widths[key] = seen_as.itemsize
            self.bytes[key] = flat_bytes(memory) if size else b""
        kind = UntypedStorage if dtype is None or dtype in NEW_DTYPES else torch_global("torch", class_name(dtype))
        return StorageRef(kind, key, location, size // seen_as.itemsize)


def _lies_evenly(array: Any, memory: Any) -> bool:
    """Whether PyTorch can say where the array lies in its memory: in whole elements, from the front."""
    width = array.itemsize
    if not array.size:
        return True
    return ((address(array) - address(memory)) % width == 0 and all([s >= 0 and s % width == 0 for s in array.strides])
            and all([s >= 0 for s in memory.strides]))


def _location(storage: Any) -> str:
    from .location import location_tag
    return location_tag(storage)


class TorchPickling:
    """What turns a pickler written in Python into one for files of PyTorch's; mixed in before it.

    The pickler in C will not do: it finds every class by importing it under its name, and ours bear names of `torch`.
    """

    proto: int
    storages: Storages
    save_reduce: Any
    write: Any
    memoize: Any

    def persistent_id(self, value: Any) -> tuple | None:
        """PyTorch's name of a storage; None for everything else, which is pickled in place."""
        if value.__class__ is StorageRef:
            ref = value
        elif isinstance(value, (UntypedStorage, TypedStorage)):
            ref = self.storages.of_storage(value)
        else:
            return None
        return self.identity(ref)

    def identity(self, ref: StorageRef) -> tuple:
        """The persistent id of a storage in the zip format."""
        return "storage", ref.type, ref.key, ref.location, ref.count

    def reducer_override(self, value: Any) -> Any:
        """How PyTorch pickles what both have; NotImplemented for what pickles itself."""
        kind = value.__class__
        if kind in PLAIN:
            return NotImplemented
        if isinstance(value, Tensor):
            return self.reduce_tensor(value)
        if kind is device:
            return kind, (value.type,) if value.index is None else (value.type, value.index)
        if kind is Generator:
            return kind, (CPU,), (value.initial_seed(), None, value.get_state())
        if isinstance(value, NamedResult):
            return kind, (tuple(value), {})
        if isinstance(value, Portable) and kind.__reduce_ex__ is Portable.__reduce_ex__:
            return object.__reduce_ex__(value, self.proto)
        return NotImplemented

    def reduce_tensor(self, tensor: Any) -> Any:
        """The call that makes the tensor again."""
        from ..nn.parameter import Parameter, is_lazy
        kind = tensor.__class__
        if is_lazy(tensor):
            return kind, (tensor.requires_grad,)
        if kind.__reduce_ex__ is not Tensor.__reduce_ex__:
            return NotImplemented  # a subclass that pickles itself
        own = {name: value for name, value in tensor.__dict__.items() if name not in PRIVATE}
        if isinstance(tensor, Parameter) and kind is Parameter:
            parts: tuple = (tensor.data, tensor.requires_grad, OrderedDict())
            return (REBUILD_PARAMETER_WITH_STATE, (*parts, own)) if own else (REBUILD_PARAMETER, parts)
        rebuild, args = self.reduce_plain(tensor)
        return (rebuild, args) if kind is Tensor and not own else (REBUILD_FROM_TYPE, (rebuild, kind, args, own))

    def reduce_plain(self, tensor: Any) -> tuple:
        """(function, arguments) that make the tensor without its class and attributes."""
        ref, offset, strides = self.storages.of_tensor(tensor)
        args: tuple = (ref, offset, tuple(tensor._array.shape), strides, tensor.requires_grad, OrderedDict())
        return (REBUILD_NEW_DTYPE, (*args, tensor.dtype)) if tensor.dtype in NEW_DTYPES else (REBUILD, args)

    def save_global(self, value: Any, name: str | None = None) -> None:
        """Writes the name of a class or function: PyTorch's for one of ours."""
        known = (value.module, value.name) if value.__class__ is TorchGlobal else name_of(value)
        if known is None:
            super().save_global(value, name)  # type: ignore[misc]  # the pickler that this is mixed into
            return
        if self.proto >= 4:
            self.save(known[0])  # type: ignore[attr-defined]
            self.save(known[1])  # type: ignore[attr-defined]
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{known[0]}\n{known[1]}\n".encode())
        self.memoize(value)

    def save_layout(self, value: Any) -> None:
        """Writes the call that finds a layout."""
        self.save_reduce(GET_LAYOUT, (repr(value),), obj=value)


def pickler_class(pickle_module: Any) -> Any:
    """A pickler for PyTorch's files, on the one that pickle_module has, which must be written in Python."""
    base = pickle_module.Pickler
    if not hasattr(base, "dispatch"):
        base = getattr(pickle_module, "_Pickler", pickle._Pickler)  # pickle's own, in Python
    dispatch = {kind: TorchPickling.save_global if save is base.save_global else save for kind, save in base.dispatch.items()}
    dispatch.update(dict.fromkeys((TorchGlobal, dtypes.dtype, memory_format), TorchPickling.save_global))
    dispatch[layout] = TorchPickling.save_layout
    return type("TorchPickler", (TorchPickling, base), {"dispatch": dispatch})
