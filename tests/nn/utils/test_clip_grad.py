"""Clipping gradients, parameters as a vector, modules without first values."""
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import utils


def parameters(*grads):
    held = [nn.Parameter(torch.zeros(len(grad) if grad else 2)) for grad in grads]
    for parameter, grad in zip(held, grads):
        parameter.grad = torch.tensor(grad) if grad else None
    return held


@pytest.mark.parametrize("norm_type, norm, clipped", [
    (2, 13, [3 / 13, -4 / 13]), (1, 19, [3 / 19, -4 / 19]), (float("inf"), 12, [0.25, -1 / 3]), ("inf", 12, [0.25, -1 / 3]),
    (3, 12.2071, [0.2458, -0.3277]), (0, 2, [1.5, -2.0]), (0.5, 51.7846, [0.0579, -0.0772]),
])
def test_gradients_are_scaled_to_a_norm_of_all_together(norm_type, norm, clipped):
    held = parameters([3.0, -4.0], None, [12.0])
    assert utils.clip_grad_norm_(held, 1.0, norm_type=norm_type).item() == pytest.approx(norm, abs=1e-4)
    assert held[0].grad.tolist() == pytest.approx(clipped, abs=1e-4) and held[1].grad is None


def test_gradients_that_are_small_enough_stay_and_one_tensor_will_do():
    held = parameters([3.0, 4.0])
    assert utils.clip_grad_norm_(held[0], 100.0).item() == 5 and held[0].grad.tolist() == [3, 4]


def test_no_gradients_have_norm_zero_and_an_empty_generator_is_warned_of():
    assert utils.clip_grad_norm_([], 1.0).item() == utils.clip_grad_norm_(parameters(None), 1.0).item() == utils.get_total_norm([]).item() == 0
    with pytest.warns(UserWarning, match="^`parameters` is an empty generator, no gradient clipping will occur.$"):
        utils.clip_grad_norm_((p for p in []), 1.0)


def test_a_norm_that_is_not_finite_is_an_error_if_wanted_and_changes_nothing():
    held = parameters([float("inf"), 1.0])
    with pytest.raises(RuntimeError) as caught:
        utils.clip_grad_norm_(held, 1.0, error_if_nonfinite=True)
    assert str(caught.value) == ("The total norm of order 2.0 for gradients from `parameters` is non-finite, so it cannot be clipped. To disable "
                                 "this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`")
    assert held[0].grad.tolist() == [float("inf"), 1]


def test_the_old_name_is_warned_of():
    with pytest.warns(FutureWarning, match="^`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.$"):
        assert utils.clip_grad_norm(parameters([3.0, 4.0]), 1.0).item() == 5


def test_elements_are_limited():
    held = parameters([3.0, -4.0], None)
    utils.clip_grad_value_(held, 3.5)
    assert held[0].grad.tolist() == [3, -3.5]


def test_a_known_norm_serves_as_well():
    held = parameters([3.0, 4.0])
    utils.clip_grads_with_norm_(held, 1.0, utils.get_total_norm([p.grad for p in held]))
    assert held[0].grad.tolist() == pytest.approx([0.6, 0.8], abs=1e-6)


def test_parameters_as_a_vector_and_back():
    held = [nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]])), nn.Parameter(torch.tensor([5.0]))]
    assert utils.parameters_to_vector(held).tolist() == [1, 2, 3, 4, 5]
    utils.vector_to_parameters(torch.arange(7.0), held)
    assert held[0].tolist() == [[0, 1], [2, 3]] and held[1].tolist() == [4] and held[0].requires_grad
    with pytest.raises(TypeError, match="^expected torch.Tensor, but got: list$"):
        utils.vector_to_parameters([1, 2], held)
    with pytest.raises(RuntimeError, match=r"^shape '\[1\]' is invalid for input of size 0"):
        utils.vector_to_parameters(torch.arange(10.0, 14.0), held)
    assert held[0].tolist() == [[0, 1], [2, 3]]  # too short a vector changes nothing


def test_a_module_without_first_values_draws_nothing():
    torch.manual_seed(3)
    state = torch.get_rng_state().tolist()
    assert repr(utils.skip_init(nn.Linear, 2, 3, dtype=torch.float64)) == "Linear(in_features=2, out_features=3, bias=True)"
    assert torch.get_rng_state().tolist() == state


@pytest.mark.parametrize("kind, error, message", [
    (3, TypeError, "issubclass() arg 1 must be a class"),
    (int, RuntimeError, "Expected a Module; got <class 'int'>"),
    (nn.ReLU, RuntimeError, "Module must support a 'device' arg to skip initialization"),
])
def test_what_has_no_first_values_to_skip(kind, error, message):
    with pytest.raises(error) as caught:
        utils.skip_init(kind)
    assert str(caught.value) == message
