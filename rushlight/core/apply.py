"""The hot path: run an operation on arrays, and record it where a gradient will be wanted."""
from __future__ import annotations

from typing import Any

from numpy import asarray

from ..backends.large import LARGE
from . import wrap as wrapping
from .chains import begun
from .grad_mode import mode
from .inplace import INFERENCE, fresh_node, link_view, version_of
from .node import Node, OutputSlot
from .op import SAME, NotANumber, Op, ordering
from .wrap import new, wrap

#: What looks on at every operation (capture, anomaly mode, hooks on saved tensors): watcher(op, args, attrs) runs it and returns
#: its result. The last one is called; it calls on.
watchers: list = []

Tensor: Any = None


def register(cls: Any) -> None:
    """Make cls the class of results."""
    global Tensor
    Tensor = cls
    wrapping.register(cls)


def call_on(watcher: Any, op: Op, args: tuple, attrs: dict) -> Any:
    """The result of an operation at which those look who came before a watcher. The list stays as it is: other threads read it too."""
    looking = watchers[:]
    at = looking.index(watcher) if watcher in looking else 0
    return looking[at - 1](op, args, attrs) if at else apply(op, *args, _watched=False, **attrs)


def plain_are_watched() -> bool:
    """Whether somebody looks on at operations on plain tensors: more than the classes of tensors that a program defines."""
    return any([not getattr(watcher, "plain_tensors_pass", False) for watcher in watchers])


def apply(op: Op, *args: Any, _watched: bool = True, **attrs: Any) -> Any:
    """The result of op on tensors and numbers `args`; a tuple of tensors where forward returns a tuple of arrays."""
    if watchers and _watched:
        return watchers[-1](op, args, attrs)
    try:
        out = op.evaluate(op, args, attrs)
    except (ValueError, TypeError, AttributeError) as error:
        raise explained(op, args, attrs, error) from None
    kept = out
    if out.__class__ is tuple:
        if not op.hidden:
            return apply_many(op, args, attrs, out)
        out = out[0]  # the others are kept for the gradient alone
    result = new(Tensor)
    result._array = out
    result._node = None
    if op.is_view:
        link_view(result, args[0], op, attrs)
    grad = mode.grad
    if grad:
        if op.differentiable:
            edges = edges_of(args)
            if edges is not None:
                saved = op.saved(args, edges) if op.keeps_arguments else ()
                result._node = node = Node(op, edges, saved, attrs, out.shape, out.dtype)
                if op.keeps_out:
                    keep_result(node, result, kept)
    elif grad is None and not op.is_view:
        result._cell = INFERENCE
    return result


def view_result(op: Op, source: Any, array: Any, attrs: dict) -> Any:
    """The view of source that an operation gave as `array`, where nobody looks on: what `apply` does once forward has run.

    For views that programs take one by one, such as the rows of a dataset: 0.85 us each, and 1.2 by `apply`.
    """
    result = new(Tensor)
    result._array = array
    result._node = None
    link_view(result, source, op, attrs)
    if mode.grad:
        node = source._node if source._base is None else fresh_node(source)
        if node is not None:
            result._node = Node(op, (node,), (), attrs, array.shape, array.dtype)
    return result


def edges_of(args: tuple) -> tuple | None:
    """The nodes of the arguments, None for what needs no gradient; None in all if nothing does."""
    if len(args) == 1:
        node = args[0]._node if args[0]._base is None else fresh_node(args[0])
        return None if node is None else (node,)
    edges: tuple = ()
    recorded = False
    for arg in args:
        try:
            node = None if arg is None else arg._node if arg._base is None else fresh_node(arg)
        except AttributeError:  # a number
            node = None
        if node is not None:
            recorded = True
        edges += (node,)
    return edges if recorded else None


def operator(op: Op) -> Any:
    """The method behind a binary operator such as `+`.

    Two small tensors of one dtype, or one and a number, the commonest calls of all, go the short way below, which is `apply` written out
    for them (0.7 us where apply takes 1.6, and PyTorch 0.9); of large ones a chain may begin (chains.py); all else goes through apply. An
    operand that is no tensor or number is left to its own class.
    """
    forward, keeps, keeps_both = op.forward, op.keeps_arguments, op.keeps_all
    takes_any = op.is_ufunc and op.dtype is SAME  # of any dtype: no conversion before, no check
    takes = "f" if op.kind is ordering else "fc"

    def method(x: Any, y: Any) -> Any:
        try:
            a = x._array
            is_number = y.__class__ is float or y.__class__ is int and -EXACT <= y <= EXACT
            if is_number and (a.dtype.kind not in "fc" or a.itemsize == 2):
                return apply(op, x, y)
            b: Any = asarray(y, a.dtype) if is_number else y._array
            if watchers or a.dtype is not b.dtype or a.size > SMALL or b.size > SMALL or not takes_any and a.dtype.kind not in takes:
                large = a.dtype is b.dtype and (a.size >= LARGE or b.size >= LARGE) and not plain_are_watched()
                chain = begun(op, x, y) if large else None
                return apply(op, x, y) if chain is None else chain
            out = forward(a, b)
        except (AttributeError, ValueError, TypeError):  # a number on the left, or shapes that do not fit
            try:
                return apply(op, x, y)
            except NotANumber:
                return NotImplemented
        result = new(Tensor)
        result._array = out if out.__class__ is a.__class__ else asarray(out)
        result._node = None
        grad = mode.grad
        if grad and op.differentiable:
            left = x._node if x._base is None else fresh_node(x)
            right = None if is_number else y._node if y._base is None else fresh_node(y)
            if left is not None or right is not None:
                edges = (left, right)
                saved = () if not keeps else (x, y) if keeps_both and left is not None and right is not None else op.saved((x, y), edges)
                result._node = node = Node(op, edges, saved, NO_ATTRIBUTES, out.shape, out.dtype)
                if op.keeps_out:
                    keep_result(node, result, result._array)
        elif grad is None:
            result._cell = INFERENCE
        return result
    return method


NO_ATTRIBUTES: dict = {}
#: elements up to which the short way is worth while; beyond, `apply` may use several cores
SMALL = 1 << 14
#: whole numbers that every float type but the halves holds exactly
EXACT = 1 << 24


def keep_result(node: Node, result: Any, kept: Any) -> None:
    """Save for backward what forward gave: arrays, not the tensor, which would be a cycle. What is hidden nobody can overwrite."""
    node.out = kept
    if kept.__class__ is not tuple:
        node.cell = version_of(result)


def apply_many(op: Op, args: tuple, attrs: dict, arrays: tuple) -> tuple:
    """The tensors of an operation with several results; those of an integer dtype have no gradient."""
    results = tuple([wrap(array) for array in arrays])
    if op.is_view:
        for number, result in enumerate(results):
            link_view(result, args[0], op, attrs, number)
    elif mode.inference:
        for result in results:
            result._cell = INFERENCE
    if mode.grad and op.differentiable:
        edges = edges_of(args)
        if edges is not None:
            parent = Node(op, edges, op.saved(args, edges), attrs, (), None)
            parent.special = True
            parent.outputs = tuple([(array.shape, array.dtype) for array in arrays])
            if op.keeps_out:
                parent.out = arrays
            for index, result in enumerate(results):
                if result._array.dtype.kind in "fcV":
                    result._node = OutputSlot(parent, index, result._array.shape, result._array.dtype)
    return results


def explained(op: Op, args: tuple, attrs: dict, error: Exception) -> Exception:
    """PyTorch's error in place of the array library's, where the operation or its kind knows it; otherwise the error itself."""
    if op.explain is not None:
        better = op.explain(*args)
        if better is not None:
            return better
    if op.kind.explain is not None:
        better = op.kind.explain(op, args, attrs, error)
        if better is not None:
            return better
    return error
