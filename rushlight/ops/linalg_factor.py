"""Factorisations that need no iteration: Cholesky, QR and the reflections it is made of."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core.apply import apply
from ..core.op import Op, opaque
from .join import cat
from .linalg_checks import has_kernel, has_matrices, is_inexact, is_square, report
from .linalg_kernels import cholesky as cholesky_arrays
from .linalg_solve import solve_triangular
from .masks import tril, triu

if TYPE_CHECKING:
    from ..tensor import Tensor

NOT_POSITIVE = ("The factorization could not be completed because the input is not positive-definite (the leading minor of order {info} is not "
                "positive-definite).")


# ---- Cholesky

def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """L, lower triangular, with A = L L^H; or L^H if `upper`. Raises LinAlgError unless A is positive definite."""
    return cholesky_ex(A, upper=upper, check_errors=True).L


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Named tuple (L, info): info is 0, or the order of the leading minor that is not positive definite."""
    is_square(A, "linalg.cholesky")
    if A._array.dtype.kind in "biu":
        is_inexact(A, "linalg.cholesky")
    has_kernel(A, "cholesky_cpu")
    result = return_types.linalg_cholesky_ex(*apply(CHOLESKY_EX, A, upper=upper))
    if check_errors:
        report(result.info, "linalg.cholesky", NOT_POSITIVE)
    return result


def _cholesky_gradient(g: Any, out: Any, upper: bool) -> Any:
    """L^-H Phi(L^H g) L^-1 made Hermitian, where Phi takes the lower triangle with half the diagonal."""
    low, g = (out[0].mH, g[0].mH) if upper else (out[0], g[0])
    phi = tril(low.mH @ g)
    phi = (phi + tril(phi, -1).mH) * 0.5
    left = solve_triangular(low.mH, phi, upper=True)
    return solve_triangular(low, left, upper=False, left=False)


CHOLESKY_EX = Op("linalg_cholesky_ex", opaque, lambda x, *, upper: cholesky_arrays(x, upper),
    grads=(lambda g, out, upper: _cholesky_gradient(g, out, upper),))
CHOLESKY = CHOLESKY_EX.printed_as("CholeskyBackward0")


# ---- QR

def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Named tuple (Q, R) with A = Q R, Q's columns orthonormal, R upper triangular.

    mode: "reduced" (Q (m, k), R (k, n), k = min(m, n)), "complete" (Q (m, m), R (m, n)) or "r" (Q empty).
    """
    return return_types.linalg_qr(*factors(A, mode))


def factors(A: Any, mode: str) -> tuple:
    has_matrices(A, "linalg.qr")
    is_inexact(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    return apply(QR, A, mode=mode)


def _qr_arrays(x: Any, *, mode: Any) -> tuple:
    if mode == "r":
        return np.zeros(0, x.dtype), np.linalg.qr(x, "r")
    q, r = np.linalg.qr(x, mode)
    return q, r


def _qr_gradient(g: Any, out: Any, mode: str) -> Any:
    """Of the first min(m, n) columns as of a tall matrix; those behind are Q R', so their gradient goes to Q and to them."""
    if mode == "r":
        raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
                           "mode='reduced') if you are going to require gradients in the outputs of linalg.qr.")
    q, r = out
    rows, columns = q._array.shape[-2], r._array.shape[-1]
    if mode == "complete" and rows > columns:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    if columns <= rows:
        return _tall_qr_gradient(g[0], g[1], q, r)
    first, rest = r[..., :rows], r[..., rows:]
    gfirst, grest = g[1][..., :rows], g[1][..., rows:]
    gq = g[0] + (q @ rest) @ grest.mH
    return cat([_tall_qr_gradient(gq, gfirst, q, first), q @ grest], -1)


def _tall_qr_gradient(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """(gQ + Q S) R^-H, where S is the Hermitian matrix with the upper triangle of gR R^H - Q^H gQ; the diagonal of R is real."""
    upper = triu(gr @ r.mH - q.mH @ gq)
    whole = upper + upper.mH
    whole = whole - (whole.diagonal(0, -2, -1) * 0.5).diag_embed()
    return solve_triangular(r.mH, gq + q @ whole, upper=False, left=False)


QR = Op("linalg_qr", opaque, _qr_arrays, arguments=("x",),
    grads=(lambda g, out, mode: _qr_gradient(g, out, mode),))
