"""Singular values and eigenvalues."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque
from .linalg_checks import LinAlgError, has_kernel, has_matrices, is_inexact, is_square

if TYPE_CHECKING:
    from ..tensor import Tensor


# ---- singular values

def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """Named tuple (U, S, Vh) with A = U diag(S) Vh: columns of U and rows of Vh orthonormal, S descending.

    Shape: A (*, m, n) -> U (*, m, m), S (*, k), Vh (*, n, n) with k = min(m, n); U (*, m, k) and Vh (*, k, n) unless `full_matrices`.
    Gradient: finite only where the singular values differ, unless S alone is used.
    """
    check_driver(driver, "svd")
    check_svd(A)
    return return_types.linalg_svd(*apply(SVD, A, full=full_matrices))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, descending: (*, m, n) -> (*, min(m, n))."""
    check_driver(driver, "svdvals")
    check_svd(A)
    from ..core.inplace import requires_grad
    if requires_grad(A):
        return apply(SVD, A, full=False)[1]
    return apply(SINGULAR_VALUES, A)


def check_driver(driver: str | None, name: str) -> None:
    """Raise PyTorch's error for any driver: they are CUDA's."""
    if driver is not None:
        raise RuntimeError(f"torch.linalg.{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.")


def check_svd(A: Any) -> None:
    """Raise PyTorch's error unless A has singular values."""
    has_matrices(A, "linalg.svd")
    is_inexact(A, "linalg.svd")


def finite(x: Any) -> None:
    """Raise PyTorch's error for the first matrix that is not finite: the iteration would not end well."""
    good = np.isfinite(x).all((-2, -1))
    if not good.all():
        batch = f"(Batch element {int(np.flatnonzero(~good)[0])}): " if good.ndim else ""
        raise LinAlgError(f"linalg.svd: {batch}The algorithm failed to converge because the input matrix contained non-finite values.")


def _svd(x: Any, *, full: bool) -> tuple:
    finite(x)
    return tuple(np.linalg.svd(x, full_matrices=full))


def _singular_values(x: Any) -> Any:
    finite(x)
    return np.linalg.svd(x, compute_uv=False)


def skew(x: Any) -> Any:
    """x - x^H."""
    return x - x.mH


def differences(s: Any) -> Any:
    """s_j - s_i at (i, j), 1 on the diagonal."""
    count = s._array.shape[-1]
    return s.unsqueeze(-2) - s.unsqueeze(-1) + s.new_ones(count).diag_embed()


def _svd_gradient(g: Any, out: Any, full: bool) -> Any:
    """Townsend 2016, "Differentiating the singular value decomposition", with the complex phase of Wan and Zhang 2019."""
    count = out[1]._array.shape[-1]
    u, s, vh = out[0][..., :count], out[1], out[2][..., :count, :]
    gu, gs, gvh = g[0][..., :count], g[1], g[2][..., :count, :]
    values = s.unsqueeze(-2)
    spread = differences(s * s)
    turn_u, turn_v = skew(u.mH @ gu), skew(vh @ gvh.mH)
    core = turn_u / spread * values + values.mT * (turn_v / spread) + gs.diag_embed()
    if u.is_complex():
        # The diagonal of the quotients above stands for the phase, which both sides share: it is counted once, over 2 s.
        phase = turn_u.diagonal(0, -2, -1)
        core = core - ((phase + turn_v.diagonal(0, -2, -1)) * s).diag_embed() + (phase / (2 * s)).diag_embed()
    grad = u @ core @ vh
    if u._array.shape[-2] > count:
        side = gu / values
        grad = grad + (side - u @ (u.mH @ side)) @ vh
    if vh._array.shape[-1] > count:
        side = gvh / values.mT
        grad = grad + u @ (side - (side @ vh.mH) @ vh)
    return grad


def _only_values(g: Any, out: Any, full: bool) -> Any:
    """The gradient, without division by differences where S alone was used."""
    recording.reads("the gradient of svd()")
    if g[0]._array.any() or g[2]._array.any():
        return _svd_gradient(g, out, full)
    count = out[1]._array.shape[-1]
    return (out[0][..., :count] * g[1].unsqueeze(-2)) @ out[2][..., :count, :]


SVD = Op("linalg_svd", opaque, _svd, arguments=("x",),
    grads=(lambda g, out, full: _only_values(g, out, full),))
SINGULAR_VALUES = Op("linalg_svdvals", opaque, _singular_values, arguments=("x",))


# ---- eigenvalues of Hermitian matrices

def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Named tuple (eigenvalues, eigenvectors) of a Hermitian matrix, of which one triangle is read: A = V diag(L) V^H, L real, ascending."""
    check_eigh(A, UPLO, "linalg.eigh")
    return return_types.linalg_eigh(*apply(EIGH, A, uplo=UPLO.upper()))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a Hermitian matrix, ascending."""
    check_eigh(A, UPLO, "linalg.eigvalsh")
    return apply(EIGH, A, uplo=UPLO.upper())[0]


def check_eigh(A: Any, UPLO: str, name: str) -> None:
    """Raise PyTorch's error unless A is square, of a dtype that LAPACK takes, and UPLO one of its letters."""
    is_square(A, name)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    has_kernel(A, "linalg_eigh_cpu")


def _eigh_gradient(g: Any, out: Any) -> Any:
    """V (X / E + diag(gL)) V^H, where X is half of V^H gV less its adjoint, and E holds the differences of the eigenvalues."""
    recording.reads("the gradient of eigh()")
    values, vectors = out
    if not g[1]._array.any():
        return (vectors * g[0].unsqueeze(-2)) @ vectors.mH
    turn = skew(vectors.mH @ g[1]) * 0.5 / differences(values)
    core = turn - turn.diagonal(0, -2, -1).diag_embed() + g[0].diag_embed()
    return vectors @ core @ vectors.mH


EIGH = Op("linalg_eigh", opaque, lambda x, *, uplo: tuple(np.linalg.eigh(x, uplo)), arguments=("x",),
    grads=(lambda g, out: _eigh_gradient(g, out),))


# ---- eigenvalues of any square matrix

def eig(A: Tensor) -> Any:
    """Named tuple (eigenvalues, eigenvectors), complex and in no order: A V = V diag(L)."""
    check_eig(A, "linalg.eig")
    return return_types.linalg_eig(*apply(EIG, A))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues, complex and in no order."""
    check_eig(A, "linalg.eigvals")
    return apply(EIG, A)[0]


def check_eig(A: Any, name: str) -> None:
    """Raise PyTorch's error unless A is square and finite."""
    is_square(A, name)
    if A._array.dtype.kind in "biu":
        raise RuntimeError(f"Unknown Complex ScalarType for {A.dtype.kernel_name}")
    is_inexact(A, name)
    recording.reads("eig()")
    if not np.isfinite(A._array).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


def _eig(x: Any) -> tuple:
    values, vectors = np.linalg.eig(x)
    kind = np.result_type(x.dtype, np.complex64)
    return values.astype(kind, copy=False), vectors.astype(kind, copy=False)


def _eig_gradient(g: Any, out: Any) -> Any:
    """V^-H (diag(gL) + (V^H gV - V^H V Re diag(V^H gV)) / conj(E)) V^H: the vectors keep length 1."""
    from .linalg_solve import solve
    values, vectors = out
    core = g[0].diag_embed()
    recording.reads("the gradient of eig()")
    if g[1]._array.any():
        turn = vectors.mH @ g[1]
        lengths = turn.diagonal(0, -2, -1).real
        turn = (turn - (vectors.mH @ vectors) * lengths.unsqueeze(-2)) / differences(values).conj()
        core = core + turn - turn.diagonal(0, -2, -1).diag_embed()
    return solve(vectors.mH, core @ vectors.mH)


EIG = Op("linalg_eig", opaque, _eig, arguments=("x",),
    grads=(lambda g, out: _eig_gradient(g, out),))
