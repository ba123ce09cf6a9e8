"""How the public functions are called: NumPy's names for arguments, and PyTorch's error for what is no tensor."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

#: PyTorch takes these names too, where it has an argument of the other name
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}


def parameters(function: Callable) -> tuple:
    """The names of a function's arguments."""
    code = getattr(function, "__code__", None)
    return code.co_varnames[:code.co_argcount + code.co_kwonlyargcount] if code is not None else ()


def renamed(kwargs: dict, known: tuple) -> dict:
    """Keyword arguments with NumPy's names replaced by PyTorch's."""
    return {name if name in known or NUMPY_NAMES.get(name) not in known else NUMPY_NAMES[name]: value for name, value in kwargs.items()}


def with_numpy_names(method: Callable) -> Callable:
    """The method, which also takes `axis` and `keepdims`; itself if it has no `dim`."""
    known = parameters(method)
    if "dim" not in known:
        return method

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **renamed(kwargs, known)) if kwargs else method(*args)
    return call


def not_a_tensor(function: Callable, args: tuple, kwargs: dict, error: AttributeError) -> Exception:
    """PyTorch's TypeError where an argument should have been a tensor; any other error as it is."""
    if error.name == "_array":
        names = parameters(function)
        given = [*zip(names, args), *[(name, kwargs[name]) for name in names if name in kwargs]]
        for position, (name, value) in enumerate(given, 1):
            if value is error.obj:
                return TypeError(f"{function.__name__}(): argument '{name}' (position {position}) must be Tensor, not "
                                 f"{type(value).__name__}")
    return error
