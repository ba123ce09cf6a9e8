"""Arrays from Python data: numbers, nested lists, NumPy's arrays and numbers, tensors, and mixtures of them.

NumPy reads a nested list five times as fast as PyTorch does, so it goes first; what it found is then held against PyTorch's
rules. Where the two differ, or where NumPy finds no array in the data, a slow walk over the data settles the dtype or the error.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtypes, numbers, recording
from ..core.numbers import C_NAMES

#: what NumPy makes of Python's own numbers
PYTHON_NUMBERS = {float, int, bool, complex}


def array_of(data: Any, dtype: Any = None) -> Any:
    """A new array with a copy of data, in the dtype that PyTorch would choose, or in the one given."""
    if dtype is not None and dtype.__class__ is not dtypes.dtype:
        dtype = dtypes.as_dtype(dtype, "tensor")
    array = getattr(data, "_array", None)
    if array is not None:
        return np.array(array, dtype=array.dtype if dtype is None else dtype.numpy)
    if data.__class__ in PYTHON_NUMBERS:
        return from_number(data, dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        recording.reads("tensor() of an array")  # which may hold something else the next time
        return from_array(np.asarray(data), dtype)
    if data.__class__ is not list:
        if hasattr(data, "as_array"):  # a storage: PyTorch's tensor of one stands on its memory, which may be a file larger than memory
            recording.reads("tensor() of a storage")
            return data.as_array((dtype or (dtypes.of_scalar(data[0]) if len(data) else dtypes.get_default_dtype())).numpy)
        foreign = array_of_another_library(data)
        if foreign is not None:
            recording.reads("tensor() of an array")
            return from_array(foreign, dtype)
    return from_nest(data, dtype)


def array_of_another_library(data: Any) -> Any:
    """What shows itself as an array (a column of a table, an image ...) as a NumPy array, if possible on the same memory; else None."""
    if hasattr(data, "__array__") or hasattr(data, "__array_interface__"):
        return np.asarray(data)
    if hasattr(data, "__dlpack__"):
        return np.from_dlpack(data)
    return None


def from_number(value: Any, dtype: Any) -> Any:
    """A 0-d array of a Python number."""
    if dtype is None:
        dtype = dtypes.of_scalar(value)
    if isinstance(value, int) and not -2**63 <= value < 2**63 and dtype.category == dtypes.INTEGER and dtype is not dtypes.uint64:
        raise ValueError("Overflow when unpacking long long")
    return converted(np.array(value), dtype)


def from_array(array: Any, dtype: Any) -> Any:
    """A copy of a NumPy array. Raises where PyTorch has no such dtype or strides."""
    check_array(array)
    return array.copy(order="K") if dtype is None or array.dtype == dtype.numpy else numbers.converted(array, dtype.numpy)


def check_array(array: Any) -> None:
    """Raise PyTorch's error unless a tensor can stand on an array's memory."""
    if array.dtype.byteorder == ">":
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not "
                         "supported.")
    dtypes.of_numpy(array.dtype)
    if array.ndim and min(array.strides) < 0:
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
                         "supported. (You can probably work around this by making a copy of your array  with array.copy().) ")


def from_nest(data: Any, dtype: Any) -> Any:
    """An array of nested sequences."""
    first = first_leaf(data)
    if isinstance(first, np.ndarray):
        recording.reads("tensor() of arrays")
    if hasattr(first, "_array") or not isinstance(first, (float, int, complex, np.generic, np.ndarray, list, tuple)):
        return by_walking(data, dtype)
    try:
        array = np.array(data)
    except (ValueError, TypeError, OverflowError, RuntimeError):
        return by_walking(data, dtype)
    kind = array.dtype.kind
    if kind not in "biufc" or array.dtype == np.uint64:
        return by_walking(data, dtype)
    if kind in "fc":
        found = leaf_types(data)
        if any([issubclass(leaf, (str, bytes, type(None))) or hasattr(leaf, "_array") for leaf in found if isinstance(leaf, type)]):
            return by_walking(data, dtype)
        if dtype is None:
            dtype = common_dtype(found)
    return array if dtype is None else converted(array, dtype)


def first_leaf(data: Any) -> Any:
    """The first thing in nested sequences that is no list or tuple; an empty sequence is returned itself."""
    while (data.__class__ is list or data.__class__ is tuple) and len(data):
        data = data[0]
    return data


def leaf_types(data: Any) -> set:
    """The types of all leaves of nested sequences; for an array in them, its dtype."""
    if isinstance(data, np.ndarray):
        return {data.dtype}
    kinds = set(map(type, data))
    found = kinds & PYTHON_NUMBERS
    if found != kinds:
        for item in data:
            kind = item.__class__
            if kind not in PYTHON_NUMBERS:
                found |= leaf_types(item) if isinstance(item, (list, tuple, range, np.ndarray)) else {kind}
    return found


def common_dtype(found: set) -> Any:
    """The dtype of a nest with leaves of these types; an empty nest is of the default dtype."""
    result = None
    for leaf in found:
        if leaf in PYTHON_NUMBERS:
            one = dtypes.of_scalar(leaf())
        else:
            one = dtypes.of_numpy(np.dtype(leaf))
        result = one if result is None else dtypes.promote_types(result, one)
    return dtypes.get_default_dtype() if result is None else result


def converted(array: Any, dtype: Any) -> Any:
    """An array in a dtype. Raises where a number does not fit into an integer or real dtype."""
    target = dtype.numpy
    if array.dtype == target:
        return array
    if array.dtype.kind == "c" and target.kind not in "cb":
        raise TypeError("must be real number, not complex")
    if array.dtype.kind == "O":
        return np.array(array.tolist(), target)
    if target.kind in "iu" and array.size and array.dtype.kind != "b":
        limits = np.iinfo(target)
        low, high = array.min(), array.max()
        lowest = -limits.max if limits.min == 0 else limits.min
        if not (lowest <= low and high <= limits.max):  # false for nan too
            raise RuntimeError(f"value cannot be converted to type {C_NAMES[dtype.name].removesuffix('_t')} without overflow")
        if array.dtype.kind == "f":
            array = array.astype(np.int64)
    return numbers.converted(array, target)


# ---- the slow way

def by_walking(data: Any, dtype: Any) -> Any:
    """An array of nested sequences, leaf by leaf."""
    if is_scalar(data):
        raise wrong_leaf(data)
    sizes = sizes_by_first(data)
    if dtype is None:
        dtype = inferred(data)
    if dtype is None:
        dtype = dtypes.get_default_dtype()
    leaves: list = []
    collect(data, sizes, 0, leaves, dtype)
    if dtype.category == dtypes.INTEGER and any([isinstance(v, int) and not -2**63 <= v < 2**63 for v in leaves]) and dtype is not dtypes.uint64:
        raise ValueError("Overflow when unpacking long long")
    array = np.array(leaves, dtype=None if dtype is not dtypes.uint64 else np.uint64) if leaves else np.empty(0, dtype.numpy)
    return converted(array, dtype).reshape(sizes)


def is_scalar(value: Any) -> bool:
    """Whether a value is a leaf: no sequence."""
    return hasattr(value, "_array") or not isinstance(value, (list, tuple, range, bytearray, np.ndarray))


def wrong_leaf(value: Any) -> Exception:
    """PyTorch's error for a leaf that is no number."""
    if isinstance(value, (str, bytes)):
        return TypeError(f"new(): invalid data type '{type(value).__name__}'")
    return RuntimeError(f"Could not infer dtype of {type(value).__name__}")


def sizes_by_first(data: Any) -> tuple:
    """The shape of nested sequences as the first item of each tells it."""
    sizes: list = []
    while not is_scalar(data):
        sizes.append(len(data))
        if not sizes[-1]:
            break
        data = data[0]
    if isinstance(data, str):
        raise ValueError("too many dimensions 'str'")
    return tuple(sizes)


def inferred(data: Any) -> Any:
    """The dtype of nested sequences; None if they are empty. Raises for a leaf that is no number."""
    if hasattr(data, "_array"):
        return data.dtype
    if isinstance(data, (np.generic, np.ndarray)):
        return dtypes.of_numpy(data.dtype)
    if isinstance(data, (bool, int, float, complex)):
        return dtypes.of_scalar(data)
    if is_scalar(data):
        raise wrong_leaf(data)
    result = None
    for item in data:
        one = inferred(item)
        if one is not None:
            result = one if result is None else dtypes.promote_types(result, one)
    return result


def collect(data: Any, sizes: tuple, depth: int, leaves: list, dtype: Any) -> None:
    """Put the leaves of nested sequences into a list. Raises where the sequences are not all of one shape."""
    if depth == len(sizes):
        leaves.append(leaf_number(data, dtype))
        return
    if is_scalar(data):
        raise TypeError("not a sequence")
    if len(data) != sizes[depth]:
        raise ValueError(f"expected sequence of length {sizes[depth]} at dim {depth} (got {len(data)})")
    for item in data:
        collect(item, sizes, depth + 1, leaves, dtype)


def leaf_number(value: Any, dtype: Any) -> Any:
    """A leaf as a Python number."""
    array = getattr(value, "_array", None)
    if array is not None:
        if array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        recording.reads("tensor() of tensors")
        return value.item()
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return value
    if dtype.category == dtypes.FLOAT:
        raise TypeError(f"must be real number, not {type(value).__name__}")
    raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
