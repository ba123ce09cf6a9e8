"""The backward of a compiled forward: recorded once behind it, and run by one node of the autograd graph.

Where a recorded call leaves results that can still go backward, the gradients that would leave it are recorded too, for gradients of the results
that are inputs of the graph. Replays give their results a `CompiledNode`, which keeps what that graph reads.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import engine
from ..core.grad_mode import mode
from ..core.inplace import version_of
from ..core.node import FREED, FREED_MESSAGE, Node, OutputSlot
from ..core.wrap import wrap
from .graph import ARGUMENT, LATE, LOCAL, Graph
from .unrecorded import Unrecorded

NO_DOUBLE = "torch.compile with aot_autograd does not currently support double backward"


class Backward:
    """The recorded way back from results to what the call found: `roots` are the results' nodes, `ends` the tensors that get gradients."""

    def __init__(self, recorder: Any, leaves: list[Any]):
        results = [leaf.tensor for leaf in leaves]
        roots = [tensor._node for tensor in results]
        frontier = outside(roots, recorder.began)
        by_node = {bound.tensor._node: bound for bound in recorder.reach.bound if bound.tensor._node is not None}
        if not all([node in by_node for node in frontier]):
            raise Unrecorded("a result that leads back to a tensor which the function does not reach")
        self.ends = [by_node[node] for node in frontier]
        first, known = len(recorder.equations), len(recorder.inputs)
        gradients = [wrap(np.ones(tensor._array.shape, tensor._array.dtype)) for tensor in results]
        self.given = [recorder.take_in(gradient._array, LOCAL) for gradient in gradients]
        with recorder.alone(), without_hooks(frontier):
            found = engine.run(list(roots), list(gradients), True, False, dict.fromkeys(frontier, True))
        if recorder.reason is not None:
            raise Unrecorded(recorder.reason)
        self.equations = recorder.equations[first:]
        del recorder.equations[first:]
        del recorder.inputs[known:]
        self.found = [recorder.value_of(found[node]._array) if node in found else None for node in frontier]
        self.shapes = tuple([(tensor._array.shape, tensor._array.dtype) for tensor in results])
        made = {value for equation in self.equations for value in equation.outputs}
        reads = [value for equation in self.equations for value in equation.reads()] + [value for value in self.found if value is not None]
        needed = [value for value in dict.fromkeys(reads) if value not in made and value not in self.given]
        #: what the replayed forward must keep, and the tensors outside that are read again
        self.saved = [value for value in needed if value.storage.kind in (LOCAL, ARGUMENT, LATE) and recorder.bound.get(value) is None]
        self.outer = [(value, recorder.bound[value]) for value in needed if recorder.bound.get(value) is not None]
        #: the tensors that may not be written until backward: those that are read again, and those whose views are
        self.looked_at = [bound for _, bound in self.outer]
        read = {value.storage for value in needed} - {value.storage for value, _ in self.outer}
        self.looked_at += [bound for value, bound in recorder.bound.items() if bound is not None and value.storage in read]
        #: the results whose own memory is read again
        self.kept = [number for number, leaf in enumerate(leaves) if leaf.value.storage in read]
        self.inputs = [*self.given, *needed]
        self.function: Callable | None = None

    def graph(self) -> Graph:
        return Graph(self.equations, self.inputs, [value for value in dict.fromkeys(self.found) if value is not None])

    def build(self, make_plan: Callable) -> Callable:
        """The function of (gradients of the results, saved arrays, arrays outside) that gives the gradients of the ends."""
        scope: dict[str, Any] = {"__name__": __name__}
        places = {value: f"g{i}" for i, value in enumerate(self.given)} | {value: f"s{i}" for i, value in enumerate(self.saved)} \
            | {value: f"t{i}" for i, (value, _) in enumerate(self.outer)}
        plan = make_plan(self.graph(), scope, places)
        renamed = plan.graph.renamed
        results = ", ".join(["None" if value is None else plan.name(renamed.get(value, value)) for value in self.found])
        unpack = [f"{''.join([f'{letter}{i}, ' for i in range(len(held))])} = {name}"
                  for letter, held, name in (("g", self.given, "gradients"), ("s", self.saved, "saved"), ("t", self.outer, "outer")) if held]
        self.unpack = unpack
        text = "\n    ".join(["def backward(gradients, saved, outer):", *unpack, *plan.lines, f"return ({results},)"])
        exec(compile(text, "<rushlight compiled backward>", "exec"), scope)
        self.plan = plan
        return scope["backward"]


def outside(roots: list, began: int) -> list:
    """The nodes from before a time that a graph leads to. Raises Unrecorded for hooks on the way, which a replay would not run."""
    found: dict = {}
    seen: set = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.sequence < began:
            found[node] = None
            continue
        if node.pre_hooks or node.hooks or node.retain is not None:
            raise Unrecorded("hooks on a tensor")
        stack += [edge for edge in engine.edges_of(node) if edge is not None]
    return list(found)


@contextmanager
def without_hooks(nodes: list) -> Iterator[None]:
    """The nodes' hooks stay away from the gradients in the block, which are none of the program's."""
    held = [(node, node.pre_hooks, node.retain) for node in nodes if node.pre_hooks or node.retain is not None]
    for node, _, _ in held:
        node.pre_hooks = node.retain = None
    try:
        yield
    finally:
        for node, hooks, retain in held:
            node.pre_hooks, node.retain = hooks, retain


class CompiledNode(Node):
    """The history of a compiled call's results: its saved values are those that the backward graph reads."""

    special = True
    alias = "CompiledFunctionBackward"

    def __init__(self, backward: Backward, edges: tuple, saved: tuple, outer: tuple, owner: Any):
        super().__init__(None, edges, outer, {}, (), None)  # type: ignore[arg-type]
        self.outputs = backward.shapes
        self.recorded, self.arrays, self.owner = backward, saved, owner

    def backward(self, g: Any) -> Any:
        """The gradients of what the call found, from those of its results."""
        if self.saved is FREED:
            raise RuntimeError(FREED_MESSAGE)
        if mode.grad:
            raise RuntimeError(NO_DOUBLE)
        seen = [self.value(i)._array for i in range(len(self.saved))]  # raises where one was written since
        outer = seen[:len(self.recorded.outer)]
        gradients = [np.ascontiguousarray(part._array) if part._array.ndim else part._array for part in g]
        found = self.owner.run_backward(gradients, self.arrays, outer)
        return tuple([None if array is None else wrap(array) for array in found])

    def name(self) -> str:
        return self.alias or ""

    def free(self) -> None:
        self.saved, self.arrays = FREED, ()


def slots(node: CompiledNode, results: tuple) -> None:
    """Make a node the history of results, which are new tensors."""
    for number, (tensor, (shape, dtype)) in enumerate(zip(results, node.outputs)):
        tensor._node = OutputSlot(node, number, shape, dtype)
    for number in node.recorded.kept:
        twin = wrap(results[number]._array)  # the tensor itself would be a cycle
        twin._cell = version_of(results[number])
        node.saved = (*node.saved, twin)
