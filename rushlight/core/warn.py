"""Warnings that PyTorch gives once in a program, however often their cause recurs."""
from __future__ import annotations

import warnings

_given: set = set()


def warn_once(message: str, stacklevel: int = 2) -> None:
    """Give a warning unless it was given before. `stacklevel` counts from the caller, as in warnings.warn."""
    if message not in _given:
        _given.add(message)
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)
