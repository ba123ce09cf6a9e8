"""Settings of the whole program: threads, precision, determinism."""
from __future__ import annotations

import warnings
from typing import Any

from .backends.parallel import get_num_threads, set_num_threads

__all__ = ["are_deterministic_algorithms_enabled", "get_float32_matmul_precision", "get_num_interop_threads", "get_num_threads",
           "is_deterministic_algorithms_warn_only_enabled", "set_flush_denormal", "set_float32_matmul_precision", "set_num_interop_threads",
           "set_num_threads", "set_warn_always", "use_deterministic_algorithms", "is_warn_always_enabled"]

_state: dict[str, Any] = {"matmul": "highest", "deterministic": False, "warn_only": False, "interop": 1, "warn_always": False}


def get_float32_matmul_precision() -> str:
    """How exactly float32 matrices are multiplied: "highest", "high" or "medium"."""
    return _state["matmul"]


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less exact products; the CPU's are always exact to float32."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has no effect.",
                      stacklevel=2)
        return
    _state["matmul"] = precision


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same bits at every run; all operations here give them anyway."""
    _state["deterministic"], _state["warn_only"] = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether determinism was asked for."""
    return bool(_state["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether determinism was asked for with warn_only."""
    return bool(_state["warn_only"])


def get_num_interop_threads() -> int:
    """The number of operations that run at one time."""
    return int(_state["interop"])


def set_num_interop_threads(number: int) -> None:
    """Accepted for programs that set it: operations run one after the other."""
    if number <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _state["interop"] = number


def set_flush_denormal(mode: bool) -> bool:
    """Whether tiny numbers were made zero: NumPy cannot, so False."""
    return False


def set_warn_always(b: bool) -> None:
    """Ask that warnings repeat; Python's filters decide here."""
    _state["warn_always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """Whether `set_warn_always` was asked for."""
    return bool(_state["warn_always"])
