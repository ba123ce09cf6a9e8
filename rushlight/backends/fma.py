"""a * b + c, rounded once."""
from __future__ import annotations

from typing import Any

import numpy as np

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def fma(a: Any, b: Any, c: Any, out: Any = None) -> Any:
    """a * b + c for arrays and Python's numbers; of float32 rounded once, as a processor's fused instruction does it.

    Doubles hold a product of float32 numbers, and the sum so nearly always that float32 has the same bits.
    """
    if np.result_type(a, b, c) is not SINGLE:
        return np.add(np.multiply(a, b), c, out)
    a, b, c = [np.float32(value) if value.__class__ is float else value for value in (a, b, c)]
    total = np.multiply(a, b, dtype=DOUBLE)
    if out is not None:
        return np.add(total, c, out)
    # In the product's memory, where it fits: new memory takes longer than the sum.
    total = np.add(total, c, total if total.ndim and total.shape == c.shape else None)
    return total.astype(SINGLE)
