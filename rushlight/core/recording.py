"""What a recording of the program must be told of and `apply` does not see: values that the program looks at, writes to a tensor's memory.

The compiler records a call of a function as the list of its operations. Most of what happens in it passes through `core.apply`; the rest says
so here. Nobody listens unless a recording is under way.
"""
from __future__ import annotations

from typing import Any

#: who listens: at most one recorder, which knows its own thread
recorder: Any = None


def reads(what: str) -> None:
    """The program is about to look at a tensor's value by the way that `what` names, such as "item()": no recording can follow it there."""
    if recorder is not None:
        recorder.reads(what)


def constant(tensor: Any) -> Any:
    """The tensor, which holds the same numbers at every call of the program: the gradient with which backward begins, for example."""
    if recorder is not None:
        recorder.constant(tensor)
    return tensor


def wrote(target: Any, source: Any) -> None:
    """The values of one tensor were copied into the memory of another."""
    if recorder is not None:
        recorder.wrote(target, source)


def copied(source: Any, copy: Any) -> Any:
    """The second tensor, whose memory is new and holds the values of the first."""
    if recorder is not None:
        recorder.copied(source, copy)
    return copy


def repeats(function: Any, *args: Any, **kwargs: Any) -> Any:
    """function(*args, **kwargs), which works on no tensor of the program and is called anew each time that a recording is replayed."""
    if recorder is not None:
        return recorder.repeats(function, args, kwargs)
    return function(*args, **kwargs)
