"""softmax and log_softmax: every shape, the ends of the range, PyTorch's errors."""
import math

import numpy as np
import pytest

import rushlight as torch
import rushlight.nn.functional as F


def reference(x, dim):
    """softmax in float64."""
    x = x.astype(np.float64)
    power = np.exp(x - x.max(dim, keepdims=True))
    return power / power.sum(dim, keepdims=True)


@pytest.mark.parametrize("shape, dim", [((5, 7), 1), ((5, 7), 0), ((300, 700), 1), ((300, 700), 0), ((4, 30, 50, 20), 1), ((4, 30, 50, 20), 3),
                                        ((100000,), 0), ((0, 3), 1), ((3, 0), 1)])
@pytest.mark.parametrize("scale", [1, 100])
def test_every_shape_has_the_exact_shares(shape, dim, scale):
    array = (np.random.default_rng(0).standard_normal(shape) * scale).astype(np.float32)
    expected = reference(array, dim) if array.size else array
    x = torch.from_numpy(array)
    np.testing.assert_allclose(x.softmax(dim).numpy(), expected, rtol=2e-5, atol=1e-30)
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(expected, 1e-300)) if array.size else expected
    small = logs > -80
    np.testing.assert_allclose(x.log_softmax(dim).numpy()[small], logs[small], rtol=1e-5, atol=1e-5)


def test_masked_numbers_get_nothing_and_a_row_of_nothing_is_nan():
    x = torch.full((200, 64), -math.inf)
    x[:100, 3] = 1.0
    out = x.softmax(1)
    assert out[0].tolist() == [0.0] * 3 + [1.0] + [0.0] * 60
    assert out[150].isnan().all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape, dim", [((6, 5), 1), ((6, 5), 0), ((200, 100), 1)])
def test_fused_backward_is_that_of_the_plain_operations(name, shape, dim):
    random = np.random.default_rng(0)
    array, weights = random.standard_normal(shape), torch.from_numpy(random.standard_normal(shape))
    x, y = (torch.from_numpy(array).requires_grad_() for _ in "xy")
    plain = y.exp() / y.exp().sum(dim, keepdim=True)
    (getattr(x, name)(dim) * weights).sum().backward()
    ((plain.log() if name == "log_softmax" else plain) * weights).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_dtype_is_converted_first():
    assert torch.tensor([1, 2]).softmax(0, dtype=torch.float64).dtype is torch.float64
    assert torch.ones(2, dtype=torch.bfloat16).softmax(0).tolist() == [0.5, 0.5]


def test_errors_are_pytorchs():
    with pytest.raises(NotImplementedError, match="^\"softmax_lastdim_kernel_impl\" not implemented for 'Long'"):
        torch.tensor([[1, 2]]).softmax(1)
    with pytest.raises(IndexError, match=r"^Dimension out of range \(expected to be in range of \[-1, 0\], but got 5\)"):
        torch.ones(2).softmax(5)


def test_functional_forms_guess_the_dim_and_warn():
    x = torch.tensor([[1.0, 2.0]])
    with pytest.warns(UserWarning, match="^Implicit dimension choice for softmax has been deprecated."):
        assert F.softmax(x).sum().item() == pytest.approx(1.0)
    assert torch.equal(F.softmin(x, 1), x.neg().softmax(1))
