"""The arithmetic of normalisation on arrays: a table's rows, or its columns, to mean 0 and variance 1, and back.

A table is cut into blocks of rows that stay in the cache through all steps, and the blocks go to several threads. Row sums are products
with a vector of ones: BLAS adds short rows several times faster than a reduction does.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.parallel import parallel_for

#: numbers in one block: a block and its temporaries fit into one core's second-level cache
BLOCK = 1 << 15
#: numbers per thread below which a second thread costs more than it saves
GRAIN = 1 << 16


def by_blocks(rows: int, width: int, work: Callable[[slice], None]) -> None:
    """Call work(slice) for blocks of rows that together are all rows."""
    step = max(BLOCK // max(width, 1), 1)
    if rows <= step:
        work(slice(0, rows))
        return

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            work(slice(begin, min(begin + step, stop)))
    parallel_for(rows, max(GRAIN // max(width, 1), 1), run)


def row_means(x: Any) -> Any:
    """The means of the rows, as a column."""
    return np.matmul(x, np.full((x.shape[1], 1), 1 / max(x.shape[1], 1), x.dtype))


def row_dots(x: Any, y: Any) -> Any:
    """The sums of x * y over the rows, as a column."""
    return np.einsum("ij,ij->i", x, y)[:, None]


def normalised_rows(x: Any, weight: Any, bias: Any, eps: float) -> tuple:
    """weight * (x - mean) / sqrt(variance + eps) + bias for each row of a table; the means; and 1 / sqrt(variance + eps).

    weight and bias are a row, or a column that has a number for each row of the table, or None.
    """
    out = np.empty(x.shape, x.dtype)
    means, scales = np.empty((len(x), 1), x.dtype), np.empty((len(x), 1), x.dtype)

    def work(rows: slice) -> None:
        part, mean = x[rows], row_means(x[rows])
        shifted = np.subtract(part, mean, out=out[rows])
        scale = 1 / np.sqrt(row_dots(shifted, shifted) / x.dtype.type(max(x.shape[1], 1)) + x.dtype.type(eps))
        shifted *= scale
        if weight is not None:
            shifted *= weight if len(weight) == 1 else weight[rows]
        if bias is not None:
            shifted += bias if len(bias) == 1 else bias[rows]
        means[rows], scales[rows] = mean, scale
    by_blocks(x.shape[0], x.shape[1], work)
    return out, means, scales


def normalised_rows_backward(g: Any, x: Any, weight: Any, means: Any, scales: Any) -> Any:
    """The gradient by x: scale * (h - mean(h) - y mean(h y)) with h = g * weight and y the normalised row."""
    out = np.empty(x.shape, x.dtype)

    def work(rows: slice) -> None:
        y = (x[rows] - means[rows]) * scales[rows]
        h = out[rows]
        if weight is None:
            h[...] = g[rows]
        else:
            np.multiply(g[rows], weight if len(weight) == 1 else weight[rows], out=h)
        mean = row_means(h)
        y *= row_dots(h, y) / x.dtype.type(x.shape[1])
        h -= mean
        h -= y
        h *= scales[rows]
    by_blocks(x.shape[0], x.shape[1], work)
    return out


def column_gradients(g: Any, x: Any, means: Any, scales: Any) -> tuple:
    """Of a weight and a bias that are rows: the sums over the rows of g * y and of g, with y the normalised rows."""
    parts: list = []

    def work(rows: slice) -> None:
        y = x[rows] - means[rows]
        y *= scales[rows]
        y *= g[rows]
        parts.append((rows.start, np.add.reduce(y, axis=0), np.matmul(np.ones(len(y), g.dtype), g[rows])))
    by_blocks(x.shape[0], x.shape[1], work)
    parts.sort(key=lambda part: part[0])  # threads finish in any order, and sums must not depend on it
    return sum([part[1] for part in parts]), sum([part[2] for part in parts])
