"""Attention on arrays, a block of query rows at a time: the table of all weights is never whole in memory.

For a block of rows, `s = q k^T scale + mask`, `p = exp(s - m) / sum` with m the rows' maxima, and `out = p v`. What is kept for the
gradient is the logarithm of each row's sum, L: then p is exp(s - L), and with g the gradient of out

    dv = p^T g        ds = p * (g v^T - sum(g * out))        dq = ds k scale        dk = ds^T q scale

Source: Dao et al., FlashAttention, 2022.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.parallel import parallel_for

#: weights in one block, so that they stay in the cache, and weights for each thread
BLOCK, GRAIN = 1 << 17, 1 << 17


def by_blocks(heads: int, rows: int, keys: int, work: Callable[[slice, slice], None]) -> None:
    """Call work(heads, rows) for blocks that together are all rows of all heads; the rows of one head stay with one thread."""
    step = min(max(BLOCK // max(keys, 1), 16), max(rows, 1))
    group = max(BLOCK // max(rows * keys, 1), 1)

    def run(start: int, stop: int) -> None:
        for head in range(start, stop, group):
            for row in range(0, rows, step):
                work(slice(head, min(head + group, stop)), slice(row, min(row + step, rows)))
    parallel_for(heads, max(GRAIN // max(rows * keys, 1), 1), run)


def scores(q: Any, k: Any, mask: Any, heads: slice, rows: slice, seen: int, scale: float, causal: bool) -> Any:
    """q k^T scale + mask for a block; where it is causal, the keys behind a row's own place are -inf."""
    s = np.matmul(q[heads, rows], k[heads, :seen].swapaxes(1, 2))
    s *= s.dtype.type(scale)
    if mask is not None:
        part = mask[heads if len(mask) > 1 else slice(None), rows if mask.shape[1] > 1 else slice(None), :seen]
        if part.dtype.kind == "b":
            np.copyto(s, -np.inf, where=~part)
        else:
            s += part
    if causal:
        np.copyto(s, -np.inf, where=np.arange(seen) > np.arange(rows.start, rows.stop)[:, None])
    return s


def visible(rows: slice, keys: int, causal: bool) -> int:
    """How many keys a block of rows can see."""
    return min(rows.stop, keys) if causal else keys


def attended(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool) -> tuple:
    """softmax(q k^T scale + mask) v for tables (heads, rows, width), and the logarithms of the rows' sums. A row without keys gives 0."""
    out = np.empty((*q.shape[:2], v.shape[2]), q.dtype)
    logs = np.empty((*q.shape[:2], 1), q.dtype)
    keys = k.shape[1]

    def work(heads: slice, rows: slice) -> None:
        seen = visible(rows, keys, causal)
        s = scores(q, k, mask, heads, rows, seen, scale, causal)
        top = s.max(-1, keepdims=True, initial=-np.inf)
        np.copyto(top, 0, where=np.isinf(top))
        s -= top
        np.exp(s, s)
        total = np.matmul(s, np.ones((seen, 1), s.dtype))
        part = np.matmul(s, v[heads, :seen])
        empty = total == 0
        np.divide(part, np.where(empty, 1, total), out=out[heads, rows])
        # A row without keys gets +inf, so that exp(s - log) is 0.
        logs[heads, rows] = np.where(empty, np.inf, top + np.log(total))
    by_blocks(q.shape[0], q.shape[1], keys, work)
    return out, logs


def attended_backward(g: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, logs: Any, scale: float, causal: bool, by_mask: bool) -> tuple:
    """The gradients by q, k, v and, if wanted, the mask (for all heads, rows and keys)."""
    dq, dk, dv = np.empty_like(q), np.zeros_like(k), np.zeros_like(v)
    keys = k.shape[1]
    dmask = np.zeros((*q.shape[:2], keys), q.dtype) if by_mask else None
    shares = np.einsum("hij,hij->hi", g, out)[..., None]

    def work(heads: slice, rows: slice) -> None:
        seen = visible(rows, keys, causal)
        p = scores(q, k, mask, heads, rows, seen, scale, causal)
        p -= logs[heads, rows]
        np.exp(p, p)
        here = g[heads, rows]
        dv[heads, :seen] += np.matmul(p.swapaxes(1, 2), here)
        ds = np.matmul(here, v[heads, :seen].swapaxes(1, 2))
        ds -= shares[heads, rows]
        ds *= p
        if dmask is not None:
            dmask[heads, rows, :seen] = ds
        ds *= ds.dtype.type(scale)
        np.matmul(ds, k[heads, :seen], out=dq[heads, rows])
        dk[heads, :seen] += np.matmul(ds.swapaxes(1, 2), q[heads, rows])
    by_blocks(q.shape[0], q.shape[1], keys, work)
    return (dq, dk, dv, dmask) if by_mask else (dq, dk, dv)
