"""Square brackets: x[...], with PyTorch's rules.

An index has two parts. Integers, slices, None and the ellipsis give a view, all in one step. Then tensors, lists and masks pick
elements of that view, and make a copy. PyTorch takes them in that order too, so that `x[0, :, [1, 2]]` first drops a dimension;
NumPy, given all at once, would put the dimension of the list in front.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, view_result, watchers, wrap
from ..core.op import Op, opaque, view as view_kind
from ..core.samples import indexed
from ..core.warn import warn_once
from .accumulate import add_at
from .regions import ALL, PLACE, SELECT, SLICE

if TYPE_CHECKING:
    from ..tensor import Tensor


def _take_and_insert(x: Any, *, key: tuple, shape: tuple) -> Any:
    # NumPy gives a new dimension stride 0, PyTorch what a contiguous tensor would have; so does reshape.
    return x[tuple([k for k in key if k is not None])].reshape(x[key].shape)


_grads = (lambda g, key, shape: apply(PLACE, g, key=key, shape=shape),)

#: the operations of the view part: each is named after the last thing done
ALIAS = Op("alias", view_kind, lambda x: x.view(), grads=(lambda g: g,))
INSERT = Op("unsqueeze", view_kind, _take_and_insert, _grads)
SELECT_INSERT = Op("select", view_kind, _take_and_insert, _grads)
SLICE_INSERT = Op("slice", view_kind, _take_and_insert, _grads)
WITH_NONE = {SELECT: SELECT_INSERT, SLICE: SLICE_INSERT, INSERT: INSERT}


def getitem(input: Tensor, index: Any) -> Tensor:
    """The part of input that an index names: a view for integers, slices, None and ellipsis, else a copy."""
    kind = index.__class__
    if kind is int:
        shape = input._array.shape
        if not shape or not -shape[0] <= index < shape[0]:
            raise out_of_bounds(index, shape)
        return view_of(input, SELECT, (index, ...))
    if kind is slice:
        shape = input._array.shape
        if not shape:
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        return view_of(input, SLICE, (checked_slice(index), ...))
    if kind is tuple:
        op = plain_operation(index)
        if op is not None:
            try:
                return view_of(input, op, index if ... in index else (*index, ...))
            except IndexError:  # out of range: the long way says how
                pass
    elif kind is not list and is_plain_index(index, input._array):
        return pick(input, (index._array.ndim if index._array.dtype.kind == "b" else 1,), [index])
    op, key, places, tensors = plan(input, index)
    view = input if op is None else apply(ALIAS, input) if op is ALIAS else view_of(input, op, key)
    return view if tensors is None else pick(view, places, tensors)


def plain_operation(index: tuple) -> Op | None:
    """The operation for a tuple of integers, slices, None and an ellipsis, named after the last; None where more must be looked at."""
    op, dots, inserts = None, 0, False
    for item in index:
        kind = item.__class__
        if kind is int:
            op = SELECT
        elif kind is slice:
            if item.start is None and item.stop is None and item.step is None:
                continue
            if not item.start or item.step is not None or item.start.__class__ is not int or item.stop.__class__ is not int and \
                    item.stop is not None:
                return None
            op = SLICE
        elif item is None:
            op, inserts = INSERT, True
        elif item is ...:
            dots += 1
        else:
            return None
    if dots > 1 or op is None:
        return None
    return WITH_NONE[op] if inserts else op


def is_plain_index(index: Any, array: Any) -> bool:
    """Whether an index is a tensor of integers, or a mask that fits the first dimensions."""
    found = getattr(index, "_array", None)
    if found is None or not found.ndim or not array.ndim:
        return False
    return found.dtype == np.int64 or found.dtype.kind == "b" and found.shape == array.shape[:found.ndim]


def view_of(input: Tensor, op: Op, key: tuple) -> Tensor:
    """The view part of an index."""
    array = input._array
    attributes = {"key": key, "shape": array.shape}
    if watchers:
        return apply(op, input, **attributes)
    # Without new dimensions the operation does nothing but this, and to call it takes as long again.
    return view_result(op, input, op.forward(array, **attributes) if None in key else array[key], attributes)


def out_of_bounds(index: int, shape: tuple, at: int = 0, size: int = -1) -> IndexError:
    """PyTorch's error for an integer index, the one at place `at` among the indices, that names none of `size` elements."""
    if not shape:
        return IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to "
                          "a number")
    return IndexError(f"index {index} is out of bounds for dimension {at} with size {shape[0] if size < 0 else size}")


def checked_slice(index: slice) -> slice:
    """The slice with plain integers. Raises ValueError for a step below one."""
    start, stop, step = index.start, index.stop, index.step
    if step is not None:
        step = step.__index__()
        if step <= 0:
            raise ValueError("slice step cannot be zero" if step == 0 else "step must be greater than zero")
    if (start is None or start.__class__ is int) and (stop is None or stop.__class__ is int):
        return index
    try:
        return slice(None if start is None else start.__index__(), None if stop is None else stop.__index__(), step)
    except AttributeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


# ---- taking an index apart

def plan(input: Tensor, index: Any) -> tuple:
    """(op, key, places, tensors): how to make the view part, and which tensors then index which of its dimensions.

    op is None where the view is input itself; tensors is None where there is no second part. places holds for each dimension of the view,
    up to the last indexed one, how many of its dimensions the next tensor takes: 0 for none.
    """
    shape = input._array.shape
    if not shape and index.__class__ is slice:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if not shape and index.__class__ is int:
        raise out_of_bounds(index, shape)
    items = [index] if index.__class__ is not tuple and not sequence_as_tuple(index) else index
    items = [item if item.__class__ in PLAIN else plain(item) for item in items]
    named = 0
    for item in items:
        if item.__class__ is int or item.__class__ is slice:
            named += 1
        elif hasattr(item, "_array"):
            named += consumed(item)
    if named > len(shape):
        raise too_many(items, shape)
    return _walk(items, shape, len(shape) - named)


def takes_all(index: slice, size: int) -> bool:
    """Whether a slice names every index of a dimension."""
    start, stop, step = index.start, index.stop, index.step
    return (not start) and (stop is None or stop >= size) and (step is None or step == 1)


PLAIN = {int, slice, type(None), type(...), bool}


def _walk(items: list, shape: tuple, left_out: int) -> tuple:
    key: list = []
    places: list = []
    tensors: list = []
    op, dim, inserts = None, 0, False
    for at, item in enumerate(items):
        kind = item.__class__
        if kind is int:
            if not -shape[dim] <= item < shape[dim]:
                raise out_of_bounds(item, shape, at, shape[dim])
            key.append(item)
            op, dim = SELECT, dim + 1
        elif kind is slice:
            item = checked_slice(item)
            if not takes_all(item, shape[dim]):
                op = SLICE
            key.append(item)
            places.append(0)
            dim += 1
        elif item is None or kind is bool:
            key.append(None)
            op, inserts = INSERT, True
            places.append(0 if item is None else 1)
            if item is not None:
                tensors.append(recording.constant(wrap(np.array([item]))))
        elif item is ...:
            key.extend([ALL] * left_out)
            places.extend([0] * left_out)
            dim, left_out = dim + left_out, 0
        else:
            count = consumed(item)
            if not item._array.size:
                check_masks(shape[dim:], (count,), [item])  # NumPy takes a mask without elements for any dimension
            key.extend([ALL] * count)
            places.append(count)
            tensors.append(item)
            dim += count
    if op is None:
        return (None if tensors else ALIAS), (...,), tuple(places), tensors or None
    return WITH_NONE[op] if inserts else op, (*key, ...), tuple(places), tensors or None


def plain(item: Any) -> Any:
    """One item of an index as an int, a bool, or a tensor of dimension 1 or more that holds integers or bools."""
    if hasattr(item, "_array"):
        return plain_tensor(item)
    if isinstance(item, np.ndarray):
        from .exchange import from_numpy
        return plain_tensor(from_numpy(item))
    if isinstance(item, np.integer) or isinstance(item, int):
        return int(item)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(item, (list, tuple, range)):
        return plain_sequence(item)
    if item in (None, ...):
        return item
    raise IndexError(f"only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {type_name(item)})")


def type_name(value: Any) -> str:
    """A type's name as PyTorch's messages have it."""
    cls = type(value)
    return f"numpy.{cls.__name__}" if cls.__module__ == "numpy" else cls.__name__


def plain_tensor(item: Tensor) -> Any:
    """A tensor as an index: a number if it is 0-d, a mask if it holds bytes."""
    dtype = item._array.dtype
    if dtype.kind == "b" or dtype == np.uint8:
        if item._array.ndim == 0:
            return bool(item.item())
        return item if dtype.kind == "b" else byte_mask(item)
    if item._array.ndim == 0 and dtype.kind in "iu":
        return int(item.item())
    if dtype not in (np.int64, np.int32):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return item


def byte_mask(item: Tensor) -> Tensor:
    """A tensor of bytes as a mask, with PyTorch's warning."""
    warn_once("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.")
    return item.bool()


def plain_sequence(item: Any) -> Tensor:
    """A list of numbers as a tensor of indices: bools make a mask, all else integers."""
    from .from_data import array_of
    array = array_of(item) if len(item) else np.empty(0, np.int64)
    return recording.constant(wrap(array if array.dtype.kind == "b" else array.astype(np.int64, copy=False)))


def sequence_as_tuple(index: Any) -> bool:
    """Whether a list stands for a tuple of indices, as it does if it is short and holds more than numbers."""
    if index.__class__ is not list or len(index) >= 32:
        return False
    for item in index:
        if item is None or item is ... or isinstance(item, (slice, list, tuple, np.ndarray)) or hasattr(item, "_array"):
            warn_once("Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] "
                      "instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which will result either "
                      "in an error or a different result")
            return True
    return False


def consumed(item: Tensor) -> int:
    """How many dimensions an index tensor takes: a mask as many as it has."""
    return item._array.ndim if item._array.dtype.kind == "b" else 1


def too_many(items: list, shape: tuple) -> IndexError:
    """PyTorch's error for an index with more dimensions than the tensor."""
    return IndexError(f"too many indices for tensor of dimension {len(shape)}")


def check_masks(shape: tuple, places: tuple, tensors: list) -> None:
    """Raise IndexError unless every mask has the shape of the dimensions that it stands for."""
    dim, left = 0, iter(tensors)
    for count in places:
        item = next(left)._array if count else None
        if item is not None and item.dtype.kind == "b":
            for at, n in enumerate(item.shape):
                if n != shape[dim + at]:
                    raise IndexError(f"The shape of the mask {list(item.shape)} at index {at} does not match the shape of the indexed tensor "
                                     f"{list(shape)} at index {dim + at}")
        dim += count or 1


# ---- the second part: tensors as indices

def pick(input: Tensor, places: tuple, tensors: list) -> Tensor:
    """The elements that index tensors name, as a copy."""
    if recording.recorder is not None and any([tensor._array.dtype.kind == "b" for tensor in tensors]):
        recording.reads("indexing by a mask")
    shape = input._array.shape
    try:
        return apply(INDEX, input, *tensors, places=places, shape=shape)
    except IndexError as error:
        raise explained_index(error, shape, places, tensors) from None


def numpy_key(places: tuple, arrays: Any) -> tuple:
    """The index in NumPy's form."""
    arrays = iter(arrays)
    return tuple([next(arrays) if count else ALL for count in places])


def _index(x: Any, *indices: Any, places: tuple, shape: tuple) -> Any:
    if places == (1,) and indices[0].dtype.kind != "b" and x.flags.c_contiguous:
        return x.take(indices[0], 0)  # half the time of square brackets
    return x[numpy_key(places, indices)]


def _index_back(g: Any, *indices: Any, places: tuple, shape: tuple) -> Any:
    return add_at(np.zeros(shape, g.dtype), numpy_key(places, indices), g)


INDEX = Op("index", opaque, _index,
    vjp=lambda g, rest, places, shape: (apply(INDEX_BACK, g, *rest, places=places, shape=shape),),
    samples=indexed(True, with_shape=True, places=(1,)))

#: zeros of a shape, with g added where the indices point
INDEX_BACK = Op("index_back", opaque, _index_back,
    vjp=lambda g, rest, places, shape: (apply(INDEX, g, *rest, places=places, shape=shape),))


def explained_index(error: IndexError, shape: tuple, places: tuple, tensors: list) -> IndexError:
    """PyTorch's words for NumPy's error."""
    try:
        check_masks(shape, places, tensors)
    except IndexError as better:
        return better
    text = str(error)
    if "could not be broadcast" in text:
        arrays = [a for t in tensors for a in (t._array.nonzero() if t._array.dtype.kind == "b" else (t._array,))]
        shapes = ", ".join([str(list(a.shape)) for a in arrays])
        return IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}")
    if "empty axes" in text or text.endswith("with size 0"):
        return IndexError("index is out of bounds for dimension with size 0")
    before, found, after = text.partition(" for axis ")
    if not found:
        return error
    # PyTorch counts the dimensions that are indexed, NumPy all of them.
    axis, _, size = after.partition(" ")
    number = sum([1 if count else 0 for count in places[:int(axis)]]) if all([count < 2 for count in places]) else int(axis)
    return IndexError(f"{before} for dimension {number} {size}")


#: the method behind square brackets
__getitem__ = getitem
