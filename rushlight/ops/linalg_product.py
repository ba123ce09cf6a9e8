"""Products and powers of matrices, the exponential, products of vectors."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, nary, opaque
from .dims import one_dim
from .join import cat
from .linalg_checks import has_matrices, is_inexact, is_square, same_dtype
from .linalg_kernels import exponential
from .reduce import sum
from .regions import diagonal as diagonal_of
from .views import atleast_1d

if TYPE_CHECKING:
    from ..tensor import Tensor


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A multiplied by itself n times, by repeated squaring; the inverse's power for negative n."""
    if not hasattr(n, "__index__"):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    is_square(A, "linalg.matrix_power")
    if n == 0:
        return apply(IDENTITY, A)
    if n < 0:
        from .linalg_solve import inv
        return matrix_power(inv(A), -n)
    out: Any = None
    square: Any = A
    while True:
        if n & 1:
            out = square if out is None else out @ square
        n >>= 1
        if not n:
            return out.clone() if out is A else out
        square = square @ square


#: the power 0, which has a history, and no slope
IDENTITY = Op("matrix_power", opaque, lambda x: np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape).copy(), arguments=("x",),
    grads=(lambda g: g.new_zeros(()),), node_name="torch::autograd::CopyBackwards")


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential I + A + A^2 / 2 + ... of a square matrix."""
    has_matrices(A, "linalg.matrix_exp")
    is_square(A, "linalg.matrix_exp")
    is_inexact(A, "linalg.matrix_exp", low=True)
    return apply(MATRIX_EXP, A)


def _exp_gradient(g: Any, x: Any) -> Any:
    """The upper right block of exp([[A^H, g], [0, A^H]]) (Mathias 1996, "A chain rule for matrix functions and applications")."""
    n = x._array.shape[-1]
    turned = x.mH
    zero = x.new_zeros(x._array.shape)
    blocks = cat([cat([turned, g], -1), cat([zero, turned], -1)], -2)
    return apply(MATRIX_EXP, blocks)[..., :n, n:]


def _matrix_exp(x: Any) -> Any:
    # In double precision: Pade's quotient in single loses digits that Taylor's sum, which PyTorch takes, keeps.
    return exponential(x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)).astype(x.dtype)


MATRIX_EXP = Op("linalg_matrix_exp", opaque, _matrix_exp,
    grads=(lambda g, x: _exp_gradient(g, x),))


# ---- chains

def multi_dot(tensors: Any) -> Tensor:
    """The product of two or more matrices in the order that needs fewest multiplications; the first and the last may be vectors."""
    tensors = list(tensors)
    check_chain(tensors)
    first, last = tensors[0], tensors[-1]
    shape = [*(first._array.shape[:-1]), *(last._array.shape[1:])]
    if first._array.ndim == 1:
        tensors[0] = first.unsqueeze(0)
    if last._array.ndim == 1:
        tensors[-1] = last.unsqueeze(1)
    for at in range(len(tensors) - 1):
        a, b = tensors[at]._array.shape, tensors[at + 1]._array.shape
        if a[1] != b[0]:
            shapes = [list(t._array.shape) for t in ([first, *tensors[1:-1], last])]
            raise RuntimeError(f"multi_dot(): tensors {at} and {at + 1} with shapes {shapes[at]} and {shapes[at + 1]} cannot be multiplied")
    return in_order(tensors, splits(tensors)).reshape(shape)


def check_chain(tensors: list) -> None:
    """Raise PyTorch's errors for matrices that make no chain."""
    count = len(tensors)
    if count < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    for at, tensor in enumerate(tensors):
        ndim = tensor._array.ndim
        if at in (0, count - 1) and ndim not in (1, 2):
            raise RuntimeError(f"multi_dot(): the {'last' if at else 'first'} tensor must be 1D or 2D but got {ndim}D")
        if at not in (0, count - 1) and ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {at} must be 2D but got {ndim}D")
    for at, tensor in enumerate(tensors):
        if tensor._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {tensors[0].dtype.c_name} and tensor {at} "
                               f"{tensor.dtype.c_name}")


def splits(tensors: list) -> dict:
    """For every stretch (i, j) of the chain the place k where its last product is taken, so that the cost is least."""
    sizes = [t._array.shape[0] for t in tensors] + [tensors[-1]._array.shape[1]]
    count = len(tensors)
    cost = {(i, i): 0 for i in range(count)}
    best: dict = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best[i, j] = min(range(i, j), key=lambda k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1])
            k = best[i, j]
            cost[i, j] = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
    return best


def in_order(tensors: list, best: dict) -> Any:
    """The product of a chain, by the splits, without recursion: a chain may be long."""
    done: dict = {(i, i): tensor for i, tensor in enumerate(tensors)}
    stack = [(0, len(tensors) - 1)]
    while stack:
        i, j = stack[-1]
        k = best[i, j] if i < j else i
        waits = [part for part in ((i, k), (k + 1, j)) if i < j and part not in done]
        if waits:
            stack.extend(waits)
            continue
        stack.pop()
        if i < j:
            done[i, j] = done[i, k].mm(done[k + 1, j])
    return done[0, len(tensors) - 1]


# ---- vectors

def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector at right angles to both, for vectors of three numbers along dim."""
    a, b = input._array, other._array
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    at = one_dim(dim, a.ndim)
    if a.shape[at] != 3 or b.shape[at] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[at]} and {b.shape[at]}")
    return apply(CROSS, input, other, dim=at)


def _cross(x: Any, y: Any, *, dim: int) -> Any:
    x, y = np.moveaxis(x, dim, 0), np.moveaxis(y, dim, 0)
    parts = [x[i] * y[j] - x[j] * y[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, dim)


CROSS = Op("linalg_cross", nary, _cross, arguments=("x", "y"),
    grads=(lambda g, y, dim: apply(CROSS, y.conj(), g, dim=dim),
           lambda g, x, dim: apply(CROSS, g, x.conj(), dim=dim)))


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of conj(x) * y along dim."""
    is_inexact(x, "linalg.vecdot", low=True)
    same_dtype(x, y, "linalg.vecdot", ("x", "y"))
    return sum(x.conj() * y, dim)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 ... N - 1 of each number as rows of a last dimension: (*, n) -> (*, n, N)."""
    array = x._array
    count = N if N is not None else array.shape[-1] if array.ndim else 1
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    columns = atleast_1d(x).unsqueeze(-1)
    columns = columns.expand((*columns._array.shape[:-1], count - 1)).cumprod(-1)
    return cat([columns.new_ones((*columns._array.shape[:-1], 1)), columns], -1)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices, as a view: of the last two dimensions."""
    return diagonal_of(A, offset, dim1, dim2)
