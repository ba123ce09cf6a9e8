"""GELU in machine code, forward and backward, is exact on all of its range."""
import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.backends.llvm.engine import available
from rushlight.backends.native import MANY
from rushlight.backends.parallel import pool
from rushlight.ops import gelu_native as native


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def exact(x):
    """GELU and its slope in float64; erfc keeps its digits far below zero."""
    below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
    x = x.astype(np.float64)
    return x * below, below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


#: from where to where, and the error allowed in units in the last place
@pytest.mark.parametrize("low, high, allowed", [(-12.5, -1.25, 7), (-1.25, 0, 4), (0, 1.25, 2), (1.25, 14, 2), (100, 1e30, 1)])
def test_forward_is_exact_to_some_units_in_the_last_place(low, high, allowed):
    x = np.random.default_rng(0).uniform(low, high, 100_003).astype(np.float32)
    expected, _ = exact(x)
    error = np.abs(native.run(native.write_gelu, x) - expected) / np.spacing(np.abs(expected).astype(np.float32))
    assert error.max() < allowed


@pytest.mark.parametrize("size", [1, 15, 17, native.BLOCK, 3 * native.BLOCK + 5])
def test_backward_is_exact_for_all_sizes(size):
    random = np.random.default_rng(size)
    x, grad = random.uniform(-8, 8, size).astype(np.float32), random.standard_normal(size).astype(np.float32)
    _, slope = exact(x)
    np.testing.assert_allclose(native.run(native.write_gelu_backward, grad, x), grad * slope, rtol=3e-7, atol=5e-7)


def test_edges():
    x = np.array([0.0, -0.0, np.inf, np.nan, 1e-40, -20.0, -1e30], np.float32)
    out = native.run(native.write_gelu, x)
    np.testing.assert_allclose(out, np.array([0, 0, np.inf, np.nan, 0.5e-40, 0, 0], np.float32), rtol=1e-5, atol=0)
    slopes = native.run(native.write_gelu_backward, np.ones_like(x), x)
    np.testing.assert_allclose(slopes[[0, 1, 3, 4, 5, 6]], np.array([0.5, 0.5, np.nan, 0.5, 0, 0], np.float32))


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_arrays_go_to_the_kernels_and_have_the_same_values(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "run", lambda write, *given, run=native.run: calls.append(write.__name__) or run(write, *given))
    x = torch.randn(2, MANY // 2, requires_grad=True)
    F.gelu(x).backward(torch.ones(2, MANY // 2))
    assert calls == ["write_gelu", "write_gelu_backward"]
    few = x.detach()[:, :100].clone().requires_grad_()
    F.gelu(few).backward(torch.ones(2, 100))
    assert len(calls) == 2 and torch.allclose(few.grad, x.grad[:, :100], atol=1e-6)
    assert torch.allclose(F.gelu(few), F.gelu(x)[:, :100], atol=1e-6)


@pytest.mark.parametrize("size", [1, 17, native.BLOCK + 5])
def test_the_slope_is_the_gradient_of_ones(size):
    x = np.random.default_rng(size).uniform(-8, 8, size).astype(np.float32)
    out, slope = native.with_slope(x)
    np.testing.assert_array_equal(out, native.run(native.write_gelu, x))
    np.testing.assert_array_equal(slope, native.run(native.write_gelu_backward, np.ones_like(x), x))
