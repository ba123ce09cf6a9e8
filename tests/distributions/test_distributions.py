"""All distributions against the numbers that PyTorch 2.13 gave: draws from the same seed, weights, moments, divergences."""
import functools
import json
import pickle

import numpy as np
import pytest

import rushlight as torch
from rushlight import distributions

from ..golden import DATA
from .cases import CASES


@functools.cache
def stored():
    return json.loads((DATA / "distributions.json").read_text())


def close(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_distribution_has_pytorchs_numbers(name):
    d, row = CASES[name](torch), stored()["cases"][name]
    assert (repr(d), list(d.batch_shape), list(d.event_shape)) == (row["repr"], row["batch"], row["event"])
    for attribute in ("mean", "variance"):
        if attribute in row:
            close(getattr(d, attribute).tolist(), row[attribute])
    if "entropy" in row:
        close(d.entropy().tolist(), row["entropy"])


@pytest.mark.parametrize("name", CASES)
def test_draws_and_their_weights_are_pytorchs(name):
    d, row = CASES[name](torch), stored()["cases"][name]
    torch.manual_seed(3)
    x = d.sample((3,))
    close(x.tolist(), row["sample"])
    close(d.log_prob(torch.tensor(row["sample"])).tolist(), row["log_prob"])
    if "cdf" in row:
        close(d.cdf(torch.tensor(row["sample"])).tolist(), row["cdf"])
    assert d.has_rsample == ("rsample" in row)
    if d.has_rsample:
        torch.manual_seed(4)
        close(d.rsample().tolist(), row["rsample"])


@pytest.mark.parametrize("name", CASES)
def test_expanded_distribution_is_the_same_everywhere(name):
    d = CASES[name](torch)
    e = d.expand((2, *d.batch_shape))
    x = d.sample()
    assert e.batch_shape == (2, *d.batch_shape) and e.sample((3,)).shape == (3, 2, *d.batch_shape, *d.event_shape)
    assert torch.equal(e.log_prob(x), d.log_prob(x).expand(e.batch_shape)) and type(e) is type(d)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("transformed", "stick")])
def test_distribution_survives_pickling(name):
    d = CASES[name](torch)
    again = pickle.loads(pickle.dumps(d))
    x = d.sample()
    assert type(again) is type(d) and torch.equal(again.log_prob(x), d.log_prob(x))


def test_divergences_are_pytorchs():
    known = 0
    for pair, expected in stored()["kl"].items():
        p, q = next((a, b) for a in CASES for b in CASES if f"{a} {b}" == pair)
        try:
            ours = distributions.kl_divergence(CASES[p](torch), CASES[q](torch))
        except NotImplementedError:
            continue
        close(ours.tolist(), expected)
        known += 1
    assert known >= 85


@pytest.mark.parametrize("name", ["normal", "exponential", "laplace", "gamma", "cauchy", "gumbel", "log normal", "student", "half normal"])
def test_gradient_of_a_draw_agrees_with_differences(name):
    kind = {"normal": "Normal", "exponential": "Exponential", "laplace": "Laplace", "gamma": "Gamma", "cauchy": "Cauchy", "gumbel": "Gumbel",
            "log normal": "LogNormal", "student": "StudentT", "half normal": "HalfNormal"}[name]
    count = {"exponential": 1, "half normal": 1, "student": 3}.get(name, 2)

    def draw(*values):
        torch.manual_seed(2)
        return getattr(distributions, kind)(*values).rsample()
    if name in ("gamma", "student"):  # how many numbers a draw takes may change with the parameter: only the scale is checked
        rate = torch.tensor([1.5, 0.7], dtype=torch.float64, requires_grad=True)
        fixed = torch.tensor([2.0, 3.0], dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda r: draw(fixed, r) if name == "gamma" else draw(fixed, r, r), (rate,))
        return
    assert torch.autograd.gradcheck(draw, [torch.tensor([1.5, 0.7], dtype=torch.float64, requires_grad=True) for _ in range(count)])


def test_categorical_is_trained_by_its_log_prob():
    logits = torch.zeros(3, requires_grad=True)
    distributions.Categorical(logits=logits).log_prob(torch.tensor(1)).backward()
    assert logits.grad.tolist() == pytest.approx([-1 / 3, 2 / 3, -1 / 3])
