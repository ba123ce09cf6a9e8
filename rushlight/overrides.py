"""Subclasses of Tensor: their results are of their class, and their `__torch_function__` sees every operation.

A program that defines no subclass pays nothing: the watcher of operations is set when the first one is defined.
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .core import apply as hot
from .core.grad_mode import mode
from .tensor import Tensor, as_class


class Operation:
    """An operation as `__torch_function__` is given it: a function with PyTorch's name."""

    def __init__(self, op: Any):
        self.op = op
        self.__name__ = self.__qualname__ = op.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return hot.apply(self.op, *args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self.op is other.op

    def __hash__(self) -> int:
        return hash(self.op)

    def __repr__(self) -> str:
        return f"<operation {self.op.name}>"


#: the classes that users defined; our own, such as Parameter, give plain tensors
WATCHED: set[type] = set()


def watch_subclass(cls: type) -> None:
    """Show operations on tensors of this class to it, from now on."""
    WATCHED.add(cls)
    if watch not in hot.watchers:
        hot.watchers.insert(0, watch)


def watch(op: Any, args: tuple, attrs: dict) -> Any:
    """Run an operation by way of the class of its arguments, the most derived first."""
    overriding = [cls for cls in dict.fromkeys([type(arg) for arg in args]) if cls in WATCHED and cls.__torch_function__ is not DISABLED]
    if not overriding or mode.plain_tensors:
        return unwatched(op, args, attrs)
    for cls in sorted(overriding, key=lambda c: -len(c.__mro__)):
        result = cls.__torch_function__(Operation(op), tuple(overriding), args, attrs)
        if result is not NotImplemented:
            return result
    raise TypeError(f"Multiple dispatch failed for 'torch.{op.name}'; all __torch_function__ handlers returned NotImplemented:\n\n  - tensor "
                    f"subclass {overriding[0]}")


watch.plain_tensors_pass = True  # type: ignore[attr-defined]  # it does nothing to operations on plain tensors


def unwatched(op: Any, args: tuple, attrs: dict) -> Any:
    """Run an operation without this watcher; those that came before it look on."""
    return hot.call_on(watch, op, args, attrs)


@contextlib.contextmanager
def plain_tensors() -> Iterator[None]:
    """A context in which subclasses count as plain tensors (torch._C.DisableTorchFunctionSubclass)."""
    before, mode.plain_tensors = mode.plain_tensors, True
    try:
        yield
    finally:
        mode.plain_tensors = before


def torch_function(cls: type, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
    """What Tensor does by default: run func on the arguments as plain tensors, and make the results instances of the class."""
    if not all([issubclass(cls, t) for t in types]):
        return NotImplemented
    with plain_tensors():
        return converted(func(*args, **(kwargs or {})), cls)


def converted(result: Any, cls: type) -> Any:
    """A result, or each of several, made an instance of the class."""
    if isinstance(result, tuple):
        parts = [converted(part, cls) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return as_class(result, cls) if type(result) is Tensor else result


def disabled(cls: type, func: Any, types: tuple, args: tuple = (), kwargs: dict | None = None) -> Any:
    """For `__torch_function__ = torch._C._disabled_torch_function_impl`: results are plain tensors."""
    with plain_tensors():
        return func(*args, **(kwargs or {}))


DISABLED = disabled
Tensor.__torch_function__ = classmethod(torch_function)  # type: ignore[attr-defined]


def has_torch_function(args: Any) -> bool:
    """Whether an argument is of a class with a `__torch_function__` of its own."""
    own = [getattr(type(arg), "__torch_function__", None) for arg in args if type(arg) is not Tensor]
    return any([function is not None and function is not DISABLED for function in own])


def is_tensor_like(value: object) -> bool:
    """Whether a value is a tensor or acts as one."""
    return isinstance(value, Tensor) or hasattr(type(value), "__torch_function__")


def handle_torch_function(public_api: Any, relevant_args: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the `__torch_function__` of the arguments for a function of the user's own."""
    types = tuple(dict.fromkeys([type(arg) for arg in relevant_args if hasattr(type(arg), "__torch_function__")]))
    for cls in types:
        result = cls.__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(f"no implementation found for {public_api!r} on types that implement __torch_function__: {list(types)}")
