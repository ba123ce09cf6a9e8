"""Views of a part: narrow, select, diagonal, unfold; and copies with a part replaced."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def numbers(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape)


@pytest.mark.parametrize(("view", "expected"), [
    (lambda t: t.narrow(1, -2, 2), lambda a: a[:, 1:3]), (lambda t: t.select(1, -1), lambda a: a[:, 2]), (lambda t: t.diagonal(), np.diagonal),
    (lambda t: t.diagonal(-1), lambda a: np.diagonal(a, -1)), (lambda t: t.diagonal(1, -1, 0), lambda a: np.diagonal(a, 1, -1, 0)),
    (lambda t: t.unfold(0, 2, 2), lambda a: np.stack([a[0:2].T, a[2:4].T])),
])
def test_region_is_a_view(view, expected):
    base = numbers(4, 3)
    np.testing.assert_array_equal(view(base).numpy(), expected(base.numpy().copy()))
    view(base).fill_(-1.0)
    assert (view(base) == -1).all() and (base == -1).sum() == view(base).numel()


def test_overlapping_windows_add_their_gradients():
    t = numbers(5).requires_grad_()
    t.unfold(0, 3, 1).sum().backward()
    assert t.grad.tolist() == [1.0, 2.0, 3.0, 2.0, 1.0]


def test_diag_is_a_matrix_of_a_vector_and_a_vector_of_a_matrix():
    assert torch.diag(torch.tensor([1, 2]), 1).tolist() == [[0, 1, 0], [0, 0, 2], [0, 0, 0]]
    assert torch.diag(numbers(3, 3), -1).tolist() == [3.0, 7.0] and not torch.diag(numbers(3, 3))._is_view()
    assert torch.diag_embed(torch.tensor([[1, 2], [3, 4]])).tolist() == [[[1, 0], [0, 2]], [[3, 0], [0, 4]]]
    assert torch.diagflat(torch.tensor([[1, 2]])).tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize(("replace", "region"), [
    (lambda t, s: t.select_scatter(s, 0, 1), np.s_[1]), (lambda t, s: t.slice_scatter(s, 1, 0, 3, 2), np.s_[:, 0:3:2]),
    (lambda t, s: t.diagonal_scatter(s), (np.arange(3), np.arange(3))), (lambda t, s: t.as_strided_scatter(s, (2,), (4,), 1), ([0, 1], [1, 2])),
])
def test_copy_with_a_part_replaced(replace, region):
    before, expected = numbers(3, 3).requires_grad_(), np.arange(9.0).reshape(3, 3)
    part = torch.full(expected[region].shape, -1.0, requires_grad=True)
    after = replace(before, part)
    expected[region] = -1
    np.testing.assert_array_equal(after.detach().numpy(), expected)
    after.backward(numbers(3, 3))
    rest = np.arange(9.0).reshape(3, 3)
    assert part.grad.tolist() == rest[region].tolist()
    rest[region] = 0
    assert before.grad.tolist() == rest.tolist()


def test_copies_of_views_have_memory_of_their_own():
    base = torch.zeros(2, 3, requires_grad=True)
    for copied in (torch.permute_copy(base, (1, 0)), torch.view_copy(base, (6,)), torch.select_copy(base, 0, 1), *torch.split_copy(base, 1),
                   torch.expand_copy(base, (2, 2, 3)), torch.alias_copy(base)):
        assert copied.grad_fn.name().endswith("_copy") and copied.is_contiguous() and copied.data_ptr() != base.data_ptr()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.zeros(3).fill_diagonal_(1), RuntimeError, "dimensions must larger than 1"),
    (lambda: torch.zeros(2,2,3).fill_diagonal_(1), RuntimeError, "all dimensions of input must be of equal length"),
    (lambda: x.narrow(0,2,5), RuntimeError, "start (2) + length (5) exceeds dimension size (4)."),
    (lambda: x.narrow(0,9,1), IndexError, "start out of range (expected to be in range of [-4, 4], but got 9)"),
    (lambda: x.narrow(0,0,-1), RuntimeError, "narrow(): length must be non-negative."),
    (lambda: x.narrow(3,0,1), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 3)"),
    (lambda: x.select(0,9), IndexError, "select(): index 9 out of range for tensor of size [4, 5] at dimension 0"),
    (lambda: x.diagonal(0,0,0), RuntimeError, "diagonal dimensions cannot be identical 0, 0"),
    (lambda: y.diag(), RuntimeError, "diag(): Supports 1D or 2D tensors. Got 3D"),
    (lambda: x.unfold(0,5,1), RuntimeError, "maximum size for tensor at dimension 0 is 4 but size is 5"),
    (lambda: x.unfold(0,2,0), RuntimeError, "step is 0 but must be > 0"),
    (lambda: x.unfold(0,-2,1), RuntimeError, "size is -2 but must be >= 0"),
    (lambda: x.diagonal_scatter(torch.zeros(3)), RuntimeError, "expected src to have a size equal to the slice of self. src size = [3], slice s"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
