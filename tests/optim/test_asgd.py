"""ASGD: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import ASGD

GOLDEN = [
    ({}, [0.511434067998, -0.782803730246, 1.11115133871, 0.11442755649, -0.628385876691]),
    ({"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.1},
     [0.510982872134, -0.0700151485901, -0.638613207685, -0.374374076464, -0.210658039101]),
    ({"lr": 0.1, "t0": 3, "maximize": True},
     [0.24219139694, -8.79022006817, 11.0127621791, 2.98220750898, -5.73481198863]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("ASGD", **options) == pytest.approx(expected, rel=1e-8)


def test_state_holds_the_average_and_its_rates(parameters):
    p, _ = params = parameters()
    optimizer = ASGD(params, lr=0.1, t0=0)
    optimizer.step()
    state = optimizer.state[p]
    assert list(state) == ["step", "eta", "mu", "ax"]
    assert state["ax"].tolist() == p.tolist() and state["mu"].item() == 1.0
    first = p.clone()
    optimizer.step()
    optimizer.step()
    assert state["mu"].item() == pytest.approx(1 / 3) and (state["ax"] - first).abs().max().item() > 0


def test_from_t0_on_the_average_is_the_mean_of_the_parameters(parameters):
    p, _ = params = parameters()
    optimizer = ASGD(params, lr=0.1, t0=2)
    seen = []
    for _ in range(6):
        optimizer.step()
        seen.append(p[0, 0].item())
    # mu = 1 / max(1, t - t0) is set after the step that it follows: the third step's place is where the mean begins.
    assert optimizer.state[p]["mu"].item() == 0.25
    assert optimizer.state[p]["ax"][0, 0].item() == pytest.approx(sum(seen[3:]) / 3, rel=1e-6)
