"""Where in the program the library was called."""
from __future__ import annotations

import sys
import warnings
from types import FrameType

LIBRARY = __name__.partition(".")[0]


def users_frame() -> FrameType | None:
    """The innermost frame of the program's own code; None in a thread that has none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_passed(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def users_line() -> str:
    """The line of the program that called the library: file:line."""
    frame = users_frame()
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_passed(module: str) -> bool:
    """Whether a frame of this module is not the program's. Code that the library wrote itself has no module's name."""
    package = module.partition(".")[0]
    return not module or package == LIBRARY or package in sys.stdlib_module_names and module != "__main__"


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Give a warning at the line of the program that called the library, however many calls of the library lie between."""
    frame = users_frame()
    if frame is None:
        warnings.warn(message, category, stacklevel=2)
        return
    names = frame.f_globals
    warnings.warn_explicit(message, category, frame.f_code.co_filename, frame.f_lineno, names["__name__"],
                           names.setdefault("__warningregistry__", {}))
