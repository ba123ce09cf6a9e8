"""Samples made a batch: tensors, arrays and numbers are stacked, at any depth of lists, tuples and dicts; strings stay a list."""
from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ....core import dtypes
from ....core.apply import watchers
from ....ops.create import held, tensor
from ....ops.exchange import as_tensor, from_numpy, warn_not_writable
from ....ops.from_data import array_of_another_library
from ....ops.join import stack
from ....tensor import Tensor

#: kinds of arrays, in `dtype.str`, that no tensor can hold: text, bytes and objects
np_str_obj_array_pattern = re.compile(r"[SaUO]")
#: Makes the array that a batch is written to. A worker process has it made in memory that it shares with the program.
empty: Callable = np.empty
default_collate_err_msg_format = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


# ---- one sample, or a batch that is one already

def default_convert(data: Any) -> Any:
    """The data with every NumPy array and NumPy number made a tensor, at any depth of containers; all else as it is."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "bytes_"):
        if isinstance(data, np.ndarray) and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return as_tensor(data)
    return rebuilt(data, default_convert)


def rebuilt(data: Any, convert: Callable) -> Any:
    """A container like this one with its values converted; what is no container is returned itself, and so is a string."""
    if isinstance(data, Mapping):
        return mapping_like(data, {key: convert(data[key]) for key in data})
    if isinstance(data, tuple):
        values = [convert(value) for value in data]
        return type(data)(*values) if hasattr(data, "_fields") else values
    if isinstance(data, Sequence) and not isinstance(data, str):
        return sequence_like(data, [convert(value) for value in data])
    return data


def mapping_like(model: Any, values: dict) -> Any:
    """The values in a mapping of the model's type; a dict if that cannot be made."""
    if model.__class__ is dict:
        return values
    try:
        if not isinstance(model, MutableMapping):
            return type(model)(values)
        clone = copy.copy(model)  # a defaultdict keeps its factory
        clone.update(values)
        return clone
    except TypeError:
        return values


def sequence_like(model: Any, values: list) -> Any:
    """The values in a sequence of the model's type; a list if that cannot be made."""
    if model.__class__ is list:
        return values
    try:
        if not isinstance(model, MutableSequence):
            return type(model)(values)
        clone = copy.copy(model)
        for at, value in enumerate(values):
            clone[at] = value
        return clone
    except TypeError:
        return values


# ---- a batch of samples

def collate(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """The samples as one batch, by the function that `collate_fn_map` holds for the type of the first one.

    Samples that are containers are collated place by place, or key by key. Beyond PyTorch, whatever has NumPy's array interface or
    DLPack, such as a column of a DataFrame, counts as an array. Raises TypeError for samples of any other type.
    """
    first = batch[0]
    if collate_fn_map is not None:
        function = collate_fn_map.get(type(first))
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
        for kind, function in collate_fn_map.items():
            if isinstance(first, kind):
                return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return mapping_like(first, {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in first})
    if isinstance(first, tuple):
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in transposed(batch, not hasattr(first, "_fields"))]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    if isinstance(first, Sequence):
        return sequence_like(first, [collate(column, collate_fn_map=collate_fn_map) for column in transposed(batch)])
    if collate_fn_map is not None and not isinstance(first, np.generic) and array_of_another_library(first) is not None:
        return collate([as_tensor(array_of_another_library(sample)) for sample in batch], collate_fn_map=collate_fn_map)
    raise TypeError(default_collate_err_msg_format.format(type(first)))


def transposed(batch: Any, checked: bool = True) -> list:
    """The batch by place: all first items, all second items ... Raises RuntimeError unless all samples are of one length."""
    if checked:
        length = len(batch[0])
        for sample in batch:
            if len(sample) != length:
                raise RuntimeError("each element in list of batch should be of equal size\n"
                                   f"  one sample has {length} items, another {len(sample)}: give the DataLoader a collate_fn that pads them")
    return list(zip(*batch))


def collate_tensor_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """The tensors stacked along a new first dimension."""
    # Without history and of one shape and dtype, as samples mostly are, their arrays are all that counts.
    if isinstance(batch, (list, tuple)) and set(map(type, batch)) == {Tensor} and not watchers:
        arrays = [tensor._array for tensor in batch if tensor._node is None and (tensor._base is None or not tensor.requires_grad)]
        if len(arrays) == len(batch) and alike(arrays):
            return held(stacked(arrays))
    return stack(batch, 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """The arrays stacked along a new first dimension, as a tensor."""
    first = batch[0]
    dtype = first.dtype
    if np_str_obj_array_pattern.search(dtype.str):
        raise TypeError(default_collate_err_msg_format.format(dtype))
    # Alike arrays need no tensor of each; but a function that the user put in the place of ours is to see tensors.
    if (collate_fn_map or {}).get(Tensor) is collate_tensor_fn and set(map(type, batch)) == {np.ndarray} and alike(batch) \
            and dtype in dtypes.BY_NUMPY and min(first.strides, default=0) >= 0:
        if not first.flags.writeable:
            warn_not_writable()
        return held(stacked(batch))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def alike(arrays: Any) -> bool:
    """Whether all arrays are of one dtype, shape and strides."""
    first = arrays[0]
    dtype, shape, strides = first.dtype, first.shape, first.strides
    for array in arrays:
        if array.dtype is not dtype or array.shape != shape or array.strides != strides:
            return False
    return True


def stacked(arrays: Any) -> Any:
    """Arrays of one shape and dtype, along a new first dimension."""
    shape = arrays[0].shape
    if not shape:
        return np.array(arrays)
    # numpy.stack makes a view of every array first, which takes longer than all the rest.
    batch = empty((len(arrays), *shape), arrays[0].dtype)
    np.concatenate(arrays, out=batch.reshape(len(arrays) * shape[0], *shape[1:]))
    return batch


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """A vector of NumPy's numbers, in their dtype."""
    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """A vector of Python's floats, in float64."""
    if set(map(type, batch)) == {float}:
        return from_numpy(np.array(batch))
    return tensor(batch, dtype=dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """A vector of Python's ints, or bools."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """The strings as they come."""
    return batch


#: what makes a batch of samples of a type; a program may put in its own types
default_collate_fn_map: dict = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """The samples of a list as one batch, a new first dimension in front of everything.

    Tensors, NumPy arrays and numbers become tensors; floats become float64. Dicts and named tuples keep their type, tuples and lists
    become lists, strings stay as they are.

    Example: `default_collate([{"x": 1.5, "name": "a"}, {"x": 2.5, "name": "b"}])` is
    `{"x": tensor([1.5, 2.5], dtype=torch.float64), "name": ["a", "b"]}`.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
