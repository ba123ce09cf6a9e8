"""Full backward hooks of a module: the gradients at its inputs and outputs, seen as a whole."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rushlight.autograd import Function
from rushlight.tensor import Tensor

from ..core.program import warn_user

FIRING_EARLY = ("Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details.")


class BackwardHookFunction(Function):
    """The tensors themselves, with one node that all their gradients pass through."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> tuple:
        """Views of the tensors."""
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tuple([t.view_as(t) for t in tensors])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        """The gradients, as they came."""
        return grads


class BackwardHook:
    """The backward hooks of one call of a module: `watch_inputs` before forward, `watch_outputs` after it."""

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: Any = None
        self.inputs: list[int] | None = None   # the places of the inputs whose gradients are computed
        self.n_inputs = 0
        self.outputs: list[int] = []
        self.n_outputs = 0

    def watch_inputs(self, args: tuple) -> tuple:
        """The arguments of forward, so that their gradients come by here."""
        def listen(node: Any) -> None:
            node.register_hook(self._on_input_gradients)
        args, self.inputs = _watched(args, listen)
        self.n_inputs = len(args)
        return args

    def watch_outputs(self, result: Any) -> Any:
        """The result of forward, so that its gradients come by here."""
        if not isinstance(result, (Tensor, tuple)):
            warn_user("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                      f"{type(result)}")
            return result

        def listen(node: Any) -> None:
            node.register_prehook(self._on_output_gradients)
        values = result if isinstance(result, tuple) else (result,)
        watched, places = _watched(values, listen)
        self.outputs, self.n_outputs = places or [], len(values)
        return watched if isinstance(result, tuple) else watched[0]

    def _on_output_gradients(self, grads: tuple) -> tuple | None:
        full = _spread(grads, self.outputs, self.n_outputs)
        for hook in self.pre_hooks:
            changed = hook(self.module, full)
            if changed is not None:
                full = _checked(changed, len(full), "Backward pre hook", "grad_output")
        self.grad_outputs = full
        if self.inputs is None:
            # No input wants a gradient, so no node below will tell: this is the end of the module's backward.
            nothing = (None,) * self.n_inputs
            if self.hooks:
                warn_user(FIRING_EARLY)
            for hook in self.hooks:
                if hook(self.module, nothing, full) is not None:
                    raise RuntimeError("Backward hook for Modules where no input requires gradient should always return None or None for all "
                                       "gradients.")
            self.grad_outputs = None
        return tuple([full[place] for place in self.outputs])

    def _on_input_gradients(self, grad_inputs: tuple, _: tuple) -> tuple | None:
        if self.grad_outputs is None:
            # The gradients by the inputs came without those of the outputs: a part of the graph outside this call.
            return None
        grads = _spread(grad_inputs, self.inputs or [], self.n_inputs)
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            if changed is not None:
                grads = _checked(changed, len(grads), "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple([grads[place] for place in self.inputs or []])


def _watched(values: tuple, listen: Callable) -> tuple[tuple, list[int] | None]:
    """The values with their tensors passed through one node, and the tensors' places; places None if no gradient is wanted."""
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor)]
    if not any(values[place].requires_grad for place in places):
        return values, None
    passed = BackwardHookFunction.apply(*[values[place] for place in places])
    node = next((t.grad_fn for t in passed if t.grad_fn is not None), None)
    if node is None:   # grad mode is off
        return values, None
    listen(node)
    out = list(values)
    for place, tensor in zip(places, passed):
        out[place] = tensor
    return type(values)(out) if type(values) is tuple else type(values)(*out), places


def _spread(grads: tuple, places: list[int], length: int) -> tuple:
    """The gradients at their places in a tuple, None elsewhere."""
    out: list = [None] * length
    for place, grad in zip(places, grads):
        out[place] = grad
    return tuple(out)


def _checked(changed: Any, length: int, what: str, name: str) -> tuple:
    if len(changed) != length:
        raise RuntimeError(f"{what} returned an invalid number of {name}, got {len(changed)}, but expected {length}")
    return tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)
