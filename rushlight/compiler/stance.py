"""The stance: how all compiled functions of the process run for a while."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core import recording

STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile", "aot_eager_then_compile")


class Now:
    """The stance there is. `is_special` is looked at by every call of a compiled function."""

    is_special = False
    stance = "default"
    backend: Any = None


now = Now()


def take(stance: str, backend: Any) -> None:
    """Make a stance the one there is."""
    now.stance, now.backend = stance, backend
    now.is_special = stance not in ("default", "eager_then_compile", "aot_eager_then_compile") or backend is not None


class set_stance:
    """Says how compiled functions run from here on; in a `with` block, or as a decorator, until its end.

    "default": calls are recorded and replayed; "force_eager": all run as written; "eager_on_recompile": what no recording fits runs as written;
    "fail_on_recompile": that is a RuntimeError. `force_backend` stands for the backend of every `compile`. The stances that end in
    "_then_compile" are as "default", where the first call runs as written in any case.
    """

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None):
        recording.reads("set_stance()")
        if force_backend is not None and stance != "default":
            raise RuntimeError("non-default stance cannot have force_backend set")
        self.before = now.stance, now.backend
        self.then = stance, force_backend
        take(*self.then)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        take(*self.before)

    def __call__(self, function: Callable) -> Callable:
        take(*self.before)
        stance, backend = self.then

        @functools.wraps(function)
        def with_stance(*args: Any, **kwargs: Any) -> Any:
            with set_stance(stance, force_backend=backend):
                return function(*args, **kwargs)
        return with_stance


def unfitted(work: Any, args: tuple, kwargs: dict) -> Any:
    """The result of a call that no recording fits, under a special stance."""
    if now.stance not in STANCES:
        raise RuntimeError(f"invalid torch.compile stance {now.stance!r}\n  stances are {', '.join(STANCES)}")
    if now.stance == "fail_on_recompile" and work.refused is None:
        code = getattr(work.function, "__code__", None) or getattr(getattr(type(work.function), "forward", None), "__code__", None)
        place = "" if code is None else f" filename: '{code.co_filename}', function name: '{code.co_name}', line number: {code.co_firstlineno}"
        raise RuntimeError(f"Detected recompile when torch.compile stance is 'fail_on_recompile'.{place}")
    if now.backend is not None and work.refused is None:
        from .compiling import check
        check(now.backend, None, None)
        return work.record(args, kwargs)
    return work.function(*args, **kwargs)
