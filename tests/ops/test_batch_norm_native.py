"""Batch normalisation in machine code is the definition's, forward and backward, for one thread and several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight.backends.parallel import pool
from rushlight.ops import batch_norm_native as native, norm

#: rows of less than a vector, of some vectors and of many; one image, one channel, more dimensions
SHAPES = [(3, 5, 7), (2, 3, 5, 13), (1, 4, 200), (5, 1, 33, 40), (2, 40, 5, 9, 11), (2, 3, 0)]


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def arrays(*shapes):
    draw = np.random.default_rng(len(shapes)).standard_normal
    return [(draw(shape) + 3).astype(np.float32) for shape in shapes]


def close(found, expected):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6 * np.abs(expected).max(initial=0))


def beside(values, x):
    return values.reshape(1, -1, *[1] * (x.ndim - 2))


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_statistics_are_the_mean_and_the_biased_variance(threads, shape):
    [x] = arrays(shape)
    mean, variance = native.statistics(x)
    others = (0, *range(2, x.ndim))
    close(mean, x.mean(others, dtype=np.float64))
    close(variance, x.var(others, dtype=np.float64))


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_of_the_channels(threads, shape):
    [x] = arrays(shape)
    close(native.sums(x), x.sum((0, *range(2, x.ndim)), dtype=np.float64))


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_is_the_definition(threads, shape):
    x, added, weight, bias, mean, var = arrays(shape, shape, *[shape[1]] * 4)
    expected = (x.astype(np.float64) - beside(mean, x)) / np.sqrt(beside(var, x) + 1e-5)
    close(native.forward(x, None, None, mean, var, 1e-5), expected)
    expected = expected * beside(weight, x) + beside(bias, x)
    close(native.forward(x, weight, bias, mean, var, 1e-5), expected)
    close(native.forward(x, weight, bias, mean, var, 1e-5, -2 * added, True), np.maximum(expected - 2 * added, 0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_numpys(threads, monkeypatch, shape, training):
    g, x, weight, mean, var = arrays(shape, shape, *[shape[1]] * 3)
    found = native.backward(g, x, weight, mean, var, 1e-5, training)
    monkeypatch.setattr(norm, "is_native", lambda *arrays: False)
    expected = norm._batch_norm_backward(*[a.astype(np.float64) for a in (g, x, weight, mean, var)], training=training, eps=1e-5)
    for a, b in zip(found, expected):
        close(a, b)


@pytest.mark.parametrize("how", [{}, {"affine": False}, {"track_running_stats": False}])
def test_layers_have_the_same_outputs_gradients_and_running_statistics(monkeypatch, how):
    def run(dtype):
        torch.manual_seed(1)
        layer = torch.nn.BatchNorm2d(9, **how).to(dtype)
        x = torch.randn(11, 9, 20, 21).to(dtype).requires_grad_()
        out = layer(x) if not how else layer(x) + layer.eval()(x)
        out.square().mul(torch.arange(21.0).to(dtype)).sum().backward()
        return [value.detach().numpy() for value in (out, x.grad, *[p.grad for p in layer.parameters()], *layer.state_dict().values())]
    for found, expected in zip(run(torch.float32), run(torch.float64)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_large_batches_go_to_the_kernels_and_small_ones_do_not(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "statistics", lambda x: calls.append(x.shape) or (np.zeros(4, np.float32), np.ones(4, np.float32)))
    monkeypatch.setattr(norm, "is_native", lambda *arrays: arrays[0].size >= 1 << 15 and arrays[0].dtype == np.float32)
    large = torch.ones(8, 4, 32, 32)
    for x in (large, large[:1], large.double()):
        torch.nn.functional.batch_norm(x, None, None, training=True)
    assert calls == [(8, 4, 32, 32)]


def test_channels_without_places_are_columns_still():
    x = torch.randn(400, 100)
    found = torch.nn.functional.batch_norm(x, None, None, training=True)
    close(found.numpy(), ((x.double() - x.double().mean(0)) / (x.double().var(0, correction=0) + 1e-5).sqrt()).numpy())
