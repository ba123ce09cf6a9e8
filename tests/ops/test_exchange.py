"""Memory shared with NumPy, buffers and DLPack."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def test_memory_is_shared_both_ways():
    array = np.zeros(3, np.float32)
    for tensor in (torch.from_numpy(array), torch.as_tensor(array), torch.asarray(array), torch.from_dlpack(array)):
        tensor[0] += 1
    assert array[0] == 4 and np.shares_memory(np.asarray(torch.from_numpy(array)), array)


def test_as_tensor_copies_for_another_dtype_only():
    tensor = torch.ones(2)
    assert torch.as_tensor(tensor) is tensor and torch.asarray(tensor) is tensor
    assert torch.as_tensor(np.ones(2), dtype=torch.float32).dtype is torch.float32
    array = np.ones(2)
    assert torch.asarray(array, copy=True).data_ptr() != torch.asarray(array).data_ptr()


def test_dlpack_goes_out_and_comes_back():
    tensor = torch.arange(4.0)
    back = torch.from_dlpack(np.from_dlpack(tensor))
    back[1] = 9.0
    assert tensor.tolist() == [0.0, 9.0, 2.0, 3.0] and tuple(tensor.__dlpack_device__()) == (1, 0)
    from_capsule = torch.from_dlpack(tensor.__dlpack__())
    from_capsule[0] = 5.0
    assert tensor[0] == 5


def test_tensor_with_a_gradient_is_not_given_away():
    with pytest.raises(BufferError, match="^Can't export tensors that require gradient, use tensor.detach()"):
        torch.ones(1, requires_grad=True).__dlpack__()


def test_buffer_is_shared():
    buffer = bytearray(b"abcd")
    torch.frombuffer(buffer, dtype=torch.uint8, offset=1)[0] = 120
    assert buffer == b"axcd" and torch.frombuffer(buffer, dtype=torch.int16).shape == (2,)


def test_array_that_may_only_be_read_warns_once():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^The given NumPy array is not writable"):
        torch.from_numpy(np.broadcast_to(np.ones(1), (3,)))
    torch.from_numpy(np.broadcast_to(np.ones(1), (3,)))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.from_numpy([1]), TypeError, "expected np.ndarray (got list)"),
    (lambda: torch.from_numpy(np.ones(3)[::-1]), ValueError, "At least one stride in the given numpy array is negative, and tensors with negati"),
    (lambda: torch.from_numpy(np.array(['a'])), TypeError, "can't convert np.ndarray of type numpy.str_. The only supported types are: float64,"),
    (lambda: torch.from_numpy(np.array([1],dtype='>i4')), ValueError, "given numpy array has byte order different from the native byte order. C"),
    (lambda: torch.from_numpy(np.float64(1)), TypeError, "expected np.ndarray (got numpy.float64)"),
    (lambda: torch.frombuffer(bytearray(b'abcd'), dtype=torch.float32, count=2), ValueError, "requested buffer length (2 * 4 bytes) after offse"),
    (lambda: torch.frombuffer(bytearray(b'abcde'), dtype=torch.int16), ValueError, "buffer length (5 bytes) after offset (0 bytes) must be a mu"),
    (lambda: torch.frombuffer(bytearray(b''), dtype=torch.int16), ValueError, "both buffer length (0) and count (-1) must not be 0"),
    (lambda: torch.frombuffer(bytearray(b'ab'), dtype=torch.int16, offset=2), ValueError, "offset (2 bytes) must be non-negative and no greater"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
