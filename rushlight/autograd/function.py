"""User-defined differentiable functions."""
from __future__ import annotations

import functools
import weakref
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.apply import wrap
from ..core.grad_mode import mode
from ..core.inplace import bump, check_savable, check_writable, node_of, set_history, version_of
from ..core.node import FREED, FREED_MESSAGE, Node, OutputSlot, Packed, stale, tick
from ..tensor import Tensor
from .graph import contexts


class FunctionCtx:
    """What the forward and backward of a user's Function are given as `ctx`: its attributes are the user's own, whatever their names."""

    def __init__(self, node: FunctionNode):
        self.__node = weakref.ref(node)  # the node has the context: two strong references would be a cycle, which keeps what was saved
        self.needs_input_grad = tuple([edge is not None for edge in node.edges])

    # ---- what forward may call

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward, where `ctx.saved_tensors` gives them back."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {tensors.index(tensor)} is of type "
                                f"{type(tensor).__name__}")
        self.__live().to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted for programs that define `jvp` too."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward overwrote."""
        self.__live().dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which results have no gradient."""
        self.__live().not_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward is given None, not zeros, for results that nothing used."""
        self.__live().materialize = value

    # ---- what backward may call

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept. Raises RuntimeError if it was freed, or overwritten since."""
        return self.__live().saved_tensors

    saved_variables = saved_tensors

    @property
    def next_functions(self) -> tuple:
        """The nodes of the arguments."""
        return self.__live().next_functions

    @property
    def metadata(self) -> dict:
        """A dictionary for the user's own notes."""
        return self.__live().metadata

    def name(self) -> str:
        """The name of the Function's node."""
        return self.__live().name()

    def __live(self) -> FunctionNode:
        node = self.__node()
        if node is None:
            raise RuntimeError("the call that this context belongs to is over")
        return node

    def __getattr__(self, name: str) -> Any:
        node = None if name.startswith("_FunctionCtx") else self.__node()
        raise AttributeError(f"'{'FunctionCtx' if node is None else node.name()}' object has no attribute '{name}'")


class FunctionNode(Node):
    """The node of one call of a user's Function. The attributes of its context can be read from it."""

    special = True
    shown_in = "torch.autograd.function"
    materialize = True
    dirty: tuple = ()
    not_differentiable: tuple = ()
    to_save: tuple = ()

    def __init__(self, function: Any, args: tuple):
        self.function = function
        self.edges = tuple([node_of(arg) if isinstance(arg, Tensor) else None for arg in args])
        self.saved = ()
        self.ctx = FunctionCtx(self)

    @property
    def saved_tensors(self) -> tuple:
        """What `save_for_backward` kept. Raises RuntimeError if it was freed, or overwritten since."""
        if self.saved is FREED:
            raise RuntimeError(FREED_MESSAGE)
        return tuple([self.kept(*entry) for entry in self.saved])

    def kept(self, tensor: Any, array: Any, cell: Any, index: int | None) -> Any:
        """One saved tensor; a result is made anew, since keeping itself would be a cycle."""
        if tensor.__class__ is Packed:
            return tensor.unpack(None if array is None else self.slot(array, index))
        if cell is not None and cell.last > self.sequence:
            self.out = array if tensor is None else None
            raise stale(array if tensor is None else tensor, cell, self)
        if tensor is not None or array is None:
            return tensor
        result = wrap(array)
        result._cell = cell
        result._node = self.slot(array, index)
        return result

    def slot(self, array: Any, index: int | None) -> Node:
        """The node of a result."""
        return self if index is None else OutputSlot(self, index, array.shape, array.dtype)

    def keep(self, outputs: list) -> None:
        """Take in what forward asked to save."""
        self.sequence = tick()
        places = {id(out): at for at, out in enumerate(outputs) if isinstance(out, Tensor)}
        kept: list[tuple] = []
        check_savable(self.to_save)
        for tensor in self.to_save:
            if tensor is None:
                kept.append((None, None, None, None))
            elif id(tensor) in places:
                index = places[id(tensor)] if len(outputs) > 1 else None
                kept.append((None, tensor._array, version_of(tensor), index))
            else:
                kept.append((tensor, tensor._array, version_of(tensor), None))
        self.saved = tuple(kept if not contexts.active else [self.packed(*entry) for entry in kept])
        self.to_save = ()

    def packed(self, tensor: Any, array: Any, cell: Any, index: int | None) -> tuple:
        """A saved tensor as the innermost hooks on saved tensors pack it."""
        if array is None:
            return None, None, None, None
        packed = contexts.active[-1].pack(self.kept(tensor, array, cell, index), is_result=tensor is None)
        # Of a result's array its shape and dtype matter alone: what the hook threw away must go.
        return packed, None if tensor is not None else np.broadcast_to(np.empty((), array.dtype), array.shape), None, index

    def backward(self, g: Any) -> tuple:
        """The gradients of the arguments, from the user's backward."""
        if self.saved is FREED:
            raise RuntimeError(FREED_MESSAGE)
        grads = self.function.backward(self.ctx, *(g if g.__class__ is tuple else (g,)))
        return self.checked(grads if isinstance(grads, (tuple, list)) else (grads,))

    def checked(self, grads: Any) -> tuple:
        """The user's gradients, one for each argument of apply. Raises RuntimeError for a wrong number, kind or shape."""
        grads = list(grads)
        while len(grads) > len(self.edges) and grads[-1] is None:
            grads.pop()
        if len(grads) != len(self.edges):
            raise RuntimeError(f"function {self.name()} returned an incorrect number of gradients (expected {len(self.edges)}, got {len(grads)})")
        for at, (grad, edge) in enumerate(zip(grads, self.edges)):
            if grad is None or edge is None:
                continue
            if not isinstance(grad, Tensor):
                raise TypeError(f"expected Variable or None (got {type(grad).__name__})")
            if grad._array.shape != edge.shape and not expandable(edge.shape, grad._array.shape):
                raise RuntimeError(f"Function {self.name()} returned an invalid gradient at index {at} - got {list(grad._array.shape)} but expected "
                                   f"shape compatible with {list(edge.shape)}")
        return tuple(grads)

    def free(self) -> None:
        if self.saved:
            self.saved = FREED

    def name(self) -> str:
        return self.function.__name__ + "Backward"

    def __getattr__(self, name: str) -> Any:
        if name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"


def expandable(small: tuple, large: tuple) -> bool:
    """Whether `small` broadcasts to `large`."""
    return len(small) <= len(large) and all([a in (1, b) for a, b in zip(small[::-1], large[::-1])])


class Function:
    """A differentiable function that a user defines: subclass it, give static methods `forward` and `backward`, call `apply`.

    `forward(ctx, *args)` computes on tensors without recording; or `forward(*args)` together with `setup_context(ctx, inputs, output)`.
    `backward(ctx, *grads)` returns a gradient, or None, for each argument.
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError(f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
                           "them on the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.")

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError("You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
                                  "mode AD.")

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and, where an argument requires grad, record the call."""
        if kwargs:
            args = bound(cls, args, kwargs)
        node = FunctionNode(cls, args)
        recorded = mode.grad and any(node.ctx.needs_input_grad)
        before, mode.grad = mode.grad, mode.grad and False  # None stays None
        try:
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(node.ctx, args, result)
            else:
                result = cls.forward(node.ctx, *args)
        finally:
            mode.grad = before
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        for tensor in node.dirty:
            bump(tensor)
        if recorded:
            outputs = record(node, args, outputs)
        return type(result)(outputs) if isinstance(result, (tuple, list)) and type(result) in (tuple, list) else \
            outputs[0] if not isinstance(result, (tuple, list)) else type(result)(*outputs)


def bound(cls: Any, args: tuple, kwargs: dict) -> tuple:
    """Arguments given by name, put in the order of forward's."""
    import inspect
    signature = inspect.signature(cls.forward)
    if cls.setup_context is Function.setup_context:
        return tuple(signature.bind(None, *args, **kwargs).args[1:])
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return tuple(bound.args)


def record(call: FunctionNode, args: tuple, outputs: list) -> list:
    """Give the results of forward their history."""
    inputs = {id(arg) for arg in args if isinstance(arg, Tensor)}
    dirty = {id(tensor) for tensor in call.dirty}
    free = {id(tensor) for tensor in call.not_differentiable}
    for tensor in call.dirty:
        check_writable(tensor)
    ready = []
    for out in outputs:
        if isinstance(out, Tensor) and id(out) in inputs and id(out) not in dirty:
            ready.append(view_of_all(out))  # an input handed through: a view of it, with this call in its history
        else:
            ready.append(out)
    call.keep(ready)
    call.outputs = tuple([(o._array.shape, o._array.dtype) if isinstance(o, Tensor) else ((), dtypes.bool_.numpy) for o in ready])
    call.shape, call.dtype = call.outputs[0] if len(ready) == 1 else ((), None)
    call.attrs, call.cell, call.out = {}, None, None
    for at, (out, was) in enumerate(zip(ready, outputs)):
        if not isinstance(out, Tensor) or id(was) in free or out._array.dtype.kind not in "fcV":
            continue
        node = call if len(ready) == 1 else OutputSlot(call, at, out._array.shape, out._array.dtype)
        if id(was) in dirty:
            set_history(out, node)
        else:
            out._node = node
            if out._base is not None:  # writes must not replace the user's backward
                out._created, out._seen = "many" if len(ready) > 1 else "custom", out._cell.count
    return ready


def view_of_all(tensor: Any) -> Any:
    """A view that shows the whole of a tensor, without history."""
    view = wrap(tensor._array)
    view._base = tensor if tensor._base is None else tensor._base
    view._cell = version_of(tensor)
    view._recipe = tensor._recipe
    return view


class InplaceFunction(Function):
    """The old base class of functions that may work in place."""


class NestedIOFunction(Function):
    """The old base class of functions with nested arguments."""


def once_differentiable(function: Any) -> Any:
    """A decorator for backward: its result cannot be differentiated again, and says so."""
    @functools.wraps(function)
    def backward(ctx: Any, *grads: Any) -> Any:
        recording = mode.grad
        before, mode.grad = mode.grad, mode.grad and False  # None stays None
        try:
            result = function(ctx, *grads)
        finally:
            mode.grad = before
        if not recording or not any([isinstance(g, Tensor) and g.requires_grad for g in grads]):
            return result
        many = isinstance(result, tuple)
        results = [Refuse.apply(r, *grads) if isinstance(r, Tensor) and r.is_floating_point() else r for r in (result if many else (result,))]
        return tuple(results) if many else results[0]
    return backward


class Refuse(Function):
    """The identity, whose backward raises."""

    @staticmethod
    def forward(ctx: Any, result: Any, *grads: Any) -> Any:
        return result.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
