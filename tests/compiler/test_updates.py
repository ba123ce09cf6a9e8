"""An optimizer's updates in a compiled step: one call computes the numbers of all parameters."""
import numpy as np
import pytest

import rushlight as torch
from rushlight import optim
from rushlight.backends.llvm.engine import available


def trained(wrap, steps=6, lr=0.1, make=optim.AdamW):
    """Two parameters, of which the second has taken one step less, after some steps; their states, and their versions."""
    torch.manual_seed(0)
    a, b = (torch.randn(40, requires_grad=True) for _ in range(2))
    optimizer = make([a, b], lr=lr)
    (a * a).sum().backward()
    optimizer.step()

    def step():
        optimizer.zero_grad()
        ((a * b) ** 2).sum().backward()
        optimizer.step()
    compiled = wrap(step)
    for number in range(steps):
        if number == 4:
            optimizer.param_groups[0]["lr"] = lr / 2
        compiled()
    states = [value.numpy() for p in (a, b) for value in optimizer.state[p].values()]
    return [a.detach().numpy(), b.detach().numpy(), *states], [a._version, b._version]


@pytest.mark.parametrize("make", [optim.AdamW, optim.NAdam, optim.Adagrad, optim.RAdam])
def test_parameters_that_have_taken_different_numbers_of_steps_keep_their_own(make):
    wanted, versions = trained(lambda f: f, make=make)
    found, found_versions = trained(torch.compile, make=make)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert found_versions == versions


@pytest.mark.skipif(not available(), reason="updates are launches with the jit extra")
def test_the_numbers_of_parameters_with_equal_counts_are_computed_once(monkeypatch):
    from rushlight.compiler import updates
    calls = []
    real = updates.numbers_of

    def counting(program):
        names, numbers = real(program)
        return names, lambda *given: calls.append(given) or numbers(*given)
    monkeypatch.setattr(updates, "numbers_of", counting)
    parameters = [torch.randn(40, requires_grad=True) for _ in range(5)]
    optimizer = optim.Adam(parameters, lr=0.1)

    def step():
        optimizer.zero_grad()
        sum([(p * p).sum() for p in parameters]).backward()
        optimizer.step()
    compiled = torch.compile(step)
    for _ in range(4):
        compiled()
    before = len(calls)
    compiled()
    assert len(calls) == before + 1
