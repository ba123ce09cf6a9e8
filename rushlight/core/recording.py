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
