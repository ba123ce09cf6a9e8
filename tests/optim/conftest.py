"""What the tests of all methods share: one problem, and parameters with gradients."""
import pytest

import rushlight as torch

START = [[[0.5, -1.0], [1.5, 0.25]], -0.75]
AIM = [[[1.0, 0.5], [-0.5, 0.0]], 0.3]


@pytest.fixture
def ten_steps():
    """All elements after ten steps of a method towards the minimum of sum((p - aim)^2 + sin(p)), in float64; for Muon of the matrix alone."""
    def run(name, **options):
        count = 1 if name == "Muon" else 2
        params = [torch.nn.Parameter(torch.tensor(v, dtype=torch.float64)) for v in START[:count]]
        aims = [torch.tensor(v, dtype=torch.float64) for v in AIM[:count]]
        optimizer = getattr(torch.optim, name)(params, **options)

        def closure():
            optimizer.zero_grad()
            loss = sum(((p - a) ** 2).sum() + p.sin().sum() for p, a in zip(params, aims, strict=True))
            loss.backward()
            return loss
        for _ in range(10):
            optimizer.step(closure)
        return [v for p in params for v in p.detach().flatten().tolist()]
    return run


@pytest.fixture
def parameters():
    """Makes a matrix and a number, both with a gradient."""
    def make():
        params = [torch.nn.Parameter(torch.tensor(v)) for v in START]
        for p, g in zip(params, ([[1.0, -2.0], [0.5, -0.25]], 3.0), strict=True):
            p.grad = torch.tensor(g)
        return params
    return make
