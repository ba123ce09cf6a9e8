"""Adafactor: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import Adafactor

GOLDEN = [
    ({}, [0.50518689348, -0.854463963965, 1.40385871104, 0.199916124707, -0.680068103137]),
    ({"lr": 0.1, "weight_decay": 0.1, "d": 2.0},
     [0.505229104458, -0.0937820385874, 0.71077777063, -0.134297985238, -0.317838376192]),
    ({"lr": 0.1, "eps": (0.001, 0.1), "beta2_decay": -0.5, "maximize": True},
     [0.425930284938, -3.09117854191, 3.39268208078, 0.975028725547, -1.94530684508]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Adafactor", **options) == pytest.approx(expected, rel=1e-8)


def test_a_matrix_keeps_a_row_and_a_column_and_a_number_its_variance(parameters):
    p, scalar = params = parameters()
    optimizer = Adafactor(params)
    optimizer.step()
    state = optimizer.state[p]
    assert list(state) == ["step", "row_var", "col_var"] and (state["row_var"].shape, state["col_var"].shape) == ((2, 1), (1, 2))
    assert list(optimizer.state[scalar]) == ["step", "variance"]


def test_complex_parameters_are_refused():
    p = torch.nn.Parameter(torch.tensor([[1j]]))
    p.grad = torch.tensor([[1j]])
    with pytest.raises(RuntimeError, match="^Adafactor does not support complex parameters$"):
        Adafactor([p]).step()


@pytest.mark.parametrize("options, message", [
    ({"lr": -1}, "Learning rate should be >= 0 but is: -1"), ({"beta2_decay": 0.5}, "beta2_decay should be <= 0 but is: 0.5"),
    ({"eps": (-1, 0)}, "epsilon1 should be >= 0 but is: -1"), ({"eps": (None, -1)}, "epsilon2 should be >= 0 but is: -1"),
    ({"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"), ({"weight_decay": -1}, "weight_decay should be >= 0 but is: -1"),
])
def test_bad_options_are_value_errors(parameters, options, message):
    with pytest.raises(ValueError) as error:
        Adafactor(parameters(), **options)
    assert str(error.value) == message
