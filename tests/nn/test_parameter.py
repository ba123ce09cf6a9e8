"""Parameter, Buffer and their uninitialized forms."""
import copy
import pickle

import pytest

import rushlight as torch
from rushlight import nn


def test_a_parameter_shares_memory_and_wants_a_gradient():
    data = torch.tensor([1.0, 2.0])
    with torch.no_grad():
        parameter = nn.Parameter(data)
    data.fill_(3)
    assert parameter.tolist() == [3, 3] and parameter.requires_grad and parameter.is_leaf and not data.requires_grad
    assert isinstance(parameter, torch.Tensor) and type(parameter * 2) is torch.Tensor


def test_reprs():
    assert repr(nn.Parameter(torch.tensor([1.0]))) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert repr(nn.Parameter(torch.tensor([1]), False)) == "Parameter containing:\ntensor([1])"
    assert repr(nn.Parameter()) == "Parameter containing:\ntensor([], requires_grad=True)"
    assert repr(nn.Buffer(torch.ones(1))) == "tensor([1.])"
    assert repr(nn.UninitializedParameter()) == "<UninitializedParameter>"
    assert repr(nn.UninitializedBuffer()) == "<UninitializedBuffer>"


def test_a_computed_tensor_is_taken_without_its_history():
    parameter = nn.Parameter(torch.ones(2).requires_grad_() * 2)
    assert parameter.is_leaf and parameter.grad_fn is None


@pytest.mark.parametrize("data, error, message", [
    (3, AttributeError, "'int' object has no attribute 'detach'"),
    ([3.0], AttributeError, "'list' object has no attribute 'detach'"),
    ("integers", RuntimeError, "Only Tensors of floating point and complex dtype can require gradients"),
])
def test_what_cannot_be_a_parameter(data, error, message):
    with pytest.raises(error) as caught:
        nn.Parameter(torch.tensor([1]) if data == "integers" else data)
    assert str(caught.value) == message


def test_copies_are_parameters_with_memory_of_their_own_and_without_gradient():
    parameter = nn.Parameter(torch.ones(2))
    (parameter * 3).sum().backward()
    for twin in (copy.deepcopy(parameter), pickle.loads(pickle.dumps(parameter))):
        assert type(twin) is nn.Parameter and twin.requires_grad and twin.is_leaf
        with torch.no_grad():
            twin.fill_(5)
        assert parameter.tolist() == [1, 1]
        assert twin.grad is None


def test_a_buffer_is_a_marked_tensor():
    buffer = nn.Buffer(torch.ones(1), persistent=False)
    assert type(buffer) is torch.Tensor and isinstance(buffer, nn.Buffer) and not buffer.persistent
    assert not isinstance(torch.ones(1), nn.Buffer)


USE = ("Attempted to use an uninitialized {} in <method 'add' of 'torch._C.TensorBase' objects>. This error happens when you are using a "
       "`LazyModule` or explicitly manipulating `torch.nn.parameter.{}` objects. When using LazyModules Call `forward` with a dummy batch to "
       "initialize the parameters before calling torch functions")


@pytest.mark.parametrize("use, error, message", [
    (lambda: nn.UninitializedParameter() + 1, ValueError, USE.format("parameter", "UninitializedParameter")),
    (lambda: nn.UninitializedBuffer() + 1, ValueError, USE.format("buffer", "UninitializedBuffer")),
    (lambda: nn.UninitializedParameter().shape, RuntimeError,
     "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to load an "
     "uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes."),
    (lambda: nn.UninitializedParameter().share_memory_(), RuntimeError,
     "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before calling "
     "`module.share_memory()`."),
])
def test_nothing_can_be_done_with_an_uninitialized_one(use, error, message):
    with pytest.raises(error) as caught:
        use()
    assert str(caught.value).split("\n")[0] == message


def test_an_uninitialized_one_becomes_an_ordinary_one_in_place():
    parameter = nn.UninitializedParameter(dtype=torch.float64)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(parameter)))
    for one in (parameter, twin):
        assert one.requires_grad and one.dtype == torch.float64 and nn.parameter.is_lazy(one)
        one.materialize((2, 3))
        assert type(one) is nn.Parameter and one.shape == (2, 3) and one.requires_grad and one.dtype == torch.float64
    buffer = nn.UninitializedBuffer()
    buffer.materialize((4,))
    assert type(buffer) is torch.Tensor and buffer.shape == (4,) and isinstance(buffer, nn.Buffer) and not nn.parameter.is_lazy(buffer)
