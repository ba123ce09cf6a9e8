"""torch.tensor: the dtype and shape of any nest of numbers, arrays and tensors."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(("data", "dtype"), [
    ([1, 2], torch.int64), ([1, 2.5], torch.float32), ([True, False], torch.bool), ([1, True], torch.int64), ([1, 2j], torch.complex64),
    ([], torch.float32), ([[], []], torch.float32), ([np.float64(1)], torch.float64), ([2.0, np.float64(1)], torch.float64),
    ([np.float32(1), 2.0], torch.float32), ([np.int32(1)], torch.int32), ([np.int32(1), 2], torch.int64), ([np.int8(1), np.int16(3)], torch.int16),
    ([np.bool_(True)], torch.bool), (np.float64(1), torch.float64), (np.float32(1), torch.float32), ([np.complex64(1)], torch.complex64),
    ([torch.tensor(1), torch.tensor(2.0)], torch.float32), ([torch.tensor(1.0), 2], torch.float32), ([np.ones(2), np.ones(2)], torch.float64),
    ([np.ones(2, np.float32), np.ones(2)], torch.float64), (range(3), torch.int64), (np.ones(2, np.float16), torch.float16), (1.5, torch.float32),
])
def test_dtype_is_inferred(data, dtype):
    assert torch.tensor(data).dtype is dtype


@pytest.mark.parametrize(("data", "shape"), [
    ([[[1, 2]], [[3, 4]]], (2, 1, 2)), ([[1, 2], (3, 4)], (2, 2)), ([range(2), range(2)], (2, 2)), ([[]], (1, 0)),
    ([torch.tensor([1.0]), torch.tensor([2.0])], (2,)), ([np.ones((2, 2))] * 3, (3, 2, 2)), (5, ()),
])
def test_shape_is_that_of_the_nest(data, shape):
    assert torch.tensor(data).shape == shape


def test_default_dtype_is_that_of_python_floats():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.0]).dtype is torch.float64 and torch.tensor([1j]).dtype is torch.complex128
        assert torch.tensor([np.float32(1)]).dtype is torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_data_is_copied():
    array = np.zeros(2)
    tensor = torch.tensor(array)
    array[0] = 5
    assert tensor.tolist() == [0.0, 0.0] and torch.tensor(np.ones((2, 3)).T).stride() == (1, 3)


def test_copying_a_tensor_warns():
    with pytest.warns(UserWarning, match="^To copy construct from a tensor, it is recommended to use"):
        assert not torch.tensor(torch.ones(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize(("data", "dtype", "expected"), [
    ([2.7, -2.7], torch.int64, [2, -2]), ([-1], torch.uint8, [255]), ([0.5, 0], torch.bool, [True, False]),
    ([2**63], torch.float32, [float(2**63)]), ([2**63], torch.uint64, [2**63]), ([1, 2], float, [1.0, 2.0]),
])
def test_data_is_cast(data, dtype, expected):
    assert torch.tensor(data, dtype=dtype).tolist() == expected


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.tensor([1.]).type(int), ValueError, "invalid type: 'int'"),
    (lambda: torch.tensor([1.]).type('LongTensor'), ValueError, "invalid type: 'LongTensor'"),
    (lambda: torch.tensor(1.).select(0,0), IndexError, "select() cannot be applied to a 0-dim tensor."),
    (lambda: torch.tensor(1.).diag(), RuntimeError, "diag(): Supports 1D or 2D tensors. Got 0D"),
    (lambda: torch.tensor(1.).split(1), RuntimeError, "split expects at least a 1-dimensional tensor"),
    (lambda: torch.tensor(1.).chunk(1), RuntimeError, "chunk expects at least a 1-dimensional tensor"),
    (lambda: torch.tensor(1.).unbind(), IndexError, "Dimension specified as 0 but tensor has no dimensions"),
    (lambda: torch.tensor(1.).tensor_split(2), RuntimeError, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 di"),
    (lambda: torch.tensor(1.).hsplit(2), RuntimeError, "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimen"),
    (lambda: torch.tensor(1.).flipud(), RuntimeError, "Input must be >= 1-d."),
    (lambda: torch.tensor([torch.tensor([1.,2.]), torch.tensor([2.,3.])]), ValueError, "only one element tensors can be converted to Python sca"),
    (lambda: torch.tensor([[1],[1,2]]), ValueError, "expected sequence of length 1 at dim 1 (got 2)"),
    (lambda: torch.tensor([[1],2]), TypeError, "not a sequence"),
    (lambda: torch.tensor([1,[2]]), TypeError, "'list' object cannot be interpreted as an integer"),
    (lambda: torch.tensor('a'), TypeError, "new(): invalid data type 'str'"),
    (lambda: torch.tensor(['a']), ValueError, "too many dimensions 'str'"),
    (lambda: torch.tensor(None), RuntimeError, "Could not infer dtype of NoneType"),
    (lambda: torch.tensor(object()), RuntimeError, "Could not infer dtype of object"),
    (lambda: torch.tensor({1:2}), RuntimeError, "Could not infer dtype of dict"),
    (lambda: torch.tensor({1,2}), RuntimeError, "Could not infer dtype of set"),
    (lambda: torch.tensor(x for x in range(3)), RuntimeError, "Could not infer dtype of generator"),
    (lambda: torch.tensor(b'ab'), TypeError, "new(): invalid data type 'bytes'"),
    (lambda: torch.tensor([2**63]), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.tensor([300], dtype=torch.uint8), RuntimeError, "value cannot be converted to type uint8 without overflow"),
    (lambda: torch.tensor([1j], dtype=torch.float32), TypeError, "must be real number, not complex"),
    (lambda: torch.tensor(float('nan'), dtype=torch.int64), RuntimeError, "value cannot be converted to type int64 without overflow"),
    (lambda: torch.tensor(np.array([1,2],dtype='>i4')), ValueError, "given numpy array has byte order different from the native byte order. Con"),
    (lambda: torch.tensor(np.array(['a'])), TypeError, "can't convert np.ndarray of type numpy.str_. The only supported types are: float64, flo"),
    (lambda: torch.tensor(np.array([object()])), TypeError, "can't convert np.ndarray of type numpy.object_. The only supported types are: floa"),
    (lambda: torch.tensor(np.ones(3)[::-1]), ValueError, "At least one stride in the given numpy array is negative, and tensors with negative s"),
    (lambda: torch.tensor([1,2], dtype='float32'), TypeError, "tensor(): argument 'dtype' must be torch.dtype, not str"),
    (lambda: torch.tensor([1,2], dtype=np.float32), TypeError, "tensor(): argument 'dtype' must be torch.dtype, not type"),
    (lambda: torch.tensor(1,2), TypeError, "tensor() takes 1 positional argument but 2 were given"),
    (lambda: torch.tensor(1.).index_select(0,torch.tensor([0,0])), RuntimeError, "index_select(): Index to scalar can have only 1 value, got 2"),
    (lambda: torch.tensor(1.).index_select(0,torch.tensor([1])), IndexError, "index out of range in self"),
    (lambda: torch.tensor(1.).view(torch.uint8), RuntimeError, "self.dim() cannot be 0 to view Float as Byte (different element sizes)"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
