"""relu and its gradient are the same for large arrays, which go to machine code, as for small ones."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.backends.native import MANY

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
