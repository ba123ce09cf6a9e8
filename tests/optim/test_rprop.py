"""Rprop: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import Rprop

GOLDEN = [
    ({}, [0.57192768, -0.74041317888, 1.24041317888, -0.00958682112, -0.49041317888]),
    ({"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2)}, [0.6, 0.04, -0.35, -0.5, -0.125]),
    ({"lr": 0.1, "maximize": True}, [-2.0958682112, -3.5958682112, 4.0958682112, 2.8458682112, -3.3458682112]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Rprop", **options) == pytest.approx(expected, rel=1e-8)


def test_a_turned_gradient_makes_no_step_and_halves_the_step_size():
    p = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = Rprop([p], lr=0.1)
    for g in (1.0, -1.0):
        p.grad = torch.tensor([g])
        optimizer.step()
    assert p.item() == pytest.approx(0.9) and optimizer.state[p]["step_size"].item() == pytest.approx(0.05)
    assert optimizer.state[p]["prev"].item() == 0.0
    p.grad = torch.tensor([-1.0])
    optimizer.step()
    assert p.item() == pytest.approx(0.95)


def test_bad_etas_are_a_value_error(parameters):
    with pytest.raises(ValueError, match="^Invalid eta values: 1.0, 2.0$"):
        Rprop(parameters(), etas=(1.0, 2.0))
