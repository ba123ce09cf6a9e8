"""Functions that PyTorch took away: they say what to write instead."""
from __future__ import annotations

from typing import Any, NoReturn

BEGINNING = "This function was deprecated since version 1.9 and is now removed."


def lstsq(input: Any, A: Any, *, out: Any = None) -> NoReturn:
    """Raises RuntimeError: use torch.linalg.lstsq, whose arguments come in the other order."""
    raise RuntimeError(BEGINNING + " `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.\n"
                       "Write torch.linalg.lstsq(A, B).solution in place of torch.lstsq(B, A).solution[:A.size(1)].")


def eig(self: Any, eigenvectors: bool = False, *, e: Any = None, v: Any = None) -> NoReturn:
    """Raises RuntimeError: use torch.linalg.eig or eigvals."""
    raise RuntimeError(BEGINNING + " `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking "
                       "complex tensors.\nWrite torch.linalg.eigvals(A), or torch.linalg.eig(A) for the vectors too.")


def symeig(input: Any, eigenvectors: bool = False, upper: bool = True, *, out: Any = None) -> NoReturn:
    """Raises RuntimeError: use torch.linalg.eigh or eigvalsh."""
    raise RuntimeError(BEGINNING + " The default behavior has changed from using the upper triangular portion of the matrix by default to using the "
                       "lower triangular portion.\nWrite torch.linalg.eigvalsh(A, UPLO='U'), or torch.linalg.eigh(A, UPLO='U') for the vectors too.")


def solve(input: Any, A: Any, *, out: Any = None) -> NoReturn:
    """Raises RuntimeError: use torch.linalg.solve, whose arguments come in the other order."""
    raise RuntimeError(BEGINNING + " `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments reversed "
                       "and does not return the LU factorization.\nWrite torch.linalg.solve(A, B) in place of torch.solve(B, A).solution.")


def matrix_rank(input: Any, tol: Any = None, symmetric: bool = False, *, out: Any = None) -> NoReturn:
    """Raises RuntimeError: use torch.linalg.matrix_rank."""
    raise RuntimeError(BEGINNING + "\nPlease use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' was renamed in "
                       "`torch.linalg.matrix_rank()` to 'hermitian'.")
