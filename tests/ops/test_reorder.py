"""The order of dimensions: transpose, permute, movedim and the properties T, mT, H, mH."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(("view", "order"), [
    (lambda t: t.permute(2, 0, 1), (2, 0, 1)), (lambda t: t.permute(dims=(-1, 0, 1)), (2, 0, 1)), (lambda t: t.transpose(0, -1), (2, 1, 0)),
    (lambda t: torch.swapaxes(t, axis0=0, axis1=1), (1, 0, 2)), (lambda t: t.movedim(0, 2), (1, 2, 0)),
    (lambda t: t.movedim((0, 1), (-1, 0)), (1, 2, 0)), (lambda t: t.mT, (0, 2, 1)), (lambda t: t.mH, (0, 2, 1)), (lambda t: t.adjoint(), (0, 2, 1)),
])
def test_dimensions_change_places(view, order):
    numbers = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    seen = view(torch.from_numpy(numbers))
    np.testing.assert_array_equal(seen.numpy(), numbers.transpose(order))
    assert np.shares_memory(seen.numpy(), numbers)


@pytest.mark.parametrize(("view", "name"), [
    (lambda t: t.T, "PermuteBackward0"), (lambda t: t.mT, "TransposeBackward0"), (lambda t: t.H, "TransposeBackward0"),
    (lambda t: t.t(), "TBackward0"), (lambda t: t.movedim(0, 1), "PermuteBackward0"), (lambda t: t[0, 0].movedim(0, 0), "AliasBackward0"),
    (lambda t: (t * 1).t_(), "TBackward1"), (lambda t: (t * 1).transpose_(0, 1), "TransposeBackward1"),
])
def test_history_has_pytorchs_name(view, name):
    assert view(torch.ones(2, 3, requires_grad=True)).grad_fn.name() == name


def test_conjugate_transpose():
    z = torch.tensor([[1 + 2j, 3j]])
    assert z.H.tolist() == [[1 - 2j], [-3j]] and z.mH.tolist() == z.adjoint().tolist() == z.H.tolist()


def test_reversing_more_than_two_dimensions_warns():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^The use of `x.T` on tensors of dimension other than 2"):
        assert y.T.shape == (4, 3, 2)


def test_transposing_in_place_keeps_the_gradient():
    start = torch.arange(6.0).view(2, 3).requires_grad_()
    turned = start * 1
    turned.t_()
    (turned * torch.arange(6.0).view(3, 2)).sum().backward()
    assert turned.shape == (3, 2) and start.grad.tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.permute(0), RuntimeError, "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desire"),
    (lambda: x.permute(0,0), RuntimeError, "permute(): duplicate dims are not allowed."),
    (lambda: x.permute(0,5), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    (lambda: x.movedim((0,),(1,2)), RuntimeError, "movedim: Invalid source or destination dims: source ([0] dims) should contain the same numbe"),
    (lambda: x.movedim((0,0),(1,1)), RuntimeError, "movedim: repeated dim in `source` ([0, 0])"),
    (lambda: y.H, RuntimeError, "tensor.H is only supported on matrices (2-D tensors). Got 3-D tensor. For batches of matrices, consider using"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
