"""AdamW: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

from rushlight.optim import Adam, AdamW

GOLDEN = [
    ({}, [0.509905584585, -0.989904245697, 1.4898512637, 0.239979349074, -0.739931909721]),
    ({"lr": 0.1, "amsgrad": True}, [0.591703625787, -0.0812936682976, 0.50068794097, -0.601567300842, 0.0103569584145]),
    ({"lr": 0.1, "weight_decay": 0.5, "maximize": True},
     [-0.481882029337, -1.41112243599, 1.70209817705, 0.964239980148, -1.26545340864]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("AdamW", **options) == pytest.approx(expected, rel=1e-8)


def test_a_state_saved_by_adam_does_not_undo_decoupling(parameters):
    params = parameters()
    optimizer = AdamW(params)
    optimizer.load_state_dict(Adam(params).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_defaults_are_pytorchs(parameters):
    assert AdamW(parameters()).defaults == {
        "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2, "amsgrad": False, "maximize": False, "foreach": None,
        "capturable": False, "differentiable": False, "fused": None, "decoupled_weight_decay": True}
