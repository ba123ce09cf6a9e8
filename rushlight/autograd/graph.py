"""Looking at and into the graph: nodes, hooks on what is saved, hooks on several tensors."""
from __future__ import annotations

import collections
import threading
from typing import Any

from ..core import apply as hot, recording
from ..core.grad_mode import no_grad
from ..core.inplace import bump
from ..core.node import Node, Packed, RemovableHandle, shown

__all__ = ["GradientEdge", "Node", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version", "register_multi_grad_hook",
           "save_on_cpu", "saved_tensors_hooks"]

GradientEdge = collections.namedtuple("GradientEdge", "node output_nr ownership_token", defaults=(None,))


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The node whose gradient is the tensor's, and the number of its result."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = tensor._node
    return GradientEdge(shown(node), tensor.output_nr)


def increment_version(tensor: Any) -> None:
    """Tell autograd that a tensor's memory was written by other means."""
    recording.reads("increment_version()")
    for one in [tensor] if hasattr(tensor, "_array") else tensor:
        bump(one)


class Contexts(threading.local):
    """What this thread is inside of: the contexts of hooks on saved tensors, of which the innermost packs, and why none may be entered now."""

    def __init__(self) -> None:
        self.active: list[saved_tensors_hooks] = []
        self.reasons: list[str] = []


contexts = Contexts()


class saved_tensors_hooks:
    """A context in which what this thread's operations save passes through pack_hook, and through unpack_hook when backward needs it."""

    def __init__(self, pack_hook: Any, unpack_hook: Any):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if contexts.reasons:
            raise RuntimeError(contexts.reasons[-1])
        contexts.active.append(self)
        hot.watchers.append(self.watch)

    def __exit__(self, *exception: object) -> None:
        contexts.active.remove(self)
        hot.watchers.remove(self.watch)

    def watch(self, op: Any, args: tuple, attrs: dict) -> Any:
        """Run the operation and pack what its node saved."""
        result = hot.call_on(self.watch, op, args, attrs)
        if contexts.active and contexts.active[-1] is self and not op.is_view:
            node = next((r._node for r in (result if isinstance(result, tuple) else (result,)) if r._node is not None), None)
            if node is not None:
                self.pack_all(node.parent or node)
        return result

    def pack_all(self, node: Node) -> None:
        """Replace the tensors that a node saved by what pack_hook makes of them."""
        node.saved = tuple([self.pack(s) if hasattr(s, "_array") else s for s in node.saved])
        if node.out is not None and node.out.__class__ is not tuple:
            result = hot.wrap(node.out)
            result._node, result._cell = node, node.cell
            node.out = self.pack(result, is_result=True)

    def pack(self, tensor: Any, is_result: bool = False) -> Packed:
        """A saved tensor, packed; a result without its node, which would be a cycle. Raises RuntimeError if pack_hook wrote into it."""
        version = tensor._version
        with no_grad():
            content = self.pack_hook(tensor)
        if tensor._version != version:
            raise RuntimeError("A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified "
                               "by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform "
                               "in-place operations on the input to a pack hook.")
        return Packed(content, self.unpack_hook, None if is_result else tensor._node)


class save_on_cpu(saved_tensors_hooks):
    """A context in which what operations save is kept in the CPU's memory."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda"):
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks:
    """A context in which `saved_tensors_hooks` may not be used, for the reason that the error will state."""

    def __init__(self, error_message: str):
        self.error_message = error_message

    def __enter__(self) -> None:
        if contexts.active:
            raise RuntimeError(self.error_message)
        contexts.reasons.append(self.error_message)

    def __exit__(self, *exception: object) -> None:
        contexts.reasons.pop()


def register_multi_grad_hook(tensors: Any, fn: Any, *, mode: str = "all") -> RemovableHandle:
    """Call fn with the gradients of all tensors once all are known, or ("any") with the first one."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    grads: dict = {}

    def arrived(at: int) -> Any:
        def hook(g: Any) -> None:
            grads[at] = g
            if mode == "any" and len(grads) == 1:
                fn(g)
            elif mode == "all" and len(grads) == len(tensors):
                fn([grads.get(i) for i in range(len(tensors))])
            if len(grads) == len(tensors):
                grads.clear()
        return hook
    handles = [tensor.register_hook(arrived(at)) for at, tensor in enumerate(tensors)]
    all_hooks: dict = {}
    handle = RemovableHandle(all_hooks)
    handle.remove = lambda: [h.remove() for h in handles]  # type: ignore[method-assign, assignment]
    return handle
