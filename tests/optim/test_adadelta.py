"""Adadelta: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import Adadelta

GOLDEN = [
    ({}, [0.529444309421, -0.966650232236, 1.46633443824, 0.216667156745, -0.716929613916]),
    ({"lr": 0.5, "rho": 0.5, "weight_decay": 0.1},
     [0.509993936824, -0.989582368027, 1.48956564499, 0.239584151665, -0.739597075907]),
    ({"maximize": True, "eps": 0.001}, [-2.02978514255, -2.45632171912, 2.65881550353, 1.62551923288, -2.44723471792]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Adadelta", **options) == pytest.approx(expected, rel=1e-8)


def test_state_names(parameters):
    p, _ = params = parameters()
    optimizer = Adadelta(params)
    optimizer.step()
    assert list(optimizer.state[p]) == ["step", "square_avg", "acc_delta"]


def test_bad_rho_is_a_value_error(parameters):
    with pytest.raises(ValueError, match="^Invalid rho value: 1.5$"):
        Adadelta(parameters(), rho=1.5)
