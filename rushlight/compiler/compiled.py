"""A compiled function: calls are recorded once for each set of conditions, and replayed from then on."""
from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from ..core import recording
from ..core.apply import plain_are_watched, watchers
from ..core.program import warn_user
from . import capture
from .capture import Recorder
from .reach import Reach, Shared
from .reasons import why
from .replay import Recording
from .stance import now, unfitted
from .unrecorded import Unrecorded

#: recordings of one function that are kept, those that are made, and calls in a row that are recorded in vain, before it is left to run as written
KEPT, MADE, ATTEMPTS = 32, 128, 6

#: all compiled functions there are
everything: weakref.WeakSet = weakref.WeakSet()


class Compiled:
    """The function `f`: called as it is."""

    def __init__(self, function: Callable, settings: dict):
        self.function = function
        self.settings = settings
        self.reset()
        everything.add(self)

    def reset(self) -> None:
        """Forget all recordings, and all reasons."""
        self.recordings: list[Recording] = []
        #: why calls run as written from now on
        self.refused: str | None = None
        #: what a look at the recordings told, for `explain`
        self.history: list[str] = []
        self.in_vain = 0
        self.made = 0
        #: places where calls leave other tensors than they find, such as `self.hidden`: what holds each, by its identity and the key
        self.late: dict[tuple, Any] = {}

    def __call__(self, args: tuple, kwargs: dict) -> Any:
        if recording.recorder is not None or now.is_special:
            return self.apart(args, kwargs)
        for found in self.recordings:
            result = found.replay(args, kwargs)
            if result is not None:
                return result[0]
        if self.refused is not None or self.settings.get("disable"):
            return self.function(*args, **kwargs)
        return self.record(args, kwargs)

    def apart(self, args: tuple, kwargs: dict) -> Any:
        """The result of a call inside the recording of another function, of which it is a part, or under a stance."""
        if recording.recorder is not None or now.stance == "force_eager":
            if self.settings.get("disable"):
                recording.reads("a function that is not to be compiled")
            return self.function(*args, **kwargs)
        for found in self.recordings:
            result = found.replay(args, kwargs)
            if result is not None:
                return result[0]
        return unfitted(self, args, kwargs)

    def record(self, args: tuple, kwargs: dict) -> Any:
        """An ordinary call, listened to."""
        if plain_are_watched():
            return self.function(*args, **kwargs)
        try:
            reach = self.reached(args, kwargs)
        except Unrecorded as error:
            self.refuse(str(error), "")
            return self.function(*args, **kwargs)
        if self.recordings:
            self.history.append(f"recorded again, because this does not hold: {why(self.recordings[0], args, kwargs)}")
        recorder = Recorder(reach)
        result = recorder.listen(self.function, args, kwargs)
        if recorder.reason is None:
            self.keep(recorder, args, kwargs, result)
        elif recorder.is_late:
            pass
        elif recorder.looked or self.in_vain:
            self.refuse(recorder.reason, recorder.where)
        else:  # a first call may make what later ones find, such as an optimizer's state
            self.in_vain += 1
            self.history.append(f"not kept, because of {recorder.reason}")
        return result

    def reached(self, args: tuple, kwargs: dict) -> Reach:
        """What the function reaches."""
        try:
            return Reach(self.function, args, kwargs, self.late)
        except Shared as error:  # tensors that are arguments, and reached as well
            return Reach(self.function, args, kwargs, self.late, error.args[0])

    def keep(self, recorder: Recorder, args: tuple, kwargs: dict, result: Any) -> None:
        """Keep a recording whose conditions still hold after the call."""
        try:
            recorder.reach.settle(None if recorder.outside is None else recorder.outside.ran)
            if recorder.reach.changes_arguments():
                raise Unrecorded("a container among the arguments, which the call changes")
            made = Recording(recorder, result, self.settings if now.backend is None else self.settings | {"backend": now.backend})
        except Unrecorded as error:
            self.refuse(str(error), "")
            return
        changed = why(made, args, kwargs, but="._grad")
        if not changed:
            self.in_vain = 0
            recorder.reach.release()
            self.recordings = [made, *self.recordings[:KEPT - 1]]
            self.made += 1
            most = self.settings.get("recompile_limit") or MADE
            if self.made >= most:
                self.refuse(f"{most} recordings: something that it depends on changes too often", "")
            return
        self.history.append(f"not kept, because the call changed what it depends on: {changed}")
        moved = recorder.reach.moved()
        if moved and not moved.keys() <= self.late.keys():
            self.late |= moved
            return
        self.in_vain += 1
        if self.in_vain >= ATTEMPTS:
            self.refuse(f"what every call changes, and the next one depends on ({changed})", "")

    def refuse(self, reason: str, where: str) -> None:
        """Leave the function to run as written, with one warning; an error under `fullgraph=True`."""
        text = f"torch.compile: {getattr(self.function, '__name__', 'the function')} runs as written, because of {reason}" \
            + (f", at {where}" if where else "")
        if self.settings.get("fullgraph"):
            from .._dynamo.exc import Unsupported
            raise Unsupported(text)
        self.refused = text
        warn_user(text)


def after_fork() -> None:
    """In a forked child the threads do not exist that recorded or replayed a call: their recorder goes, and what they have locked."""
    mine, other = threading.get_ident(), recording.recorder
    if other is not None and other.thread != mine:
        recording.recorder, capture.ALONE = None, threading.Lock()
        if other.watch in watchers:
            watchers.remove(other.watch)
    for work in list(everything):
        work.recordings = [made for made in work.recordings if not made.is_busy()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)

