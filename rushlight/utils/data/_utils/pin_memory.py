"""Batches in memory that a device can read directly."""
from __future__ import annotations

from typing import Any

from ....core.program import warn_user
from .collate import rebuilt


def pin_memory(data: Any, device: Any = None) -> Any:
    """The data with `pin_memory()` called on whatever has that method, at any depth of containers."""
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    return data if isinstance(data, (str, bytes)) else rebuilt(data, pin_memory)


def can_pin(wanted: bool, device: str) -> bool:
    """Whether batches shall be pinned: if that is wanted and there is a device to pin them for. Warns where there is none."""
    if not wanted:
        return False
    if device:
        warn_user("pin_memory_device is deprecated, the current accelerator will be used as the device,"
                  f"ignore pin_memory_device='{device}'.")
    import rushlight
    if rushlight.cuda.is_available():
        return True
    warn_user("'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.")
    return False
