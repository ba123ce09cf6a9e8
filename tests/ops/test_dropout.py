import math

import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd import gradcheck


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def first_line(call):
    with pytest.raises(Exception) as raised:
        call()
    return type(raised.value), str(raised.value).splitlines()[0]


def from_seed(function):
    """The function, drawing the same numbers at each call."""
    def call(*args):
        torch.manual_seed(1)
        return function(*args)
    return call


def test_dropout_keeps_scaled_elements_or_zeroes_them():
    x = torch.ones(10000)
    result = torch.dropout(x, 0.25, True)._array
    assert set(result.tolist()) == {0.0, float(np.float32(1) / np.float32(0.75))}
    assert abs((result == 0).mean() - 0.25) < 0.02


@pytest.mark.parametrize("function", [torch.dropout, torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout])
def test_dropout_that_does_nothing_returns_its_input_and_draws_nothing(function):
    x, empty = torch.ones(2, 3), torch.ones(0, 3)
    assert function(x, 0.5, False) is x
    assert function(x, 0.0, True) is x
    assert function(empty, 0.5, True) is empty
    assert function(x, 1.0, True).tolist() == [[0.0] * 3] * 2
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()


@pytest.mark.parametrize("function", [torch.feature_dropout, torch.feature_alpha_dropout])
def test_whole_channels_are_dropped(function):
    x = torch.ones(20, 30, 4, 5)
    flat = function(x, 0.5, True)._array.reshape(600, 20)
    assert (flat == flat[:, :1]).all()
    assert len(set(flat[:, 0].tolist())) == 2


def test_alpha_dropout_keeps_mean_and_variance():
    x = torch.randn(100000)
    result = torch.alpha_dropout(x, 0.3, True)._array
    assert abs(result.mean()) < 0.02
    assert abs(result.std() - 1) < 0.02


@pytest.mark.parametrize("p", [0.3, 0.5])
@pytest.mark.parametrize("function", [torch.dropout, torch.alpha_dropout, torch.feature_dropout, torch.feature_alpha_dropout])
def test_gradients_are_those_of_the_factors_drawn(function, p):
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(from_seed(lambda t: function(t, p, True)), (x,))


def test_results_name_the_operation_of_their_history():
    x = torch.ones(3, requires_grad=True)
    assert torch.dropout(x, 0.5, True).grad_fn.name() == "MulBackward0"
    assert torch.dropout(x, 1.0, True).grad_fn.name() == "MulBackward0"
    assert torch.alpha_dropout(x, 0.5, True).grad_fn.name() == "AddBackward0"
    assert torch.native_dropout(x, 0.5, True)[0].grad_fn.name() == "NativeDropoutBackward0"
    assert torch.rrelu(x).grad_fn.name() == "RreluWithNoiseBackward0"


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"])
def test_in_place_gives_the_same_numbers(name):
    x = torch.randn(4, 5, 2)
    y = x.clone()
    torch.manual_seed(1)
    expected = getattr(torch, name)(x, 0.4, True)
    torch.manual_seed(1)
    assert getattr(torch, name + "_")(y, 0.4, True) is y
    assert (y.numpy() == expected.numpy()).all()


def test_native_dropout_returns_the_mask():
    x = torch.randn(40)
    out, mask = torch.native_dropout(x, 0.3, True)
    assert mask.dtype is torch.bool
    assert np.allclose(out._array, x._array * mask._array / 0.7)
    out, mask = torch.native_dropout(x, 0.3, False)
    assert out is not x
    assert mask._array.all()
    assert torch.native_dropout(x, 1.0, True)[0].tolist() == (x * 0).tolist()


def test_native_dropout_has_the_gradient_of_the_kept():
    x = torch.randn(6, dtype=torch.float64, requires_grad=True)
    assert gradcheck(from_seed(lambda t: torch.native_dropout(t, 0.4, True)[0]), (x,))


def test_rrelu_scales_numbers_up_to_zero():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0])
    assert torch.rrelu(x, 0.2, 0.4).tolist() == pytest.approx([-0.6, -0.3, 0.0, 1.0])
    slopes = torch.rrelu(x, 0.2, 0.4, True)._array[:2] / x._array[:2]
    assert ((slopes >= 0.2) & (slopes <= 0.4)).all()
    y = x.clone()
    assert torch.rrelu_(y, 0.2, 0.4) is y
    assert y.tolist() == torch.rrelu(x, 0.2, 0.4).tolist()


@pytest.mark.parametrize("training", [True, False])
def test_rrelu_has_the_gradient_of_its_slopes(training):
    x = torch.randn(10, dtype=torch.float64, requires_grad=True)
    assert gradcheck(from_seed(lambda t: torch.rrelu(t, 0.1, 0.4, training)), (x,))


def test_rrelu_of_nan_is_nan():
    assert math.isnan(torch.rrelu(torch.tensor([math.nan]), training=True).item())


whole = torch.ones(3, dtype=torch.int64)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.dropout(torch.ones(3), 1.5, True), RuntimeError, "dropout probability has to be between 0 and 1, but got 1.5"),
    (lambda: torch.dropout(whole, 0.5, True), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    (lambda: torch.feature_dropout(torch.ones(3), 0.5, True), RuntimeError, "Feature dropout requires at least 2 dimensions in the input"),
    (lambda: torch.native_dropout(torch.ones(3), 1.5, True), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=-0.5"),
    (lambda: torch.rrelu(torch.ones(3), 0.5, 0.2), RuntimeError, "Lower bound should be less than or equal to the upper bound"),
    (lambda: torch.rrelu(whole), NotImplementedError, "\"leaky_relu_cpu\" not implemented for 'Long'"),
    (lambda: torch.rrelu(whole, training=True), NotImplementedError, "\"rrelu_with_noise_out_cpu\" not implemented for 'Long'")])
def test_bad_arguments_raise_before_anything_is_drawn(call, error, message):
    assert first_line(call) == (error, message)
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()
