"""Tensors made of what files say of them, once it is sure that they stay inside their storages."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.apply import wrap
from ..core.generator import Generator
from ..core.layout import ALL as LAYOUTS
from ..storage import TypedStorage
from ..tensor import PRIVATE, Tensor, as_class
from .errors import Malformed

#: NumPy's limit
MAX_DIMS = 64
#: a number of bytes that no memory has
TOO_MANY = 1 << 62


def array_on(storage: Any, offset: Any, size: Any, stride: Any, dtype: Any = None) -> Any:
    """The array of that offset, size and strides, in elements, on a storage.

    Raises: RuntimeError if that leaves the storage; Malformed if it describes no tensor.
    """
    if not isinstance(storage, TypedStorage):
        raise Malformed(f"a tensor stands on a storage, not on {type(storage).__name__}")
    dtype = storage.dtype if dtype is None else dtype
    if not isinstance(dtype, dtypes.dtype):
        raise Malformed(f"a tensor has a dtype, not {type(dtype).__name__}")
    size, stride, (offset,) = whole_numbers(size), whole_numbers(stride), whole_numbers((offset,))
    width, data = dtype.itemsize, storage.untyped()._bytes
    check_inside(len(data), width, offset, size, stride)
    if 0 in size:
        return np.empty(size, dtype.numpy) if offset * width > len(data) else np.ndarray(size, dtype.numpy, data, offset * width)
    return np.ndarray(size, dtype.numpy, data, offset * width, [s * width for s in stride])


def whole_numbers(values: Any) -> tuple[int, ...]:
    """A tuple or list of ints as a tuple. Raises Malformed for anything else."""
    if not isinstance(values, (tuple, list)) or len(values) > MAX_DIMS or not all([type(value) is int for value in values]):
        raise Malformed("sizes, strides and offsets are tuples of at most 64 whole numbers")
    return tuple(values)


def check_inside(room: int, width: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
    """Raises RuntimeError, in PyTorch's words, unless a tensor lies inside `room` bytes."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any([s < 0 for s in stride]):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if any([n < 0 for n in size]) or overflows(size, width) or max(offset, *stride, 0) * width >= TOO_MANY:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    needed = 0 if 0 in size else (offset + 1 + sum([(n - 1) * s for n, s in zip(size, stride)])) * width
    if needed > room:
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {width} requiring a "
                           f"storage size of {needed} are out of bounds for storage of size {room}")


def overflows(size: Any, width: int) -> bool:
    """Whether no memory has room for so many elements. A dimension of 0 hides no overflow of the others: NumPy makes no such array."""
    return math.prod([max(n, 1) for n in size]) * width >= TOO_MANY


def with_state(made: Any, state: Any) -> Any:
    """The tensor with the attributes that a file gives it. Raises Malformed for one that would stand in the place of what Tensor defines."""
    for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        for name, value in (part or {}).items():
            if type(name) is not str or name in PRIVATE or callable(getattr(Tensor, name, None)):
                raise Malformed(f"a tensor cannot have the attribute {str(name)[:80]!r} from a file")
            made.__dict__[name] = value
    return made


class Rebuilder:
    """The functions by which files make tensors, and what is left to do when all storages have their bytes.

    `functions` has them by the names that files call. `spend`, if given, is told how many bytes a tensor's own copy takes.
    """

    def __init__(self, spend: Callable[[int], None] | None = None):
        self.spend = spend
        self.copies: list[tuple[Any, Any, dict]] = []
        self.bool_storages: dict[int, Any] = {}
        self.functions = {f"torch._utils.{name}": getattr(self, name) for name in dir(self) if name.startswith("_rebuild_")}
        self.functions["torch._tensor._rebuild_from_type_v2"] = self.functions.pop("torch._utils._rebuild_from_type_v2")

    def finish(self) -> None:
        """Makes the copies and checks that could not be made before all bytes were there."""
        for storage in self.bool_storages.values():
            # NumPy counts truths by adding bytes and would write past the end of its result where a byte is neither 0 nor 1.
            data = storage.untyped()._bytes
            if data.size and data.max() > 1:
                data[...] = data != 0
        for target, source, notes in self.copies:
            target[...] = source
            if notes.get("conj"):
                np.conjugate(target, target)
            if notes.get("neg"):
                np.negative(target, target)

    # ---- by PyTorch's names

    def _rebuild_tensor(self, storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
        return self._rebuild_tensor_v3(storage, storage_offset, size, stride, False, None, None)

    def _rebuild_tensor_v2(self, storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any,
                           metadata: Any = None) -> Tensor:
        return self._rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, None, metadata)

    def _rebuild_tensor_v3(self, storage: Any, storage_offset: Any, size: Any, stride: Any, requires_grad: Any, backward_hooks: Any, dtype: Any,
                           metadata: Any = None) -> Tensor:
        array = array_on(storage, storage_offset, size, stride, dtype)
        if array.dtype == np.bool_:
            self.bool_storages[id(storage)] = storage
        if metadata:
            array = self._resolved(array, metadata)
        made = wrap(array)
        return made.requires_grad_() if requires_grad is True else made

    def _resolved(self, array: Any, notes: Any) -> Any:
        """An array of its own for what PyTorch keeps as a note: that the numbers are to be conjugated, or negated."""
        if not isinstance(notes, dict) or not set(notes) <= {"conj", "neg"}:
            raise Malformed("a tensor carries notes that mean nothing here")
        if self.spend is not None:
            self.spend(array.nbytes)
        copy = np.empty(array.shape, array.dtype)
        self.copies.append((copy, array, notes))
        return copy

    def _rebuild_parameter(self, data: Any, requires_grad: Any, backward_hooks: Any) -> Any:
        from ..nn.parameter import Parameter
        if not isinstance(data, Tensor):
            raise Malformed(f"a Parameter is made of a Tensor, not of {type(data).__name__}")
        return Parameter(data, requires_grad is True)

    def _rebuild_parameter_with_state(self, data: Any, requires_grad: Any, backward_hooks: Any, state: Any) -> Any:
        return with_state(self._rebuild_parameter(data, requires_grad, backward_hooks), state)

    def _rebuild_from_type_v2(self, func: Any, new_type: Any, args: Any, state: Any) -> Any:
        """func(*args), made an instance of new_type, with the attributes of state."""
        if not any([func is known for known in self.functions.values()]):
            raise Malformed("a tensor of a subclass is made of what another of these functions returns")
        if not isinstance(new_type, type) or not issubclass(new_type, Tensor):
            raise Malformed("only a subclass of Tensor can be a tensor's class")
        made = func(*args)
        if made.__class__ is not new_type:
            made = as_class(made, new_type)
        if "__setstate__" in new_type.__dict__:
            made.__setstate__(state)
            return made
        return with_state(made, state)

    def _rebuild_sparse_tensor(self, layout: Any, data: Any) -> Any:
        raise RuntimeError(f"the file has a tensor of layout {layout}\nRushlight has no sparse tensors yet")

    def _rebuild_meta_tensor_no_storage(self, dtype: Any, size: Any, stride: Any, requires_grad: Any) -> Any:
        raise RuntimeError("the file has a tensor on the meta device\nRushlight has no tensors without memory")


def get_layout(name: Any) -> Any:
    """The layout of that name."""
    if not isinstance(name, str) or name.removeprefix("torch.") not in LAYOUTS:
        raise Malformed("the file names a layout that Rushlight does not have")
    return LAYOUTS[name.removeprefix("torch.")]


class LoadedGenerator(Generator):
    """A Generator while it is unpickled, with the state (seed, offset, state) that PyTorch pickles; an ordinary one afterwards."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        self.set_state(state[2])
        self.__class__ = Generator  # type: ignore[assignment]
