"""The name by which PyTorch's messages call an object's type."""
from __future__ import annotations

from types import ModuleType
from typing import Any


def typename(obj: Any) -> str:
    """`torch.FloatTensor` for a tensor, else the name of the object's class with its module: `torch.nn.modules.linear.Linear`, `int`.

    A class, function or module is called by its own name.
    """
    from .tensor import Tensor
    if isinstance(obj, Tensor):
        return obj.type()
    if isinstance(obj, ModuleType):
        return obj.__name__
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"
