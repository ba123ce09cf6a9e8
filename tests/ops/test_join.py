"""cat and stack and their relatives."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def test_cat_passes_over_empty_vectors_and_promotes_dtypes():
    joined = torch.cat([torch.ones(2, 1, dtype=torch.int64), torch.zeros(0), torch.zeros(2, 2)], 1)
    assert joined.tolist() == [[1.0, 0.0, 0.0]] * 2 and joined.dtype is torch.float32
    assert torch.cat([torch.ones(1), torch.ones(1, dtype=torch.int64)]).dtype is torch.float32
    assert torch.cat([torch.tensor([True]), torch.tensor([2], dtype=torch.uint8)]).dtype is torch.uint8


def test_each_part_gets_its_own_gradient():
    a, b, c = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True), torch.ones(2)
    torch.cat([a, c, b, a]).backward(torch.arange(7.0))
    assert a.grad.tolist() == [5.0, 7.0] and b.grad.tolist() == [4.0]


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_stack_is_numpys(dim):
    parts = [np.full((2, 3), float(i)) for i in range(4)]
    np.testing.assert_array_equal(torch.stack([torch.from_numpy(p) for p in parts], dim).numpy(), np.stack(parts, dim))


@pytest.mark.parametrize(("join", "numpy"), [(torch.hstack, np.hstack), (torch.vstack, np.vstack), (torch.dstack, np.dstack),
                                             (torch.column_stack, np.column_stack), (torch.row_stack, np.vstack)])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4)])
def test_stacks_are_numpys(join, numpy, shape):
    parts = [np.random.default_rng(i).normal(size=shape) for i in range(2)]
    np.testing.assert_array_equal(join([torch.from_numpy(p) for p in parts]).numpy(), numpy(parts))


def test_out_takes_the_result():
    out = torch.zeros(0)
    assert torch.cat([torch.ones(1), torch.zeros(1)], out=out) is out and out.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.cat([]), ValueError, "torch.cat(): expected a non-empty list of Tensors"),
    (lambda: torch.cat([x,y]), RuntimeError, "Tensors must have same number of dimensions: got 2 and 3"),
    (lambda: torch.cat([x,x[:2]],1), RuntimeError, "Sizes of tensors must match except in dimension 1. Expected size 4 but got size 2 for tenso"),
    (lambda: torch.cat([x,1]), TypeError, "expected Tensor as element 1 in argument 0, but got int"),
    (lambda: torch.cat(x), TypeError, "cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"),
    (lambda: torch.cat([torch.tensor(1.)]), RuntimeError, "zero-dimensional tensor (at position 0) cannot be concatenated"),
    (lambda: torch.cat([x,x],dim=2), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
    (lambda: torch.stack([]), RuntimeError, "stack expects a non-empty TensorList"),
    (lambda: torch.stack([x,y]), RuntimeError, "stack expects each tensor to be equal size, but got [4, 5] at entry 0 and [2, 3, 4] at entry 1"),
    (lambda: torch.vstack([]), RuntimeError, "vstack expects a non-empty TensorList"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)


def test_what_is_joined_of_transposed_tensors_can_be_viewed_in_another_shape():
    x = torch.arange(12.0).reshape(3, 4).t()
    assert torch.cat([x, x]).stride() == (3, 1) and torch.stack([x, x]).stride() == (12, 3, 1) and torch.stack([x, x], 2).stride() == (6, 2, 1)
    assert torch.cat([x, x]).view(-1)[:4].tolist() == [0, 4, 8, 1]
    assert torch.cat([x.t()[None, :, :, None].transpose(1, 2)] * 2, 1).is_contiguous()


def test_joined_images_keep_their_channels_last_if_all_have_them_so():
    images = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert torch.cat([images, images], 1).stride() == (120, 1, 30, 6)
    assert torch.cat([images, images.contiguous()], 1).stride() == (120, 20, 5, 1)
    assert torch.stack([images, images]).stride() == (120, 60, 1, 15, 3)
