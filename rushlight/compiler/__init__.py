"""torch.compiler: `torch.compile` and what programs say to it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compiling import BACKENDS, OptimizedModule, compile

__all__ = ["OptimizedModule", "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
           "is_dynamo_compiling", "is_exporting", "list_backends", "reset", "set_stance"]

def disable(fn: Callable | None = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function, which is never compiled; without a function a decorator."""
    return fn if fn is not None else lambda function: function


def reset() -> None:
    """Forgets what was compiled."""


def is_compiling() -> bool:
    """Whether this code runs to be captured."""
    return False


def is_dynamo_compiling() -> bool:
    """`is_compiling`, by its other name."""
    return False


def is_exporting() -> bool:
    """Whether this code runs to be exported: never."""
    return False


def list_backends(exclude_tags: tuple = ("debug", "experimental")) -> list[str]:
    """The names that `compile` takes as its backend."""
    return sorted(BACKENDS)


def allow_in_graph(fn: Any) -> Any:
    """The function or functions: every function may be captured."""
    return fn


def assume_constant_result(fn: Callable) -> Callable:
    """The function: its result is computed at every call."""
    return fn


def cudagraph_mark_step_begin() -> None:
    """Says that a new step begins, which nothing here depends on."""


class set_stance:
    """Says how compiled functions run from here on, or in a `with` block; they run as written in every stance."""

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None):
        self.stance = stance

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        return function
