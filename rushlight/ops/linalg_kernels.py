"""LAPACK's work on arrays: NumPy's routines with PyTorch's reports of failure, and what NumPy lacks (LU, triangular systems, exp).

All take batches: the last two dimensions are the matrices.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: up to so many columns a matrix is factorised, or a triangular system solved, without dividing it
BLOCK = 32


def adjoint(a: Any) -> Any:
    """The conjugate transposes."""
    turned = a.swapaxes(-1, -2)
    return turned.conj() if a.dtype.kind == "c" else turned


def each(function: Callable, failed: Callable, *arrays: Any) -> tuple:
    """function on every matrix of the batch alone, and `info`: 0, or for one that it cannot treat, what `failed` says of it.

    The result of one that failed is not a number.
    """
    batch = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
    arrays = tuple([np.broadcast_to(a, (*batch, *a.shape[-2:])) for a in arrays])
    info = np.zeros(batch, np.int32)
    out = np.full((*batch, *arrays[-1].shape[-2:]), np.nan, arrays[-1].dtype)
    for at in np.ndindex(*batch):
        try:
            out[at] = function(*[a[at] for a in arrays])
        except np.linalg.LinAlgError:
            info[at] = failed(arrays[0][at])
    return out, info


def no_info(a: Any) -> Any:
    """An info of zeros: every matrix was treated."""
    return np.zeros(a.shape[:-2], np.int32)


def inverse(a: Any) -> tuple:
    """(inverses, info): info is the number of the first zero on the diagonal of U, from 1."""
    try:
        return np.linalg.inv(a), no_info(a)
    except np.linalg.LinAlgError:
        return each(np.linalg.inv, first_zero, a)


def solve(a: Any, b: Any) -> tuple:
    """(x with a x = b, info)."""
    try:
        x = np.linalg.solve(a, b)
        return x, np.zeros(x.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        return each(np.linalg.solve, first_zero, a, b)


def first_zero(a: Any) -> int:
    """The number, from 1, of the first zero on the diagonal of U; the last one's if rounding hides it."""
    zeros = np.flatnonzero(np.diagonal(lu(a)[0]) == 0)
    return int(zeros[0]) + 1 if zeros.size else a.shape[-1]


def cholesky(a: Any, upper: bool) -> tuple:
    """(L, or its adjoint if `upper`, info): info is the order of the first leading minor that is not positive."""
    try:
        return np.linalg.cholesky(a, upper=upper), no_info(a)
    except np.linalg.LinAlgError:
        return each(lambda m: np.linalg.cholesky(m, upper=upper), lambda m: first_bad_minor(adjoint(m) if upper else m), a)


def first_bad_minor(a: Any) -> int:
    """The order of the first leading minor, of the lower triangle, that has no Cholesky factor."""
    low, high = 0, a.shape[-1]  # of order `low` it has one, of order `high` not
    while high - low > 1:
        middle = (low + high) // 2
        try:
            np.linalg.cholesky(a[:middle, :middle])
            low = middle
        except np.linalg.LinAlgError:
            high = middle
    return high


# ---- triangular systems

def solve_upper(a: Any, b: Any) -> Any:
    """x with a x = b for upper triangles `a`, by halves: x2 from the lower right, then x1 from a11 x1 = b1 - a12 x2."""
    n = a.shape[-1]
    if n <= BLOCK:
        if (np.diagonal(a, axis1=-2, axis2=-1) != 0).all():
            return np.linalg.solve(a, b)  # the elimination finds nothing to eliminate: this is back substitution
        return substitute(a, b)
    half = n // 2
    second = solve_upper(a[..., half:, half:], b[..., half:, :])
    first = solve_upper(a[..., :half, :half], b[..., :half, :] - a[..., :half, half:] @ second)
    return np.concatenate((first, second), -2)


def substitute(a: Any, b: Any) -> Any:
    """Back substitution row by row, where a zero on the diagonal gives inf and nan."""
    x = np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])).copy()
    with np.errstate(all="ignore"):
        for i in range(a.shape[-1])[::-1]:
            x[..., i, :] /= a[..., i, i, None]
            x[..., :i, :] -= a[..., :i, i, None] * x[..., i, None, :]
    return x


def solve_triangular(a: Any, b: Any, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """x with a x = b, or x a = b if not `left`; the other triangle of `a` is not read, nor its diagonal if it is taken for ones."""
    if not left:
        return solve_triangular(a.swapaxes(-1, -2), b.swapaxes(-1, -2), not upper, True, unitriangular).swapaxes(-1, -2)
    if not upper:  # a lower triangle is an upper one, read backwards
        return solve_triangular(a[..., ::-1, ::-1], b[..., ::-1, :], True, True, unitriangular)[..., ::-1, :]
    a = np.triu(a, 1 if unitriangular else 0)
    if unitriangular:
        a += np.eye(a.shape[-1], dtype=a.dtype)
    return solve_upper(a, b)


# ---- LU

def lu(a: Any) -> tuple:
    """(L below the diagonal and U on and above it, pivots): row i was exchanged with row pivots[i], counted from 1."""
    out = np.array(a, order="C").reshape(int(np.prod(a.shape[:-2])), *a.shape[-2:])
    pivots = np.zeros((out.shape[0], min(a.shape[-2:])), np.int64)
    with np.errstate(all="ignore"):
        factorize(out, pivots)
    return out.reshape(a.shape), (pivots + 1).astype(np.int32).reshape(*a.shape[:-2], pivots.shape[-1])


def factorize(a: Any, pivots: Any) -> None:
    """LU with partial pivoting in place, by halves of the columns (Toledo 1997, "Locality of reference in LU decomposition")."""
    rank = pivots.shape[1]
    if rank <= 16:
        return factorize_columns(a, pivots)
    half = rank // 2
    factorize(a[:, :, :half], pivots[:, :half])
    right = a[:, :, half:]
    exchange(right, pivots[:, :half])
    right[:, :half] = solve_triangular(a[:, :half, :half], right[:, :half], False, True, True)
    right[:, half:] -= a[:, half:, :half] @ right[:, :half]
    factorize(right[:, half:], pivots[:, half:])
    exchange(a[:, half:, :half], pivots[:, half:])
    pivots[:, half:] += half
    return None


def factorize_columns(a: Any, pivots: Any) -> None:
    """LU column by column."""
    batch = np.arange(a.shape[0])
    for k in range(pivots.shape[1]):
        row = k + np.argmax(magnitude(a[:, k:, k]), 1)
        pivots[:, k] = row
        a[batch, k], a[batch, row] = a[batch, row], a[batch, k]
        below, pivot = a[:, k + 1:, k], a[:, k, k, None]
        np.divide(below, pivot, out=below, where=pivot != 0)
        a[:, k + 1:, k + 1:] -= below[:, :, None] * a[:, k, None, k + 1:]


def magnitude(x: Any) -> Any:
    """What LAPACK compares pivots by: |x|, for complex numbers |Re x| + |Im x|."""
    return np.abs(x) if x.dtype.kind != "c" else np.abs(x.real) + np.abs(x.imag)


def exchange(a: Any, pivots: Any) -> None:
    """The rows exchanged in place, in the order of pivots, counted from 0."""
    a[...] = np.take_along_axis(a, row_order(pivots, a.shape[1])[:, :, None], 1)


def row_order(pivots: Any, rows: int) -> Any:
    """The row that stands at each place after the exchanges, for a batch `(b, k)` of pivots counted from 0."""
    order = np.tile(np.arange(rows), (pivots.shape[0], 1))
    batch = np.arange(pivots.shape[0])
    for k in range(pivots.shape[1]):
        row = pivots[:, k]
        order[batch, k], order[batch, row] = order[batch, row], order[batch, k]
    return order


def permutation(pivots: Any, rows: int, dtype: Any) -> Any:
    """The matrices P of A = P L U, from pivots counted from 1."""
    flat = pivots.reshape(int(np.prod(pivots.shape[:-1])), pivots.shape[-1]).astype(np.int64) - 1
    order = row_order(flat, rows)
    return np.eye(rows, dtype=dtype)[order].swapaxes(-1, -2).reshape(*pivots.shape[:-1], rows, rows)


def unpack(a: Any) -> tuple:
    """(L, U) of a packed factorisation."""
    rank = min(a.shape[-2:])
    lower = np.tril(a[..., :, :rank], -1)
    lower[..., np.arange(rank), np.arange(rank)] = 1
    return lower, np.triu(a[..., :rank, :])


# ---- the exponential

#: Padé's coefficients of order 13
PADE = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
        33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)


def exponential(a: Any) -> Any:
    """exp(a) of square matrices by scaling and squaring (Higham 2005, "The scaling and squaring method for the matrix exponential")."""
    if not a.size:
        return a.copy()
    norm = np.abs(a).sum(-2).max(-1)
    with np.errstate(divide="ignore"):
        squarings = np.where(np.isfinite(norm), np.maximum(np.ceil(np.log2(norm / 5.37)), 0), 0).astype(np.int64)
    x = a / np.exp2(squarings)[..., None, None].astype(a.real.dtype)
    eye = np.eye(a.shape[-1], dtype=a.dtype)
    b = [a.dtype.type(value / PADE[0]) for value in PADE]
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * eye)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * eye
    out = np.linalg.solve(even - odd, even + odd)
    for step in range(int(squarings.max())):
        out = np.where((squarings > step)[..., None, None], out @ out, out)
    return out
