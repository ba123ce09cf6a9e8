"""Tools around training."""
import weakref

import pytest

import rushlight as torch


def test_swapped_tensors_are_each_other():
    parameter, plain = torch.nn.Parameter(torch.ones(2)), torch.zeros(3)
    parameter.note = "mine"
    torch.utils.swap_tensors(parameter, plain)
    assert type(parameter) is torch.Tensor and parameter.tolist() == [0.0] * 3 and not parameter.requires_grad and not hasattr(parameter, "note")
    assert type(plain) is torch.nn.Parameter and plain.note == "mine"
    (plain * 3).sum().backward()
    assert plain.grad.tolist() == [3.0, 3.0]


def test_tensor_with_a_weak_reference_is_not_swapped():
    x, y = torch.ones(2), torch.ones(2)
    kept = weakref.ref(x)
    with pytest.raises(RuntimeError, match="^Cannot swap t1 because it has weakref associated with it$"):
        torch.utils.swap_tensors(x, y)
    assert kept() is x


def test_handle_of_a_hook_is_known_by_its_class():
    x = torch.ones(1, requires_grad=True)
    assert isinstance(x.register_hook(lambda g: None), torch.utils.hooks.RemovableHandle)
