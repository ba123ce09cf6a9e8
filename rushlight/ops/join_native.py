"""Arrays joined side by side in machine code: the threads share the rows."""
from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.multiply import address
from ..backends.llvm.rows import RowKernel, Rows


def write(c: Rows) -> None:
    """[out], its width, how many arrays, then for each array its address, its width, and where it begins in a row of out."""
    out, width, count = c.pointer("%arguments", 0), c.word("%arguments", 1), c.word("%arguments", 2)
    with c.loop("%start", "%stop") as i, c.loop(0, count) as k:
        place = c.plus(c.times(k, 3), 3)
        own = c.word("%arguments", c.plus(place, 1))
        source = c.at(c.pointer("%arguments", place), c.times(i, own))
        target = c.at(out, c.plus(c.times(i, width), c.word("%arguments", c.plus(place, 2))))
        c.over(own, lambda p: p.store(p.load(source), target))


@cache
def kernel() -> RowKernel:
    return RowKernel(write)


def joined(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate of float32 arrays without gaps. Raises ValueError, as that does, where another size than dim's differs."""
    shape = list(arrays[0].shape)
    for a in arrays:
        if a.ndim != len(shape) or [*a.shape[:dim], *a.shape[dim + 1:]] != [*shape[:dim], *shape[dim + 1:]]:
            raise ValueError("all sizes but that of the joined dimension must be equal")
    shape[dim] = sum([a.shape[dim] for a in arrays])
    out = np.empty(shape, np.float32)
    rows = 1
    for n in shape[:dim]:
        rows *= n
    words, begin = [len(arrays)], 0
    for a in arrays:
        words += [address(a), a.size // rows, begin]
        begin += a.size // rows
    kernel()(rows, out.size // rows, (out,), words)
    return out
