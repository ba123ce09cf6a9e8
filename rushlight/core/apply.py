"""The hot path: run an operation on arrays, and record it where a gradient will be wanted."""
from __future__ import annotations

from typing import Any

from .grad_mode import mode
from .inplace import fresh_node, link_view
from .node import Node, OutputSlot
from .op import Op

#: What looks on at every operation (capture, anomaly mode, hooks on saved tensors): watcher(op, args, attrs) runs it and returns
#: its result. The last one is called; it calls on.
watchers: list = []

Tensor: Any = None
new: Any = object.__new__


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


def apply(op: Op, *args: Any, **attrs: Any) -> Any:
    """The result of op on tensors and numbers `args`; a tuple of tensors where forward returns a tuple of arrays."""
    if watchers:
        return watchers[-1](op, args, attrs)
    try:
        out = op.evaluate(op, args, attrs)
    except (ValueError, TypeError, AttributeError) as error:
        raise explained(op, args, attrs, error) from None
    if out.__class__ is tuple:
        return apply_many(op, args, attrs, out)
    result = new(Tensor)
    result._array = out
    result._node = None
    if op.is_view:
        link_view(result, args[0], op, attrs)
    if mode.grad and op.differentiable:
        edges, recorded = (), False
        for arg in args:
            try:
                node = arg._node if arg._base is None else fresh_node(arg)
            except AttributeError:  # a number
                node = None
            if node is not None:
                recorded = True
            edges += (node,)
        if recorded:
            result._node = node = Node(op, edges, op.saved(args, edges), attrs, out.shape, out.dtype)
            if op.keeps_out:
                keep_result(node, result)
    return result


def keep_result(node: Node, result: Any) -> None:
    """Save the result for backward: its array, not the tensor, which would be a cycle."""
    from .inplace import version_of
    node.out = result._array
    node.cell = version_of(result)


def apply_many(op: Op, args: tuple, attrs: dict, arrays: tuple) -> tuple:
    """The tensors of an operation with several results; those of an integer dtype have no gradient."""
    results = tuple([wrap(array) for array in arrays])
    if op.is_view:
        for number, result in enumerate(results):
            link_view(result, args[0], op, attrs, number)
            result._one_of_many = (number, op.node_name)
    if mode.grad and op.differentiable:
        edges = tuple([None if getattr(arg, "_array", None) is None else arg._node if arg._base is None else fresh_node(arg) for arg in args])
        if any([edge is not None for edge in edges]):
            parent = Node(op, edges, op.saved(args, edges), attrs, (), None)
            parent.outputs = tuple([(array.shape, array.dtype) for array in arrays])
            if op.keeps_out:
                parent.out = arrays
            for index, result in enumerate(results):
                if result._array.dtype.kind in "fcV":
                    result._node = OutputSlot(parent, index, result._array.shape, result._array.dtype)
    return results


def explained(op: Op, args: tuple, attrs: dict, error: Exception) -> Exception:
    """PyTorch's error in place of the array library's, where the kind knows it; otherwise the error itself."""
    if op.kind.explain is not None:
        better = op.kind.explain(op, args, attrs, error)
        if better is not None:
            return better
    return error
