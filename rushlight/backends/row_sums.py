"""The sum of all numbers in the order of additions of PyTorch's CPU kernels, on vectors of 32 bytes.

A printed loss is such a sum, and `print(loss.item())` shows its last bit. The numbers are read as vectors, four of them side by side;
each of these strands is summed in runs of 16, and the strands, the vector's lanes and what fills no vector are added at the end. Found
by reading how such kernels are built and comparing bits.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .column_sums import in_runs
from .parallel import get_num_threads

STRANDS = 4
#: numbers for which PyTorch's kernels take another thread
GRAIN = 32768
#: Fewer numbers than this are summed plainly, because four more calls would cost more than the rest of the operation, and so are more
#: than this, because this order takes NumPy four times as long as its own.
FEW, MANY = 32, 131072


def sum_of_all(x: Any) -> Any:
    """The sum of a contiguous vector of float32 or float64; a NumPy number."""
    if x.size < FEW or x.size > MANY:
        return np.add.reduce(x)
    parts = 1 if x.size < GRAIN else min(get_num_threads(), -(-x.size // GRAIN))
    if parts < 2:
        return sum_of_part(x)
    # Each thread's part has its own sum; these are few enough to be added one after the other.
    length = -(-x.size // parts)
    return np.add.accumulate(np.array([sum_of_part(x[part * length:(part + 1) * length]) for part in range(parts)]))[-1]


def sum_of_part(x: Any) -> Any:
    """What one thread of PyTorch's sums."""
    lanes = 32 // x.itemsize
    vectors = x.size // lanes
    whole = vectors - vectors % STRANDS
    sums = in_runs(x[:whole * lanes].reshape(-1, STRANDS, lanes))
    if whole < vectors:
        sums = np.concatenate([sums[:1], x[whole * lanes:vectors * lanes].reshape(-1, lanes), sums[1:]])
    lane_sums = np.add.reduce(sums, 0)
    rest = x[vectors * lanes:]
    return np.add.accumulate(np.concatenate([rest, lane_sums]) if rest.size else lane_sums)[-1]
