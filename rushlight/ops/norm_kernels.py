"""The arithmetic of normalisation on arrays: a table's rows to mean 0 and variance 1, and back.

A table is cut into blocks of rows that stay in the cache through all steps, and the blocks go to several threads. Row sums are products
with a vector of ones, which BLAS does several times faster than a reduction. With m and r the mean of a row and 1 / sqrt(variance + eps),
h the gradient of the normalised row and n its length, the gradient by x is

    r h - r^3 (sum(h (x - m)) / n) (x - m) - r sum(h) / n

which is `h * a + (x - m) * b + c` with three numbers for each row.
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


def of(value: Any, rows: slice) -> Any:
    """The part of a row (1, width), which is the same for all rows, or of a column (rows, 1) or table."""
    return value if len(value) == 1 else value[rows]


def row_sums(x: Any) -> Any:
    """The sums of the rows, as a column."""
    return np.matmul(x, np.ones((x.shape[1], 1), x.dtype))


def row_dots(x: Any, y: Any) -> Any:
    """The sums of x * y over the rows, as a column."""
    return np.vecdot(y, x)[:, None]


def normalised_rows(x: Any, weight: Any, bias: Any, eps: float) -> tuple:
    """weight * (x - mean) / sqrt(variance + eps) + bias for each row of a table; the means; and 1 / sqrt(variance + eps).

    weight and bias are rows, or None.
    """
    def finish(part: Any, rows: slice, scale: Any) -> None:
        part *= scale
        if weight is not None:
            part *= weight
        if bias is not None:
            part += bias
    return standardised(x, eps, finish)


def normalised_groups(x: Any, weight: Any, bias: Any, eps: float, channels: int) -> tuple:
    """As `normalised_rows` for rows of so many equal parts; weight and bias, or None, have a number for each part of each row."""
    def finish(part: Any, rows: slice, scale: Any) -> None:
        parts = part.reshape(len(part), channels, part.shape[1] // channels)
        parts *= (scale if weight is None else scale * of(weight, rows))[:, :, None]
        if bias is not None:
            parts += of(bias, rows)[:, :, None]
    return standardised(x, eps, finish)


def standardised(x: Any, eps: float, finish: Callable) -> tuple:
    """finish(x - mean, rows, 1 / sqrt(variance + eps)) for blocks of rows, in place; with the means and the scales."""
    out = np.empty(x.shape, x.dtype)
    means, scales = np.empty((len(x), 1), x.dtype), np.empty((len(x), 1), x.dtype)
    count = x.dtype.type(max(x.shape[1], 1))

    def work(rows: slice) -> None:
        mean = row_sums(x[rows]) / count
        part = np.subtract(x[rows], mean, out=out[rows])
        scale = 1 / np.sqrt(row_dots(part, part) / count + x.dtype.type(eps))
        means[rows], scales[rows] = mean, scale
        finish(part, rows, scale)
    by_blocks(x.shape[0], x.shape[1], work)
    return out, means, scales


def rows_backward(g: Any, x: Any, weight: Any, means: Any, scales: Any) -> tuple:
    """The gradients of `normalised_rows` by x, weight and bias, for a weight with a number for each place in a row, or None."""
    out = np.empty(x.shape, x.dtype)
    count = x.dtype.type(max(x.shape[1], 1))
    parts: list = []

    def work(rows: slice) -> None:
        here, scale, shifted = g[rows], scales[rows], x[rows] - means[rows]
        h = np.multiply(here, weight, out=out[rows]) if weight is not None else here
        b = scale ** 3 * row_dots(h, shifted) / -count
        c = row_sums(h) * scale / -count
        total = np.multiply(h, scale, out=out[rows])
        product = here * shifted
        parts.append((rows.start, np.matmul(scale.T, product), np.matmul(np.ones((1, len(here)), g.dtype), here)))
        shifted *= b
        total += shifted
        total += c
    by_blocks(x.shape[0], x.shape[1], work)
    return out, *added(parts, x)


def added(parts: list, x: Any) -> tuple:
    """The sums over all blocks, in the order of the rows: threads finish in any order, and sums must not depend on it."""
    if not parts:
        return np.zeros((1, x.shape[1]), x.dtype), np.zeros((1, x.shape[1]), x.dtype)
    parts.sort(key=lambda part: part[0])
    return sum([part[1] for part in parts]), sum([part[2] for part in parts])


def combined(g: Any, a: Any, x: Any, m: Any, b: Any, c: Any) -> Any:
    """g * a + (x - m) * b + c, with numbers for each row (columns) or each place in a row (rows)."""
    out = np.empty(x.shape, x.dtype)

    def work(rows: slice) -> None:
        part = np.subtract(x[rows], of(m, rows), out=out[rows])
        part *= of(b, rows)
        part += g[rows] * of(a, rows)
        part += of(c, rows)
    by_blocks(x.shape[0], x.shape[1], work)
    return out


def scaled(x: Any, m: Any, a: Any, bias: Any) -> Any:
    """(x - m) * a + bias, with numbers for each row (columns) or each place in a row (rows); bias may be None."""
    out = np.empty(x.shape, x.dtype)

    def work(rows: slice) -> None:
        part = np.subtract(x[rows], of(m, rows), out=out[rows])
        part *= of(a, rows)
        if bias is not None:
            part += of(bias, rows)
    by_blocks(x.shape[0], x.shape[1], work)
    return out


def shifted_dots(g: Any, x: Any, m: Any) -> Any:
    """The sums of g * (x - m) over the rows, as a column."""
    out = np.empty((len(x), 1), x.dtype)

    def work(rows: slice) -> None:
        part = x[rows] - of(m, rows)
        out[rows] = row_dots(part, part if g is None else g[rows])
    by_blocks(x.shape[0], x.shape[1], work)
    return out
