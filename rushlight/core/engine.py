"""Backward: gradients pass from the results of a graph to its leaves, each node once, from the latest to the earliest.

A node's arguments were always made before it, so by descending sequence number every gradient of a node has arrived when its turn
comes. There is no recursion: a graph may be as deep as memory allows.
"""
from __future__ import annotations

import sys
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from ..backends.column_sums import column_sums
from ..backends.large import add_into
from . import recording
from .apply import watchers
from .grad_mode import mode
from .node import FREED, FREED_MESSAGE, AccumulateGrad, Node, type_name
from .wrap import wrap

#: how many runs with targets are under way
partial_runs = 0


def run(roots: list, gradients: list, keep_graph: bool, create_graph: bool, targets: dict | None = None) -> dict:
    """Pass gradients from root nodes down the graph.

    Without targets every leaf's `.grad` grows. With targets (nodes, as a dict's keys) only what leads to them runs, and the gradient
    that arrives at each is returned by node.
    """
    global partial_runs
    pending: dict = {}  # what has arrived at each node that waits for its turn
    heap: list = []
    found: dict = {}
    wanted = None if targets is None else leading_to(roots, targets)
    partial_runs += targets is not None
    node = g = None  # the next node and its gradient, where only one waits; else the queue knows
    before = mode.grad
    mode.grad = None if before is None else create_graph
    try:
        if len(roots) == 1 and wanted is None:
            node, g = roots[0], gradients[0]
        else:
            for root, gradient in zip(roots, gradients):
                if wanted is None or root in wanted:
                    deliver(pending, heap, root, gradient)
        while node is not None or heap:
            if node is None:
                node = heappop(heap)[1]
                g = pending.pop(node)
            if node.special:
                grads = grad = array = None  # of the node before, lest a leaf think that its gradient has other owners
                if targets is None and node.__class__ is AccumulateGrad and not node.pre_hooks and node.retain is None:
                    accumulate(node, g, SOLE)
                    node = None
                    continue
                grads = attend(node, g, pending, heap, targets, wanted, found)
                if not keep_graph and node.edges:
                    node.free()
            elif node.saved is FREED:
                raise RuntimeError(FREED_MESSAGE)
            else:
                pull = node.op._pull
                grads = pull(node, g) if pull is not None and node.dtype.kind != "c" else node.op.pull(node, g)
                if not keep_graph and (node.saved or node.out is not None):
                    node.saved, node.out = FREED, None
            edges = node.edges
            node = None
            for edge, grad in zip(edges, grads):
                if edge is not None and grad is not None and (wanted is None or edge in wanted):
                    array = grad._array
                    if array.shape != edge.shape or array.dtype is not edge.dtype:
                        grad = conform(grad, edge)
                    if edge in pending:
                        deliver(pending, heap, edge, grad)
                    elif heap or len(edges) > 1:
                        pending[edge] = grad
                        heappush(heap, (-edge.sequence, edge))
                    else:
                        node, g = edge, grad  # a chain
    finally:
        mode.grad = before
        partial_runs -= targets is not None
    return found


def attend(node: Any, g: Any, pending: dict, heap: list, targets: dict | None, wanted: dict | None, found: dict) -> Any:
    """What leaves a node of which something needs looking after: a leaf, a target, one with hooks or several results, a user's Function."""
    if node.pre_hooks or node.retain is not None:
        g = arrive(node, g)
    if targets is not None and node in targets:
        found[node] = g
        if not wanted[node]:  # type: ignore[index]  # with targets there is `wanted`; nothing below this one is
            return ()
    if node.__class__ is AccumulateGrad:
        accumulate(node, g)
        return ()
    if node.parent is not None:
        deliver_slot(pending, heap, node, g)
        return ()
    try:
        grads = node.backward(filled(node, g) if g.__class__ is list else g)
    except RuntimeError:
        if node.traceback is not None:
            tell_where(node)
        raise
    if node.hooks:
        grads = leave(node, grads, g)
    if node.traceback is not None:
        check_nan(node, grads)
    return grads


def deliver(pending: dict, heap: list, node: Node, grad: Any) -> None:
    """Add a gradient to what has arrived at a node."""
    known = pending.get(node)
    if known is None:
        pending[node] = grad
        heappush(heap, (-node.sequence, node))
    else:
        pending[node] = None  # so that `known` may be seen to have no other owner
        pending[node] = added(known, grad)


def deliver_slot(pending: dict, heap: list, slot: Any, grad: Any) -> None:
    """Put one result's gradient into its place at the node of all results."""
    parent = slot.parent
    if parent not in pending:
        pending[parent] = [None] * len(parent.outputs)
        heappush(heap, (-parent.sequence, parent))
    known = pending[parent][slot.index]  # not None where a formula asked for the result again
    pending[parent][slot.index] = grad if known is None else known + grad


def filled(node: Any, grads: list) -> tuple:
    """The gradients of all results, zeros for those that nothing asked for; None for results of integer dtype."""
    keeps_none = getattr(node, "materialize", True) is False
    return tuple([recording.constant(wrap(np.zeros(shape, dtype))) if g is None and not keeps_none and dtype.kind in "fcV" else g
                  for g, (shape, dtype) in zip(grads, node.outputs)])


def added(known: Any, grad: Any) -> Any:
    """known + grad, into known's memory where nothing else can see it. A recorded call's sums are operations, all of them."""
    if not mode.grad and recording.recorder is None and sys.getrefcount(known) <= SOLE and owned(known) and known._array.dtype is grad._array.dtype:
        add_into(known._array, grad._array)
        return known
    return known + grad


def _count_when_sole(depth: int) -> int:
    """What getrefcount says, `depth` calls down, of an object that one variable holds: Python's versions differ."""
    def call(value: Any, depth: int) -> int:
        return call(value, depth - 1) if depth else sys.getrefcount(value)
    only = object()
    return call(only, depth)


#: What `added` counts when only `deliver` holds what it passes on; one more is another node's gradient. And `accumulate`, of what `run` passes on.
SOLE = _count_when_sole(0)
#: the same for `accumulate` where `run` passes the gradient by way of `attend`
SOLE_AT_LEAF = _count_when_sole(1)


def owned(tensor: Any) -> bool:
    """Whether a tensor's array is its own whole memory and nothing else refers to it."""
    array = tensor._array
    if sys.getrefcount(array) > 3:
        return False
    # A reshaped array is a view of one that nothing else holds.
    base = array.base
    return base is None or base.__class__ is np.ndarray and base.base is None and base.size == array.size and sys.getrefcount(base) <= 3


def conform(grad: Any, edge: Node) -> Any:
    """A gradient in the shape and dtype of what it is the gradient of: broadcasting and casting are undone here, once for all."""
    if grad._array.shape != edge.shape:
        grad = fitted(grad, edge.shape)
    if grad._array.dtype is not edge.dtype:
        if grad._array.dtype.kind == "c" and edge.dtype.kind != "c":
            grad = grad.real
        grad = grad.type_as_numpy(edge.dtype)
    return grad


def fitted(grad: Any, shape: tuple) -> Any:
    """A gradient summed over what was broadcast; one that is smaller than its tensor stands for the same value everywhere."""
    array = grad._array
    if array.size == 1 and len(shape) >= array.ndim:
        if mode.grad or array.__class__ is not ndarray or not shape or recording.recorder is not None:
            return grad.expand(shape) if shape else grad.reshape(())
        return wrap(ndarray(shape, array.dtype, array, 0, (0,) * len(shape)))  # every element is the one number
    if array.ndim == 2 and shape == array.shape[1:] and array.dtype.kind == "f" and array.itemsize > 2 and not (mode.grad or watchers):
        return wrap(column_sums(array))  # a bias's, as `sum_to_size` has it: of small layers its way there takes as long as the sum
    if len(array.shape) <= len(shape) and all([n in (1, m) for n, m in zip(array.shape[::-1], shape[::-1])]):
        return grad.expand(shape)
    return grad.sum_to_size(shape)


def accumulate(node: AccumulateGrad, g: Any, sole: int = SOLE_AT_LEAF) -> None:
    """Add a gradient to a leaf's `.grad`; `sole` is what getrefcount says of it if nobody else holds it."""
    leaf = node.leaf()
    if leaf is None or leaf._node is None:  # nobody holds it, or it requires a gradient no more
        return
    known = leaf._grad
    if known is None:
        # Take the gradient itself if nobody else holds it, else a copy: two tensors' `.grad` never share memory.
        if not mode.grad and recording.recorder is None and sys.getrefcount(g) <= sole and owned(g) and g._array.flags.c_contiguous:
            leaf._grad = g
        else:
            leaf._grad = g.clone() if mode.grad else recording.copied(g, fresh_copy(g, leaf))
    elif mode.grad:
        leaf._grad = known + g
    elif recording.recorder is not None:
        known.add_(g)
    else:
        np.add(known._array, g._array, out=known._array, casting="unsafe")
        if known._cell is not None:
            known._cell.bump()
    if node.hooks:
        leave(node, (), g)
    if node.post_hooks:
        for hook in list(node.post_hooks.values()):
            check_returns_nothing(hook(leaf))


def check_returns_nothing(result: Any) -> None:
    """Raise PyTorch's error where a hook returned something that nobody takes."""
    if result is not None:
        if not hasattr(result, "_array"):
            raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
        raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def fresh_copy(g: Any, leaf: Any) -> Any:
    """A copy of a gradient in memory of its own, laid out as its leaf."""
    array = np.empty_like(leaf._array, dtype=g._array.dtype)
    np.copyto(array, g._array)
    return wrap(array)


def arrive(node: Node, g: Any) -> Any:
    """Run the hooks on an arriving gradient; keep it in the tensor's `.grad` if that was asked for."""
    for hook in list((node.pre_hooks or {}).values()):
        result = hook(g)
        if result is not None:
            if g.__class__ is not list:
                check_hook(hook, g, result)
            g = result
    if node.retain is not None:
        tensor = node.retain()
        if tensor is not None:
            tensor._grad = g.clone() if tensor._grad is None else tensor._grad + g
    return g


def check_hook(hook: Any, g: Any, result: Any) -> None:
    """Raise PyTorch's error unless what a hook returned may stand in a gradient's place."""
    if not hasattr(result, "_array"):
        raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
    was, now = g._array, result._array
    name = getattr(hook, "__name__", "<unknown>")
    if was.dtype != now.dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {type_name(was)} got {type_name(now)})")
    if was.shape != now.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")


def leave(node: Any, grads: Any, g: Any) -> Any:
    """Run the hooks on a node's leaving gradients."""
    grads, arrived = tuple(grads), tuple(g) if g.__class__ is list else (g,)
    for hook in list(node.hooks.values()):
        result = hook(grads, arrived)
        if result is not None:
            check_leaving(hook, grads, result)
            grads = result
    return grads


def check_leaving(hook: Any, grads: tuple, result: Any) -> None:
    """Raise PyTorch's error unless what a hook returned may stand in the place of a node's leaving gradients."""
    if not isinstance(result, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(result).__name__}'")
    if len(result) != len(grads):
        name = getattr(hook, "__name__", "<unknown>")
        raise RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {len(result)}, but expected {len(grads)})")
    for before, now in zip(grads, result):
        if before is not None and now is not None:
            check_hook(hook, before, now)


def leading_to(roots: list, targets: dict) -> dict:
    """The nodes on a path from the roots to a target, each with whether anything below it leads to a target; targets are to be attended to.

    Behind a target whose value in the dict is true the search does not go on.
    """
    for node in targets:
        node.special = True
    below: dict = {}
    stack = [(node, False) for node in roots]
    while stack:
        node, children_done = stack.pop()
        if children_done:
            below[node] = any([below.get(e) or e in targets for e in edges_of(node) if e is not None])
        elif node not in below:
            below[node] = False
            if targets.get(node):
                continue
            stack.append((node, True))
            stack.extend([(e, False) for e in edges_of(node) if e is not None and e not in below])
    return {node: leads for node, leads in below.items() if leads or node in targets}


def edges_of(node: Node) -> tuple:
    """The nodes to which a node's gradient goes."""
    return (node.parent,) if node.parent is not None else node.edges


def tell_where(node: Node) -> None:
    """Warn with the place in the forward pass that a failing backward belongs to (anomaly mode)."""
    from .program import warn_user
    warn_user(f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{node.traceback}")


def check_nan(node: Node, grads: Any) -> None:
    """Raise if a node returned a nan (anomaly mode)."""
    for number, grad in enumerate(grads):
        if grad is not None and grad._array.dtype.kind in "fc" and np.isnan(grad._array).any():
            tell_where(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {number}th output.")
