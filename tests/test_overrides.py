"""Subclasses of Tensor."""
import pytest

import rushlight as torch
from rushlight.core import apply as hot


@pytest.fixture(autouse=True)
def no_watcher_is_left():
    before = list(hot.watchers)
    yield
    hot.watchers[:] = before


def test_results_of_a_subclass_are_of_the_subclass():
    class Marked(torch.Tensor):
        pass
    x = torch.ones(2).as_subclass(Marked)
    assert [type(y) for y in (x + 1, 1 + x, x.sum(), x.view(2, 1), x.max(0).values)] == [Marked] * 5
    assert repr(x + 1) == "Marked([2., 2.])"


def test_torch_function_sees_every_operation_and_may_answer_itself():
    seen = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return "mine" if func.__name__ == "mul" else super().__torch_function__(func, types, args, kwargs)
    x = torch.ones(2).as_subclass(Logged)
    assert type(x + 1) is Logged and x * 2 == "mine"
    assert seen == ["add", "mul"]


def test_gradients_pass_through_a_subclass():
    class Marked(torch.Tensor):
        pass
    x = torch.ones(2).as_subclass(Marked).requires_grad_()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_parameters_give_plain_tensors():
    class Marked(torch.Tensor):
        pass
    assert type(torch.nn.Parameter(torch.ones(2)) + 1) is torch.Tensor
