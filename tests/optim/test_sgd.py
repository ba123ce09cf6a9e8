"""SGD: ten steps give the numbers that PyTorch 2.13 gives; the state has its names."""
import pytest

import rushlight as torch
from rushlight.optim import SGD

GOLDEN = [
    ({}, [0.50121583359, -0.975714704474, 1.4594759681, 0.235426478483, -0.736480641022]),
    ({"lr": 0.1, "weight_decay": 0.1},
     [0.537242795225, -0.0743838991371, -0.658396003843, -0.387863907084, -0.219758078926]),
    ({"lr": 0.1, "momentum": 0.9},
     [0.616147831863, 0.0944135010343, -0.151919915231, -0.251846155943, -0.254741831884]),
    ({"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
     [0.573015037193, 0.668119850986, -1.62133351886, -0.699240029357, 0.130012930665]),
    ({"lr": 0.1, "momentum": 0.9, "nesterov": True},
     [0.595070869742, -0.0566736587563, -0.595571988731, -0.374314894779, -0.246010043717]),
    ({"lr": 0.1, "momentum": 0.5, "nesterov": True, "maximize": True},
     [-0.384711725352, -29.4581026967, 37.020770001, 9.81109107551, -18.3041477371]),
]


@pytest.mark.parametrize("options, expected", GOLDEN)
def test_ten_steps_are_pytorchs(ten_steps, options, expected):
    assert ten_steps("SGD", **options) == pytest.approx(expected, rel=1e-8)


def test_without_momentum_there_is_no_state(parameters):
    optimizer = SGD(parameters(), lr=0.1)
    optimizer.step()
    assert optimizer.state_dict()["state"] == {} and len(optimizer.state) == 0


def test_momentum_begins_with_a_copy_of_the_gradient(parameters):
    p, _ = params = parameters()
    optimizer = SGD(params, lr=0.1, momentum=0.9)
    optimizer.step()
    buffer = optimizer.state[p]["momentum_buffer"]
    assert list(optimizer.state[p]) == ["momentum_buffer"] and buffer.tolist() == p.grad.tolist()
    p.grad.zero_()
    assert buffer.abs().sum().item() > 0


def test_momentum_that_is_switched_on_later_begins_then(parameters):
    p, _ = params = parameters()
    optimizer = SGD(params, lr=0.1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.step()
    assert optimizer.state[p]["momentum_buffer"].tolist() == p.grad.tolist()


@pytest.mark.parametrize("options, message", [
    ({"lr": -0.1}, "Invalid learning rate: -0.1"), ({"momentum": -1}, "Invalid momentum value: -1"),
    ({"weight_decay": -0.5}, "Invalid weight_decay value: -0.5"),
    ({"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
    ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum requires a momentum and zero dampening"),
    ({"lr": torch.ones(2)}, "Tensor lr must be 1-element"),
])
def test_bad_options_are_value_errors(parameters, options, message):
    with pytest.raises(ValueError) as error:
        SGD(parameters(), **options)
    assert str(error.value) == message


@pytest.mark.parametrize("option", ["lr", "momentum", "weight_decay"])
def test_only_negative_numbers_are_refused_not_nan(parameters, option):
    assert str(SGD(parameters(), **{option: float("nan")}).param_groups[0][option]) == "nan"
    with pytest.raises(TypeError, match="'<' not supported between instances of 'str' and 'float'"):
        SGD(parameters(), **{option: "a"})


@pytest.mark.parametrize("other", [{"differentiable": True}, {"foreach": True}])
def test_fused_excludes_the_other_implementations(parameters, other):
    with pytest.raises(RuntimeError, match="`fused`"):
        SGD(parameters(), fused=True, **other)


def test_complex_parameters_are_two_real_ones():
    p = torch.nn.Parameter(torch.tensor([1 + 2j, 3 - 1j]))
    p.grad = torch.tensor([1j, 2 + 0j])
    SGD([p], lr=0.5).step()
    assert p.tolist() == [1 + 1.5j, 2 - 1j]
