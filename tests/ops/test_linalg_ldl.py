"""The LDL factorisation: LAPACK's factors, and equations."""
import numpy as np
import pytest

import rushlight as torch


@pytest.mark.parametrize(("matrix", "factors", "pivots"), [
    ([[4.0, 1, 2], [1, 3, 0], [2, 0, -5]], [[4.0, 0, 0], [0.25, 2.75, 0], [0.5, -0.18181819, -6.090909]], [1, 2, 3]),
    ([[0.0, 1], [1, 0]], [[0.0, 0], [1, 0]], [-2, -2]),
    ([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]], [[0.0, 0, 0], [2, 0, 0], [1.5, 0.5, -3]], [-3, -3, 3]),
])
def test_factors_are_lapacks(matrix, factors, pivots):
    LD, found = torch.linalg.ldl_factor(torch.tensor(matrix))
    assert np.allclose(LD.numpy(), factors, atol=1e-6) and found.tolist() == pivots and found.dtype is torch.int32


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_solve_solves(dtype, hermitian, size):
    torch.manual_seed(size)
    A = torch.randn(3, size, size, dtype=dtype)
    A = A + (A.mH if hermitian else A.mT)
    A[0].fill_diagonal_(0)  # blocks of two rows
    B = torch.randn(3, size, 2, dtype=dtype)
    if size == 1:
        A[0] = 2
    X = torch.linalg.ldl_solve(*torch.linalg.ldl_factor(A, hermitian=hermitian), B, hermitian=hermitian)
    assert torch.allclose(A @ X, B)


def test_zero_block_is_reported():
    result = torch.linalg.ldl_factor_ex(torch.zeros(2, 2))
    assert result.info.item() == 1 and result.pivots.tolist() == [1, 2] and result.LD.tolist() == [[0, 0], [0, 0]]
    for call in (torch.linalg.ldl_factor, lambda x: torch.linalg.ldl_factor_ex(x, check_errors=True)):
        with pytest.raises(RuntimeError, match="^torch.linalg.ldl_factor(_ex)?: Unknown error code: 1."):
            call(torch.zeros(2, 2))


def test_arguments_are_checked_and_there_is_no_derivative():
    with pytest.raises(RuntimeError, match="^torch.linalg.ldl_factor_ex: A must be batches of square matrices, but they are 2 by 3 matrices$"):
        torch.linalg.ldl_factor(torch.ones(2, 3))
    LD, pivots = torch.linalg.ldl_factor(torch.eye(3, requires_grad=True))
    with pytest.raises(RuntimeError, match="^Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is 3 by 3 but each b matrix is 2 "):
        torch.linalg.ldl_solve(LD, pivots, torch.ones(2, 1))
    with pytest.raises(RuntimeError, match="^derivative for aten::linalg_ldl_factor_ex is not implemented$"):
        LD.sum().backward()
