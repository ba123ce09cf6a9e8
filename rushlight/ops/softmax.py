"""softmax and log_softmax, forward and backward, each as one kernel that works on rows while they are in the cache.

With m the maximum of a row, which keeps exp from overflowing:

    softmax(x)     = exp(x - m) / sum(exp(x - m))         its gradient  y * (g - sum(g * y))
    log_softmax(x) = x - m - log(sum(exp(x - m)))         its gradient  g - exp(y) * sum(g)
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import is_native
from ..backends.parallel import get_num_threads, parallel_for
from ..core.apply import apply
from ..core.op import Op, kernel
from ..core.samples import along
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

#: numbers in one piece of work: its arrays fit into one core's second-level cache
PIECE = 65536
#: the same where threads share the work, who wait for the interpreter's lock after every call
PARALLEL_PIECE = 4 * PIECE
#: numbers per thread below which a second thread costs more than it saves
GRAIN = 65536
#: numbers below which a few calls on the whole array are fastest
SMALL = 4096


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along dim: positive numbers that add up to 1."""
    if dtype is not None:
        input = input.to(dtype)
    return apply(SOFTMAX, input, dim=_checked("softmax", input, dim))


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), exact also where softmax is near 0 or 1."""
    if dtype is not None:
        input = input.to(dtype)
    return apply(LOG_SOFTMAX, input, dim=_checked("log_softmax", input, dim))


def _checked(name: str, input: Any, dim: Any) -> int:
    if not hasattr(input, "_array"):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    array = input._array
    dim = one_dim(dim, array.ndim)
    if array.dtype.kind not in "fV":
        last = "lastdim_" if dim == max(array.ndim, 1) - 1 and array.dtype.kind in "iu" else ""
        raise NotImplementedError(f"\"{name}_{last}kernel_impl\" not implemented for '{input.dtype.kernel_name}'")
    return dim


# ---- a large array in pieces

def in_pieces(work: Callable, arrays: tuple, dim: int) -> Any:
    """The result of work(*pieces, out_piece, dim) over arrays of one shape, in pieces cut across another dimension than dim."""
    if arrays[0].ndim == 0:
        return in_pieces(work, tuple([a.reshape(1) for a in arrays]), 0).reshape(())
    first = arrays[0]
    out = np.empty(first.shape, first.dtype)
    if not out.size:
        return out
    if first.ndim < 2 or first.size <= GRAIN:
        work(*arrays, out, dim)
        return out
    others = [at for at in range(first.ndim) if at != dim]
    cut = others[0] if first.shape[others[0]] > 1 else max(others, key=lambda at: first.shape[at])
    per_index = first.size // first.shape[cut]
    step = max(1, PIECE // per_index)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            part = (slice(None),) * cut + (slice(begin, min(begin + step, stop)),)
            work(*[a[part] for a in arrays], out[part], dim)
    parallel_for(first.shape[cut], max(1, GRAIN // per_index), run)
    return out


def as_rows(arrays: tuple, dim: int) -> tuple | None:
    """Float32 arrays as matrices of rows, if dim is the last one and they lie in order in memory; else None."""
    first = arrays[0]
    if first.ndim == 0 or dim != first.ndim - 1 or first.dtype != np.float32 or not first.size:
        return None
    if not all([a.flags.c_contiguous for a in arrays]):
        return None
    return tuple([a.reshape(-1, a.shape[-1]) for a in arrays])


def over_rows(work: Callable, arrays: tuple, shape: tuple) -> Any:
    """The result of work(*rows, out_rows) over matrices, a few rows at a time; or that of the kernel of its name in softmax_native.py."""
    if is_native(*arrays):
        from . import softmax_native
        return softmax_native.of_rows(getattr(softmax_native, work.__name__), *arrays).reshape(shape)
    count, length = arrays[0].shape
    out = np.empty((count, length), np.float32)
    step = max(1, (PIECE if get_num_threads() == 1 else PARALLEL_PIECE) // length)

    def run(start: int, stop: int) -> None:
        for begin in range(start, stop, step):
            end = min(begin + step, stop)
            work(*[a[begin:end] for a in arrays], out[begin:end])
    parallel_for(count, max(1, GRAIN // length), run)
    return out.reshape(shape)


def row_sums(rows: Any) -> Any:
    """The sums of the rows of a matrix: as products with ones, which BLAS adds up three times faster than NumPy."""
    return np.vecdot(rows, np.ones(rows.shape[1], rows.dtype))


# ---- forward

def _softmax(x: Any, *, dim: int) -> Any:
    rows = as_rows((x,), dim) if x.size > SMALL else None
    return in_pieces(softmax_piece, (x,), dim) if rows is None else over_rows(softmax_rows, rows, x.shape)


def softmax_piece(x: Any, out: Any, dim: int) -> None:
    np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out)
    np.exp(out, out)
    np.divide(out, np.add.reduce(out, dim, keepdims=True), out)


def softmax_rows(x: Any, out: Any) -> None:
    # Without the shift by the maximum two passes over memory are saved. Where the sums say that no exponential came near the end
    # of float32's range it was not needed.
    total = row_sums(np.exp(x, out))
    if not (1e-6 < np.minimum.reduce(total) and np.maximum.reduce(total) < 1e30):
        np.subtract(x, np.maximum.reduce(x, 1, keepdims=True), out)
        total = row_sums(np.exp(out, out))
    np.multiply(out, np.reciprocal(total)[:, None], out)


def _log_softmax(x: Any, *, dim: int) -> Any:
    rows = as_rows((x,), dim) if x.size > SMALL else None
    return in_pieces(log_softmax_piece, (x,), dim) if rows is None else over_rows(log_softmax_rows, rows, x.shape)


def log_softmax_piece(x: Any, out: Any, dim: int) -> None:
    np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), out)
    np.subtract(out, np.log(np.add.reduce(np.exp(out), dim, keepdims=True)), out)


def log_softmax_rows(x: Any, out: Any) -> None:
    np.subtract(x, np.maximum.reduce(x, 1, keepdims=True), out)
    np.subtract(out, np.log(row_sums(np.exp(out)))[:, None], out)


# ---- backward

def _softmax_backward(g: Any, y: Any, *, dim: int) -> Any:
    rows = as_rows((g, y), dim)
    if rows is not None:
        return over_rows(softmax_backward_rows, rows, g.shape)
    return in_pieces(softmax_backward_piece, (g, y), dim)


def softmax_backward_piece(g: Any, y: Any, out: Any, dim: int) -> None:
    np.multiply(g, y, out)
    np.subtract(out, y * np.add.reduce(out, dim, keepdims=True), out)


def softmax_backward_rows(g: Any, y: Any, out: Any) -> None:
    np.subtract(g, np.vecdot(g, y)[:, None], out)
    np.multiply(out, y, out)


def _log_softmax_backward(g: Any, y: Any, *, dim: int) -> Any:
    rows = as_rows((g, y), dim)
    if rows is not None:
        return over_rows(log_softmax_backward_rows, rows, g.shape)
    return in_pieces(log_softmax_backward_piece, (g, y), dim)


def log_softmax_backward_piece(g: Any, y: Any, out: Any, dim: int) -> None:
    np.exp(y, out)
    np.multiply(out, np.add.reduce(g, dim, keepdims=True), out)
    np.subtract(g, out, out)


def log_softmax_backward_rows(g: Any, y: Any, out: Any) -> None:
    np.exp(y, out)
    np.multiply(out, row_sums(g)[:, None], out)
    np.subtract(g, out, out)


def _pair_along(random: Any, shape: tuple) -> list:
    return [((random.normal(size=shape), random.normal(size=shape)), {"dim": max(len(shape) - 1, 0)})]


SOFTMAX = Op("softmax", kernel, _softmax, arguments=("x",), samples=along(), launches=True, over=((0, 0),),
    grads=(lambda g, out, dim: apply(SOFTMAX_BACKWARD, g, out, dim=dim),))

SOFTMAX_BACKWARD = Op("softmax_backward_data", kernel, _softmax_backward, arguments=("x", "y"), samples=_pair_along, launches=True,
    over=((0, 0),), node_name="SoftmaxBackwardDataBackward0",
    grads=(lambda g, y, dim: y * (g - (g * y).sum(dim, True)),
           lambda g, x, y, dim: g * (x - (x * y).sum(dim, True)) - x * (g * y).sum(dim, True)))

LOG_SOFTMAX = Op("log_softmax", kernel, _log_softmax, arguments=("x",), samples=along(), launches=True, over=((0, 0),),
    grads=(lambda g, out, dim: apply(LOG_SOFTMAX_BACKWARD, g, out, dim=dim),))

LOG_SOFTMAX_BACKWARD = Op("log_softmax_backward_data", kernel, _log_softmax_backward, arguments=("x", "y"), samples=_pair_along, launches=True,
    over=((0, 0),), node_name="LogSoftmaxBackwardDataBackward0",
    grads=(lambda g, y, dim: g - (g * y.exp()).sum(dim, True),
           lambda g, x, y, dim: -g * y.exp() * x.sum(dim, True)))
