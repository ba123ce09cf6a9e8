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

from . import memory, recording
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


class InferenceVersion(Version):
    """The version of all tensors made in inference mode: nobody counts it, and outside that mode it may not change."""

    __slots__ = ()

    def bump(self) -> None:
        if not mode.inference:
            raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor "
                               "before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.")


INFERENCE = InferenceVersion()


def check_savable(values: tuple) -> None:
    """Raise PyTorch's error where a tensor that was made in inference mode is about to be saved for backward."""
    for value in values:
        if getattr(value, "_cell", None) is INFERENCE:
            raise RuntimeError("Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
                               "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
                               "`torch.no_grad()` instead of `torch.inference_mode()`.")


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


def note_writes(tensors: Any) -> None:
    """Note a write to each tensor's memory, all at one time."""
    now = tick()
    for tensor in tensors:
        cell = tensor._cell
        try:
            cell.recent.append(now)
        except AttributeError:  # nothing was ever written there
            bump(tensor)
        else:
            cell.count += 1
            cell.last = now


def link_view(view: Any, source: Any, op: Any, attrs: dict, which: int | None = None) -> None:
    """Make `view` a view of source's base: one storage, one version, and the recipe that makes the view from the base.

    `which` counts the results of an operation that returns several views.
    """
    view._base = source if source._base is None else source._base
    view._cell = cell = version_of(source)
    view._recipe = (*source._recipe, (op, attrs, which))
    view._seen = cell.count
    if not mode.grad:
        view._created = "inference" if mode.inference else "no_grad"
    elif which is not None:
        view._created = "many"
    elif source._created is not None:
        view._created = source._created


def fresh_node(tensor: Any) -> Node | None:
    """The node of a view, derived anew from its base's history if the memory was written since."""
    node = tensor._node
    if node is not None:
        if tensor._seen == tensor._cell.count:
            return node
    elif tensor._base._node is None:
        return None
    return _renewed(tensor)


def node_of(tensor: Any) -> Node | None:
    """The node whose gradient is the tensor's, None for one that requires no gradient."""
    return tensor._node if tensor._base is None else fresh_node(tensor)


def _renewed(tensor: Any) -> Node | None:
    base = tensor._base
    if base._node is None:  # nothing to derive from: the view is a leaf of its own, or keeps its history
        return tensor._node
    if tensor._seen == tensor._cell.count:
        return nowhere(tensor)
    if tensor._created is not None:
        raise RuntimeError(unwritable(tensor, "its base or another view of its base has been"))
    node = _replayed(base, tensor._recipe)._node
    pass_on(tensor._node, node)
    tensor._node = node
    tensor._seen = tensor._cell.count
    node.alias = "AsStridedBackward0"  # the name that PyTorch gives the history of a view whose base was written
    return node


def nowhere(tensor: Any) -> Node:
    """The node of a view that requires a gradient, because its base does, and hands it to nobody, since it was made without history."""
    node = AccumulateGrad(tensor)
    node.leaf = nobody
    return node


def nobody() -> None:
    """The leaf of a node that hands its gradient to nobody."""
    return None


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


#: how a view was made that recorded operations may not write to, and why
UNWRITABLE = {
    "many": "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
            "inplace. You should replace the inplace operation by an out-of-place one.",
    "custom": "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace "
              "would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. "
              "You can fix this by cloning the output of the custom Function.",
    "no_grad": "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
               "inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the "
               "inplace to be tracked).",
    "inference": "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
                 "inplace either both inside the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you want "
                 "the inplace to be tracked).",
}


def unwritable(view: Any, what: str) -> str:
    """PyTorch's sentence on a view that may not be written."""
    node = view._node
    how, where = ("inference", "in normal mode") if view._created == "inference" else ("no_grad", "with grad mode enabled")
    if node is not None and not isinstance(node, AccumulateGrad):
        made = f"Output {getattr(node, 'index', 0)} of {node.short_name()} is a view"
        made += f" and {what} modified inplace." if view._created in ("many", "custom") else \
            f" of a view which was created in {how} mode and {what} modified inplace {where}."
    else:
        made = f"A view was created in {how} mode and {what} modified inplace {where}."
    return f"{made} {UNWRITABLE[view._created]}"


def requires_grad(tensor: Any) -> bool:
    """Whether a tensor requires a gradient: a view does if its base does."""
    return tensor._node is not None or tensor._base is not None and tensor._base._node is not None


def check_writable(tensor: Any) -> None:
    """Raise PyTorch's error unless recorded operations may write to the tensor."""
    base = tensor._base
    if base is not None:
        if tensor._created is not None:
            raise RuntimeError(unwritable(tensor, "is being"))
        if requires_grad(tensor) and (base._node is None or isinstance(base._node, AccumulateGrad)):
            raise RuntimeError(VIEW_OF_LEAF)
    if isinstance(tensor._node, AccumulateGrad):
        raise RuntimeError(LEAF)


def inplace(function: Any, name: str | None = None) -> Any:
    """The in-place method of an operation: tensor.function_(...) computes function(tensor, ...) and puts the result into tensor."""
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if mode.grad and (self._node is not None or self._base is not None or may_require_grad(args) or kwargs and
                          may_require_grad(kwargs.values())):
            return overwrite_recorded(self, function, args, kwargs)
        if self._cell is not None:
            check_all_apart(self, args)
        return take(self, function(self, *args, **kwargs))
    method.__name__ = method.__qualname__ = name or function.__name__ + "_"
    method.__doc__ = f"In-place version of `{function.__name__}`."
    return method


def check_all_apart(target: Any, args: tuple) -> None:
    """check_apart for each argument on the target's storage."""
    for arg in args:
        if getattr(arg, "_cell", None) is target._cell:
            check_apart(target, arg)


def check_apart(target: Any, source: Any) -> None:
    """Raise PyTorch's error where what is written and what is read share a part of their memory, but not all of it.

    Where either has gaps or repeats PyTorch does not look closer, and nor do we.
    """
    a, b = target._array, source._array
    if target is source or not a.size or not b.size or not memory.dense(a) or not memory.dense(b):
        return
    first, second = memory.address(a), memory.address(b)
    if first == second and a.size == b.size:
        apart = a.strides == b.strides
    else:
        apart = first >= second + b.size * b.itemsize or second >= first + a.size * a.itemsize
    if not apart:
        raise RuntimeError("unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
                           "Please clone() the tensor before performing the operation.")


def may_require_grad(args: Any) -> bool:
    """Whether a tensor with a history is among the arguments; views are taken to have one."""
    for arg in args:
        if getattr(arg, "_node", None) is not None or getattr(arg, "_base", None) is not None:
            return True
    return False


def overwrite_recorded(self: Any, function: Any, args: tuple, kwargs: dict) -> Any:
    """The in-place method where gradients are recorded."""
    if requires_grad(self):
        check_writable(self)
    if self._cell is not None:
        check_all_apart(self, args)
    # The operation works on a stand-in, so what it saves is not the tensor that is about to change.
    before = _stand_in(self)
    result = function(before, *args, **kwargs)
    if result._node is not None:
        check_writable(self)
        if sys.getrefcount(before) > 2:  # the graph kept the old value: let it have a copy of its own
            before._array = recording.copied(self, wrap(before._array.copy()))._array
    return take(self, result)


def _stand_in(tensor: Any) -> Any:
    """Another tensor with the same array and node, and a version of its own."""
    twin = wrap(tensor._array)
    twin._node = tensor._node if tensor._base is None else fresh_node(tensor)
    return twin


def take(target: Any, result: Any) -> Any:
    """Put a result's values and history into target. Raises, before anything is written, if shape or dtype do not fit."""
    array, new, node = target._array, result._array, result._node
    if array is not new:
        check_fits(array, new)
        np.copyto(array, new, casting="unsafe")
        if recording.recorder is not None:
            recording.wrote(target, result)
    bump(target)
    if node is not None:
        if node.out is new and array.dtype is new.dtype:
            # What backward reads as the result is the target's own memory: it must notice when that is written again, not this write.
            node.out, node.cell, node.sequence = array, target._cell, tick()
        set_history(target, node)
    return target


def check_fits(array: Any, new: Any) -> None:
    """Raise PyTorch's error unless `new` has array's shape and a dtype that may be written into it."""
    if array.shape != new.shape:
        raise RuntimeError(f"output with shape {list(array.shape)} doesn't match the broadcast shape {list(new.shape)}")
    if array.dtype is not new.dtype and not can_cast(of_numpy(new.dtype), of_numpy(array.dtype)):
        raise RuntimeError(f"result type {of_numpy(new.dtype).kernel_name} can't be cast to the desired output type "
                           f"{of_numpy(array.dtype).kernel_name}")
    if 0 in array.strides:
        memory.check_places(array)


def set_history(target: Any, node: Node) -> None:
    """Make a result's node the history of target and, if target is a view, of its region of the base."""
    base = target._base
    if base is None:
        # A cast on the way (float64 result into a float32 tensor) is undone by the engine, which compares dtypes.
        pass_on(target._node, node)
        target._node = node
        return
    from .copy_slices import COPY_SLICES
    written = Node(COPY_SLICES, (base._node, node), (), {"recipe": target._recipe, "geometry": memory.geometry_of(base._array)},
                   base._array.shape, base._array.dtype)
    pass_on(base._node, written)
    base._node = written


def pass_on(old: Node | None, new: Node) -> None:
    """`retain_grad` was said of a tensor: it follows the tensor from the node of its old value to that of its new one."""
    if old is not None and old is not new and old.retain is not None:
        new.special, new.retain, old.retain = True, old.retain, None
