"""Operations whose gradient is that of their definition: the definition runs again, recorded, when the gradient is wanted.

For operations that are a page of plain operations and rarely the bottleneck: one node in the graph, nothing kept but the arguments.
"""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..core import engine, recording
from ..core.apply import apply, call_on, watchers, wrap
from ..core.grad_mode import inference_mode, mode, no_grad


def forward_by(definition: Callable) -> Callable:
    """A forward rule that runs a definition in tensors on arrays."""
    def forward(*arrays: Any, **attributes: Any) -> Any:
        with no_grad(), Unseen():
            return definition(*[None if array is None else wrap(array) for array in arrays], **attributes)._array
    return forward


class _Depth(threading.local):
    inside = 0


_depth = _Depth()


def look_away(op: Any, args: tuple, attrs: dict) -> Any:
    """The result of an operation, at which nobody looks if this thread is inside an `Unseen`."""
    return apply(op, *args, _watched=False, **attrs) if _depth.inside else call_on(look_away, op, args, attrs)


look_away.plain_tensors_pass = True  # type: ignore[attr-defined]  # it does nothing to an operation


class Unseen:
    """A context in which nobody looks on at what this thread does: the operations in it are the parts of one that was seen as a whole.

    Other threads are seen as before. What one thread took out of the list of watchers, a recording of another would lack.
    """

    __slots__ = ("is_watched", "recorder")

    def __enter__(self) -> None:
        self.is_watched, self.recorder = bool(watchers), recording.recorder
        _depth.inside += 1
        if self.is_watched:
            watchers.append(look_away)
        if self.recorder is not None and self.recorder.thread == threading.get_ident():
            recording.recorder = None
        else:
            self.recorder = None

    def __exit__(self, *exception: object) -> None:
        _depth.inside -= 1
        if self.is_watched:
            watchers.remove(look_away)
        if self.recorder is not None:
            recording.recorder = self.recorder


def gradient_by(definition: Callable, g: Any, args: tuple, needs: tuple, **attributes: Any) -> tuple:
    """The gradients of a definition's arguments, zeros for those that its value does not move with.

    A definition with several results has a tuple of gradients arrive, None for those that have none.
    """
    recorded = bool(mode.grad)
    with inference_mode(False):  # recorded even where backward runs in inference mode
        # Copies: an argument may depend on another, and what comes by that way is not this operation's to count.
        args = tuple([(arg.clone() if recorded else wrap(arg._array).requires_grad_()) if needed else arg for arg, needed in zip(args, needs)])
        nodes = [arg._node for arg, needed in zip(args, needs) if needed]
        out = definition(*args, **attributes)
        pairs = [(one, grad) for one, grad in (zip(out, g) if out.__class__ is tuple else ((out, g),)) if one._node is not None and grad is not None]
        gradients = engine.run([one._node for one, _ in pairs], [grad for _, grad in pairs], recorded, recorded, dict.fromkeys(nodes))
        found = iter([gradients.get(node) for node in nodes])
    return tuple([_or_zeros(next(found), arg) if needed else None for arg, needed in zip(args, needs)])


def _or_zeros(g: Any, arg: Any) -> Any:
    return arg.new_zeros(arg._array.shape) if g is None else g
