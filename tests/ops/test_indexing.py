"""Square brackets: values, memory, strides, histories and errors of PyTorch."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def numbers(*shape):
    return torch.arange(float(np.prod(shape)), dtype=torch.float64).reshape(shape)


VIEWS = [1, -1, slice(1, None), slice(None, None, 2), (0, 1), (0, 1, 2), (slice(None), 1), (..., 0), (0, ..., 1), None, (None, 0),
         (slice(None), None), (slice(1), slice(1, 3)), (), ..., np.int64(1), (0, None, slice(1, 2), None)]
COPIES = [[0, 1], [-1], ([0, 1], [1, 2]), (slice(None), [0, 2]), (slice(None), [0, 2], [1, 1]), ([0, 1], slice(None), [1, 3]), (..., [1, 1, 0]),
          np.array([True, False]), (slice(None), np.array([True, False, True])), np.ones((2, 3), bool), (np.ones((2, 3), bool), 1),
          np.array([[0], [1]]), (np.array([[0], [1]]), np.array([0, 2])), [], True, False, range(1), (np.array([0, 1]), None, slice(1))]


@pytest.mark.parametrize("key", VIEWS, ids=str)
def test_integers_slices_none_and_ellipsis_give_views(key):
    base = numbers(2, 3, 4)
    seen = base[key]
    np.testing.assert_array_equal(seen.numpy(), base.numpy()[key])
    assert np.shares_memory(seen.numpy(), base.numpy()) and seen._is_view()


def as_index(key):
    """The index with tensors in place of arrays."""
    if isinstance(key, tuple):
        return tuple([as_index(k) if isinstance(k, np.ndarray) else k for k in key])
    return torch.from_numpy(key) if isinstance(key, np.ndarray) else key


def as_numpy(key):
    """The index as NumPy reads it: an empty list and a range are integers to it only as arrays."""
    return np.array(key, int) if isinstance(key, (list, range)) else key


@pytest.mark.parametrize("key", COPIES, ids=str)
def test_lists_tensors_and_masks_give_copies(key):
    base = numbers(2, 3, 4)
    taken = base[as_index(key)]
    np.testing.assert_array_equal(taken.numpy(), base.numpy()[as_numpy(key)])
    assert not taken.numel() or not np.shares_memory(taken.numpy(), base.numpy())


@pytest.mark.parametrize("key", VIEWS + COPIES, ids=str)
def test_gradient_falls_where_the_numbers_came_from(key):
    base = numbers(2, 3, 4).requires_grad_()
    taken = base[as_index(key)]
    weights = np.arange(1.0, 1 + taken.numel()).reshape(taken.shape)
    taken.backward(torch.from_numpy(weights))
    expected = np.zeros((2, 3, 4))
    np.add.at(expected, as_numpy(key), weights)
    np.testing.assert_array_equal(base.grad.numpy(), expected)


def test_integers_are_taken_before_lists():
    assert y[0, :, [1, 2]].shape == (3, 2)  # NumPy: (2, 3)
    assert y[[0], :, [1]].shape == (1, 3) and y[:, [0], :, None].shape == (2, 1, 4, 1)


@pytest.mark.parametrize(("key", "name"), [
    (0, "SelectBackward0"), (slice(1, 3), "SliceBackward0"), (slice(None), "SliceBackward0"), ((slice(None),), "AliasBackward0"),
    (..., "AliasBackward0"), (None, "UnsqueezeBackward0"), ((0, slice(1, 2)), "SliceBackward0"), ((slice(1, 2), 0), "SelectBackward0"),
    ((slice(1, 2), None), "UnsqueezeBackward0"), ([0], "IndexBackward0"), (True, "IndexBackward0"), (torch.tensor(1), "SelectBackward0"),
    ((), "AliasBackward0"),
])
def test_history_has_pytorchs_name(key, name):
    assert numbers(4, 5).requires_grad_()[key].grad_fn.name() == name


def test_strides_of_new_dimensions_are_pytorchs():
    assert x[None].stride() == (20, 5, 1) and x[:, None].stride() == (5, 5, 1) and x[:, 1:3, None].stride() == (5, 1, 1)


def test_bytes_are_a_mask_and_warn():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^indexing with dtype torch.uint8 is now deprecated"):
        assert x[torch.tensor([1, 0, 1, 0], dtype=torch.uint8)].shape == (2, 5)


def test_list_of_lists_stands_for_a_tuple_and_warns():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^Using a non-tuple sequence for multidimensional indexing is deprecated"):
        assert x[[[0, 1], [1, 2]]].shape == (2,)


def test_second_gradient_passes_through_an_index():
    base = numbers(3).requires_grad_()
    (first,) = torch.autograd.grad((base[[0, 0, 2]] ** 3).sum(), base, create_graph=True)
    first.sum().backward()
    assert base.grad.tolist() == [0.0, 0.0, 12.0]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x[0].diagonal(), IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    (lambda: x[0].tril(), RuntimeError, "tril: input tensor must have at least 2 dimensions"),
    (lambda: x[0].mH, RuntimeError, "tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor."),
    (lambda: x[0].adjoint(), RuntimeError, "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor."),
    (lambda: x[0].vsplit(1), RuntimeError, "torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with 1 dimensions!"),
    (lambda: x[0].fliplr(), RuntimeError, "Input must be >= 2-d."),
    (lambda: x[0].rot90(), RuntimeError, "expected total dims >= 2, but got total dims = 1"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
