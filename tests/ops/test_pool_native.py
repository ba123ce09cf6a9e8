"""Maxima of windows and their gradient in machine code are NumPy's, for one thread and several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight.backends.parallel import pool as threads_pool
from rushlight.nn import functional as F
from rushlight.ops import pool, pool_kernels, pool_native as native
from rushlight.ops.windows import Windows

#: images, then the windows: size, kernel, stride, padding, dilation
CASES = {
    "no overlap": ((5, 3), (12, 14), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    "odd sizes": ((2, 3), (17, 19), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    "overlap and padding": ((2, 3), (17, 19), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    "stride 1": ((1, 1), (8, 9), (3, 2), (1, 1), ((1, 1), (0, 0)), (1, 1)),
    "dilated": ((2, 1), (11, 12), (2, 3), (1, 2), ((1, 1), (1, 1)), (3, 2)),
    "over the end": ((2, 2), (7, 7), (2, 2), (2, 2), ((0, 1), (0, 1)), (1, 1)),
    "a line": ((3, 4), (100,), (3,), (2,), ((1, 1),), (1,)),
    "three dimensions": ((2, 2), (5, 6, 7), (2, 2, 2), (2, 1, 2), ((0, 0), (0, 0), (1, 1)), (1, 1, 1)),
    "few windows": ((3, 2), (4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    "no images": ((0, 2), (4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
}


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(threads_pool, "size", lambda: request.param)


@pytest.fixture(params=CASES)
def case(request):
    """Images with many equal numbers, their windows, and gradients."""
    lead, *windows = CASES[request.param]
    windows = Windows(*windows)
    draw = np.random.default_rng(len(request.param)).standard_normal
    return np.round(2 * draw((*lead, *windows.size))).astype(np.float32), windows, draw((*lead, *windows.out)).astype(np.float32)


def test_maxima_are_numpys(threads, case):
    x, windows, _ = case
    x.flat[::23] = np.nan
    x.flat[1::29] = -np.inf
    np.testing.assert_array_equal(native.maxima(x, windows), pool_kernels.combined(x, windows, np.maximum, -np.inf))


def test_the_first_of_equal_maxima_has_the_gradient(threads, case):
    x, windows, g = case
    out = native.maxima(x, windows)
    found, expected = native.max_backward(g, x, out, windows), pool_kernels.max_backward(g, x, out, windows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


def test_the_last_nan_of_a_window_has_the_gradient(threads, case):
    x, windows, g = case
    x.flat[::5] = np.nan
    x.flat[1::11] = np.nan
    found = native.max_backward(g, x, native.maxima(x, windows), windows)
    np.testing.assert_allclose(found, pool.added_at(g, pool_kernels.max_indices(x, windows), windows.size), rtol=0, atol=2e-6)


def test_a_window_of_minus_infinities_sends_its_gradient_to_its_first_place_in_the_image():
    x = np.full((1, 1, 8, 8), -np.inf, np.float32)
    windows = Windows((8, 8), (2, 2), (2, 2), ((1, 1), (1, 1)), (1, 1))
    found = native.max_backward(np.ones((1, 1, 5, 5), np.float32), x, native.maxima(x, windows), windows)
    assert found.sum() == 25 and found[0, 0, 0, 0] == 1


def test_pooling_has_the_same_numbers_and_gradients_as_in_float64():
    def run(dtype):
        torch.manual_seed(1)
        x = torch.randn(6, 8, 31, 33).to(dtype).requires_grad_()
        out = F.max_pool2d(x, 3, 2, 1)
        out.mul(torch.arange(float(out.shape[-1])).to(dtype)).sum().backward()
        return out.detach().numpy(), x.grad.numpy()
    for found, expected in zip(run(torch.float32), run(torch.float64)):
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_large_images_go_to_the_kernels_and_others_do_not(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "maxima", lambda x, windows: calls.append(1) or np.zeros(1, np.float32))
    monkeypatch.setattr(pool, "is_native", lambda *arrays: arrays[0].size >= 1 << 15)

    def runs(x, kernel_size):
        calls.clear()
        F.max_pool2d(x, kernel_size)
        return bool(calls)
    large = torch.zeros(4, 8, 32, 32)
    assert runs(large, 2)
    assert not runs(large[:1], 2)
    assert not runs(large, 16)
