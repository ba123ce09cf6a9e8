"""Norms of matrices, and what follows from them."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core import dtypes
from .choose import where
from .extremes import amax, amin
from .linalg_checks import has_matrices
from .linalg_solve import inv_ex
from .linalg_svd import svdvals
from .norms import vector_norm
from .reduce import sum

if TYPE_CHECKING:
    from ..tensor import Tensor


def norm(input: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of a vector or a matrix, by how many dimensions `dim` names; of all numbers as one vector without `ord`."""
    ndim = input._array.ndim
    dims = [dim] if isinstance(dim, int) else dim
    if ord is not None and dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if ord is not None and dims is None and ndim not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D.")
    if isinstance(ord, str) or ord is not None and (len(dims) == 2 if dims is not None else ndim == 2):
        return matrix_norm(input, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


ORDERS = (2, -2, 1, -1, math.inf, -math.inf)


def matrix_norm(A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of the matrices in two dimensions.

    ord: "fro" (root of the sum of squares), "nuc" (sum of singular values), 2 and -2 (largest and smallest singular value), inf and -inf (of the
    rows' sums of absolute values), 1 and -1 (of the columns').
    """
    check_matrix_norm(A, dim, ord, dtype)
    if dtype is not None:
        A = A.to(dtype)
    ndim = A._array.ndim
    rows, columns = [d + ndim if d < 0 else d for d in dim]
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or abs(ord) == 2:
        values = svdvals(A.movedim((rows, columns), (-2, -1)))
        out = sum(values, -1) if ord == "nuc" else (amax if ord > 0 else amin)(values, -1)
    else:
        added, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = vector_norm(A, 1, added, True)
        out = (amax if ord > 0 else amin)(sums, compared, True).squeeze((rows, columns))
    if keepdim:
        for at in sorted((rows, columns)):
            out = out.unsqueeze(at)
    return out


def check_matrix_norm(A: Any, dim: Any, ord: Any, dtype: Any) -> None:
    """Raise PyTorch's errors for what has no matrix norm."""
    name = "linalg.matrix_norm"
    has_matrices(A, name)
    if A._array.dtype.kind in "biu":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.kernel_name}")
    if isinstance(ord, str) and ord not in ("fro", "nuc") or not isinstance(ord, str) and ord not in ORDERS:
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {', '.join([str(d) for d in dim])}")
    ndim = A._array.ndim
    for d in dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
    if dim[0] % ndim == dim[1] % ndim:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if dtype is not None:
        _check_dtype(A, dtype)


def _check_dtype(A: Any, dtype: Any) -> None:
    name = "linalg.matrix_norm"
    if dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {dtype.kernel_name}")
    if dtype.is_complex != A.is_complex():
        kinds = ("complex", "real") if A.is_complex() else ("real", "complex")
        raise RuntimeError(f"{name}: dtype should be {kinds[0]} for {kinds[0]} inputs, but got {dtype.kernel_name}")
    if dtypes.promote_types(A.dtype, dtype) is not dtype:
        raise RuntimeError(f"{name}: the dtype of the input ({A.dtype.kernel_name}) should be convertible without narrowing to the specified dtype "
                           f"({dtype.kernel_name})")


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number |A| |A^-1| in the norm p; 2 if None. inf for a singular matrix."""
    if A._array.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, str) and p not in ("fro", "nuc") or not isinstance(p, str) and p is not None and p not in ORDERS:
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if not A._array.size:
        return sum(A.real.abs() if A.is_complex() else A, (-2, -1))
    if p is None or p in (2, -2):
        values = svdvals(A)
        largest, smallest = values[..., 0], values[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    rows, columns = A._array.shape[-2:]
    if rows != columns:
        raise RuntimeError(f"linalg.cond(ord={p}): A must be batches of square matrices, but they are {rows} by {columns} matrices")
    inverse, info = inv_ex(A)
    singular = info.bool()
    if not singular.any():
        return matrix_norm(A, p) * matrix_norm(inverse, p)
    known = where(singular.unsqueeze(-1).unsqueeze(-1), 0.0, inverse)  # what stands there is not a number, which has no norm
    return where(singular, math.inf, matrix_norm(A, p) * matrix_norm(known, p))
