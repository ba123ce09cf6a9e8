"""Arrays made tensors. `tensor.py` registers its class here, so that core needs to know nothing of it."""
from __future__ import annotations

from typing import Any

new: Any = object.__new__
Tensor: Any = None


def register(cls: Any) -> None:
    """Make cls the class of results."""
    global Tensor
    Tensor = cls


def wrap(array: Any) -> Any:
    """A tensor that holds an array, without history."""
    result = new(Tensor)
    result._array = array
    result._node = None
    return result
