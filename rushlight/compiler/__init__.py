"""torch.compiler: `torch.compile` and what programs say to it."""
from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from ..core import recording
from ..nn.module import Module
from ..torch_alias import module_getattr
from .compiled import everything
from .compiling import BACKENDS, OptimizedModule, compile
from .stance import set_stance

__all__ = ["OptimizedModule", "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "explain",
           "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "reset", "set_stance"]

__getattr__ = module_getattr(__name__, {"explain": "explaining"})


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function, or the module, that is never compiled, nor what calls it: a recording that meets it ends. Without one a decorator."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    if isinstance(fn, Module):
        return OptimizedModule(fn, {"disable": True})
    if isinstance(fn, type):
        return fn
    why = "a function that is not to be compiled" + (f" ({reason})" if reason else "")

    @functools.wraps(fn)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        recording.reads(why)
        return fn(*args, **kwargs)
    disabled._torchdynamo_disable = True  # type: ignore[attr-defined]
    return disabled


def reset() -> None:
    """Forgets what was compiled: every function is recorded anew when it is called."""
    for work in list(everything):
        work.reset()


def is_compiling() -> bool:
    """Whether this code runs to be recorded."""
    listening = recording.recorder
    return listening is not None and listening.thread == threading.get_ident() and listening.reason is None


def is_dynamo_compiling() -> bool:
    """`is_compiling`, by its other name."""
    return is_compiling()


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
