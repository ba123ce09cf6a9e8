"""The older names of linear algebra in `torch`, with their own arguments and results."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core.apply import apply
from ..core.op import Op, opaque
from . import linalg_svd
from .choose import where
from .linalg_checks import has_kernel, is_square, report
from .linalg_factor import CHOLESKY, NOT_POSITIVE, factors
from .linalg_kernels import adjoint, solve_triangular as solve_triangular_arrays
from .linalg_least import pinv
from .linalg_lu import factor, lu_solve as solve_factored
from .linalg_product import cross as linalg_cross
from .linalg_solve import det as linalg_det, inv, sign_and_log, solve_triangular

if TYPE_CHECKING:
    from ..tensor import Tensor


def det(input: Tensor) -> Tensor:
    """The determinant of a matrix, or of each of a batch."""
    return linalg_det(input)


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector at right angles to both, along dim; without it, along the first dimension of size 3."""
    if dim is None:
        dim = next((at for at, size in enumerate(input._array.shape) if size == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim)


def inverse(input: Tensor) -> Tensor:
    """The inverse of a matrix, or of each of a batch."""
    return inv(input)


def triangular_solve(b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """Named tuple (solution, cloned_coefficient): X with A X = b, or A.T X = b, for triangular A, and a copy of A."""
    for name, value in (("b", b), ("A", A)):
        if value._array.ndim < 2:
            raise RuntimeError(f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {value._array.ndim} "
                               "dimensions instead")
    check_sizes(b._array.shape, A._array.shape, "triangular_solve")
    matrix = A.mT if transpose else A
    return return_types.triangular_solve(solve_triangular(matrix, b, upper=upper != transpose, unitriangular=unitriangular), A.clone())


def check_sizes(b: tuple, a: tuple, function: str) -> None:
    """Raise the error of PyTorch's older solvers unless the shapes belong to one equation."""
    if a[-1] != a[-2]:
        raise RuntimeError(f"{function}: A must be batches of square matrices, but they are {a[-2]} by {a[-1]} matrices")
    if a[-2] != b[-2]:
        raise RuntimeError(f"Incompatible matrix sizes for {function}: each A matrix is {a[-1]} by {a[-1]} but each b matrix is {b[-2]} by {b[-1]}")


def slogdet(input: Tensor) -> Any:
    """Named tuple (sign, logabsdet) with det(input) = sign exp(logabsdet)."""
    return return_types.slogdet(*sign_and_log(input, "linalg.slogdet"))


def logdet(input: Tensor) -> Tensor:
    """log(det(input)); nan where the determinant is negative."""
    sign, log = sign_and_log(input, "logdet")
    if sign.is_complex():
        return log + sign.log()
    return where(sign == -1, float("nan"), log)


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """L, lower triangular, with input = L L^H; or L^H if `upper`."""
    is_square(input, "cholesky")
    has_kernel(input, "cholesky_cpu")
    factor, info = apply(CHOLESKY, input, upper=upper)
    report(info, "cholesky", NOT_POSITIVE)
    return factor


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with (L L^H) X = B, or (L^H L) X = B if L is upper triangular."""
    for name, value in (("b", B), ("u", L)):
        if value._array.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {value._array.ndim} dimensions instead")
    check_sizes(B._array.shape, L._array.shape, "cholesky_solve")
    return apply(CHOLESKY_SOLVE, B, L, upper=upper)


def _cholesky_solve(y: Any, x: Any, *, upper: bool) -> Any:
    turned = adjoint(x)
    first, second = (turned, x) if upper else (x, turned)
    return solve_triangular_arrays(second, solve_triangular_arrays(first, y, False), True)


def factor_gradient(g: Any, x: Any, upper: bool) -> Any:
    """The gradient of L from that of A = L L^H; as PyTorch has it, with values in the triangle that is not read."""
    both = g + g.mH
    return x @ both if upper else both @ x


CHOLESKY_SOLVE = Op("cholesky_solve", opaque, _cholesky_solve, arguments=("y", "x"),
    grads=(lambda g, x, upper: apply(CHOLESKY_SOLVE, g, x, upper=upper),
           lambda g, x, out, upper: factor_gradient(-apply(CHOLESKY_SOLVE, g, x, upper=upper) @ out.mH, x, upper)))


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L L^H, or of L^H L if L is upper triangular."""
    is_square(L, "cholesky_inverse")
    return apply(CHOLESKY_INVERSE, L, upper=upper)


def _cholesky_inverse(x: Any, *, upper: bool) -> Any:
    return _cholesky_solve(np.eye(x.shape[-1], dtype=x.dtype), x, upper=upper)


CHOLESKY_INVERSE = Op("cholesky_inverse", opaque, _cholesky_inverse, arguments=("x",),
    grads=(lambda g, x, out, upper: factor_gradient(-out @ (g @ out), x, upper),))


def qr(input: Tensor, some: bool = True) -> Any:
    """Named tuple (Q, R) with input = Q R; the complete Q unless `some`."""
    return return_types.qr(*factors(input, "reduced" if some else "complete"))


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Named tuple (U, S, V) with input = U diag(S) V^H; all columns of U and V unless `some`; zeros in their place unless `compute_uv`."""
    if input._array.ndim < 2:
        raise RuntimeError(f"linalg.svd: input should have at least 2 dimensions, but has {input._array.ndim} dimensions instead")
    if compute_uv:
        u, s, vh = linalg_svd.svd(input, not some)
        return return_types.svd(u, s, vh.mH)
    *batch, rows, columns = input._array.shape
    return return_types.svd(input.new_zeros((*batch, rows, rows)), linalg_svd.svdvals(input), input.new_zeros((*batch, columns, columns)))


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse; singular values up to rcond times the largest count as 0."""
    return pinv(input, rcond)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> tuple:
    """(LU, pivots), and infos if asked for: the packed factors of A = P L U."""
    result = factor(A, pivot)
    if out is not None:
        from ..core.out import write_out
        write_out("lu", tuple(result[:len(out)]), out)
        return out
    return tuple(result) if get_infos else tuple(result[:2])


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b, from A's packed factors."""
    return solve_factored(LU_data, LU_pivots, b)
