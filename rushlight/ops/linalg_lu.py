"""LU factorisation: A = P L U, rows exchanged for the largest pivot."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque
from .join import cat
from .linalg_checks import broadcast_batches, fit, has_kernel, has_matrices, is_square, same_dtype
from .linalg_kernels import adjoint, lu as lu_arrays, permutation, solve_triangular as solve_arrays, unpack
from .linalg_solve import solve_triangular
from .masks import tril, triu

if TYPE_CHECKING:
    from ..tensor import Tensor


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """Named tuple (LU, pivots): L below the diagonal and U on and above it; row i was exchanged with row pivots[i], counted from 1."""
    result = factor(A, pivot)
    check_factored(result[2])
    return return_types.linalg_lu_factor(*result[:2])


def check_factored(info: Any) -> None:
    """Raise PyTorch's error for a zero on the diagonal of U."""
    recording.reads("the check in lu_factor()")
    found = info._array
    if found.any():
        at = int(np.flatnonzero(found)[0])
        which = int(found.reshape(-1)[at])
        batch = f"(Batch element {at}): " if found.ndim else ""
        raise RuntimeError(f"torch.linalg.lu_factor: {batch}U[{which},{which}] is zero and using it on lu_solve would result in a division by zero. "
                           "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
                           "linalg.lu_factor_ex(A, pivot)")


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """Named tuple (LU, pivots, info): info is the number of the first zero on the diagonal of U, or 0."""
    result = factor(A, pivot)
    if check_errors:
        check_factored(result[2])
    return return_types.linalg_lu_factor_ex(*result)


def factor(A: Any, pivot: bool) -> tuple:
    """(LU, pivots, info)."""
    if A._array.ndim < 2:
        raise RuntimeError(f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {list(A._array.shape)} instead")
    check_pivoting(A, pivot)
    return apply(LU_FACTOR_EX, A)


def check_pivoting(A: Any, pivot: bool) -> None:
    """Raise PyTorch's error for a dtype without LU, and where rows may not be exchanged."""
    has_kernel(A, "lu_cpu")
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _lu_factor(x: Any) -> tuple:
    packed, pivots = lu_arrays(x)
    zero = np.diagonal(packed, axis1=-2, axis2=-1) == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1 if zero.shape[-1] else 0, 0)
    return packed, pivots, np.asarray(info, np.int32)


def matrix_of(g_lower: Any, g_upper: Any, lower: Any, upper: Any, p: Any) -> Any:
    """The gradient of A from those of the factors of A = P L U.

    What L has below the square part is A2 U^-1, and what U has behind it is L^-1 A2: their gradients go to A2 and into the square part.
    """
    rows, columns = lower._array.shape[-2], upper._array.shape[-1]
    if rows > columns:
        below = solve_triangular(upper.mH, g_lower[..., columns:, :], upper=False, left=False)
        square = _square(g_lower[..., :columns, :], g_upper - lower[..., columns:, :].mH @ below, lower[..., :columns, :], upper)
        return p @ cat([square, below], -2)
    if rows < columns:
        behind = solve_triangular(lower.mH, g_upper[..., rows:], upper=True, unitriangular=True)
        square = _square(g_lower - behind @ upper[..., rows:].mH, g_upper[..., :rows], lower, upper[..., :rows])
        return p @ cat([square, behind], -1)
    return p @ _square(g_lower, g_upper, lower, upper)


def _square(g_lower: Any, g_upper: Any, lower: Any, upper: Any) -> Any:
    """L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H."""
    core = tril(lower.mH @ g_lower, -1) + triu(g_upper @ upper.mH)
    core = solve_triangular(lower.mH, core, upper=True, unitriangular=True)
    return solve_triangular(upper.mH, core, upper=False, left=False)


def _packed_gradient(g: Any, out: Any) -> Any:
    packed, pivots = out[0], out[1]
    lower, upper = apply(LU_UNPACK, packed)
    p = permutation_of(pivots, packed._array)
    rank = min(packed._array.shape[-2:])
    return matrix_of(tril(g[0][..., :rank], -1), triu(g[0][..., :rank, :]), lower, upper, p)


LU_FACTOR_EX = Op("linalg_lu_factor_ex", opaque, _lu_factor,
    grads=(lambda g, out: _packed_gradient(g, out),))


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """Named tuple (P, L, U) with A = P L U: P a permutation, L lower triangular with ones on the diagonal, U upper triangular."""
    if A._array.ndim < 2:
        raise RuntimeError(f"linalg.lu: Expected tensor with 2 or more dimensions. Got size: {list(A._array.shape)} instead")
    check_pivoting(A, pivot)
    p, lower, upper = apply(LU, A)
    return return_types.linalg_lu(p.detach(), lower, upper)


def _lu(x: Any) -> tuple:
    packed, pivots = lu_arrays(x)
    return (permutation(pivots, x.shape[-2], x.dtype), *unpack(packed))


LU = Op("linalg_lu", opaque, _lu,
    grads=(lambda g, out: matrix_of(g[1], g[2], out[1], out[2], out[0].detach()),))


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """Named tuple (P, L, U) from packed factors; empty tensors in place of what is not asked for."""
    if unpack_pivots and LU_pivots._array.dtype != np.int32:
        raise RuntimeError("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
                           "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor")
    array = LU_data._array
    nothing = LU_data.new_empty(0)
    lower, upper = apply(LU_UNPACK, LU_data) if unpack_data else (nothing, nothing)
    p = permutation_of(LU_pivots, array) if unpack_pivots else nothing
    return return_types.lu_unpack(p, lower, upper)


def _repacked(g: Any, shape: tuple) -> Any:
    """The gradients of L and U in the places of the packed factors that they were read from."""
    lower, upper = tril(g[0], -1), triu(g[1])
    rows, columns = shape[-2:]
    if rows > columns:
        upper = cat([upper, upper.new_zeros((*shape[:-2], rows - columns, columns))], -2)
    if rows < columns:
        lower = cat([lower, lower.new_zeros((*shape[:-2], rows, columns - rows))], -1)
    return lower + upper


def permutation_of(pivots: Tensor, packed: Any) -> Tensor:
    """The matrices P of A = P L U, in the dtype of the packed factors."""
    return apply(PERMUTATION, pivots, rows=packed.shape[-2], dtype=packed.dtype)


PERMUTATION = Op("lu_permutation", opaque, lambda x, *, rows, dtype: permutation(x, rows, dtype))
LU_UNPACK = Op("lu_unpack", opaque, unpack, arguments=("x",),
    grads=(lambda g, x: _repacked(g, x._array.shape),))


# ---- equations

def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (X A = B unless `left`) from A's packed factors; with A^H in A's place if `adjoint`."""
    is_square(LU, "torch.linalg.lu_solve")
    if pivots._array.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    same_dtype(LU, B, "linalg.lu_solve", ("LU", "B"))
    has_matrices(B, "linalg.lu_solve", "B")
    if pivots._array.shape[-1:] != LU._array.shape[-1:]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if pivots._array.shape[:-1] != LU._array.shape[:-2]:
        raise RuntimeError(f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
                           f"{list(pivots._array.shape)} instead")
    fit(LU._array.shape, B._array.shape, "linalg.lu_solve", left)
    broadcast_batches(LU._array.shape, B._array.shape)
    return apply(LU_SOLVE, LU, pivots, B, left=left, adj=adjoint)


def _lu_solve(x: Any, pivots: Any, y: Any, *, left: bool, adj: bool) -> Any:
    if not left:  # X A = B is A^H X^H = B^H
        return adjoint(_lu_solve(x, pivots, adjoint(y), left=True, adj=not adj))
    p = permutation(pivots, x.shape[-1], x.dtype)
    if adj:
        return p @ solve_arrays(adjoint(x), solve_arrays(adjoint(x), y, False), True, True, True)
    return solve_arrays(x, solve_arrays(x, p.swapaxes(-1, -2) @ y, False, True, True), True)


def _lu_solve_gradients(g: Any, x: Any, pivots: Any, out: Any, left: bool, adj: bool, needs: Any) -> tuple:
    """B's solves the adjoint equation. A's is minus its product with X; A = P L U hands it to the factors."""
    gy = apply(LU_SOLVE, x, pivots, g, left=left, adj=not adj)
    if not needs[0]:
        return None, None, gy
    first, second = (gy, out) if left else (out.mH, gy.mH)
    whole = -(second @ first.mH if adj else first @ second.mH)
    lower, upper = apply(LU_UNPACK, x)
    p = permutation_of(pivots, x._array)
    turned = p.mT @ whole
    return tril(turned @ upper.mH, -1) + triu(lower.mH @ turned), None, gy


LU_SOLVE = Op("linalg_lu_solve", opaque, _lu_solve, arguments=("x", "pivots", "y"), vjp=lambda g, x, pivots, out, left, adj, needs:
    _lu_solve_gradients(g, x, pivots, out, left, adj, needs))
