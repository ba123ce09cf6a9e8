"""Systems of linear equations: inverses, solutions, determinants."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque
from .join import cat
from .linalg_checks import broadcast_batches, fit, has_kernel, has_matrices, is_inexact, is_square, is_vector, report, same_dtype
from .linalg_kernels import inverse as inverse_arrays, solve as solve_arrays, solve_triangular as solve_triangular_arrays
from .masks import tril, triu
from .rearrange import flip

if TYPE_CHECKING:
    from ..tensor import Tensor


# ---- inverses

SINGULAR_INVERSE = "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."


def inv(A: Tensor) -> Tensor:
    """The inverse: A @ inv(A) = I. Raises LinAlgError for a singular matrix."""
    return inv_ex(A, check_errors=True).inverse


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Named tuple (inverse, info): info is 0, or the number of the zero on the diagonal of U that makes A singular."""
    is_square(A, "linalg.inv")
    is_inexact(A, "linalg.inv")
    result = return_types.linalg_inv_ex(*apply(INV_EX, A))
    if check_errors:
        report(result.info, "linalg.inv", SINGULAR_INVERSE)
    return result


INV_EX = Op("linalg_inv_ex", opaque, lambda x: inverse_arrays(x),
    grads=(lambda g, out: -out[0].mH @ (g[0] @ out[0].mH),))


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a matrix whose rows are its first `ind` dimensions and whose columns are the others."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = A._array.shape
    rows, columns = int(np.prod(shape[:ind])), int(np.prod(shape[ind:]))
    if rows != columns:
        raise RuntimeError(f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {columns} != {rows}")
    result = inv_ex(A.reshape(rows, columns))
    report(result.info, "inv", SINGULAR_INVERSE)
    return result.inverse.reshape(*shape[ind:], *shape[:ind])


# ---- solutions

def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or X A = B if not `left`. Raises LinAlgError for a singular matrix.

    Shape: A (*, n, n), B (*, n, k), or (n,), or (*, n) with the same leading dimensions as A.
    """
    result, info = solve_ex(A, B, left=left)
    report(info, "torch.linalg.solve", "The solver failed because the input matrix is singular.")
    return result


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """Named tuple (result, info): as `solve`; info is not 0 for a singular matrix."""
    is_square(A, "linalg.solve")
    is_inexact(A, "linalg.solve")
    same_dtype(A, B, "linalg.solve")
    a, b = A._array.shape, B._array.shape
    vector = is_vector(a, b)
    if vector and not left:
        raise RuntimeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. "
                           "In this case linalg.solve is equivalent to B / A.squeeze(-1)")
    if not b:
        has_matrices(B, "linalg.solve", "B")
    full = (*b, 1) if vector else b
    if len(full) < 2:
        has_matrices(B, "linalg.solve", "B")
    fit(a, full, "linalg.solve", left)
    broadcast_batches(a, full)
    result = return_types.linalg_solve_ex(*apply(SOLVE_EX, A, B, left=left, vector=vector))
    if check_errors:
        report(result.info, "torch.linalg.solve", "The solver failed because the input matrix is singular.")
    return result


def _solve(x: Any, y: Any, *, left: bool, vector: bool) -> tuple:
    if vector:
        out, info = solve_arrays(x, y[..., None])
        return out[..., 0], info
    if left:
        return solve_arrays(x, y)
    out, info = solve_arrays(x.swapaxes(-1, -2), y.swapaxes(-1, -2))
    return out.swapaxes(-1, -2), info


def _solve_gradients(g: Any, x: Any, out: Any, left: bool, vector: bool, needs: Any) -> tuple:
    """B's is the solution of the adjoint system; A's is minus its product with the adjoint of X."""
    gy = apply(SOLVE_EX, x.mH, g[0], left=left, vector=vector)[0]
    if not needs[0]:
        return None, gy
    if vector:
        return -gy.unsqueeze(-1) * out[0].conj().unsqueeze(-2), gy
    return (-gy @ out[0].mH if left else -out[0].mH @ gy), gy


SOLVE_EX = Op("linalg_solve_ex", opaque, _solve, arguments=("x", "y"), vjp=lambda g, x, out, left, vector, needs:
    _solve_gradients(g, x, out, left, vector, needs))


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        A = A.movedim(list(dims), list(range(-len(dims), 0)))
    rank = B._array.ndim
    shape = A._array.shape[rank:]
    columns, rows = int(np.prod(shape)), int(np.prod(A._array.shape[:rank]))
    if rows != columns:
        raise RuntimeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
                           f"{columns} != {rows}")
    return solve(A.reshape(rows, columns), B.reshape(-1)).reshape(*shape)


# ---- triangular systems

def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B, or X A = B if not `left`, for triangular A, whose other triangle is not read; a zero on the diagonal gives inf or nan."""
    name = "linalg.solve_triangular"
    is_square(A, name)
    has_matrices(B, name, "B")
    has_kernel(A, "triangular_solve_cpu")
    same_dtype(A, B, name)
    fit(A._array.shape, B._array.shape, name, left)
    broadcast_batches(A._array.shape, B._array.shape)
    return apply(SOLVE_TRIANGULAR, A, B, upper=upper, left=left, unitriangular=unitriangular)


def _triangular_gradients(g: Any, x: Any, out: Any, upper: bool, left: bool, unitriangular: bool, needs: Any) -> tuple:
    gy = apply(SOLVE_TRIANGULAR, x.mH, g, upper=not upper, left=left, unitriangular=unitriangular)
    if not needs[0]:
        return None, gy
    gx = -gy @ out.mH if left else -out.mH @ gy
    return (triu(gx, int(unitriangular)) if upper else tril(gx, -int(unitriangular))), gy


SOLVE_TRIANGULAR = Op("linalg_solve_triangular", opaque,
    lambda x, y, *, upper, left, unitriangular: solve_triangular_arrays(x, y, upper, left, unitriangular),
    vjp=lambda g, x, out, upper, left, unitriangular, needs: _triangular_gradients(g, x, out, upper, left, unitriangular, needs))


# ---- determinants

def det(A: Tensor) -> Tensor:
    """The determinant: () for a matrix, (*) for a batch (*, n, n)."""
    is_square(A, "linalg.det")
    is_inexact(A, "linalg.det", low=True)
    has_kernel(A, "lu_cpu")
    return apply(DET, A)


def _det_gradient(g: Any, x: Any, out: Any) -> Any:
    """g times the conjugate of the cofactors: det(A) A^-H, or by singular values, where a product leaves out one, for singular A."""
    recording.reads("the gradient of det()")
    if out._array.all():
        scaled = (g * out.conj()).unsqueeze(-1).expand(x._array.shape[:-1]).diag_embed()
        return apply(SOLVE_EX, x.mH, scaled, left=True, vector=False)[0]
    from .linalg_svd import svd
    u, s, vh = svd(x, full_matrices=False)
    unit = (det(u) * det(vh)).conj() * g
    return (u * (others_product(s) * unit.unsqueeze(-1)).unsqueeze(-2)) @ vh


def others_product(s: Any) -> Any:
    """For each number of the last dimension the product of all others."""
    one = s.new_ones((*s._array.shape[:-1], 1))
    before = cat([one, s[..., :-1]], -1).cumprod(-1)
    after = flip(cat([one, flip(s[..., 1:], [-1])], -1).cumprod(-1), [-1])
    return before * after


DET = Op("linalg_det", opaque, lambda x: np.asarray(np.linalg.det(x)),
    grads=(lambda g, x, out: _det_gradient(g, x, out),))


def sign_and_log(A: Any, name: str) -> tuple:
    is_square(A, name)
    is_inexact(A, name, low=True)
    has_kernel(A, "lu_cpu")
    return apply(SLOGDET, A)


def slogdet(A: Tensor) -> Any:
    """Named tuple (sign, logabsdet) with det(A) = sign exp(logabsdet): no overflow; (0, -inf) for a singular matrix."""
    return return_types.linalg_slogdet(*sign_and_log(A, "linalg.slogdet"))


def _slogdet_arrays(x: Any) -> tuple:
    sign, log = np.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(log)


def _slogdet_gradient(g: Any, x: Any, out: Any) -> Any:
    """A^-H times the gradient of log det, whose real part is logabsdet and whose imaginary part is the angle of sign."""
    log = g[1]
    if x.is_complex():
        log = log + (out[0].conj() * g[0]).imag * 1j
    scaled = log.unsqueeze(-1).expand(x._array.shape[:-1]).diag_embed()
    return apply(SOLVE_EX, x.mH, scaled, left=True, vector=False)[0]


SLOGDET = Op("linalg_slogdet", opaque, _slogdet_arrays, arguments=("x",),
    grads=(lambda g, x, out: _slogdet_gradient(g, x, out),))
