"""Weights that stay orthogonal."""
import itertools

import pytest

import rushlight as torch
from rushlight.nn.utils import parametrizations

MAPS = [None, "matrix_exp", "cayley", "householder"]


def orthonormal(weight):
    """Whether rows, or columns if there are fewer, have length 1 and stand at right angles."""
    short = weight if weight.size(0) <= weight.size(1) else weight.t()
    return torch.allclose(short @ short.t(), torch.eye(short.size(0)), atol=1e-5)


@pytest.mark.parametrize("sizes, name, based", list(itertools.product([(4, 4), (3, 5), (5, 3)], MAPS, [True, False])))
def test_weight_is_orthogonal_before_and_after_a_step(sizes, name, based):
    torch.manual_seed(0)
    layer = parametrizations.orthogonal(torch.nn.Linear(*sizes), orthogonal_map=name, use_trivialization=based)
    before = layer.weight.detach().clone()
    assert orthonormal(before)
    (layer.weight * torch.randn(layer.weight.shape)).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    assert orthonormal(layer.weight) and not torch.allclose(layer.weight, before)


@pytest.mark.parametrize("sizes, name", list(itertools.product([(4, 4), (3, 5), (5, 3)], MAPS)))
def test_an_orthogonal_weight_that_is_assigned_comes_back(sizes, name):
    layer = parametrizations.orthogonal(torch.nn.Linear(*sizes), orthogonal_map=name)
    wanted = torch.nn.init.orthogonal_(torch.empty(sizes[::-1]))
    layer.weight = wanted
    torch.testing.assert_close(layer.weight, wanted)


def test_maps_without_inverse_take_no_assignment():
    layer = parametrizations.orthogonal(torch.nn.Linear(3, 3), orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(NotImplementedError, match="It is not possible to assign to the matrix exponential or the Cayley parametrizations"):
        layer.weight = torch.eye(3)


@pytest.mark.parametrize("module, arguments, message", [
    (torch.nn.Linear(2, 2), {"name": "bias"}, "Expected a matrix or batch of matrices. Got a tensor of 1 dimensions."),
    (torch.nn.Linear(2, 2), {"orthogonal_map": "x"}, 'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: x'),
    (torch.nn.ReLU(), {}, r"Module 'ReLU\(\)' has no parameter or buffer with name 'weight'")])
def test_errors_are_pytorchs(module, arguments, message):
    with pytest.raises(ValueError, match=message):
        parametrizations.orthogonal(module, **arguments)
