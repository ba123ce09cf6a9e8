"""relu and its gradient are the same for large arrays, which go to machine code, as for small ones."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.backends.llvm import engine
from rushlight.backends.llvm.engine import available
from rushlight.backends.native import MANY
from rushlight.core import fused
from rushlight.ops import activation

#: so many numbers that a kernel takes them, and that none of its vectors divides them
COUNT = MANY + 7


def special(count):
    x = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    x[:5] = np.nan, 0.0, -0.0, np.inf, -np.inf
    return torch.from_numpy(x)


@pytest.mark.parametrize("count", [100, COUNT])
def test_relu_is_the_maximum_with_zero_and_keeps_nan(count):
    x = special(count)
    found, given = torch.relu(x).numpy(), x.numpy()
    np.testing.assert_array_equal(found, np.where(given <= 0, np.float32(0), given))


@pytest.mark.parametrize("count", [100, COUNT])
def test_the_gradient_passes_above_zero_and_at_nan(count):
    x = special(count).requires_grad_()
    g = torch.arange(1.0, count + 1)
    torch.relu(x).backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), np.where(x.detach().numpy() <= 0, np.float32(0), g.numpy()))


def test_a_large_gradient_with_gaps_passes_alike():
    x, g = special(COUNT).requires_grad_(), torch.arange(2.0 * COUNT).view(COUNT, 2)[:, 0]
    torch.relu(x).backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), np.where(x.detach().numpy() <= 0, np.float32(0), g.numpy()))


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("count", [0, 1, 7, 16, 1000])
def test_small_gradients_have_the_same_bits_before_and_after_machine_code_is_loaded(count, loaded, monkeypatch):
    if loaded:
        pytest.importorskip("llvmlite", reason="the kernels need the jit extra")
        if not available():
            pytest.skip("kernels are switched off")
    rule = fused.machine_coded("where(x == 0, 0, grad)", ("grad", "x"))
    monkeypatch.setattr(activation, "coded_relu_backward", rule if loaded else lambda *arrays: None)
    if loaded:
        engine.engine()
        monkeypatch.setattr(engine, "PATIENCE", 0)
    out = np.maximum(np.random.default_rng(1).standard_normal(count).astype(np.float32), 0)
    grad = np.random.default_rng(2).standard_normal(count).astype(np.float32)
    out[:1], grad[1:5] = np.nan, (np.nan, -0.0, np.inf, -np.inf)[:max(count - 1, 0)]
    found = activation._relu_backward(grad, out)
    assert found.tobytes() == np.where(out == 0, np.float32(0), grad).tobytes()
