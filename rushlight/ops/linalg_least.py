"""Least squares: pseudoinverse, rank, and the solution of equations that have none or many."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, opaque
from .linalg_checks import has_matrices, is_square, is_vector
from .linalg_kernels import adjoint
from .linalg_svd import check_eigh, finite

if TYPE_CHECKING:
    from ..tensor import Tensor


def array_of(value: Any, dtype: Any) -> Any:
    """A tolerance as an array: a number, a tensor, or None."""
    return None if value is None else np.asarray(getattr(value, "_array", value), dtype)


def threshold(sizes: Any, shape: tuple, atol: Any, rtol: Any) -> Any:
    """The size up to which a singular value counts as 0: the larger of atol and rtol times the largest, with one dimension kept.

    Without either, rtol is max(m, n) times the dtype's eps.
    """
    real = sizes.dtype
    atol, rtol = array_of(atol, real), array_of(rtol, real)
    if rtol is None:
        # An atol of 0 in a tensor asks for the default rtol in its place, as PyTorch has it.
        default = real.type(max(shape[-2:], default=0) * np.finfo(real).eps)
        rtol = default if atol is None else np.where(atol > 0, real.type(0), default)
    largest = sizes.max(-1) if sizes.shape[-1] else np.zeros(sizes.shape[:-1], real)
    bound = rtol * largest
    return np.asarray(bound if atol is None else np.maximum(atol, bound))[..., None]


def spectrum(x: Any, hermitian: bool) -> tuple:
    """(U, sizes, Vh) with x = U diag(sizes) Vh up to signs that are kept in Vh."""
    if hermitian:
        values, vectors = np.linalg.eigh(x)
        sign = np.where(values < 0, -1, 1).astype(values.dtype)
        return vectors, np.abs(values), sign[..., :, None] * adjoint(vectors)
    finite(x)
    return np.linalg.svd(x, full_matrices=False)


def pinv(A: Tensor, rcond: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """The pseudoinverse (*, m, n) -> (*, n, m); singular values up to max(atol, rtol * largest) count as 0."""
    array = A._array
    if array.ndim < 2 or array.dtype.kind in "biu" or array.itemsize == 2:
        raise RuntimeError(f"linalg.pinv({A.dtype.kernel_name}{{{list(array.shape)}}}): expected a tensor with 2 or more dimensions of float, "
                           "double, cfloat or cdouble types")
    if hermitian:
        check_eigh(A, "L", "linalg.eigh")
    return apply(PINV, A, atol, rtol if rcond is None else rcond, hermitian=hermitian)


def _pinv(x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    u, sizes, vh = spectrum(x, hermitian)
    kept = sizes > threshold(sizes, x.shape, atol, rtol)
    inverse = np.divide(1, sizes, out=np.zeros(np.broadcast_shapes(sizes.shape, kept.shape), sizes.dtype), where=kept)
    return (adjoint(vh) * inverse[..., None, :]) @ adjoint(u)


def pinv_gradient(g: Any, x: Any, p: Any) -> Any:
    """Golub and Pereyra 1973, "The differentiation of pseudo-inverses": of -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P."""
    gh, ph = g.mH, p.mH
    left, right = (gh @ p) @ ph, ph @ (p @ gh)
    return -ph @ (g @ ph) + left - x @ (p @ left) + right - (right @ p) @ x


PINV = Op("linalg_pinv", opaque, _pinv,
    grads=(lambda g, x, out: pinv_gradient(g, x, out),))


def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values are above max(atol, rtol * largest). int64."""
    has_matrices(A, "torch.linalg.matrix_rank", "input")
    if A._array.dtype.kind in "biu":
        raise RuntimeError("This function doesn't handle types other than float and double")
    if hermitian:
        is_square(A, "linalg.eigh")
    if tol is not None:
        atol, rtol = tol, 0.0
    recording.reads("matrix_rank()")
    x = A._array
    sizes = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    return wrap(np.asarray((sizes > threshold(sizes, x.shape, atol, rtol)).sum(-1)))


# ---- least squares

DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """Named tuple (solution, residuals, rank, singular_values): X of least |A X - B|, and of least |X| among those.

    The rank is given by all drivers but "gels", singular values by "gelsd" and "gelss", and the residuals by all but "gelsy", for m > n and
    full rank.
    """
    check_lstsq(A, B, driver)
    driver = driver or "gelsy"
    a, b = A._array.shape, B._array.shape
    vector = is_vector(a, b)
    eps = float(np.finfo(A._array.dtype).eps) * max(a[-2:], default=0) if rcond is None else rcond
    solution, residuals, sizes = apply(LSTSQ, A, B, rcond=eps, vector=vector, driver=driver)
    recording.reads("lstsq()")
    sizes = sizes._array
    rank = np.zeros(0, np.int64) if driver == "gels" else rank_of(sizes, a, eps)
    return return_types.linalg_lstsq(solution, residuals, wrap(rank), wrap(sizes if driver in ("gelsd", "gelss") else np.zeros(0, sizes.dtype)))


def rank_of(sizes: Any, shape: tuple, rcond: Any) -> Any:
    """How many singular values count."""
    return np.asarray((sizes > threshold(sizes, shape, None, rcond)).sum(-1))


def check_lstsq(A: Any, B: Any, driver: str | None) -> None:
    """Raise PyTorch's errors for arguments of lstsq that do not fit."""
    name = "torch.linalg.lstsq"
    a, b = A._array, B._array
    if a.dtype.kind in "biu" or a.itemsize == 2:
        raise RuntimeError("This function doesn't handle types other than float and double")
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if not b.ndim:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if a.dtype != b.dtype:
        raise RuntimeError(f"{name}: Expected input and other to have the same dtype, but got input's dtype {A.dtype.kernel_name} and other's dtype "
                           f"{B.dtype.kernel_name}")
    if not 0 <= a.ndim - b.ndim <= 1:
        raise RuntimeError(f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1")
    if driver is not None and driver not in DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    vector = is_vector(a.shape, b.shape)
    if a.shape[-2] != (b.shape[-1] if vector else b.shape[-2] if b.ndim > 1 else b.shape[0]):
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({'-1' if b.ndim == 1 else '-2'})")


def _lstsq(x: Any, y: Any, *, rcond: Any, vector: bool, driver: str) -> tuple:
    u, sizes, vh = spectrum(x, False)
    kept = sizes > threshold(sizes, x.shape, None, rcond)
    inverse = np.divide(1, sizes, out=np.zeros_like(sizes), where=kept)
    right = y[..., None] if vector else y
    out = adjoint(vh) @ (inverse[..., None] * (adjoint(u) @ right))
    residuals = np.zeros(0, sizes.dtype)
    if driver != "gelsy" and x.shape[-2] > x.shape[-1] and (driver == "gels" or kept.all()):
        residuals = np.square(np.abs(x @ out - right)).sum(-2)
    return (out[..., 0] if vector else out), residuals, sizes


def _lstsq_gradients(g: Any, x: Any, y: Any, out: Any, rcond: Any, vector: bool, driver: str) -> tuple:
    """X is pinv(A) B: the gradients of a product and of the pseudoinverse; and those of |A X - B|^2, where X is at its best."""
    solution = out[0]
    gx, right = (g[0].unsqueeze(-1), y.unsqueeze(-1)) if vector else (g[0], y)
    p = pinv(x, rtol=rcond)
    gy = p.mH @ gx
    ga = pinv_gradient(gx @ right.mH, x, p)
    if out[1]._array.size:
        whole = solution.unsqueeze(-1) if vector else solution
        rest = (x @ whole - right) * (2 * g[1]).unsqueeze(-2)
        ga, gy = ga + rest @ whole.mH, gy - rest
    return ga, gy.squeeze(-1) if vector else gy


LSTSQ = Op("linalg_lstsq", opaque, _lstsq, arguments=("x", "y"), vjp=lambda g, x, y, out, rcond, vector, driver:
    _lstsq_gradients(g, x, y, out, rcond, vector, driver))
