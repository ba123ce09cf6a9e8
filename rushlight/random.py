"""The default random stream: its seed and its state."""
from __future__ import annotations

from typing import Any

from .core.generator import Generator, default_generator

__all__ = ["default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


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
