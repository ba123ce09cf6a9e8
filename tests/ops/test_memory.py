"""Strides, offsets, storages, as_strided, and other memory for a tensor."""
import os

import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def test_as_strided_reads_any_place_of_the_storage():
    base = torch.arange(12.0).view(3, 4)
    assert base[1].as_strided((2, 2), (1, 2), 3).tolist() == [[3.0, 5.0], [4.0, 6.0]]
    assert base[1].as_strided((2,), (5,)).tolist() == [4.0, 9.0]  # from the view's own offset
    base.as_strided((3,), (5,)).zero_()
    assert base.diagonal().tolist() == [0.0, 0.0, 0.0]


def test_as_strided_sums_the_gradients_of_what_it_shows_twice():
    base = torch.arange(4.0, requires_grad=True)
    base.as_strided((3, 2), (1, 1)).sum().backward()
    assert base.grad.tolist() == [1.0, 2.0, 2.0, 1.0]


def test_write_through_strides_has_a_gradient():
    base = torch.arange(6.0, requires_grad=True)
    copied = (base * 2).view(2, 3)
    copied.as_strided((3,), (2,)).mul_(10)
    copied.backward(torch.ones(2, 3))
    assert base.grad.tolist() == [20.0, 2.0, 20.0, 2.0, 20.0, 2.0]


def test_offset_and_stride_of_a_region():
    region = torch.zeros(3, 4)[1:, ::2]
    assert region.storage_offset() == 4 and region.stride() == (4, 2) and region.stride(-1) == 2
    assert region.data_ptr() == region.untyped_storage().data_ptr() + 16


def test_array_given_by_numpy_begins_its_storage():
    array = np.arange(6.0)[2:]
    tensor = torch.from_numpy(array)
    assert tensor.storage_offset() == 0 and tensor.untyped_storage().nbytes() == 32 and tensor[1:].storage_offset() == 1
    tensor[0] = -1.0
    assert array[0] == -1


def test_tensors_on_one_storage_are_known_by_it():
    a = torch.zeros(4)
    assert a.untyped_storage().data_ptr() == a[2:].untyped_storage().data_ptr() == a.detach().view(2, 2).untyped_storage().data_ptr()
    assert a.clone().untyped_storage().data_ptr() != a.untyped_storage().data_ptr()
    assert a.is_set_to(a.detach()) and not a.is_set_to(a[:2])


def test_resize_keeps_what_fits():
    t = torch.arange(6.0)
    assert t.resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]] and t.untyped_storage().nbytes() == 24
    assert t.resize_(3, 3).shape == (3, 3) and t.view(-1)[:6].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert torch.zeros(4).resize_as_(torch.zeros(2, 2)).shape == (2, 2)


def test_set_stands_on_other_memory():
    source = torch.arange(6.0)
    target = torch.zeros(1).set_(source.untyped_storage(), 1, (2, 2), (2, 1))
    target[0, 0] = 9.0
    assert source.tolist() == [0.0, 9.0, 2.0, 3.0, 4.0, 5.0] and target.tolist() == [[9.0, 2.0], [3.0, 4.0]]
    assert torch.zeros(3).set_().shape == (0,) and torch.zeros(3).set_(source).is_set_to(source)


@pytest.mark.parametrize(("shape", "wrap", "rows"), [((3, 3), False, [1, 1, 1]), ((5, 2), False, [1, 1, 0, 0, 0]), ((5, 2), True, [1, 1, 0, 1, 1])])
def test_diagonal_is_filled(shape, wrap, rows):
    assert torch.zeros(shape).fill_diagonal_(1, wrap).sum(1).tolist() == rows


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.as_strided((5,5),(5,1)), RuntimeError, "setStorage: sizes [5, 5], strides [5, 1], storage offset 0, and itemsize 4 requiring a s"),
    (lambda: x.as_strided((2,),(1,2)), RuntimeError, "mismatch in length of strides and shape"),
    (lambda: x.as_strided((2,),(-1,)), RuntimeError, "as_strided: Negative strides are not supported at the moment, got strides: [-1]"),
    (lambda: x.as_strided((-2,),(1,)), RuntimeError, "Storage size calculation overflowed with sizes=[-2] and strides=[1]"),
    (lambda: x.as_strided((2,),(1,),-1), RuntimeError, "Tensor: invalid storage offset -1"),
    (lambda: x.as_strided((2,),(1,),30), RuntimeError, "setStorage: sizes [2], strides [1], storage offset 30, and itemsize 4 requiring a stora"),
    (lambda: x.stride(5), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    (lambda: torch.zeros(3).set_(torch.ones(2).double()), RuntimeError, "Could not set tensor of type double to a tensor of type float"),
    (lambda: torch.zeros(4).resize_(-2), RuntimeError, "numel: integer multiplication overflow"),
    (lambda: x.as_strided_scatter(torch.zeros(3),(2,),(1,)), RuntimeError, "expected src to have a size equal to the slice of self. src size ="),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_shared_memory_keeps_numbers_strides_and_the_base():
    base = torch.arange(12.0).view(3, 4).t().clone()
    view = base[1:, 1:]
    assert view.share_memory_() is view and view.is_shared() and base.is_shared() and view[0].is_shared()
    assert view.stride() == (1, 4) and view.storage_offset() == 5 and view.tolist() == [[5, 9], [6, 10], [7, 11]]
    view.add_(1)
    assert base[1:, 1:].tolist() == view.tolist() and base[0].tolist() == [0, 4, 8]
    pointer = view.data_ptr()
    assert view.share_memory_().data_ptr() == pointer and not torch.ones(1).is_shared() and not view.clone().is_shared()
