"""The sum of all numbers in the order of additions of PyTorch's CPU kernels, on vectors of 32 bytes.

A printed loss is such a sum, and `print(loss.item())` shows its last bit. The numbers are read as vectors, four of them side by side;
each of these strands is summed in runs of 16, and the strands, the vector's lanes and what fills no vector are added at the end. Found
by reading how such kernels are built and comparing bits.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .column_sums import in_runs
from .native import is_native
from .parallel import get_num_threads

STRANDS = 4
#: numbers for which PyTorch's kernels take another thread
GRAIN = 32768
#: Fewer numbers than this are summed plainly, because four more calls would cost more than the rest of the operation, and so are more
#: than this where there is no kernel for them, because this order takes NumPy four times as long as its own.
FEW, MANY = 32, 131072


def in_this_order(x: Any) -> bool:
    """Whether the sum of a contiguous array of float32 or float64 is best taken in PyTorch's order."""
    return x.size <= MANY or is_native(x)


def sum_of_all(x: Any) -> Any:
    """The sum of a contiguous vector of float32 or float64; a NumPy number."""
    if x.size < FEW or not in_this_order(x):
        return np.add.reduce(x)
    if x.size < GRAIN:
        return sum_of_part(x, strands(x))
    # Each thread's part has its own sum; these are few enough to be added one after the other.
    length = -(-x.size // min(get_num_threads(), -(-x.size // GRAIN)))
    parts = [x[start:start + length] for start in range(0, x.size, length)]
    if is_native(x):
        from .row_sums_native import strands_of_parts
        tables = strands_of_parts(x, length, len(parts), STRANDS * 32 // x.itemsize)
    else:
        tables = [strands(part) for part in parts]
    return np.add.accumulate([sum_of_part(part, table) for part, table in zip(parts, tables)])[-1]


def strands(x: Any) -> Any:
    """The sums of the strands, each of whole vectors side by side, but for what fills no four vectors."""
    width = STRANDS * 32 // x.itemsize
    return in_runs(x[:x.size // width * width].reshape(-1, width))


def sum_of_part(x: Any, table: Any) -> Any:
    """What one thread of PyTorch's sums, of which the strands are summed already."""
    lanes = 32 // x.itemsize
    vectors = x.size // lanes
    whole = vectors - vectors % STRANDS
    sums = table.reshape(STRANDS, lanes)
    if whole < vectors:
        sums = np.concatenate([sums[:1], x[whole * lanes:vectors * lanes].reshape(-1, lanes), sums[1:]])
    lane_sums = np.add.reduce(sums, 0)
    rest = x[vectors * lanes:]
    return np.add.accumulate(np.concatenate([rest, lane_sums]) if rest.size else lane_sums)[-1]
