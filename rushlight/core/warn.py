"""Warnings that PyTorch gives once in a program, however often their cause recurs."""
from __future__ import annotations

from .program import warn_user

_given: set = set()


def warn_once(message: str) -> None:
    """Give a warning at the line of the program that called the library, unless it was given before."""
    if message not in _given:
        _given.add(message)
        warn_user(message)
