"""The old type names."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


def test_tensor_makes_of_sizes_data_and_tensors():
    assert torch.Tensor(2, 3).shape == (2, 3) and torch.Tensor(torch.Size([2])).shape == (2,) and torch.Tensor().shape == (0,)
    assert torch.Tensor([1, 2]).tolist() == [1.0, 2.0] and torch.Tensor((2, 3)).tolist() == [2.0, 3.0]
    assert torch.Tensor(np.ones(2)).dtype is torch.float32
    base = torch.ones(2, requires_grad=True)
    assert torch.Tensor(base).grad_fn.name() == "AliasBackward0" and torch.Tensor(torch.ones(1, dtype=torch.int64)).dtype is torch.int64


@pytest.mark.parametrize(("name", "dtype"), [
    ("FloatTensor", torch.float32), ("DoubleTensor", torch.float64), ("HalfTensor", torch.float16), ("LongTensor", torch.int64),
    ("IntTensor", torch.int32), ("ByteTensor", torch.uint8), ("BoolTensor", torch.bool),
])
def test_old_name_makes_and_knows_its_dtype(name, dtype):
    old = getattr(torch, name)
    assert old([1, 0]).dtype is dtype and isinstance(old(2), old) and repr(old) == f"<class 'torch.{name}'>"
    assert old([1]).type() == "torch." + name and torch.zeros(1).type(old).dtype is torch.zeros(1).type("torch." + name).dtype is dtype


def test_instances_are_told_by_dtype():
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.DoubleTensor) and not isinstance(3, torch.FloatTensor)
    assert isinstance(torch.nn.Parameter(x), torch.FloatTensor) and not isinstance(x, torch.cuda.FloatTensor)


def test_cuda_types_are_not_available():
    with pytest.raises(TypeError, match="^type torch.cuda.FloatTensor not available. Torch not compiled with CUDA enabled."):
        torch.cuda.FloatTensor([1])


def test_default_tensor_type():
    from rushlight.core import warn
    warn._given.clear()
    try:
        with pytest.warns(UserWarning, match="^torch.set_default_tensor_type"):
            torch.set_default_tensor_type(torch.DoubleTensor)
        assert torch.zeros(1).dtype is torch.float64
        torch.set_default_tensor_type("torch.FloatTensor")
    finally:
        torch.set_default_dtype(torch.float32)


def test_subclass_is_a_view():
    class Named(torch.Tensor):
        pass
    named = torch.zeros(2).as_subclass(Named)
    assert type(named) is Named and named._is_view()


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.FloatTensor(2.5), TypeError, "new(): data must be a sequence (got float)"),
    (lambda: torch.LongTensor([[1,2],[3]]), ValueError, "expected sequence of length 2 at dim 1 (got 1)"),
    (lambda: torch.FloatTensor([1,'a']), TypeError, "must be real number, not str"),
    (lambda: torch.set_default_tensor_type('torch.cuda.FloatTensor'), TypeError, "type torch.cuda.FloatTensor not available. Torch not compiled"),
    (lambda: torch.Tensor('a'), TypeError, "new(): invalid data type 'str'"),
    (lambda: torch.Tensor(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: x.type('foo'), ValueError, "invalid type: 'foo'"),
    (lambda: torch.set_default_tensor_type('torch.IntTensor'), TypeError, "only floating-point types are supported as the default type"),
    (lambda: torch.set_default_tensor_type(torch.float32), TypeError, "invalid type object: only floating-point types are supported as the defa"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
