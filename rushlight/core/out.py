"""`out=`: a function's result written into a tensor that the caller gives."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import recording
from .calls import not_a_tensor, parameters, renamed
from .dtypes import can_cast, of_numpy
from .grad_mode import mode
from .inplace import take
from .memory import check_places


def accepts_out(function: Callable, module: str, name: str) -> Callable:
    """The function, with an argument `out`: a tensor, or a tuple of them, that takes the result and is returned; and with NumPy's names.

    Pickle finds it as `name` of the module.
    """
    known = parameters(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = None
        if kwargs:
            out = kwargs.pop("out", None)
            kwargs = renamed(kwargs, known)
        try:
            result = function(*args, **kwargs)
        except AttributeError as error:
            raise not_a_tensor(function, args, kwargs, error) from None
        return result if out is None else write_out(function.__name__, result, out, getattr(function, "out_mismatch", None))
    call.__module__, call.__qualname__ = module, name
    return call


def exact_out(message: str) -> Callable:
    """Marks a function whose `out` must have the result's dtype exactly; message is its error, of {result} and {out}."""
    def mark(function: Callable) -> Callable:
        function.__dict__["out_mismatch"] = message
        return function
    return mark


def write_out(name: str, result: Any, out: Any, mismatch: str | None = None) -> Any:
    """Write a result, or a tuple of them, into `out`. Raises before anything is written.

    mismatch: the error of a function whose `out` must have the result's dtype exactly.
    """
    pairs = list(zip(result, out)) if isinstance(out, (tuple, list)) else [(result, out)]
    for value, target in pairs:
        check_out(name, value, target, mismatch)
    for value, target in pairs:
        if target._array.shape != value._array.shape:
            recording.reads("out= of another size")
            target._array = np.empty(value._array.shape, target._array.dtype)
        take(target, value if value._node is None else value.detach())
    return result.__class__(out) if isinstance(out, (tuple, list)) and not hasattr(result, "_fields") else \
        result.__class__(*out) if isinstance(out, (tuple, list)) else out


def check_out(name: str, value: Any, target: Any, mismatch: str | None) -> None:
    """Raise PyTorch's error unless `target` may take the value."""
    if not hasattr(target, "_array"):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}")
    if mode.grad and (target.requires_grad or value._node is not None):
        raise RuntimeError(f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
                           "requires grad.")
    source, wanted = of_numpy(value._array.dtype), of_numpy(target._array.dtype)
    if source is not wanted and mismatch is not None:
        raise RuntimeError(mismatch.format(result=source.kernel_name, out=wanted.kernel_name, c_result=source.c_name, c_out=wanted.c_name))
    if source is not wanted and not can_cast(source, wanted):
        raise RuntimeError(f"result type {source.kernel_name} can't be cast to the desired output type {wanted.kernel_name}")
    if target._array.shape == value._array.shape:
        check_places(target._array)
    elif target._array.size:
        import warnings
        warnings.warn(f"An output with one or more elements was resized since it had shape {list(target._array.shape)}, which does not match the "
                      f"required output shape {list(value._array.shape)}. This behavior is deprecated, and in a future PyTorch release outputs "
                      "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to "
                      "zero elements with t.resize_(0).", stacklevel=4)
