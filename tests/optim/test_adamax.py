"""Adamax: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import Adamax

GOLDEN = [
    ({}, [0.518837346602, -0.980029256207, 1.47998095385, 0.230033619487, -0.730112118502]),
    ({"lr": 0.1, "weight_decay": 0.1, "betas": (0.5, 0.9)},
     [0.544972009371, -0.117166104823, 0.473025085193, -0.456187359283, -0.162722226122]),
    ({"lr": 0.1, "maximize": True, "eps": 0.1},
     [-0.0524796910309, -1.85149937138, 2.43761464209, 1.0999801592, -1.54880010707]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Adamax", **options) == pytest.approx(expected, rel=1e-8)


def test_state_names(parameters):
    p, _ = params = parameters()
    optimizer = Adamax(params)
    optimizer.step()
    assert list(optimizer.state[p]) == ["step", "exp_avg", "exp_inf"]
