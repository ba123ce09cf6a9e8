"""Assignment to square brackets, x[...] = value, and index_put, which it ends in where tensors are indices.

Where nothing is recorded the numbers go straight into the array; else the view is written by copy_ or fill_, which know about history.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, watchers, wrap
from ..core.dtypes import of_numpy
from ..core.grad_mode import mode
from ..core.inplace import bump, inplace, requires_grad
from ..core.memory import check_places
from ..core.numbers import checked_number
from ..core.op import Op, opaque
from .accumulate import add_at
from .indexing import (
    ALIAS,
    INDEX,
    checked_slice,
    explained_index,
    is_plain_index,
    numpy_key,
    out_of_bounds,
    plain_operation,
    plan,
    type_name,
    view_of,
)
from .regions import ALL

if TYPE_CHECKING:
    from ..tensor import Tensor


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Overwrite the part of input that an index names with a number, or with a tensor that is broadcast and cast."""
    given = getattr(value, "_array", None)
    if given is None and not isinstance(value, (int, float, complex, np.integer)):
        raise TypeError(f"can't assign a {type_name(value)} to a torch.{input.dtype.kernel_name}Tensor")
    direct = not watchers and not is_recorded(input, value) and (given is None or value._cell is None or value._cell is not input._cell)
    if direct and (index.__class__ is int or index.__class__ is slice):
        return set_plain(input, index, value, given)
    if direct and is_plain_index(index, input._array) and set_elements(input, index._array, value, given):
        return None
    if index is False:
        return None
    if direct and index.__class__ is tuple and plain_operation(index) is not None:
        try:
            return set_view_of(input, index if ... in index else (*index, ...), value, given)
        except IndexError:  # out of range: the long way says how
            pass
    op, key, places, tensors = plan(input, index)
    if direct and tensors is None:
        return set_view_of(input, key, value, given)
    view = input if op is None or op is ALIAS else view_of(input, op, key)
    if tensors is not None:
        put_(view, places, tensors, value_tensor(value, view))
    elif given is None:
        value = value_tensor(value, view)
        view.fill_(value) if view._array.ndim else view.copy_(value)
    else:
        view.copy_(without_leading_ones(value, view._array))
    return None


def is_recorded(input: Tensor, value: Any) -> bool:
    """Whether writing value into input leaves a trace in the graph."""
    if not mode.grad:
        return False
    return requires_grad(input) or getattr(value, "requires_grad", False)


def set_plain(input: Tensor, index: Any, value: Any, given: Any) -> None:
    """x[3] = value or x[2:5] = value where nothing is recorded: straight into the array."""
    array = input._array
    if index.__class__ is slice:
        if not array.ndim:
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        index = checked_slice(index)
    elif not array.ndim or not -array.shape[0] <= index < array.shape[0]:
        raise out_of_bounds(index, array.shape)
    set_view_of(input, (index, ...), value, given)


def set_elements(input: Tensor, index: Any, value: Any, given: Any) -> bool:
    """Write a number, or an array of the same dtype, where an index array points; False if it does not fit, with nothing written."""
    array = input._array
    if given is None:
        given = number_for(value, array.dtype)
    elif given.dtype is not array.dtype:
        return False
    try:
        array[index] = given
    except (IndexError, ValueError):
        return False
    bump(input)
    return True


def set_view_of(input: Tensor, key: tuple, value: Any, given: Any) -> None:
    """Write a number or an array into the part of a tensor's array that a key of NumPy's names."""
    array = input._array
    target = array[key]
    if given is not None:
        write_into(target, given)
    elif array.dtype.kind == "f" and array.itemsize >= 4 and value.__class__ in (float, int) and -9e18 < value < 9e18 and \
            0 not in target.strides:
        target[...] = value
    else:
        write_into(target, number_for(value, array.dtype))
    bump(input)


def number_for(value: Any, dtype: Any) -> Any:
    """A number as an array of the dtype that it is assigned to. A half overflows to infinity here, and here alone."""
    if isinstance(value, int) and not -2**63 <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return checked_number(value, np.dtype(np.float32)) if dtype.itemsize == 2 and dtype.kind not in "iu" else checked_number(value, dtype)


def write_into(target: Any, values: Any) -> None:
    """Overwrite an array with values, which are broadcast and cast."""
    if 0 in target.strides:
        check_places(target)
    if values.dtype is not target.dtype:
        if values.dtype.kind == "c" and target.dtype.kind not in "cb":
            values = values.real
        if target.dtype.kind == "u" and values.dtype.kind == "f":
            values = values.astype(np.int64)  # C leaves the conversion of a negative float to an unsigned integer undefined
    try:
        np.copyto(target, values, casting="unsafe")
    except ValueError:
        raise RuntimeError(not_expandable(values, target.shape)) from None


def not_expandable(values: Any, shape: tuple) -> str:
    """PyTorch's sentence on an array that does not expand to a shape."""
    own = values.shape
    if len(own) > len(shape):
        return (f"expand(torch.{of_numpy(values.dtype).kernel_name}Tensor{{{list(own)}}}, size={list(shape)}): the number of sizes provided "
                f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({len(own)})")
    extra = len(shape) - len(own)
    at = next(d for d in range(len(shape) - 1, -1, -1) if d >= extra and own[d - extra] not in (1, shape[d]))
    return (f"The expanded size of the tensor ({shape[at]}) must match the existing size ({own[at - extra]}) at non-singleton dimension {at}.  "
            f"Target sizes: {list(shape)}.  Tensor sizes: {list(own)}")


def without_leading_ones(value: Tensor, target: Any) -> Tensor:
    """value without its first dimensions of size 1 as far as it has more dimensions than the target."""
    own = value._array.shape
    extra = len(own) - target.ndim
    if extra > 0 and own[:extra] == (1,) * extra:
        value, own = value.reshape(own[extra:]), own[extra:]
    if own != target.shape and (extra > 0 and len(own) > target.ndim or any([n not in (1, m) for n, m in zip(own[::-1], target.shape[::-1])])):
        raise RuntimeError(not_expandable(value._array, target.shape))
    return value


def value_tensor(value: Any, target: Tensor) -> Tensor:
    """What is assigned, as a tensor of the target's dtype."""
    dtype = target._array.dtype
    if not hasattr(value, "_array"):
        return recording.constant(wrap(number_for(value, dtype).astype(dtype)))
    if value._array.dtype != dtype:
        raise RuntimeError(f"Index put requires the source and destination dtypes match, got {target.dtype.kernel_name} for the destination and "
                           f"{value.dtype.kernel_name} for the source.")
    return value


# ---- index_put

def put_(input: Tensor, places: tuple, tensors: list, value: Tensor, accumulate: bool = False) -> Tensor:
    """Overwrite, or add to, the elements of input that index tensors name."""
    if is_recorded(input, value) or watchers:
        return _put_recorded(input, value, tensors, places, accumulate)
    try:
        put_into(input._array, value._array, numpy_key(places, [t._array for t in tensors]), accumulate)
    except (IndexError, ValueError) as error:
        raise explained_put(error, input, value, tensors, places) from None
    bump(input)
    return input


def put_into(x: Any, value: Any, key: tuple, accumulate: bool) -> None:
    """Write, or add, value into x where an index in NumPy's form points."""
    if accumulate:
        x[...] = add_at(x, key, value)
    else:
        x[key] = value


def _put(x: Any, value: Any, *indices: Any, places: tuple, accumulate: bool) -> Any:
    out = x.copy()
    key = numpy_key(places, indices)
    if accumulate:
        return add_at(out, key, value)
    out[key] = value
    return out


def _put_grads(g: Any, rest: list, places: tuple, accumulate: bool, needs: tuple) -> tuple:
    """What was overwritten gets nothing; what was written gets its element of g."""
    before = after = None
    if needs[0]:
        before = g if accumulate else apply(INDEX_PUT, g, g.new_zeros(()), *rest, places=places, accumulate=False)
    if needs[1]:
        if any([tensor._array.dtype.kind == "b" for tensor in rest]):
            recording.reads("the gradient of assigning to a mask")
        after = apply(INDEX, g, *rest, places=places, shape=g._array.shape)
    return before, after


def _samples(random: Any, shape: tuple) -> list:
    """Values written, and values added, to rows; in both, gradients pass to the rest and to the values."""
    if 0 in shape or not shape:
        return []
    return [((random.uniform(-2, 2, shape), random.uniform(-2, 2, (2, *shape[1:])), np.array([0, shape[0] - 1])),
             {"places": (1,), "accumulate": accumulate}) for accumulate in (False, True)]


INDEX_PUT = Op("index_put", opaque, _put, vjp=_put_grads, samples=_samples)


def put(input: Tensor, value: Tensor, tensors: list, places: tuple, accumulate: bool) -> Tensor:
    """A copy of input with value written where index tensors point."""
    try:
        return apply(INDEX_PUT, input, value, *tensors, places=places, accumulate=accumulate)
    except (IndexError, ValueError) as error:
        raise explained_put(error, input, value, tensors, places) from None


_put_recorded = inplace(put, "index_put_")


def explained_put(error: Exception, input: Tensor, value: Tensor, tensors: list, places: tuple) -> Exception:
    """PyTorch's words for NumPy's error."""
    if isinstance(error, IndexError):
        return explained_index(error, input._array.shape, places, tensors)
    result = input._array[numpy_key(places, [t._array for t in tensors])].shape
    return RuntimeError(f"shape mismatch: value tensor of shape {list(value._array.shape)} cannot be broadcast to indexing result of shape "
                        f"{list(result)}")


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of input with values written, or added, where index tensors point; an element named twice takes both when adding."""
    view, places, tensors = put_plan(input, indices)
    return put(view, value_tensor(values, input), tensors, places, accumulate)


def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Write, or add, values where index tensors point."""
    view, places, tensors = put_plan(input, indices)
    return put_(view, places, tensors, value_tensor(values, input), accumulate)


def put_plan(input: Tensor, indices: Any) -> tuple:
    """input and the places and tensors of a tuple of index tensors, where None takes a whole dimension."""
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}")
    items = tuple([ALL if index is None else one_or_more(index) for index in indices])
    _, _, places, tensors = plan(input, items)
    return input, places, tensors or []


def one_or_more(index: Tensor) -> Tensor:
    """A 0-d index as one of one element, so that it stays a tensor among indices."""
    return index.reshape(1) if hasattr(index, "_array") and index._array.ndim == 0 else index


#: the method behind assignment to square brackets
__setitem__ = setitem
