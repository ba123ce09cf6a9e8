"""Rounded quotients and their remainders, where NumPy's differ from PyTorch's: at zero. `out` may be an argument's memory."""
from __future__ import annotations

from typing import Any

import numpy as np


def floor_divide(a: Any, b: Any, out: Any = None) -> Any:
    """a / b rounded down. NumPy's quotient of floats by zero is nan where PyTorch keeps the true quotient."""
    if a.dtype.kind not in "fV":
        return np.floor_divide(a, b, out)
    if np.count_nonzero(b) == b.size:
        return np.floor_divide(a, b, out)
    by_zero, quotient = b == 0, np.true_divide(a, b)
    out = np.asarray(np.floor_divide(a, b, out))
    np.copyto(out, quotient, where=by_zero)
    return out


def floor_divide_halves(a: Any, b: Any) -> Any:
    """a / b rounded down for float16 and bfloat16, every step rounded to the half, as PyTorch's kernels do."""
    one = a.dtype.type(1)
    rest, exact = np.fmod(a, b), np.true_divide(a, b)
    quotient = (a - rest) / b
    quotient = np.where((rest != 0) & ((rest < 0) != (b < 0)), quotient - one, quotient)
    down = np.floor(quotient)
    # The rounded steps may have missed the whole number by a unit in the last place.
    down = np.where(quotient - down > 0.5, down + one, down)
    down = np.where(quotient == 0, np.copysign(quotient, exact), down)
    return np.where(b == 0, exact, down)


def remainder(a: Any, b: Any, out: Any = None) -> Any:
    """a modulo b with the sign of b. A remainder of zero has the sign of a; NumPy's has that of b."""
    dividend = a.copy() if a is out else a
    out = np.remainder(a, b, out)
    if out.dtype.kind in "fV" and np.count_nonzero(out) < out.size:
        out = np.asarray(out)
        np.copysign(out, dividend, out=out, where=out == 0)
    return out
