"""The LDL factorisation of symmetric and Hermitian matrices, with LAPACK's exchanges of rows (Bunch and Kaufman).

A = P1 L1 P2 L2 ... D ... L2^T P2^T L1^T P1^T, where D has blocks of one or two rows. A positive pivot exchanges its row with the row of that
number; two equal negative ones stand for a block of two rows, whose second is exchanged.

Source: Bunch and Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems", 1977.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import return_types
from ..core import recording
from ..core.apply import apply
from ..core.op import Op, opaque
from .linalg_checks import has_matrices, is_inexact, is_square
from .linalg_kernels import magnitude

if TYPE_CHECKING:
    from ..tensor import Tensor

#: below this share of its column's largest number a pivot is too small: it bounds the growth of the rest
GROWTH = (1 + math.sqrt(17)) / 8


def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """Named tuple (LD, pivots) of a symmetric or Hermitian matrix, of which the lower triangle is read.

    Raises RuntimeError where a block of D is zero.
    """
    LD, pivots, info = factored(A, hermitian)
    check_info(info, "torch.linalg.ldl_factor")
    return return_types.linalg_ldl_factor(LD, pivots)


def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """Named tuple (LD, pivots, info): info is the number of the first zero block of D, or 0."""
    result = factored(A, hermitian)
    if check_errors:
        check_info(result[2], "torch.linalg.ldl_factor_ex")
    return return_types.linalg_ldl_factor_ex(*result)


def check_info(info: Any, name: str) -> None:
    """Raise RuntimeError where a factorisation met a zero."""
    recording.reads(f"the check in {name}()")
    if info._array.any():
        first = int(info._array.reshape(-1)[np.flatnonzero(info._array)[0]])
        raise RuntimeError(f"{name}: Unknown error code: {first}.\n  the block of D with that number is zero, so the matrix is singular")


def factored(A: Tensor, hermitian: bool) -> tuple:
    """(LD, pivots, info)."""
    is_square(A, "torch.linalg.ldl_factor_ex")
    is_inexact(A, "torch.linalg.ldl_factor_ex")
    return apply(LDL_FACTOR_EX, A, hermitian=hermitian and A._array.dtype.kind == "c")


def _each(x: Any, *, hermitian: bool) -> tuple:
    n = x.shape[-1]
    lower = np.tril(x)
    turned = np.tril(x, -1).swapaxes(-1, -2)
    whole = (lower + (turned.conj() if hermitian else turned)).reshape(-1, n, n)
    pivots, info = np.zeros((len(whole), n), np.int32), np.zeros(len(whole), np.int32)
    for at, matrix in enumerate(whole):
        info[at] = factor(matrix, pivots[at], hermitian)
    return np.tril(whole).reshape(x.shape), pivots.reshape(x.shape[:-1]), info.reshape(x.shape[:-2])


def factor(a: Any, pivots: Any, hermitian: bool) -> int:
    """The number of the first zero block; a, symmetric, becomes L and D in its lower triangle."""
    n, k, info = len(a), 0, 0
    while k < n:
        row, size = choose(a, k)
        if size == 0:
            info, row, size = info or k + 1, k, 1
            pivots[k] = k + 1
        else:
            exchange(a, k, k + size - 1, row)
            pivots[k:k + size] = row + 1 if size == 1 else -(row + 1)
            eliminate(a, k, size, hermitian)
        k += size
    return info


def choose(a: Any, k: int) -> tuple[int, int]:
    """(row to exchange with, rows of the block) for the pivot at k; size 0 where the column is zero."""
    column = magnitude(a[k:, k])
    own = column[0]
    if len(column) == 1 or not column[1:].max() > 0:
        return k, int(own > 0)
    other = k + 1 + int(column[1:].argmax())
    largest = column[other - k]
    if own >= GROWTH * largest:
        return k, 1
    row = magnitude(a[other, k:]).copy()
    row[other - k] = 0
    if own >= GROWTH * largest * (largest / row.max()):
        return k, 1
    return (other, 1) if magnitude(a[other, other]) >= GROWTH * row.max() else (other, 2)


def exchange(a: Any, k: int, first: int, second: int) -> None:
    """Exchange two rows, and the columns of the same numbers, in what is left to do from k on."""
    if first != second:
        a[[first, second], k:] = a[[second, first], k:]
        a[k:, [first, second]] = a[k:, [second, first]]


def eliminate(a: Any, k: int, size: int, hermitian: bool) -> None:
    """Take the block at k out of the rest of the matrix; its columns become those of L."""
    rest = k + size
    block, below = a[k:rest, k:rest], a[rest:, k:rest].copy()
    if rest < len(a):
        a[rest:, k:rest] = below / block if size == 1 else np.linalg.solve(block.T, below.T).T
        a[rest:, rest:] -= a[rest:, k:rest] @ (below.conj() if hermitian else below).T


def refuse(name: str) -> NoReturn:
    """Raise PyTorch's error for a derivative that nobody has written."""
    raise RuntimeError(f"derivative for aten::{name} is not implemented")


LDL_FACTOR_EX = Op("linalg_ldl_factor_ex", opaque, _each, vjp=lambda g: refuse("linalg_ldl_factor_ex"), node_name="NotImplemented")


# ---- equations

def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B, from the factors that `ldl_factor` gave for A."""
    is_square(LD, "torch.linalg.ldl_solve")
    has_matrices(B, "torch.linalg.ldl_solve", "B")
    shape, other = LD._array.shape, B._array.shape
    if shape[-1] != other[-2]:
        raise RuntimeError(f"Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is {shape[-1]} by {shape[-1]} but each b matrix is "
                           f"{other[-2]} by {other[-1]}")
    return apply(LDL_SOLVE, LD, pivots, B, hermitian=hermitian and LD._array.dtype.kind == "c")


def _solve_each(x: Any, pivots: Any, y: Any, *, hermitian: bool) -> Any:
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.broadcast_to(y, (*batch, *y.shape[-2:])).copy()
    factors = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    order = np.broadcast_to(pivots, (*batch, pivots.shape[-1]))
    for at in np.ndindex(*batch):
        solve(factors[at], order[at], out[at], hermitian)
    return out


def solve(a: Any, pivots: Any, b: Any, hermitian: bool) -> None:
    """Overwrite b with what solves A X = b: forwards through L and D, and back through L's transpose."""
    blocks = blocks_of(pivots)
    for k, size, row in blocks:
        last, rest = k + size - 1, k + size
        b[[last, row]] = b[[row, last]]
        b[rest:] -= a[rest:, k:rest] @ b[k:rest]
        block = a[k:rest, k:rest].copy()
        if size == 2:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
        b[k:rest] = np.linalg.solve(block, b[k:rest])
    for k, size, row in reversed(blocks):
        last, rest = k + size - 1, k + size
        turned = a[rest:, k:rest].T
        b[k:rest] -= (turned.conj() if hermitian else turned) @ b[rest:]
        b[[last, row]] = b[[row, last]]


def blocks_of(pivots: Any) -> list:
    """(first row, rows, row that the last one is exchanged with) of each block of D."""
    blocks, k = [], 0
    while k < len(pivots):
        size = 1 if pivots[k] > 0 else 2
        blocks.append((k, size, abs(int(pivots[k])) - 1))
        k += size
    return blocks


LDL_SOLVE = Op("linalg_ldl_solve", opaque, _solve_each, vjp=lambda g: refuse("linalg_ldl_solve"), node_name="NotImplemented")
