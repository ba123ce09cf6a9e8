"""Adam: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import Adam

GOLDEN = [
    ({}, [0.509955786166, -0.990003753532, 1.49000079505, 0.240003888326, -0.740006407892]),
    ({"lr": 0.1, "weight_decay": 0.1},
     [0.567587321961, -0.0854052510228, 0.511669271643, -0.594169525263, 0.0157670955649]),
    ({"lr": 0.1, "amsgrad": True, "betas": (0.5, 0.9)},
     [0.582975262181, -0.216074070726, 0.53716950774, -0.436545520456, -0.180528760923]),
    ({"lr": 0.1, "maximize": True, "eps": 0.01},
     [-0.448740590357, -2.01264147263, 2.5044834005, 1.259239149, -1.76032639657]),
    ({"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
     [0.594439561618, -0.0435472808868, 0.413025320208, -0.586757413206, 0.0182101232444]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("Adam", **options) == pytest.approx(expected, rel=1e-8)


def test_state_names_and_the_count_of_steps(parameters):
    p, scalar = params = parameters()
    optimizer = Adam(params, amsgrad=True)
    optimizer.step()
    optimizer.step()
    state = optimizer.state[p]
    assert list(state) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert repr(state["step"]) == "tensor(2.)" and state["step"].dtype is torch.float32
    assert state["exp_avg"].shape == p.shape and state["exp_avg"].dtype is p.dtype
    assert optimizer.state[scalar]["exp_avg"].shape == ()


def test_first_step_goes_lr_against_the_sign_of_the_gradient(parameters):
    p, _ = params = parameters()
    before = p.tolist()
    Adam(params, lr=0.25).step()
    for row, old, g in zip(p.tolist(), before, p.grad.tolist(), strict=True):
        assert row == pytest.approx([o - 0.25 * (1 if d > 0 else -1) for o, d in zip(old, g, strict=True)])


def test_learning_rate_and_betas_may_be_tensors(ten_steps):
    plain = ten_steps("Adam", lr=0.125, betas=(0.5, 0.75))
    assert ten_steps("Adam", lr=torch.tensor(0.125), betas=(torch.tensor([0.5]), torch.tensor(0.75))) == pytest.approx(plain, rel=1e-9)


def test_large_parameters_are_updated_as_small_ones_are():
    small, large = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(300, 1000))
    small.grad, large.grad = torch.ones(3) * 0.5, torch.ones(300, 1000) * 0.5
    optimizer = Adam([small, large], lr=0.1)
    optimizer.step()
    optimizer.step()
    assert set(large.detach().numpy().ravel().tolist()) == {small[0].item()}


@pytest.mark.parametrize("options, message", [
    ({"lr": -1.0}, "Invalid learning rate: -1.0"), ({"eps": -1.0}, "Invalid epsilon value: -1.0"),
    ({"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"), ({"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1: 1.0"),
    ({"weight_decay": -1}, "Invalid weight_decay value: -1"),
    ({"betas": (0.9, torch.tensor(0.9))}, "betas must be either both floats or both Tensors"),
    ({"betas": (torch.tensor([0.9, 0.8])[:1], torch.tensor(0.9)), "foreach": True},
     "betas[0] as a Tensor is not supported for capturable=False and foreach=True"),
    ({"lr": torch.tensor(0.1), "foreach": True}, "lr as a Tensor is not supported for capturable=False and foreach=True"),
])
def test_bad_options_are_value_errors(parameters, options, message):
    with pytest.raises(ValueError) as error:
        Adam(parameters(), **options)
    assert str(error.value) == message
