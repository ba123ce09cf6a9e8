"""Questions about tensors and dtypes whose answer is no tensor, and old ways to go over elements one by one."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes, recording
from ..core.inplace import bump

if TYPE_CHECKING:
    from ..tensor import Tensor


def is_tensor(obj: Any) -> bool:
    """Whether obj is a tensor."""
    return hasattr(obj, "_array")


def is_storage(obj: Any) -> bool:
    """Whether obj is a storage."""
    return hasattr(obj, "as_array")


def _require_tensor(name: str, input: Any) -> Any:
    if not hasattr(input, "_array"):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input


def numel(input: Tensor) -> int:
    """The number of elements."""
    return _require_tensor("numel", input)._array.size


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one."""
    return _require_tensor("is_floating_point", input).dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is a complex one."""
    return _require_tensor("is_complex", input).dtype.is_complex


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return _require_tensor("is_signed", input).dtype.is_signed


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return _require_tensor("is_inference", input).is_inference()


def get_device(input: Tensor) -> int:
    """The number of the CUDA device, -1 on the CPU."""
    return _require_tensor("get_device", input).get_device()


def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not zero."""
    return bool(_require_tensor("is_nonzero", input))


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return input._array.shape == other._array.shape


def dim_order(input: Tensor, *, ambiguity_check: Any = False) -> tuple:
    """The dimensions from the outermost in memory to the innermost."""
    strides = input._array.strides
    return tuple(sorted(range(len(strides)), key=lambda d: -strides[d]))


# ---- dtypes

def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of an operation on two tensors or numbers."""
    for value in (tensor1, tensor2):
        if not hasattr(value, "_array") and not isinstance(value, (int, float, complex, np.generic)):
            raise TypeError("result_type() received an invalid combination of arguments - got "
                            f"({', '.join(['Tensor' if hasattr(v, '_array') else type(v).__name__ for v in (tensor1, tensor2)])}), but expected "
                            "one of:\n * (Tensor tensor, Tensor other)\n * (Number scalar, Tensor tensor)\n * (Tensor tensor, Number other)\n"
                            " * (Number scalar1, Number scalar2)")
    return dtypes.result_type((tensor1, tensor2))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of dtype `from_` may be written into a tensor of dtype `to`."""
    pair = []
    for position, (name, value) in enumerate((("from_", from_), ("to", to)), 1):
        if not isinstance(value, dtypes.dtype) and value not in dtypes.PYTHON_TYPES:
            raise TypeError(f"can_cast(): argument '{name}' (position {position}) must be torch.dtype, not {type(value).__name__}")
        pair.append(dtypes.as_dtype(value, "can_cast"))
    return dtypes.can_cast(*pair)


# ---- a Python function over the elements

def _refuse_gradients(name: str, *tensors: Any) -> None:
    if any([t.requires_grad for t in tensors]):
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")


def apply_(input: Tensor, callable: Callable) -> Tensor:
    """Replace every element by callable(element), in place. Slow."""
    _refuse_gradients("apply_", input)
    recording.reads("apply_()")
    array = input._array
    array[...] = _elements([callable(value) for value in array.reshape(-1).tolist()], array)
    bump(input)
    return input


def map_(input: Tensor, tensor: Tensor, callable: Callable) -> Tensor:
    """Replace every element by callable(element, element of tensor), in place. Slow."""
    _refuse_gradients("map_", input, tensor)
    recording.reads("map_()")
    array, other = input._array, tensor.expand_as(input)._array
    array[...] = _elements([callable(a, b) for a, b in zip(array.reshape(-1).tolist(), other.reshape(-1).tolist())], array)
    bump(input)
    return input


def map2_(input: Tensor, x: Tensor, y: Tensor, callable: Callable) -> Tensor:
    """Replace every element by callable(element, element of x, element of y), in place. Slow."""
    _refuse_gradients("map2_", input, x, y)
    recording.reads("map2_()")
    array, columns = input._array, [t.expand_as(input)._array.reshape(-1).tolist() for t in (x, y)]
    array[...] = _elements([callable(*values) for values in zip(array.reshape(-1).tolist(), *columns)], array)
    bump(input)
    return input


def _elements(values: list, array: Any) -> Any:
    """Numbers that a user's function returned, in an array's shape."""
    for value in values:
        if isinstance(value, (str, bytes)):
            raise TypeError(f"must be real number, not {type(value).__name__}")
    return np.array(values).reshape(array.shape)


def unravel_index(indices: Tensor, shape: Any) -> tuple:
    """The coordinates, one tensor for each dimension, of elements that are numbered in C order."""
    if indices._array.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any([n < 0 for n in shape]):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    coordinates, rest = [], indices
    for n in reversed(shape):
        coordinates.append(rest % n)
        rest = rest // n
    return tuple(reversed(coordinates))
