"""Tools around training. Every module loads when it is first used: `torch.utils.data` needs no import of its own."""
from __future__ import annotations

from typing import Any

from ..torch_alias import missing, submodule


def __getattr__(name: str) -> Any:
    """A module of this folder, loaded on first use (PEP 562)."""
    if name.startswith("__"):
        raise missing(__name__, name)
    return submodule(__name__, name)
