"""In-place writes: the versions that guard what backward saved, and the history of tensors that share memory.

All tensors on one storage share a version cell. A write through a view gives the view's base a new node, which says: this region
comes from the write, all else from before. Every other view of that base then derives its history from the base's anew, when
it is next used (`fresh_node`).
"""
from __future__ import annotations

import collections
import sys
from typing import Any

import numpy as np

from . import memory
from .dtypes import can_cast, of_numpy
from .grad_mode import mode
from .node import AccumulateGrad, Node, tick
from .wrap import wrap


class Version:
    """How often a storage was written, and when last."""

    __slots__ = ("count", "last", "recent")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0
        self.recent: collections.deque | None = None

    def bump(self) -> None:
        """Note a write now."""
        self.count += 1
        self.last = tick()
        if self.recent is None:
            self.recent = collections.deque(maxlen=64)
        self.recent.append(self.last)

    def count_at(self, time: int) -> int:
        """The version at a time on the clock; looks back 64 writes, which is ample for an error message."""
        return self.count - sum(1 for t in self.recent or () if t > time)


def version_of(tensor: Any) -> Version:
    """The version cell of a tensor's storage, made on first use."""
    cell = tensor._cell
    if cell is None:
        cell = tensor._cell = Version()
    return cell


def bump(tensor: Any) -> None:
    """Note a write to a tensor's memory."""
    cell = tensor._cell
    if cell is None:
        cell = tensor._cell = Version()
    cell.bump()


def link_view(view: Any, source: Any, op: Any, attrs: dict, which: int | None = None) -> None:
    """Make `view` a view of source's base: one storage, one version, and the recipe that makes the view from the base.

    `which` counts the results of an operation that returns several views.
    """
    view._base = base = source if source._base is None else source._base
    view._cell = version_of(source)
    view._recipe = (*source._recipe, (op, attrs, which))
    view._base_node = base._node
    if not mode.grad or source._made_without_grad:
        view._made_without_grad = True


def fresh_node(tensor: Any) -> Node | None:
    """The node of a view, derived anew if its base's history has changed since."""
    base = tensor._base
    if base._node is not tensor._base_node and not tensor._made_without_grad:
        tensor._base_node = base._node
        tensor._node = None if base._node is None else _replayed(base, tensor._recipe)._node
        if tensor._node is not None:
            tensor._node.alias = "AsStridedBackward0"  # the name that PyTorch gives the history of a view whose base was written
    return tensor._node


def _replayed(tensor: Any, recipe: tuple) -> Any:
    before, mode.grad = mode.grad, True
    try:
        return view_by(tensor, recipe)
    finally:
        mode.grad = before


def view_by(tensor: Any, recipe: tuple) -> Any:
    """The view of a tensor that a recipe describes."""
    from .apply import apply
    for op, attrs, which in recipe:
        tensor = apply(op, tensor, **attrs)
        if which is not None:
            tensor = tensor[which]
    return tensor


LEAF = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF = "a view of a leaf Variable that requires grad is being used in an in-place operation."


def check_writable(tensor: Any) -> None:
    """Raise PyTorch's error unless recorded operations may write to the tensor."""
    base = tensor._base
    if base is None:
        if isinstance(tensor._node, AccumulateGrad):
            raise RuntimeError(LEAF)
        return
    if isinstance(base._node, AccumulateGrad) and not tensor._made_without_grad:
        raise RuntimeError(VIEW_OF_LEAF)
    if tensor._one_of_many is not None and base._node is not None:
        number, name = tensor._one_of_many
        raise RuntimeError(f"Output {number} of {name} is a view and is being modified inplace. This view is the output of a function that "
                           "returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace "
                           "the inplace operation by an out-of-place one.")
    if tensor._made_without_grad and base._node is not None:
        raise RuntimeError(
            f"A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous "
            "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the "
            "no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked).")


def inplace(function: Any, name: str | None = None) -> Any:
    """The in-place method of an operation: tensor.function_(...) computes function(tensor, ...) and puts the result into tensor."""
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if mode.grad and (self._node is not None or self._base is not None):
            return overwrite_recorded(self, function, args, kwargs)
        result = function(self, *args, **kwargs)
        if result._node is not None:
            check_writable(self)
        return take(self, result)
    method.__name__ = method.__qualname__ = name or function.__name__ + "_"
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def overwrite_recorded(self: Any, function: Any, args: tuple, kwargs: dict) -> Any:
    """The in-place method where gradients are recorded."""
    base = self._base
    if base is not None:
        fresh_node(self)
    if self._node is not None or base is not None and base._node is not None:
        check_writable(self)
    # The operation works on a stand-in, so what it saves is not the tensor that is about to change.
    before = _stand_in(self)
    result = function(before, *args, **kwargs)
    if result._node is not None:
        check_writable(self)
        if sys.getrefcount(before) > 2:  # the graph kept the old value: let it have a copy of its own
            before._array = before._array.copy()
    return take(self, result)


def _stand_in(tensor: Any) -> Any:
    """Another tensor with the same array and node, and a version of its own."""
    twin = wrap(tensor._array)
    twin._node = tensor._node
    return twin


def take(target: Any, result: Any) -> Any:
    """Put a result's values and history into target. Raises, before anything is written, if shape or dtype do not fit."""
    array, new = target._array, result._array
    if array is not new:
        check_fits(array, new)
        np.copyto(array, new, casting="unsafe")
    bump(target)
    if result._node is not None:
        set_history(target, result)
    return target


def check_fits(array: Any, new: Any) -> None:
    """Raise PyTorch's error unless `new` has array's shape and a dtype that may be written into it."""
    if array.shape != new.shape:
        raise RuntimeError(f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(new.shape)}")
    if array.dtype is not new.dtype and not can_cast(of_numpy(new.dtype), of_numpy(array.dtype)):
        raise RuntimeError(f"result type {of_numpy(new.dtype).kernel_name} can't be cast to the desired output type "
                           f"{of_numpy(array.dtype).kernel_name}")
    if array.size > 1 and 0 in array.strides and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                           "Please clone() the tensor before performing the operation.")


def set_history(target: Any, result: Any) -> None:
    """Make result's node the history of target and, if target is a view, of its region of the base."""
    base = target._base
    if base is None or target._made_without_grad and base._node is None:
        # A cast on the way (float64 result into a float32 tensor) is undone by the engine, which compares dtypes.
        target._node = result._node
        target._node.dtype = target._array.dtype if result._node.dtype is target._array.dtype else result._node.dtype
        return
    from .copy_slices import COPY_SLICES
    node = Node(COPY_SLICES, (base._node, result._node), (), {"recipe": target._recipe, "geometry": memory.geometry_of(base._array)}, base._array.shape, base._array.dtype)
    base._node = node
    target._made_without_grad = False
    fresh_node(target)
