"""NAdam: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import NAdam

GOLDEN = [
    ({}, [0.515604702522, -0.98389135035, 1.4838528277, 0.233893210094, -0.73392569471]),
    ({"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1},
     [0.542698984669, -0.336307695235, 0.726336457198, -0.360552856632, -0.205516800719]),
    ({"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
     [0.581803555509, -0.289525079853, 0.619236101837, -0.360316172162, -0.192309052451]),
    ({"lr": 0.1, "maximize": True, "betas": (0.5, 0.9)},
     [-0.902124587789, -2.15576180387, 2.55097848235, 1.37911082957, -1.96761560896]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("NAdam", **options) == pytest.approx(expected, rel=1e-8)


def test_state_keeps_the_product_of_momenta(parameters):
    p, _ = params = parameters()
    optimizer = NAdam(params, betas=(0.8, 0.999), momentum_decay=1.0)
    optimizer.step()
    optimizer.step()
    state = optimizer.state[p]
    assert list(state) == ["step", "mu_product", "exp_avg", "exp_avg_sq"]
    assert state["mu_product"].item() == pytest.approx(0.8 * (1 - 0.5 * 0.96) * 0.8 * (1 - 0.5 * 0.96 ** 2), rel=1e-6)


def test_product_saved_as_a_number_becomes_a_tensor(parameters):
    params = parameters()
    optimizer = NAdam(params)
    optimizer.step()
    saved = optimizer.state_dict()
    for state in saved["state"].values():
        state.update(step=1, mu_product=0.5)
    optimizer.load_state_dict(saved)
    assert repr(optimizer.state[params[0]]["mu_product"]) == "tensor(0.5000)"


def test_bad_momentum_decay_is_a_value_error(parameters):
    with pytest.raises(ValueError, match="^Invalid momentum_decay value: -1$"):
        NAdam(parameters(), momentum_decay=-1)
