"""The first step of row_sums.py in machine code: the strands of each thread's part of a float32 vector, to the bit."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .column_sums import LEVELS, RUN
from .column_sums_native import nested
from .llvm.rows import RowKernel, Rows

#: how many numbers ahead of the sums memory is fetched
AHEAD = 512


def write(c: Rows, columns: int) -> None:
    """[x, sums], 1, the numbers of x, those of a part: each part's strands, as the columns of a table without gaps.

    All vectors of a row are summed side by side, so that memory is read in order.
    """
    x, sums = (c.pointer("%arguments", k) for k in (0, 1))
    size, length = (c.word("%arguments", k) for k in (3, 4))
    places = range(0, columns, c.lanes)
    with c.loop("%start", "%stop") as part:
        first = c.at(x, c.times(part, length))
        rows = c.quotient(c.smaller(length, c.minus(size, c.times(part, length))), columns)

        def load(row: str) -> list[str]:
            here = [c.at(first, c.plus(c.times(row, columns), place)) for place in places]
            for pointer in here:
                c.prefetch(c.at(pointer, AHEAD))
            return [c.load(pointer) for pointer in here]
        for total, place in zip(nested(c, rows, RUN, LEVELS, len(places), load), places):
            c.store(total, c.at(sums, c.plus(c.times(part, columns), place)))


@cache
def kernel(columns: int) -> RowKernel:
    return RowKernel(lambda c: write(c, columns))


def strands_of_parts(x: Any, length: int, parts: int, columns: int) -> Any:
    """The sums of so many columns each of the parts of a float32 vector, which have `length` numbers but for the last."""
    sums = np.empty((parts, columns), np.float32)
    kernel(columns)(parts, 1, (x, sums), (x.size, length), rows=length)
    return sums
