"""What makes a kernel in machine code stop a whole run of kernels: numbers for the errors that it means."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: the errors by number, from 1: each a function of the value that was wrong
errors: list[Callable[[int], Exception]] = []


def number_of(error: Callable[[int], Exception]) -> int:
    """A number for an error, which a kernel writes into the first word of `parallel.inside.abort`; the wrong value goes into the second."""
    errors.append(error)
    return len(errors)


def raise_error(abort: Any) -> None:
    """Raise what the two words say, and clear them."""
    number, wrong = int(abort[0]), int(abort[1])
    abort[:] = 0
    raise errors[number - 1](wrong)
