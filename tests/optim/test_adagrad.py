"""Adagrad: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import Adagrad

GOLDEN = [
    ({}, [0.543147648137, -0.950357693857, 1.44991014703, 0.200386047978, -0.700762736021]),
    ({"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1},
     [0.545235670767, -0.645204891049, 1.11792653201, -0.096658355916, -0.423458658934]),
    ({"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.01, "maximize": True},
     [0.182047884738, -1.54163326377, 2.01008201151, 0.773224748019, -1.30190034211]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Adagrad", **options) == pytest.approx(expected, rel=1e-8)


def test_state_is_there_before_the_first_step(parameters):
    p, _ = params = parameters()
    state = Adagrad(params, initial_accumulator_value=0.5).state[p]
    assert list(state) == ["step", "sum"] and state["step"].item() == 0.0 and set(state["sum"].flatten().tolist()) == {0.5}


def test_complex_sum_begins_with_the_value_in_both_parts():
    p = torch.nn.Parameter(torch.tensor([1j]))
    assert Adagrad([p], initial_accumulator_value=0.5).state[p]["sum"].tolist() == [0.5 + 0.5j]


@pytest.mark.parametrize("name", ["lr_decay", "weight_decay", "initial_accumulator_value"])
def test_bad_options_are_value_errors(parameters, name):
    with pytest.raises(ValueError, match=f"^Invalid {name} value: -1$"):
        Adagrad(parameters(), **{name: -1})
