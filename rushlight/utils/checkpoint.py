"""torch.utils.checkpoint: what a function saves for backward is thrown away, and computed again when backward needs it.

Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
"""
from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ..autograd import backward
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..core import engine
from ..core.grad_mode import enable_grad, is_grad_enabled, no_grad
from ..core.program import warn_user
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor

__all__ = ["CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable",
           "noop_context_fn", "set_checkpoint_debug_enabled", "set_checkpoint_early_stop"]

_early_stop = [True]


class CheckpointError(RuntimeError):
    """What was computed again is not what was computed at first."""


CheckpointError.__module__ = "torch.utils.checkpoint"


def noop_context_fn() -> tuple:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(function: Callable, *args: Any, use_reentrant: bool | None = None, context_fn: Callable = noop_context_fn,
               determinism_check: str = "default", debug: bool = False, early_stop: bool = True, **kwargs: Any) -> Any:
    """function(*args, **kwargs), which keeps nothing for backward but its arguments: backward calls it again.

    `use_reentrant=False` finds every gradient that the function itself would. With True the function runs without recording, backward runs a
    backward of its own inside, and only tensors directly among `args` get gradients; programs say which, since the default will change.
    `preserve_rng_state` (True): the second call draws the same random numbers, and the generator is afterwards as if it had drawn none.
    """
    if use_reentrant is None:
        warn_of_default("torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
                        "checkpoint without use_reentrant will raise an exception.")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    forward_context, again = context_fn()
    if not is_grad_enabled():
        return function(*args, **kwargs)
    call = Call(lambda: function(*args, **kwargs), again, preserve, determinism_check == "default", early_stop and _early_stop[0])
    with saved_tensors_hooks(call.pack, call.unpack), forward_context:
        return function(*args, **kwargs)


def warn_of_default(beginning: str) -> None:
    """PyTorch's warning where use_reentrant was not given."""
    warn_user(beginning + " use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
              "use_reentrant=True. Refer to docs for more details on the differences between the two variants.")


@contextlib.contextmanager
def random_state(state: Any) -> Iterator[None]:
    """A context with the generator in that state, and afterwards as it was; None changes nothing."""
    if state is None:
        yield
        return
    before = get_rng_state()
    set_rng_state(state)
    try:
        yield
    finally:
        set_rng_state(before)


# ---- use_reentrant=False: hooks on what the function saves

class Place:
    """What stands in a node for a tensor that was thrown away; it has the value once that is computed again, until the node is freed."""

    __slots__ = ("metadata", "value", "__weakref__")

    def __init__(self, tensor: Tensor):
        self.metadata = {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}
        self.value: Tensor | None = None


OTHER_NUMBER = "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation."


class Enough(Exception):
    """All that backward needs has been computed again."""


class Call:
    """One call of a checkpointed function: the places of what it saved, and how to compute that again."""

    def __init__(self, function: Callable, context: Any, preserve: bool, check: bool, early_stop: bool):
        self.function, self.context, self.check, self.early_stop = function, context, check, early_stop
        self.state = get_rng_state() if preserve else None
        self.places: list[weakref.ref] = []

    def pack(self, tensor: Tensor) -> Place:
        """A place for a tensor that the function saves."""
        place = Place(tensor)
        self.places.append(weakref.ref(place))
        return place

    def unpack(self, place: Place) -> Tensor:
        """The value of a place; with the first that is asked for, all others are computed too."""
        if place.value is None:
            self.compute()
            if place.value is None:
                raise CheckpointError(OTHER_NUMBER)
        return place.value

    def compute(self) -> None:
        """Call the function again and put what it saves into the places. Raises CheckpointError if it saves other things."""
        saved: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            if len(saved) == len(self.places):
                raise CheckpointError("torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward "
                                      "pass.")
            saved.append(tensor.detach())
            if self.early_stop and len(saved) == len(self.places):
                raise Enough
            return saved[-1]

        with random_state(self.state), enable_grad(), self.context, contextlib.suppress(Enough), saved_tensors_hooks(keep, lambda value: value):
            self.function()
        if self.check:
            self.compare(saved)
        for place, tensor in zip(self.places, saved):
            waiting = place()
            if waiting is not None:
                waiting.value = tensor

    def compare(self, saved: list) -> None:
        """Raise CheckpointError unless as many tensors of the same shapes and dtypes were saved."""
        if len(saved) != len(self.places):
            raise CheckpointError(f"{OTHER_NUMBER}\n"
                                  f"Number of tensors saved during forward: {len(self.places)}\n"
                                  f"Number of tensors saved during recomputation: {len(saved)}.")
        different = []
        for at, (place, tensor) in enumerate(zip(self.places, saved)):
            was, now = place(), Place(tensor).metadata
            if was is not None and was.metadata != now:
                different.append(f"tensor at position {at}:\nsaved metadata: {was.metadata}\nrecomputed metadata: {now}\n")
        if different:
            raise CheckpointError("torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                                  f"forward pass.\n{''.join(different)}.")


# ---- use_reentrant=True: a Function whose backward runs the function, and a backward inside

class CheckpointFunction(Function):
    """function(*args) without history; its backward calls the function again, recorded, and runs backward from there."""

    @staticmethod
    def forward(ctx: Any, function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.function = function
        ctx.state = get_rng_state() if preserve_rng_state else None
        ctx.tensors = [at for at, arg in enumerate(args) if isinstance(arg, Tensor)]
        ctx.args = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.save_for_backward(*[args[at] for at in ctx.tensors])
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        if engine.partial_runs:
            raise RuntimeError("When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                               ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing the "
                               "`inputs` argument.")
        args = list(ctx.args)
        for at, tensor in zip(ctx.tensors, ctx.saved_tensors):
            args[at] = tensor
        args = list(detach_variable(tuple(args)))
        with random_state(ctx.state), enable_grad():
            out = ctx.function(*args)
        outs = out if isinstance(out, tuple) else (out,)
        pairs = [(o, g) for o, g in zip(outs, grads) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[arg.grad if isinstance(arg, Tensor) else None for arg in args])


def detach_variable(inputs: tuple) -> tuple:
    """The arguments, tensors without their history. Raises RuntimeError for anything but a tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    return tuple([arg.detach().requires_grad_(arg.requires_grad) if isinstance(arg, Tensor) else arg for arg in inputs])


def check_backward_validity(inputs: Any) -> None:
    """Warn where no argument requires a gradient."""
    if not any([arg.requires_grad for arg in inputs if isinstance(arg, Tensor)]):
        warn_user("None of the inputs have requires_grad=True. Gradients will be None")


# ---- several functions in a row, and switches

def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """The functions one after the other, checkpointed in that many segments; the last is not, since backward begins there."""
    if use_reentrant is None:
        warn_of_default("torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we "
                        "will raise an exception if use_reentrant is not passed.")
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(functions) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(in_a_row(functions[start:start + size]), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return in_a_row(functions[size * (segments - 1):])(input)


def in_a_row(functions: list) -> Callable:
    """One function that calls all."""
    def call(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input
    return call


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A context that says whether the second call stops as soon as it has all that backward needs."""
    before, _early_stop[0] = _early_stop[0], enable
    try:
        yield
    finally:
        _early_stop[0] = before


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Accepted; errors say all there is to say."""
    yield
