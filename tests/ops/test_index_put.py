"""Assignment to square brackets: every kind of index, gradients, casts and errors."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


def numbers(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape)


KEYS = [1, -1, slice(1, 3), slice(None, None, 2), (1, 2), (slice(None), 0), (..., 1), None, (None, 1), [0, 2], ([0, 2], [1, 1]), (slice(1), [0, 3]),
        np.array([True, False, True]), (slice(None), np.array([True, False, True, False])), (), ..., np.ones((3, 4), bool), np.array([[0], [2]])]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("recorded", [False, True])
def test_number_and_tensor_are_written_where_numpy_writes_them(key, recorded):
    index = tuple([torch.from_numpy(k) if isinstance(k, np.ndarray) else k for k in key]) if isinstance(key, tuple) else \
        torch.from_numpy(key) if isinstance(key, np.ndarray) else key
    for value in (7.0, np.arange(12.0).reshape(3, 4)[key] * 10):
        expected, target = np.arange(12.0).reshape(3, 4), torch.arange(12.0, dtype=torch.float64).view(3, 4)
        target = target.requires_grad_() * 1 if recorded else target
        expected[key] = value
        target[index] = torch.from_numpy(np.asarray(value)) if not isinstance(value, float) else value
        np.testing.assert_array_equal(target.detach().numpy(), expected)
        assert target._version == 1


def test_what_is_overwritten_gets_no_gradient_and_what_is_written_gets_its_own():
    for key in (1, (slice(None), 2), torch.tensor([0, 2]), torch.tensor([[True, False, True]] * 3)):
        start = numbers(3, 3).requires_grad_()
        value = torch.ones(start[key].shape, requires_grad=True)
        target = start * 2
        target[key] = value * 3
        weights = numbers(3, 3) + 1
        (target * weights).sum().backward()
        rest = 2 * weights
        rest[key] = 0
        assert start.grad.tolist() == rest.tolist() and value.grad.tolist() == (3 * weights[key]).tolist()


def test_repeated_index_adds_with_accumulate_alone():
    index, ones = (torch.tensor([1, 1, 0]),), torch.ones(3)
    assert torch.zeros(3).index_put_(index, ones, accumulate=True).tolist() == [1.0, 2.0, 0.0]
    assert torch.zeros(3).index_put(index, ones).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(("key", "name"), [(1, "CopySlices"), ((slice(None), 0), "CopySlices"), ([0], "IndexPutBackward0"), (..., "CopyBackwards")])
def test_history_has_pytorchs_name(key, name):
    target = numbers(2, 2).requires_grad_() * 1
    target[key] = target[key] * 2
    assert target.grad_fn.name() == name


def test_leaf_is_not_written_and_stays_as_it_was():
    leaf = torch.zeros(3, requires_grad=True)
    for key, message in ((0, "a view of a leaf Variable"), ([0], "a leaf Variable"), (..., "a leaf Variable")):
        with pytest.raises(RuntimeError, match=f"^{message} that requires grad is being used in an in-place operation."):
            leaf[key] = 1.0
    assert leaf.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("dtype", "value", "kept"), [(torch.int64, 2.7, 2), (torch.uint8, -1, 255), (torch.bool, 5, True),
                                                      (torch.int64, torch.tensor(2.7), 2), (torch.float16, 1e6, float("inf"))])
def test_value_is_cast(dtype, value, kept):
    target = torch.zeros(2, dtype=dtype)
    target[0] = value
    assert target[0].item() == kept


def test_value_may_have_leading_dimensions_of_one():
    target = torch.zeros(2, 3)
    target[0] = torch.ones(1, 1, 3)
    target[[1]] = torch.full((1, 1, 1, 3), 2.0)
    assert target.tolist() == [[1.0] * 3, [2.0] * 3]


def test_part_of_itself_that_overlaps_is_refused():
    target = numbers(5)
    with pytest.raises(RuntimeError, match="^unsupported operation: some elements of the input tensor and the written-to tensor refer to a single"):
        target[1:] = target[:-1]
    target[1:] = target[:-1].clone()
    assert target.tolist() == [0.0, 0.0, 1.0, 2.0, 3.0]


def test_false_writes_nothing():
    target = torch.zeros(2)
    target[False] = 1.0
    target[True] = 2.0
    assert target.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.detach().__setitem__(0, [1,2,3,4,5]), TypeError, "can't assign a list to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, np.float32(1)), TypeError, "can't assign a numpy.float32 to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, np.bool_(1)), TypeError, "can't assign a numpy.bool to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, np.array(1.)), TypeError, "can't assign a numpy.ndarray to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, None), TypeError, "can't assign a NoneType to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, 'a'), TypeError, "can't assign a str to a torch.FloatTensor"),
    (lambda: x.detach().__setitem__(0, torch.zeros(3)), RuntimeError, "The expanded size of the tensor (5) must match the existing size (3) at"),
    (lambda: x.detach().__setitem__(0, torch.zeros(2,5)), RuntimeError, "expand(torch.FloatTensor{[2, 5]}, size=[5]): the number of sizes provi"),
    (lambda: x.detach().__setitem__([0,1], torch.zeros(3)), RuntimeError, "shape mismatch: value tensor of shape [3] cannot be broadcast to ind"),
    (lambda: x.detach().__setitem__([0,1], torch.zeros(3,2,5)), RuntimeError, "shape mismatch: value tensor of shape [3, 2, 5] cannot be broadc"),
    (lambda: x.detach().__setitem__([0,1], torch.zeros(5).double()), RuntimeError, "Index put requires the source and destination dtypes match,"),
    (lambda: x.detach().__setitem__([0,1], 1j), RuntimeError, "value cannot be converted to type float without overflow"),
    (lambda: x.detach().__setitem__((0,7), 1.), IndexError, "index 7 is out of bounds for dimension 1 with size 5"),
    (lambda: x.detach().__setitem__(1.5, 1.), IndexError, "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are v"),
    (lambda: x.detach().__setitem__('a', 1.), TypeError, "new(): invalid data type 'str'"),
    (lambda: torch.zeros(3,dtype=torch.uint8).__setitem__(0, 300), RuntimeError, "value cannot be converted to type uint8_t without overflow"),
    (lambda: torch.zeros(3,dtype=torch.int64).__setitem__(0,2**70), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.zeros(3,dtype=torch.int64).__setitem__(0,float('inf')), RuntimeError, "value cannot be converted to type int64_t without ove"),
    (lambda: torch.zeros(()).__setitem__(..., torch.ones(2)), RuntimeError, "expand(torch.FloatTensor{[2]}, size=[]): the number of sizes provi"),
    (lambda: torch.zeros(1).expand(3).__setitem__(slice(None), 1.), RuntimeError, "unsupported operation: more than one element of the written-"),
    (lambda: torch.index_put(x,[torch.tensor([1.])],torch.tensor(1.)), IndexError, "tensors used as indices must be long, int, byte or bool ten"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
