"""What a call does outside of tensors: a recorded call is watched for functions that act on the world, or that give something else at each call.

A replay would not print, nor read the clock, nor draw Python's random numbers. While a call is recorded, a profile function sees every call
of a function that is written in C: the program's way to all of these. What the library and the modules that it imports do themselves does not count.
"""
from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

#: modules whose functions and methods act or change, by what is said of them
ACTS = {"time": "the clock", "datetime": "the clock", "_random": "Python's random numbers", "_io": "a file", "posix": "the operating system",
        "nt": "the operating system", "io": "a file", "_secrets": "random numbers", "_queue": "a queue", "_socket": "a connection",
        "_warnings": "a warning"}
#: the same for single functions of other modules
FUNCTIONS = {"print": "printing", "input": "reading input", "open": "a file"}
#: functions of those modules that give the same at each call, or that no program notices
HARMLESS = frozenset({"fspath", "getpid", "get_ident", "isatty"})


class Watch:
    """The profile function of one recorded call, `look`: it notes the codes of the frames that run, and reports what acts outside, in a few words."""

    def __init__(self, report: Callable[[str], None]):
        self.report = report
        self.ran: set = set()

    def look(self, frame: Any, event: str, function: Any) -> None:
        if event == "call":
            self.ran.add(frame.f_code)
        elif event == "c_call" and not frame.f_globals.get("__name__", "").startswith("rushlight."):
            what = acting(function)
            if what is not None and is_programs(frame):
                self.report(what)

    def look_away(self, function: Callable, *args: Any) -> Any:
        """function(*args), which is the library's own work: to look at each of its calls would double the time of a first step."""
        if sys.getprofile() != self.look:  # the program measures
            return function(*args)
        sys.setprofile(None)
        try:
            return function(*args)
        finally:
            sys.setprofile(self.look)


@contextmanager
def watched(report: Callable[[str], None], sources: list) -> Iterator[Watch | None]:
    """The watch over what happens in the block. None where somebody else measures: a second profile function would end that.

    `sources` are NumPy's generators of random numbers.
    """
    if sys.getprofile() is not None:
        yield None
        return
    watch = Watch(report)
    before = states(sources)
    sys.setprofile(watch.look)
    try:
        yield watch
    finally:
        sys.setprofile(None)
    if states(sources) != before:
        report("NumPy's random numbers")


def acting(function: Any) -> str | None:
    """What a function that is written in C does outside; None for one that computes."""
    owner, name = getattr(function, "__self__", None), function.__name__
    if owner is None or isinstance(owner, ModuleType):
        module = function.__module__ or ""
        return FUNCTIONS.get(name) if module in ("builtins", "_io") else None if name in HARMLESS else ACTS.get(module)
    owners = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    return next((ACTS[cls.__module__] for cls in owners if cls.__module__ in ACTS), None)


def is_programs(frame: Any) -> bool:
    """Whether the program is behind a call, and not the library, an import, or what Python does in between: collecting garbage."""
    between = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if frame.f_code in between or frame.f_code.co_name == "__del__":
            return False
        if module in ("rushlight", "_frozen_importlib", "importlib"):
            return False
        if module not in sys.stdlib_module_names:
            return module not in ("numpy", "ml_dtypes", "llvmlite") and not looks_for_module(frame)
        frame = frame.f_back
    return True


def looks_for_module(frame: Any) -> bool:
    """Whether a frame belongs to a finder of `sys.meta_path`, by which a program takes part in imports, also in those of the library."""
    while frame is not None and frame.f_back is not None:
        caller = str(frame.f_back.f_globals.get("__name__", "")).partition(".")[0]
        if frame.f_code.co_name == "find_spec" and caller in ("_frozen_importlib", "importlib"):
            return True
        frame = frame.f_back
    return False


def states(sources: list) -> list[str]:
    """The states of generators of NumPy's, and of its own one if it is there."""
    numbers = sys.modules.get("numpy.random")
    own = [] if numbers is None else [numbers.mtrand._rand]
    return [repr(source.bit_generator.state if hasattr(source, "bit_generator") else state_of(source)) for source in [*own, *sources]]


def state_of(source: Any) -> Any:
    """The state of a RandomState, or of what generators draw from."""
    return source.get_state(legacy=False) if hasattr(source, "get_state") else getattr(source, "state", None)
