"""Calling a module with other tensors than its own."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.func import functional_call, stack_module_state
from rushlight.nn.utils import stateless


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.ones(1))
        self.b = self.a
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count.add_(1)
        return self.a * x + self.b


def layer():
    made = nn.Linear(2, 2)
    nn.init.eye_(made.weight)
    nn.init.zeros_(made.bias)
    return made


ONES, X = torch.ones(2, 2), torch.ones(1, 2)


@pytest.mark.parametrize("call, expected", [
    (lambda m: functional_call(m, {"weight": ONES}, (X,)), [[2, 2]]),
    (lambda m: functional_call(m, {"weight": ONES, "bias": torch.ones(2)}, X), [[3, 3]]),
    (lambda m: functional_call(m, {"foo": torch.ones(1)}, X), [[1, 1]]),
    (lambda m: functional_call(m, ({"weight": ONES}, {"bias": torch.ones(2)}), kwargs={"input": X}), [[3, 3]]),
])
def test_a_module_is_called_with_the_tensors_given_and_keeps_its_own(call, expected):
    made = layer()
    weight = made.weight
    assert call(made).tolist() == expected and made.weight is weight


def test_gradients_go_to_the_tensors_given():
    given = torch.ones(2, 2).requires_grad_()
    functional_call(layer(), {"weight": given}, X).sum().backward()
    assert given.grad.tolist() == [[1, 1], [1, 1]]


def test_shared_parameters_change_together_unless_told_otherwise():
    five = {"a": torch.tensor([5.0])}
    assert functional_call(Tied(), five, torch.ones(1)).tolist() == [10]
    assert functional_call(Tied(), five, torch.ones(1), tie_weights=False).tolist() == [6]
    with pytest.raises(ValueError) as caught:
        functional_call(Tied(), {**five, "b": torch.tensor([6.0])}, torch.ones(1))
    assert str(caught.value) == "functional_call got multiple values for keys ['a', 'b'], which are tied. Consider using tie_weights=False"


def test_what_forward_writes_into_a_given_buffer_stays_there():
    count, made = torch.zeros(1), Tied()
    functional_call(made, {"count": count}, torch.ones(1))
    assert count.tolist() == [1] and made.count.tolist() == [0]


@pytest.mark.parametrize("call, error, message", [
    (lambda m: functional_call(m, {"weight": ONES}, X, strict=True), RuntimeError,
     "Error(s) in reparametrizing for Linear:\n\tMissing key(s): 'bias'."),
    (lambda m: functional_call(m, {"weight": ONES, "bias": ONES[0], "z": X}, X, strict=True), RuntimeError,
     "Error(s) in reparametrizing for Linear:\n\tUnexpected key(s): 'z'."),
    (lambda m: functional_call(m, ({"weight": ONES}, {"weight": ONES}), X), ValueError,
     "['weight'] appeared in multiple dictionaries; behavior of functional call is ambiguous"),
    (lambda m: functional_call(m, 3, X), ValueError,
     "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got <class 'int'>"),
    (lambda m: functional_call(m, (3,), X), ValueError, "Expected all elements of parameter_and_buffer_dicts to be dictionaries"),
    (lambda m: functional_call(m, {"weight": 3}, X), TypeError, "3 is not an instance of torch.Tensor"),
    (lambda m: functional_call(m, {"weight": torch.ones(3, 2)}, 5), TypeError, "linear(): argument 'input' (position 1) must be Tensor, not int"),
    (lambda m: stack_module_state([]), RuntimeError, "stack_module_state: Expected at least one model, got 0."),
    (lambda m: stack_module_state([m, nn.ReLU()]), RuntimeError, "stack_module_state: Expected all models to be of the same class."),
    (lambda m: stack_module_state([m, layer().eval()]), RuntimeError,
     "stack_module_state: Expected all models to have the same training/eval mode."),
])
def test_what_will_not_do_is_pytorchs_error_and_changes_nothing(call, error, message):
    made = layer()
    before = list(made.parameters())
    with pytest.raises(error) as caught:
        call(made)
    # Without exception notes, Python 3.10 has the module's path on a line below.
    assert str(caught.value).partition("\n  in ")[0] == message
    assert all(a is b for a, b in zip(before, made.parameters()))


def test_states_of_several_models_are_stacked():
    parameters, buffers = stack_module_state([nn.BatchNorm1d(2), nn.BatchNorm1d(2)])
    assert parameters["weight"].tolist() == [[1, 1], [1, 1]] and parameters["weight"].requires_grad and parameters["weight"].is_leaf
    assert buffers["running_var"].shape == (2, 2)


def test_the_old_name_is_deprecated():
    with pytest.warns(FutureWarning, match="^`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0"):
        assert stateless.functional_call(layer(), {"weight": ONES}, X).tolist() == [[2, 2]]
