"""Sums over the rows of a matrix, in the order of additions of PyTorch's CPU kernels on vectors of 32 bytes.

Bias gradients are such sums. A training run of hundreds of steps magnifies the last bit until other digits are printed, so the order is
part of the result. It is also the more exact one: sums of 16 rows are summed, not one row after the other. Found by comparing bits.
"""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .llvm import engine
from .native import MANY

#: rows that are summed one after the other
RUN = 16
LEVELS = 3
is_worthwhile = engine.Worthwhile()
#: fewer numbers are summed plainly: a handful of extra calls would cost more than the rest of the operation
FEW = 256


def column_sums(x: Any) -> Any:
    """x summed over its rows: (R, N) -> (N,)."""
    rows, columns = x.shape
    # Four vectors of 32 bytes side by side; of matrices too narrow for one vector, four columns.
    together = 128 // x.itemsize if columns >= 32 // x.itemsize else 4
    whole = columns - columns % together
    if x.size < FEW or rows < 4 or columns < 2 or x.dtype.kind != "f":
        return np.add.reduce(x, 0)
    if x.size < MANY and x.dtype == np.float32 and x.strides[1] == 4 and is_worthwhile():
        return kernel_of_small()(x, whole, RUN, LEVELS)
    zero = x.dtype.type(0)  # sums begin with it in PyTorch: of minus zeros alone they are plus zero
    if whole == columns:
        return in_runs(x) + zero
    rest = interleaved(x[:, whole:])
    return (rest if not whole else np.concatenate([in_runs(x[:, :whole]), rest])) + zero


@cache
def kernel_of_small() -> Any:
    """The function of small tables: an import statement would take as long as it does."""
    from .column_sums_native import small_sums
    return small_sums


def in_runs(x: Any) -> Any:
    """Sums over the first axis: runs of 16 rows, then runs of 16 such sums, and so on; what is left over at each level comes first."""
    left_over: list = []
    while len(x) >= RUN and len(left_over) < LEVELS:
        full = len(x) - len(x) % RUN
        left_over.append(np.add.reduce(x[full:], 0) if full < len(x) else None)
        x = run_sums(x[:full])
    total = None
    for part in (*left_over, np.add.reduce(x, 0) if len(x) else None):
        if part is not None:
            total = part if total is None else total + part
    return total


def run_sums(x: Any) -> Any:
    """The sums of every 16 rows."""
    if x.ndim == 2 and x.size >= MANY and x.dtype == np.float32 and x.strides[1] == 4 and engine.available():
        from . import column_sums_native
        return column_sums_native.run_sums(x, RUN)
    return np.add.reduce(x.reshape(len(x) // RUN, RUN, *x.shape[1:]), 1)


def interleaved(x: Any) -> Any:
    """Sums over the first axis of columns that fill no vector: four sums, of every fourth row each, are added at the end."""
    quarter = len(x) // 4
    sums = in_runs(x[:4 * quarter].reshape(quarter, 4, x.shape[1]))
    total = sums[0]
    for part in (*x[4 * quarter:], *sums[1:]):
        total = total + part
    return total
