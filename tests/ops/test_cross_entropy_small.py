"""The loss of small tables has the same bits before and after machine code is loaded."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends.llvm.engine import available, engine
from rushlight.ops import cross_entropy as rules

pytestmark = pytest.mark.skipif(not available(), reason="kernels are switched off")


@pytest.fixture(autouse=True)
def loaded():
    engine()
    if not rules.small_agrees():
        pytest.skip("NumPy takes the C library's exponential on this processor")


def table(rows, classes, scale=3.0):
    random = np.random.default_rng(rows * 1000 + classes)
    return (random.standard_normal((rows, classes)) * scale).astype(np.float32), random.integers(0, classes, rows)


def both(x, target, reduction="mean", ignore_index=-100):
    """(loss, gradient) by the kernels, if they take the table, and by NumPy."""
    found = rules._cross_entropy(x, target, None, reduction=reduction, ignore_index=ignore_index, smoothing=0.0)
    plain = rules.by_numpy(x, target, None, reduction, ignore_index, 0.0)
    grad = np.asarray(np.float32(0.7))
    attributes = {"reduction": reduction, "ignore_index": ignore_index, "smoothing": 0.0}
    gradients = [rules._cross_entropy_backward(grad, x, target, None, *out[1:], **attributes) for out in (found, plain)]
    return (found[0], gradients[0]), (plain[0], gradients[1]), not found[3].size


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("rows", [1, 7, 8, 64, 129, 300])
@pytest.mark.parametrize("classes", [1, 2, 7, 8, 10, 16, 33, 100])
def test_all_sizes_have_numpys_bits(rows, classes, reduction):
    ours, numpys, is_small = both(*table(rows, classes), reduction)
    assert is_small
    assert ours[0].tobytes() == numpys[0].tobytes() and np.array_equal(*[gradient for _, gradient in (ours, numpys)])


@pytest.mark.parametrize("number", [30.5, -31.0, np.inf, np.nan])
def test_numbers_that_need_a_shift_go_to_numpy(number):
    x, target = table(20, 10)
    x[13, 4] = number
    ours, numpys, is_small = both(x, target)
    assert not is_small
    assert np.array_equal(ours[0], numpys[0], equal_nan=True)


def test_ignored_rows_and_wrong_classes_go_to_numpy():
    x, target = table(20, 10)
    target[3] = 5
    assert not both(x, target, ignore_index=5)[2]
    target[3] = -100
    assert not both(x, target)[2]
    target[3] = 10
    with pytest.raises(IndexError, match="Target 10 is out of bounds."):
        both(x, target)


def test_a_class_that_is_overwritten_by_stealth_writes_nowhere_else():
    x, target = table(20, 10)
    loss, e, sums = rules.small().loss_of(x, target, rules.share(20, x.dtype), -100, rules.SAFE)
    target[:] = 10 ** 12
    gradient = rules.small().gradient(np.ones((), np.float32), target, e, sums, rules.share(20, x.dtype), rules.SAFE)
    assert np.allclose(gradient.sum(1), 1 / 20)


def test_the_second_gradient_is_there():
    x, target = table(9, 4)
    x = torch.tensor(x, requires_grad=True)
    gradient, = torch.autograd.grad(torch.nn.functional.cross_entropy(x, torch.tensor(target)), x, create_graph=True)
    gradient.square().sum().backward()
    p = np.exp(x.detach().numpy().astype(float))
    p /= p.sum(1, keepdims=True)
    g = (p - np.eye(4)[target]) / 9
    expected = 2 / 9 * p * (g - (g * p).sum(1, keepdims=True))
    assert np.allclose(x.grad.numpy(), expected, atol=1e-6)
