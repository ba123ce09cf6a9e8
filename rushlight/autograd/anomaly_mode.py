"""Anomaly mode: every node remembers where it was made, and backward stops at the first nan."""
from __future__ import annotations

import warnings
from typing import Any

from ..core import apply as hot

_state = {"on": False, "check_nan": True}


def watch(op: Any, args: tuple, attrs: dict) -> Any:
    """Run the operation and note the user's line on its node."""
    import traceback
    result = hot.call_on(watch, op, args, attrs)
    for tensor in result if isinstance(result, tuple) else (result,):
        node = tensor._node
        if node is not None:
            (node.parent or node).special = True
            (node.parent or node).traceback = "".join(traceback.format_stack()[:-2])
    return result


def _switch(on: bool, check_nan: bool) -> None:
    _state.update(on=on, check_nan=check_nan)
    if on and watch not in hot.watchers:
        hot.watchers.append(watch)
    elif not on and watch in hot.watchers:
        hot.watchers.remove(watch)


class set_detect_anomaly:
    """Turn anomaly mode on or off, at once and, as a context, until its end."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self.previous = dict(_state)
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _switch(self.previous["on"], self.previous["check_nan"])


class detect_anomaly(set_detect_anomaly):
    """A context in which backward says which forward call an error or a nan belongs to."""

    def __init__(self, check_nan: bool = True):
        self.previous = dict(_state)
        self.check_nan = check_nan
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
                      stacklevel=2)

    def __enter__(self) -> None:
        self.previous = dict(_state)
        _switch(True, self.check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return _state["on"]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for nan."""
    return _state["check_nan"]
