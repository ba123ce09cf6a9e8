"""How a program is run twice, as written and compiled, and what the two runs are compared by."""
import warnings

import numpy as np
import pytest

import rushlight as torch
from rushlight.backends.llvm.engine import available
from rushlight.tensor import Tensor

BACKENDS = ["numpy", pytest.param("llvm", marks=pytest.mark.skipif(not available(), reason="kernels need llvmlite, the `jit` extra"))]


class Trial:
    """One run of a program: `compile` compiles in the second run alone, `log` notes what the runs are compared by."""

    def __init__(self, backend, dtype_bound=1e-5):
        self.backend = backend
        self.logged = []
        self.works = []

    def compile(self, function, **settings):
        if self.backend is None:
            return function
        compiled = torch.compile(function, backend=self.backend, **settings)
        self.works.append(compiled._rushlight_work)
        return compiled

    def log(self, *things):
        self.logged.append([plain(thing) for thing in things])


def descent(model, optimizer, after=lambda: None):
    """A training step that brings a model's results nearer to zero, and then does what comes after; it returns the loss."""
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        after()
        return loss
    return step


def plain(thing):
    """A copy of a structure with arrays for tensors, and what else there is to a tensor."""
    if isinstance(thing, Tensor):
        held = thing.detach()._array
        values = held.astype(np.float64) if held.dtype.kind == "V" else held.copy()
        return values, str(thing.dtype), thing.requires_grad, thing.is_leaf, thing._base is None, None if thing._grad is None else plain(thing._grad)
    if isinstance(thing, torch.nn.Module):
        return plain([*thing.parameters(), *thing.buffers(), thing.training])
    if isinstance(thing, torch.optim.Optimizer):
        return plain([[{k: v for k, v in group.items() if k != "params"} for group in thing.param_groups], [*thing.state.values()]])
    if isinstance(thing, dict):
        return {key: plain(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [type(thing).__name__, *[plain(part) for part in thing]]
    return thing


def same(one, other, path="log"):
    """Assert that two structures of logged things are alike."""
    assert type(one) is type(other), f"{path}: {one!r} and {other!r}"
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.shape == other.shape, path
        np.testing.assert_allclose(np.asarray(other), one, rtol=2e-5, atol=1e-6, err_msg=path)
    elif isinstance(one, dict):
        assert list(one) == list(other), path
        for key in one:
            same(one[key], other[key], f"{path}[{key!r}]")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), path
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{path}[{i}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-6, nan_ok=True), path
    else:
        assert one == other, f"{path}: {one!r} and {other!r}"


def run(body, backend):
    """The trial of a run, and its warnings. The random stream after it is part of what is logged."""
    trial = Trial(backend)
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        body(trial)
    trial.logged.append(torch.get_rng_state().numpy().copy())
    return trial, [str(warning.message) for warning in seen if "torch.compile:" in str(warning.message)]


def footgun(captured=True, says=None, recordings=None):
    """A test that a program does the same compiled as written.

    captured  whether its calls are replayed in the end; None where it does not matter
    says      a part of the one warning that its compiled run gives
    """
    def decorate(body):
        @pytest.mark.parametrize("backend", BACKENDS)
        def test(backend):
            written, _ = run(body, None)
            compiled, said = run(body, backend)
            same(written.logged, compiled.logged)
            for work in compiled.works:
                told = f"{work.refused}, {work.history}"
                assert captured is None or any([found.function is not None for found in work.recordings]) is captured, told
                assert recordings is None or len(work.recordings) == recordings, told
            if says is None:
                assert not said, said
            else:
                assert len(said) == 1 and says in said[0], said
        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        return test
    return decorate
