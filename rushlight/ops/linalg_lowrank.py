"""Singular values and principal components of low rank, by random projections.

Source: Halko, Martinsson and Tropp, "Finding structure with randomness", 2009, algorithms 4.4 and 5.1.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from .linalg_factor import qr
from .linalg_svd import svd
from .random import randn

if TYPE_CHECKING:
    from ..tensor import Tensor


def approximate_basis(A: Tensor, q: int, niter: int) -> Tensor:
    """q orthonormal columns that nearly span what A maps to; each of niter rounds of A^H and A brings them closer."""
    out = qr(A @ randn(A.shape[-1], q, dtype=A.dtype, device=A.device)).Q
    for _ in range(niter):
        out = qr(A @ qr(A.mH @ out).Q).Q
    return out


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> tuple:
    """(U, S, V) with A nearly U diag(S) V^H, of rank q; of A - M if M is given.

    *Shape*: A `(*, m, n)`; U `(*, m, q)`, S `(*, q)`, V `(*, n, q)`. The numbers depend on the random generator.
    """
    if M is not None:
        A = A - M.expand(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    A = A.mH if wide else A
    basis = approximate_basis(A, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = svd(basis.mH @ A, full_matrices=False)
    U, V = basis @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple:
    """(U, S, V): the columns of V are the q principal directions of A's rows (at most 6 unless given), S the singular values along them.

    With center the mean of the rows is taken off first. Raises ValueError for a q or niter out of range.
    """
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
