"""Singular values and principal components of low rank."""
import pytest

import rushlight as torch


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 5, 7)])
def test_matrix_of_low_rank_is_found_whole(shape):
    torch.manual_seed(0)
    A = torch.randn(*shape[:-1], 2, dtype=torch.float64) @ torch.randn(*shape[:-2], 2, shape[-1], dtype=torch.float64)
    U, S, V = torch.svd_lowrank(A, q=2)
    assert torch.allclose((U * S.unsqueeze(-2)) @ V.mH, A) and U.shape == (*shape[:-1], 2) and V.shape == (*shape[:-2], shape[-1], 2)
    assert torch.allclose(torch.svd_lowrank(A + 1, q=2, M=torch.ones(shape, dtype=A.dtype))[1], S)


def test_singular_values_are_pytorchs_from_the_same_seed():
    torch.manual_seed(0)
    A = torch.randn(6, 4)
    torch.manual_seed(0)
    assert torch.svd_lowrank(A, q=2)[1].tolist() == pytest.approx([3.5192, 3.1188], abs=1e-4)
    torch.manual_seed(0)
    U, S, V = torch.pca_lowrank(A, q=2)
    assert S.tolist() == pytest.approx([3.4406, 2.3717], abs=1e-4)
    assert V[:, 1].abs().tolist() == pytest.approx([0.6666, 0.4645, 0.1598, 0.5607], abs=1e-4)


def test_rank_is_checked():
    with pytest.raises(ValueError, match=r"^q\(=20\) must be non-negative integer and not greater than min\(m, n\)=4$"):
        torch.pca_lowrank(torch.ones(6, 4), q=20)
