"""Where a tensor's numbers lie: strides, offset, storage; as_strided, and giving a tensor other memory."""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.inplace import bump
from ..core.layout import contiguous_format
from ..core.memory import address, array_at, extent, owner
from ..core.op import Op, opaque, view as view_kind
from .dims import one_dim, sizes_of

if TYPE_CHECKING:
    from ..storage import TypedStorage, UntypedStorage
    from ..tensor import Tensor


def stride(input: Tensor, dim: int | None = None) -> Any:
    """The distances in memory, in elements, between neighbours along each dimension, or along one."""
    array = input._array
    width = array.itemsize
    # NumPy keeps no order of strides where there are no elements.
    strides = array.strides if array.size else [width * n for n in contiguous_strides(array.shape)]
    if dim is None:
        return tuple([s // width for s in strides])
    return strides[one_dim(dim, array.ndim)] // width


def contiguous_strides(shape: tuple) -> list:
    """The strides, in elements, of a tensor of that shape that lies in order; an empty dimension counts as one."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return strides[::-1]


def storage_offset(input: Tensor) -> int:
    """How many elements of its storage lie before the tensor's first."""
    return storage_offset_of(input._array)


def storage_offset_of(array: Any) -> int:
    """How many elements of its owner's memory lie before an array's first."""
    return (address(array) - address(owner(array))) // array.itemsize if array.base is not None else 0


def data_ptr(input: Tensor) -> int:
    """The address of the tensor's first element; 0 if it has none."""
    recording.reads("data_ptr()")
    return address(input._array) if input._array.size else 0


def untyped_storage(input: Tensor) -> UntypedStorage:
    """The bytes that this tensor and its views share."""
    from ..storage import UntypedStorage
    recording.reads("untyped_storage()")
    return UntypedStorage.of(input._array)


def storage(input: Tensor) -> TypedStorage:
    """The memory that this tensor and its views share, as elements of its dtype."""
    from ..storage import TypedStorage, warn_deprecated
    warn_deprecated()
    recording.reads("storage()")
    return TypedStorage.of(input._array)


def storage_type(input: Tensor) -> Any:
    """The old class of storages of this dtype."""
    from .. import storage as storages
    return storages.class_of(input.dtype)


def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same stretch of the same memory, with the same shape and strides."""
    a, b = input._array, tensor._array
    return address(a) == address(b) and a.shape == b.shape and a.strides == b.strides


# ---- any strides over the same memory

def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of input's storage with that size, those strides and that offset, all in elements."""
    size, stride = sizes_of((size,)), sizes_of((stride,))
    array = input._array
    offset = storage_offset_of(array) if storage_offset is None else storage_offset
    check_strided(array, size, stride, offset)
    return apply(AS_STRIDED, input, size=size, stride=stride, offset=offset, shape=array.shape, geometry=geometry(array))


def geometry(array: Any) -> tuple:
    """Shape, strides in elements and offset of an array in its storage."""
    return array.shape, tuple([s // array.itemsize for s in array.strides]), storage_offset_of(array)


def check_strided(array: Any, size: tuple, stride: tuple, offset: int) -> None:
    """Raise PyTorch's error unless the size and strides stay inside the storage."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any([s < 0 for s in stride]):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if any([n < 0 for n in size]):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if 0 in size:
        return
    needed = (offset + 1 + sum([(n - 1) * s for n, s in zip(size, stride)])) * array.itemsize
    there = storage_bytes(array)
    if needed > there:
        raise RuntimeError(f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {array.itemsize} "
                           f"requiring a storage size of {needed} are out of bounds for storage of size {there}")


def storage_bytes(array: Any) -> int:
    """The bytes of an array's storage."""
    return extent(owner(array))


def _as_strided(x: Any, *, size: tuple, stride: tuple, offset: int, shape: tuple, geometry: tuple) -> Any:
    memory = owner(x)
    return array_at(memory, address(memory) + offset * x.itemsize, size, tuple([s * x.itemsize for s in stride]), x.dtype)


def _into_strides(g: Any, *, size: tuple, stride: tuple, offset: int, shape: tuple, geometry: tuple) -> Any:
    """The gradient in the places of the argument: what several elements of the view show is summed, what the argument shows
    several times is shared evenly."""
    own = element_numbers(*geometry)
    seen = element_numbers(size, stride, offset)
    length = max([int(a.max()) + 1 for a in (own, seen) if a.size], default=0)
    total = np.zeros(length, g.dtype)
    np.add.at(total, seen.reshape(-1), g.reshape(-1))
    if 0 in geometry[1] or own.size != np.unique(own).size:
        count = np.zeros(length, g.dtype)
        np.add.at(count, own.reshape(-1), 1)
        total = total / np.maximum(count.real, 1).astype(g.dtype)
    return total[own]


def element_numbers(size: tuple, stride: tuple, offset: int) -> Any:
    """For each element of a strided view, its number in the storage."""
    numbers = np.array(offset)
    for n, s in zip(size, stride):
        numbers = numbers[..., None] + np.arange(n) * s
    return numbers.reshape(size)


AS_STRIDED = Op("as_strided", view_kind, _as_strided,
    grads=(lambda g, size, stride, offset, shape, geometry: apply(INTO_STRIDES, g, size=size, stride=stride, offset=offset, shape=shape,
                                                                  geometry=geometry),))


def _from_strides(g: Any, size: tuple, stride: tuple, offset: int, shape: tuple, geometry: tuple) -> Any:
    """The gradient of the gradient: read back through the strides."""
    base = g.new_zeros((max(1 + int(element_numbers(*geometry).max(initial=-1)), 1 + int(element_numbers(size, stride, offset).max(initial=-1))),))
    from .exchange import from_numpy
    base = base.index_put((from_numpy(element_numbers(*geometry).reshape(-1)),), g.reshape(-1))
    return base[from_numpy(element_numbers(size, stride, offset))]


INTO_STRIDES = Op("into_strides", opaque, _into_strides, node_name="AsStridedBackwardBackward0",
    grads=(_from_strides,))


def as_strided_(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Give input another size, strides and offset in its storage."""
    from .views import become
    return become(input, as_strided(input, size, stride, storage_offset), "AsStridedBackward1")


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Fill the main diagonal, from corner to corner; with wrap, of a tall matrix, again after each full square and one row."""
    shape = input._array.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step, size = sum(stride(input)), min(shape)
    if wrap and len(shape) == 2 and shape[0] > shape[1]:
        size = -(-input._array.size // step)  # the same step leads on, past a row without one, to the next square
    as_strided(input, (size,), (step,)).fill_(fill_value)
    return input


# ---- other memory for a tensor

def resize_(input: Tensor, *args: Any, size: Any = None, memory_format: Any = contiguous_format) -> Tensor:
    """Give input another size on the same memory, or on more if that is too little; new elements are not filled."""
    shape = sizes_of(args if size is None else (size,))
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any([n < 0 for n in shape]):
        raise RuntimeError("numel: integer multiplication overflow")
    array = input._array
    if shape != array.shape:
        recording.reads("resize_()")
        count = int(np.prod(shape, dtype=np.int64))
        input._array = with_room(array, count)[:count].reshape(shape)
        bump(input)
    return input


def with_room(array: Any, count: int) -> Any:
    """A flat array of at least `count` elements that begins with an array's first: in its storage if there is room, else a copy of it."""
    start = storage_offset_of(array)
    memory = owner(array)
    there = storage_bytes(array) // array.itemsize - start
    flat = array_at(memory, address(array), (there,), (array.itemsize,), array.dtype)
    if there >= count:
        return flat
    larger = np.empty(count, array.dtype)
    larger[:there] = flat
    return larger


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = contiguous_format) -> Tensor:
    """Give input another tensor's size."""
    return resize_(input, the_template._array.shape, memory_format=memory_format)


def resize(input: Tensor, *args: Any) -> Tensor:
    """input in another size with as many elements. Deprecated: prefer reshape."""
    import warnings
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    sizes = sizes_of(args)
    if int(np.prod(sizes, dtype=np.int64)) != input._array.size:
        wanted, there = "x".join(map(str, sizes)), "x".join(map(str, input._array.shape))
        raise RuntimeError(f"requested resize to {wanted} ({wanted.replace('x', ' * ')} elements in total), but the given tensor has a size of "
                           f"{there} ({input._array.size} elements). autograd's resize can only change the shape of a given tensor, while "
                           "preserving the number of elements. ")
    return input.contiguous().view(sizes)


def resize_as(input: Tensor, tensor: Tensor) -> Tensor:
    """input in another tensor's size. Deprecated: prefer reshape_as."""
    return resize(input, tensor._array.shape)


def set_(input: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Make input stand on other memory: a tensor's, or a storage with an offset, a size and strides."""
    recording.reads("set_()")
    if source is None:
        input._array = np.empty(0, input._array.dtype)
    elif hasattr(source, "_array"):
        if source._array.dtype != input._array.dtype:
            raise RuntimeError(f"Could not set tensor of type {source.dtype.kernel_name.lower()} to a tensor of type "
                               f"{input.dtype.kernel_name.lower()}")
        set_to(input, source._array, storage_offset, size, stride)
    else:
        set_to(input, source.as_array(input._array.dtype), storage_offset, size, stride)
    bump(input)
    return input


def set_to(input: Tensor, array: Any, offset: int, size: Any, stride: Any) -> None:
    """Make an array, or a strided stretch of it, the memory of a tensor."""
    if size is None:
        input._array = array
        return
    size = sizes_of((size,))
    if stride is None or not len(tuple(stride)):
        stride = [int(np.prod(size[d + 1:], dtype=np.int64)) for d in range(len(size))]
    check_strided(array, size, tuple(stride), offset)
    strides = tuple([s * array.itemsize for s in stride])
    input._array = array_at(owner(array), address(owner(array)) + offset * array.itemsize, size, strides, array.dtype)


# ---- memory as other processes and devices see it

def is_pinned(input: Tensor, device: Any = None) -> bool:
    """Whether the memory is locked for a device's copies: never, on the CPU alone."""
    return False


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """Raise RuntimeError: without a device there is nothing to lock memory for."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_shared(input: Tensor) -> bool:
    """Whether the numbers lie in memory that processes started by fork share with this one."""
    return type(owner(input._array).base).__name__ == "mmap"


def share_memory_(input: Tensor) -> Tensor:
    """Move the storage into memory that processes started by fork share with this one; views made before, but not of `input`, keep the old.

    Where there is no fork, nothing is moved: threads share memory anyhow.
    """
    recording.reads("share_memory_()")
    array = input._array
    if hasattr(os, "fork") and array.size and not is_shared(input):
        import mmap
        held = owner(array)
        memory = np.ndarray((extent(held),), np.uint8, mmap.mmap(-1, extent(held)))
        memory[...] = array_at(held, address(held), memory.shape, (1,), memory.dtype)
        moved = address(memory) - address(held)
        for tensor in (input, input._base):
            if tensor is not None:
                array = tensor._array
                tensor._array = array_at(memory, address(array) + moved, array.shape, array.strides, array.dtype)
    return input
