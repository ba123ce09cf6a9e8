"""Where in a model a call failed: the note that is added to an error on its way up through the modules."""
from __future__ import annotations

import os
from types import FrameType
from typing import Any

from ..core.program import LIBRARY, users_frame

#: What the library raises for bad input.
ERRORS = (RuntimeError, ValueError, TypeError, IndexError)


class Trail:
    """The way from the module that failed up to the outermost one that was called, as far as it is known."""

    def __init__(self, module: Any, args: tuple):
        self.outermost = module
        self.path = ""
        self.text = f"({module._get_name()}({module.extra_repr()})"
        shapes = [str(list(arg.shape)) for arg in args if hasattr(arg, "_array") and hasattr(arg, "shape")]
        self.given = f", given a Tensor of shape {' and '.join(shapes)}" if shapes else ""
        self.called_at = ""
        self.note = ""


def add_module_path(error: Exception, module: Any, args: tuple) -> None:
    """Says in the error which module failed. Called once per module on the way up; each call makes the path more complete.

    Errors that the user's own code raises are left alone.
    """
    trail = getattr(error, "_module_trail", None)
    if trail is None:
        if not _raised_by_library(error):
            return
        trail = error._module_trail = Trail(module, args)  # type: ignore[attr-defined]
    elif trail.outermost is not module:
        name = next((name for name, below in module.named_modules() if below is trail.outermost), None)
        trail.path = "." + (name or trail.outermost._get_name()) + trail.path
        trail.outermost = module
    _put_note(error, trail, users_frame())


def _put_note(error: Exception, trail: Trail, frame: FrameType | None) -> None:
    if not trail.called_at and frame is not None:
        trail.called_at = f", called at {os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    root = _name_of(trail.outermost, frame) or trail.outermost._get_name()
    note = f"  in {root}{trail.path} {trail.text}){trail.called_at}{trail.given}"
    old, trail.note = trail.note, note
    if hasattr(error, "add_note"):
        notes = getattr(error, "__notes__", [])
        if old in notes:
            notes[notes.index(old)] = note
        else:
            error.add_note(note)
    elif error.args and isinstance(error.args[0], str):  # Python 3.10 has no notes
        text = error.args[0].replace("\n" + old, "") if old else error.args[0]
        error.args = (text + "\n" + note, *error.args[1:])


def _raised_by_library(error: Exception) -> bool:
    """Whether the code that raised the error is the library's, not the user's."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and _is_library(at.tb_frame)


def _is_library(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] == LIBRARY


def _name_of(module: Any, frame: FrameType | None) -> str | None:
    """The variable by which the caller knows the module."""
    if frame is None:
        return None
    for names in (frame.f_locals, frame.f_globals):
        for name, value in names.items():
            if value is module and name != "self":
                return name
    return None
