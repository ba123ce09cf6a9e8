"""Views in another shape: memory shared, strides and histories of PyTorch, and its errors."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


def leaf(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape).requires_grad_()


@pytest.mark.parametrize("view", [
    lambda t: t.view(6, 4), lambda t: t.reshape(-1), lambda t: t.flatten(1), lambda t: t.unflatten(2, (2, -1)), lambda t: t.ravel(),
    lambda t: t.unsqueeze(1), lambda t: t.squeeze(), lambda t: t.expand(2, 3, 4), lambda t: t.view_as(t),
])
def test_views_share_memory(view):
    base = torch.zeros(2, 3, 4)
    seen = view(base)
    seen.view(-1)[5] = 7.0
    assert base.sum() == 7 and seen._is_view() and base._version == 1


@pytest.mark.parametrize(("view", "shape", "strides"), [
    (lambda t: t.unsqueeze(0), (1, 4, 5), (20, 5, 1)), (lambda t: t.unsqueeze(-1), (4, 5, 1), (5, 1, 1)),
    (lambda t: t.T.unsqueeze(1), (5, 1, 4), (1, 20, 5)), (lambda t: t.expand(3, 4, 5), (3, 4, 5), (0, 5, 1)),
    (lambda t: t[:1].expand(2, -1), (2, 5), (0, 1)), (lambda t: t.view(2, 10), (2, 10), (10, 1)), (lambda t: t[:, :0], (4, 0), (1, 1)),
])
def test_strides_are_pytorchs(view, shape, strides):
    seen = view(x)
    assert seen.shape == shape and seen.stride() == strides


@pytest.mark.parametrize(("view", "name"), [
    (lambda t: t.view(-1), "ViewBackward0"), (lambda t: t.flatten(), "ViewBackward0"), (lambda t: t.t().flatten(), "UnsafeViewBackward0"),
    (lambda t: t[:, :1].reshape(4), "ReshapeAliasBackward0"), (lambda t: t.squeeze(), "SqueezeBackward0"),
    (lambda t: t.squeeze(0), "SqueezeBackward1"), (lambda t: t.squeeze((0, 1)), "SqueezeBackward2"),
    (lambda t: t.unsqueeze(0), "UnsqueezeBackward0"), (lambda t: t.expand(4, 5), "ExpandBackward0"),
    (lambda t: (t * 1).squeeze_(), "SqueezeBackward3"), (lambda t: (t * 1).unsqueeze_(0), "UnsqueezeBackward1"),
])
def test_history_has_pytorchs_name(view, name):
    assert view(leaf(4, 5)).grad_fn.name() == name


def test_flatten_of_what_is_no_tensor_says_so():
    with pytest.raises(TypeError, match=r"flatten\(\): argument 'input' \(position 1\) must be Tensor, not list"):
        torch.flatten([1, 2])


def test_flatten_of_a_vector_is_the_vector():
    vector = torch.ones(3)
    assert vector.flatten() is vector


def test_flatten_reads_its_dims_anew_at_each_call():
    base, dim = torch.zeros(2, 3, 4), torch.tensor(1)
    assert base.flatten(dim).shape == (2, 12)
    dim -= 1
    assert base.flatten(dim).shape == (24,)
    with pytest.raises(TypeError, match="must be int"):
        base.flatten(1.0)


def test_flatten_takes_copies_of_what_lies_in_no_order():
    turned = torch.arange(6.0).view(2, 3).t()
    assert turned.flatten().tolist() == [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    assert turned.flatten().data_ptr() != turned.data_ptr()


def test_reshape_copies_where_memory_does_not_allow_a_view():
    turned = torch.arange(6.0).view(2, 3).t()
    copied = turned.reshape(6)
    copied[0] = 9.0
    assert copied.tolist() == [9.0, 3.0, 1.0, 4.0, 2.0, 5.0] and turned[0, 0] == 0


def test_expand_sums_its_gradient():
    column = leaf(3, 1)
    (column.expand(3, 4) * torch.arange(4.0)).sum().backward()
    assert column.grad.tolist() == [[6.0]] * 3


def test_writing_to_expanded_memory_is_refused():
    with pytest.raises(RuntimeError, match="^unsupported operation: more than one element of the written-to tensor refers to a single memory"):
        torch.zeros(1).expand(3).add_(1)


def test_broadcast_tensors_and_shapes():
    a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(2))
    assert a.shape == b.shape == torch.Size([3, 2]) == torch.broadcast_shapes((3, 1), (2,), 1)


@pytest.mark.parametrize(("dtype", "numbers"), [(torch.int32, [1065353216, 0]), (torch.uint8, [0, 0, 128, 63, 0, 0, 0, 0])])
def test_view_as_another_dtype_reads_the_same_bytes(dtype, numbers):
    assert torch.tensor([1.0, 0.0]).view(dtype).tolist() == numbers


def test_gradient_through_a_chain_of_views():
    start = leaf(2, 3, 4)
    (start.view(6, 4).t().unsqueeze(1).expand(4, 2, 6)[1:, :, ::2].reshape(-1) ** 2).sum().backward()
    want = np.zeros((6, 4))
    want[::2, 1:] = 4 * np.arange(24.0).reshape(6, 4)[::2, 1:]
    assert start.grad.tolist() == want.reshape(2, 3, 4).tolist()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.squeeze(5), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    (lambda: x.flatten(1,0), RuntimeError, "flatten() has invalid args: start_dim cannot come after end_dim"),
    (lambda: x.unflatten(1,(2,3)), RuntimeError, "unflatten: Provided sizes [2, 3] don't multiply up to the size of dim 1 (5) in the input tens"),
    (lambda: x.unflatten(1,()), RuntimeError, "unflatten: sizes must be non-empty"),
    (lambda: x.view(3,7), RuntimeError, "shape '[3, 7]' is invalid for input of size 20"),
    (lambda: x.view(-1,-1), RuntimeError, "only one dimension can be inferred"),
    (lambda: x.view(-2,10), RuntimeError, "invalid shape dimension -2 at index 0 of shape [-2, 10]"),
    (lambda: x.T.view(20), RuntimeError, "view size is not compatible with input tensor's size and stride (at least one dimension spans across"),
    (lambda: x.view(()), RuntimeError, "shape '[]' is invalid for input of size 20"),
    (lambda: x.view(), TypeError, "view() received an invalid combination of arguments - got (), but expected one of:"),
    (lambda: x.expand(3), RuntimeError, "expand(torch.FloatTensor{[4, 5]}, size=[3]): the number of sizes provided (1) must be greater or equal"),
    (lambda: x.expand(3,5), RuntimeError, "The expanded size of the tensor (3) must match the existing size (4) at non-singleton dimension 0."),
    (lambda: x.expand(-1,4,5), RuntimeError, "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0"),
    (lambda: torch.broadcast_shapes((2,3),(4,)), RuntimeError, "Attempting to broadcast a dimension of length 4 at -1! Mismatching argument at"),
    (lambda: torch.broadcast_shapes((2,-3),(1,)), ValueError, "Attempting to broadcast a dimension with negative length!"),
    (lambda: torch.broadcast_tensors(x,torch.zeros(4)), RuntimeError, "The size of tensor a (5) must match the size of tensor b (4) at non-sing"),
    (lambda: torch.zeros(0).view(0,-1), RuntimeError, "cannot reshape tensor of 0 elements into shape [0, -1] because the unspecified dimension"),
    (lambda: torch.squeeze(torch.zeros(1,2,1),(0,0)).shape, RuntimeError, "dim 0 appears multiple times in the list of dims"),
    (lambda: torch.zeros(3,dtype=torch.uint8).view(torch.float16), RuntimeError, "self.size(-1) must be divisible by 2 to view Byte as Half (di"),
    (lambda: torch.zeros(4,6).t().view(torch.int16), RuntimeError, "self.stride(-1) must be 1 to view Float as Short (different element sizes),"),
    (lambda: torch.zeros(4,6)[:, :3].view(torch.float64), RuntimeError, "self.size(-1) must be divisible by 2 to view Float as Double (differen"),
    (lambda: torch.zeros(4,6)[:, 1:5].view(torch.float64), RuntimeError, "self.storage_offset() must be divisible by 2 to view Float as Double"),
    (lambda: torch.zeros(4,5)[:, :4].view(torch.float64).shape, RuntimeError, "self.stride(0) must be divisible by 2 to view Float as Double (d"),
    (lambda: x.view(torch.complex64), RuntimeError, "self.size(-1) must be divisible by 2 to view Float as ComplexFloat (different element size"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)


def test_tensor_that_has_the_common_shape_is_not_broadcast():
    x = torch.ones(2, 3, requires_grad=True)
    same, row = torch.broadcast_tensors(x, torch.ones(3))
    assert same is x and row.shape == (2, 3)


def test_an_empty_tensor_is_viewed_as_another_dtype_whatever_its_arrays_strides():
    x = torch.from_numpy(np.lib.stride_tricks.as_strided(np.empty(0, np.int16), (3, 0), (0, 0)))
    assert x.view(torch.uint8).shape == (3, 0) and x.view(torch.uint8).dtype is torch.uint8
