"""The default random stream: its seed and its state."""
from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from .core.generator import Generator, default_generator, of_threads

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "thread_safe_generator"]


def manual_seed(seed: Any) -> Generator:
    """Start the default stream at a seed; returns the default generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start the default stream at a seed that nobody can foresee, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default stream began with."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the default stream, a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default stream into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Iterable | None = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices",
             device_type: str | None = None) -> Iterator[None]:
    """A context after which the default stream goes on as if nothing had been drawn inside; not if enabled is False.

    Raises AssertionError for CUDA devices where there are none.
    """
    if not enabled:
        yield
        return
    if devices:
        from .core.device import require_cpu
        require_cpu(device_type or "cuda")
    state = default_generator.state_bytes()
    try:
        yield
    finally:
        default_generator.load_state_bytes(state)


def thread_safe_generator() -> Generator | None:
    """The generator that a worker thread of a DataLoader draws from; None in all other threads, which draw from the default one."""
    return of_threads.get(threading.get_ident())
