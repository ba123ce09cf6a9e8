"""The names of PyTorch's C module that programs use; what they name is elsewhere."""
from __future__ import annotations

from typing import Any

_HOMES = {"_nn": ("rushlight.nn.functional", None), "_LinAlgError": ("rushlight.linalg", "LinAlgError"),
          "Generator": ("rushlight.core.generator", "Generator"), "Size": ("rushlight.core.size", "Size"),
          "device": ("rushlight.core.device", "device"), "dtype": ("rushlight.core.dtypes", "dtype")}


def __getattr__(name: str) -> Any:
    """A name, from its home (PEP 562)."""
    if name not in _HOMES:
        from rushlight.torch_alias import missing
        raise missing(__name__, name)
    from importlib import import_module
    home, inside = _HOMES[name]
    value = import_module(home)
    return value if inside is None else getattr(value, inside)
