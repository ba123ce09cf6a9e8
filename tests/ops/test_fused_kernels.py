"""Fused kernels equal their definitions in plain operations, for small and large arrays, in rows, columns, stretches and blocks."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.nn import functional as F
from rushlight.ops import norm_kernels
from rushlight.ops.windows import Windows, padded, window_view


def drawn(seed, *shape, dtype="float64"):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(dtype)).requires_grad_()


def both_ways(function, leaves, seed=9):
    """The value, and the gradients by the fused backward and by the one that is recorded in plain operations."""
    out = function(*leaves)
    g = torch.from_numpy(np.random.default_rng(seed).normal(size=tuple(out.shape)))
    fused = torch.autograd.grad(out, leaves, g, retain_graph=True)
    plain = torch.autograd.grad(out, leaves, g, create_graph=True)
    return out.detach().numpy(), [t.numpy() for t in fused], [t.detach().numpy() for t in plain]


def assert_same(fused, plain):
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("function, shapes", [
    (lambda x, w, b: F.layer_norm(x, (7,), w, b), [(5, 3, 7), (7,), (7,)]),
    (lambda x, w, b: F.group_norm(x, 2, w, b), [(3, 4, 5, 2), (4,), (4,)]),
    (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), [(6, 4), (4,), (4,)]),
    (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), [(3, 4, 5, 2), (4,), (4,)]),
    (lambda x, w, b: F.batch_norm(x, torch.ones(4).double() * 0.3, torch.ones(4).double() * 2, w, b), [(3, 4, 5), (4,), (4,)]),
    (lambda q, k, v: F.scaled_dot_product_attention(q, k, v), [(2, 3, 6, 4)] * 3),
    (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), [(2, 3, 6, 4)] * 3),
    (lambda x: F.max_pool2d(x, 3, 2, 1), [(2, 3, 9, 8)]),
    (lambda x: F.max_pool2d(x, 2), [(2, 3, 9, 8)]),
])
def test_fused_gradient_equals_the_plain_one(function, shapes):
    _, fused, plain = both_ways(function, [drawn(n, *shape) for n, shape in enumerate(shapes)])
    assert_same(fused, plain)


def test_norms_in_many_blocks_equal_one_block(monkeypatch):
    leaves = [drawn(0, 40, 7), drawn(1, 7), drawn(2, 7)]
    whole = both_ways(lambda x, w, b: F.layer_norm(x, (7,), w, b), leaves)
    monkeypatch.setattr(norm_kernels, "BLOCK", 21)
    parts = both_ways(lambda x, w, b: F.layer_norm(x, (7,), w, b), leaves)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-12)
    assert_same(parts[1], whole[1])


def test_batch_norm_moves_the_running_statistics():
    x, mean, var = drawn(0, 6, 3).detach(), torch.zeros(3).double(), torch.ones(3).double()
    F.batch_norm(x, mean, var, training=True, momentum=0.3)
    np.testing.assert_allclose(mean.numpy(), 0.3 * x.numpy().mean(0))
    np.testing.assert_allclose(var.numpy(), 0.7 + 0.3 * x.numpy().var(0, ddof=1))


def convolved_by_definition(x, w, windows, groups):
    """The sum over the places of each window, group by group."""
    view = window_view(padded(x, windows), windows)
    kept = len(windows.kernel)
    inputs, outputs = x.shape[1] // groups, w.shape[0] // groups
    parts = []
    for group in range(groups):
        part = view[:, group * inputs:(group + 1) * inputs]
        weight = w[group * outputs:(group + 1) * outputs]
        axes = list(range(1, 2 + kept))
        parts.append(np.moveaxis(np.tensordot(weight, part, (axes, axes)), 0, 1))
    return np.concatenate(parts, 1)


@pytest.mark.parametrize("size, kernel, stride, padding, dilation, groups", [
    ((20, 19), (3, 3), 1, 1, 1, 1),     # stretches of the flat image
    ((24, 23), (3, 2), 1, 2, 2, 1),     # stretches with dilation
    ((20, 19), (3, 3), 1, 1, 1, 4),     # a kernel for each channel
    ((20, 19), (3, 3), 1, 1, 1, 2),
    ((20, 19), (3, 3), 2, 1, 1, 1),
    ((5, 4), (3, 2), 1, 0, 1, 1),       # several images in one product
    ((6, 5), (1, 1), 1, 0, 1, 1),       # no columns at all
    ((9, 8, 7), (2, 3, 2), 1, 1, 1, 1),
    ((300,), (4,), 1, 2, 2, 4),
])
def test_convolution_is_its_definition(size, kernel, stride, padding, dilation, groups):
    dims = len(size)
    x, w = drawn(0, 3, 4, *size), drawn(1, 4, 4 // groups, *kernel)
    out = getattr(F, f"conv{dims}d")(x, w, None, stride, padding, dilation, groups)
    windows = Windows(size, kernel, (stride,) * dims, ((padding, padding),) * dims, (dilation,) * dims)
    np.testing.assert_allclose(out.detach().numpy(), convolved_by_definition(x.detach().numpy(), w.detach().numpy(), windows, groups),
                               rtol=1e-9, atol=1e-9)
    # The three operations are each other's transposes: <conv(x, w), g> = <x, dx> = <w, dw>.
    g = drawn(2, *out.shape).detach()
    dx, dw = torch.autograd.grad(out, (x, w), g)
    expected = (out * g).sum().item()
    assert (x * dx).sum().item() == pytest.approx(expected)
    assert (w * dw).sum().item() == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("shape", [(5, 3), (200, 40), (2, 3, 4)])
def test_cross_entropy_is_nll_of_log_softmax(scale, shape):
    x = drawn(0, *shape)
    target = torch.from_numpy(np.random.default_rng(1).integers(0, shape[1], (shape[0], *shape[2:])))
    one, two = F.cross_entropy(x * scale, target), F.nll_loss((x * scale).log_softmax(1), target)
    assert one.item() == pytest.approx(two.item())
    np.testing.assert_allclose(*[torch.autograd.grad(loss, x)[0].numpy() for loss in (one, two)], rtol=1e-9, atol=1e-12)


def test_cross_entropy_of_a_transposed_table():
    x = drawn(0, 4, 6)
    target = torch.tensor([0, 3, 1, 2, 2, 0])
    np.testing.assert_allclose(*[torch.autograd.grad(F.cross_entropy(t, target), x)[0].numpy() for t in (x.t(), x.t().contiguous())])


def test_a_sure_and_right_answer_keeps_its_digits():
    # log(s) - x would round to a multiple of 2e-6 here.
    loss = F.cross_entropy(torch.tensor([[28.0, 14.0]]), torch.tensor([0])).item()
    assert loss == pytest.approx(np.log1p(np.exp(-14.0)), abs=1.3e-7)


def test_relu_stops_infinite_gradients():
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    F.relu(x).backward(torch.tensor([float("inf"), float("nan"), 3.0]))
    assert x.grad.tolist() == [0.0, 0.0, 3.0]


def test_the_sum_of_squares_of_many_keeps_its_digits():
    x = np.full(1_000_000, 0.1, "float32")
    loss = F.mse_loss(torch.from_numpy(x), torch.zeros(x.size), reduction="sum").item()
    assert loss == pytest.approx(float((x.astype("float64") ** 2).sum()), rel=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh", "hardswish", "hardsigmoid", "relu6"])
def test_in_place_gives_the_same_value_and_gradient(name):
    function = getattr(F, name)
    x = drawn(0, 7)
    here = x * 3
    inplace = function(here, inplace=True)
    assert inplace is here
    out = function(x * 3)
    assert inplace.tolist() == out.tolist()
    np.testing.assert_array_equal(*[torch.autograd.grad(t.sum(), x, retain_graph=True)[0].numpy() for t in (inplace, out)])


@pytest.mark.parametrize("bad", [[float("nan")] * 2, [float("-inf")] * 2, [float("inf"), 0.0]])
@pytest.mark.parametrize("settings", [{}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"weight": [1.0, 2.0]}])
def test_what_an_ignored_row_holds_does_not_reach_the_loss(bad, settings):
    functional = torch.nn.functional
    if "weight" in settings:
        settings = {"weight": torch.tensor(settings["weight"])}
    rows, target = torch.tensor([bad, [1.0, 2.0]]), torch.tensor([-100, 1])
    clean = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    assert torch.allclose(functional.cross_entropy(rows, target, **settings), functional.cross_entropy(clean, target, **settings))
    if "label_smoothing" not in settings:
        rows.requires_grad_()
        loss = functional.nll_loss(rows, target, **settings)
        assert torch.equal(loss, functional.nll_loss(clean, target, **settings))
        loss.sum().backward()
        assert not torch.signbit(rows.grad[0]).any() and (rows.grad[0] == 0).all()
