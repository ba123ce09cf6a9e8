"""Parametrizations, weight norm and spectral norm in both forms; numbers and messages of PyTorch 2.13."""
import copy

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.nn import utils
from rushlight.nn.utils import parametrizations, parametrize


class AddOne(nn.Module):
    def forward(self, x):
        return x + 1

    def right_inverse(self, x):
        return x - 1


class Double(nn.Module):
    def forward(self, x):
        return x * 2


class Product(nn.Module):
    def forward(self, a, b):
        return a @ b

    def right_inverse(self, x):
        return x, torch.eye(2)


def computing(function):
    class Computes(nn.Module):
        def forward(self, x):
            return function(x)
    return Computes()


def layer():
    made = nn.Linear(2, 2)
    with torch.no_grad():
        made.weight.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
        made.bias.zero_()
    return made


def parametrized(*modules):
    made = layer()
    for module in modules:
        parametrize.register_parametrization(made, "weight", module)
    return made


def test_a_parametrized_weight_is_computed_and_keeps_its_value():
    made = parametrized(AddOne())
    assert type(made).__name__ == "ParametrizedLinear" and isinstance(made, nn.Linear)
    assert repr(made) == ("ParametrizedLinear(\n  in_features=2, out_features=2, bias=True\n  (parametrizations): ModuleDict(\n    (weight): "
                          "ParametrizationList(\n      (0): AddOne()\n    )\n  )\n)")
    assert list(made.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert made.weight.tolist() == [[0, 1], [2, 3]] and made.parametrizations.weight.original.tolist() == [[-1, 0], [1, 2]]
    made(torch.ones(1, 2)).sum().backward()
    assert made.parametrizations.weight.original.grad.tolist() == [[1, 1], [1, 1]]
    assert parametrize.is_parametrized(made) and not parametrize.is_parametrized(made, "bias") and not parametrize.is_parametrized(layer())
    assert parametrize.type_before_parametrizations(made) is parametrize.type_before_parametrizations(layer()) is nn.Linear


def test_assigning_goes_through_the_inverse():
    made = parametrized(AddOne())
    original = made.parametrizations.weight.original
    made.weight = torch.ones(2, 2)
    assert original is made.parametrizations.weight.original and original.tolist() == [[0, 0], [0, 0]]


def test_several_run_one_after_the_other():
    made = parametrized(AddOne(), Double())
    assert made.weight.tolist() == [[0, 2], [4, 6]]
    with pytest.raises(RuntimeError, match="^parametrization Double does not implement right_inverse.$"):
        made.weight = torch.zeros(2, 2)


def test_a_weight_from_two_tensors():
    made = parametrized(Product())
    assert list(made.state_dict()) == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    assert made.weight.tolist() == [[0, 1], [2, 3]] and all(p.requires_grad for p in made.parameters())
    with pytest.raises(ValueError, match="^Cannot leave unparametrized"):
        parametrize.remove_parametrizations(made, "weight", leave_parametrized=False)
    assert parametrize.is_parametrized(made)
    assert isinstance(parametrize.remove_parametrizations(made, "weight").weight, nn.Parameter)


def test_removing_leaves_the_computed_or_the_original_weight():
    made = parametrized(Double())
    original = made.parametrizations.weight.original
    parametrize.remove_parametrizations(made, "weight")
    assert type(made) is nn.Linear and made.weight is original and made.weight.tolist() == [[0, 2], [4, 6]]
    assert list(made.state_dict()) == ["bias", "weight"]
    made = parametrized(Double())
    assert parametrize.remove_parametrizations(made, "weight", leave_parametrized=False).weight.tolist() == [[0, 1], [2, 3]]


def test_within_cached_a_weight_is_computed_once():
    made = parametrized(AddOne())
    with parametrize.cached():
        assert made.weight is made.weight
    assert made.weight is not made.weight


def test_copies_and_transfers_are_apart():
    made = parametrized(AddOne())
    twin, other = copy.deepcopy(made), nn.Linear(2, 2)
    parametrize.transfer_parametrizations_and_params(made, other)
    for one in (twin, other):
        assert one.weight.tolist() == [[0, 1], [2, 3]]
        assert one.parametrizations.weight.original is not made.parametrizations.weight.original
    with pytest.raises(RuntimeError, match=r"^Serialization of parametrized modules is only supported through state_dict\(\)"):
        made.__getstate__()


@pytest.mark.parametrize("name, module, message", [
    ("foo", AddOne(), "Module 'Linear(in_features=2, out_features=2, bias=True)' does not have a parameter, a buffer, or a parametrized element "
     "with name 'foo'"),
    ("weight", computing(lambda x: x[0]), "Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is enabled."),
    ("weight", computing(lambda x: x.double()), "Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag is "
     "enabled."),
    ("weight", computing(lambda x: 3), "A parametrization must return a tensor. Got int."),
])
def test_a_parametrization_that_does_not_fit_is_an_error_and_changes_nothing(name, module, message):
    for made in (layer(), parametrized(AddOne())):
        before = repr(made)
        with pytest.raises(ValueError) as caught:
            parametrize.register_parametrization(made, name, module)
        if name == "weight" or type(made) is nn.Linear:
            assert str(caught.value).split("\n")[0] == message
        assert repr(made) == before and made.weight.tolist() == [[0, 1], [2, 3]]


def test_unsafe_takes_what_does_not_fit():
    made = layer()
    parametrize.register_parametrization(made, "weight", computing(lambda x: x[0]), unsafe=True)
    assert made.weight.tolist() == [0, 1]
    with pytest.raises(ValueError, match="does not have a parametrization on weight$"):
        parametrize.remove_parametrizations(layer(), "weight")


def test_weight_norm_splits_length_and_direction():
    made = parametrizations.weight_norm(layer())
    assert list(made.state_dict()) == ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]
    torch.testing.assert_close(made.weight, layer().weight)
    assert made.parametrizations.weight.original0.flatten().tolist() == pytest.approx([1, 13 ** 0.5])
    assert type(parametrize.remove_parametrizations(made, "weight")) is nn.Linear


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_the_older_weight_norm_works_by_a_hook_and_its_state_loads_into_the_newer():
    made = utils.weight_norm(layer())
    assert list(made.state_dict()) == ["bias", "weight_g", "weight_v"]
    torch.testing.assert_close(made(torch.eye(2)), layer().weight.t())
    with torch.no_grad():
        made.weight_g.mul_(2)
    torch.testing.assert_close(made(torch.eye(2)), 2 * layer().weight.t())
    newer = parametrizations.weight_norm(nn.Linear(2, 2))
    assert repr(newer.load_state_dict(made.state_dict())) == "<All keys matched successfully>"
    torch.testing.assert_close(newer.weight, 2 * layer().weight)
    with pytest.raises(RuntimeError, match="^Cannot register two weight_norm hooks on the same parameter weight$"):
        utils.weight_norm(made)
    assert list(utils.remove_weight_norm(made).state_dict()) == ["bias", "weight"] and made.weight.tolist() == [[0, 2], [4, 6]]
    with pytest.raises(ValueError, match="^weight_norm of 'weight' not found in Linear"):
        utils.remove_weight_norm(made)
    assert utils.weight_norm(nn.Linear(2, 2), dim=None).weight_g.shape == ()


def test_the_older_weight_norm_is_deprecated():
    with pytest.warns(FutureWarning, match="^`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.$"):
        utils.weight_norm(layer())


def test_spectral_norm_divides_by_the_largest_singular_value():
    torch.manual_seed(3)
    made = parametrizations.spectral_norm(layer())
    assert list(made.state_dict()) == ["bias", "parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"]
    assert made.weight.flatten().tolist() == pytest.approx([0, 0.2701, 0.5402, 0.8103], abs=1e-4)
    estimate = made.parametrizations.weight[0]._u.tolist()
    assert made.eval().weight.shape == (2, 2)
    assert made.parametrizations.weight[0]._u.tolist() == estimate
    assert parametrizations.spectral_norm(nn.ConvTranspose2d(2, 3, 3)).parametrizations.weight[0].dim == 1
    assert parametrizations.spectral_norm(nn.LayerNorm(3)).weight.norm().item() == pytest.approx(1)


def test_the_older_spectral_norm_works_by_a_hook():
    torch.manual_seed(3)
    made = utils.spectral_norm(layer())
    assert list(made.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    assert made(torch.ones(1, 2)).flatten().tolist() == pytest.approx([0.2703, 1.3513], abs=1e-4)
    assert made.weight_u.tolist() == pytest.approx([0.2348, 0.9720], abs=1e-4)
    with pytest.raises(RuntimeError, match="^Cannot register two spectral_norm hooks on the same parameter weight$"):
        utils.spectral_norm(made)
    assert list(utils.remove_spectral_norm(made).state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="^spectral_norm of 'weight' not found in Linear"):
        utils.remove_spectral_norm(made)


@pytest.mark.parametrize("call, error, message", [
    (lambda: parametrizations.spectral_norm(layer(), "foo"), ValueError,
     "Module 'Linear(in_features=2, out_features=2, bias=True)' has no parameter or buffer with name 'foo'"),
    (lambda: parametrizations.spectral_norm(layer(), n_power_iterations=0), ValueError,
     "Expected n_power_iterations to be positive, but got n_power_iterations=0"),
    (lambda: utils.spectral_norm(layer(), n_power_iterations=0), ValueError,
     "Expected n_power_iterations to be positive, but got n_power_iterations=0"),
    (lambda: utils.spectral_norm(layer(), "foo"), KeyError, "foo"),
    (lambda: utils.spectral_norm(nn.Linear(2, 2, bias=False), "bias"), ValueError,
     "`SpectralNorm` cannot be applied as parameter `bias` is None"),
])
def test_norms_of_what_is_not_there(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert (caught.value.args[0] if error is KeyError else str(caught.value)) == message
