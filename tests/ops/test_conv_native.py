"""Convolutions in machine code are NumPy's, forward and both gradients, for one thread and several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight.backends.parallel import pool
from rushlight.ops import conv_kernels, conv_native as native
from rushlight.ops.windows import Windows

#: images, inputs, outputs, then the windows: size, kernel, stride, padding, dilation
CASES = {
    "plain": (3, 4, 5, (9, 7), (3, 3), (1, 1), (0, 0), (1, 1)),
    "one image": (1, 4, 8, (20, 20), (3, 3), (1, 1), (1, 1), (1, 1)),
    "one channel": (2, 1, 17, (12, 33), (3, 2), (2, 1), (1, 2), (1, 1)),
    "one output": (2, 20, 1, (9, 10), (3, 3), (1, 1), (1, 1), (1, 1)),
    "many outputs": (1, 3, 70, (5, 5), (5, 5), (1, 1), (2, 2), (1, 1)),
    "both strides": (4, 16, 16, (20, 31), (3, 3), (2, 2), (1, 1), (1, 1)),
    "long lines of both strides": (2, 3, 4, (5, 83), (3, 2), (2, 2), (1, 0), (1, 1)),
    "dilated": (2, 5, 9, (15, 16), (3, 3), (1, 2), (2, 0), (2, 3)),
    "stride beyond the kernel": (2, 6, 8, (8, 8), (1, 1), (2, 2), (0, 0), (1, 1)),
    "a line": (3, 2, 3, (50,), (5,), (3,), (2,), (2,)),
    "padding beyond the kernel": (2, 3, 4, (6, 6), (1, 1), (1, 1), (2, 2), (1, 1)),
    "places that no window reaches": (2, 3, 4, (8, 9), (2, 2), (3, 3), (0, 0), (1, 1)),
    "strips": (1, 2, 33, (90, 200), (3, 3), (1, 1), (1, 1), (1, 1)),
    "padding on one side": (2, 3, 4, (7, 8), (2, 4), (1, 1), ((0, 1), (2, 1)), (1, 1)),
}


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


@pytest.fixture(params=CASES)
def case(request):
    """The windows; images, weight, bias and outputs' gradients; and the same in float64."""
    images, inputs, outputs, size, kernel, stride, padding, dilation = CASES[request.param]
    windows = Windows(size, kernel, stride, tuple([p if isinstance(p, tuple) else (p, p) for p in padding]), dilation)
    draw = np.random.default_rng(len(request.param)).standard_normal
    arrays = [draw(shape).astype(np.float32) for shape in
              ((images, inputs, *size), (outputs, inputs, *kernel), outputs, (images, outputs, *windows.out))]
    return windows, *arrays, *[a.astype(np.float64) for a in arrays]


def close(found, expected):
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_forward_is_numpys(threads, case):
    windows, x, weight, bias, _, *wide = case
    close(native.convolved(x, weight, bias, windows), conv_kernels.convolved(*wide[:3], windows, 1))
    close(native.convolved(x, weight, None, windows), conv_kernels.convolved(*wide[:2], None, windows, 1))


def test_gradient_by_the_images_is_numpys(threads, case):
    windows, _, weight, _, g, _, wide, _, wide_g = case
    close(native.spread(g, weight, windows), conv_kernels.spread(wide_g, wide, windows, 1))


def test_gradient_by_the_weight_is_numpys(threads, case):
    windows, x, _, _, g, wide, _, _, wide_g = case
    close(native.correlated(g, x, windows), conv_kernels.correlated(wide_g, wide, windows.kernel, windows, 1))


def test_transposed_convolutions_with_output_padding_have_the_same_numbers(monkeypatch):
    def run(dtype):
        torch.manual_seed(1)
        x, weight = (torch.randn(shape).to(dtype).requires_grad_() for shape in ((4, 16, 15, 16), (16, 8, 3, 3)))
        out = torch.nn.functional.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
        (out * torch.linspace(-1, 1, out.numel()).to(dtype).reshape(out.shape)).sum().backward()
        return out.detach().numpy(), x.grad.numpy(), weight.grad.numpy()
    for found, expected in zip(run(torch.float32), run(torch.float64)):
        close(found, expected)


def test_large_convolutions_go_to_the_kernels_and_others_do_not(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "convolved", lambda *args: calls.append(1) or np.zeros(1, np.float32))
    monkeypatch.setattr(conv_kernels, "available", lambda: True)
    large = (torch.zeros(4, 16, 16, 16), torch.zeros(16, 16, 3, 3))

    def runs(x, weight, **how):
        calls.clear()
        torch.conv2d(x, weight, **how)
        return bool(calls)
    assert runs(*large)
    assert not runs(large[0].double(), large[1].double())
    assert not runs(large[0], torch.zeros(16, 8, 3, 3), groups=2)
    assert not runs(torch.zeros(1, 4, 8, 8), torch.zeros(4, 4, 3, 3))
    # Of windows that fill no vector most of the work would be thrown away.
    assert not runs(torch.zeros(64, 64, 3, 3), torch.zeros(64, 64, 3, 3))


def test_no_images_have_no_outputs_and_a_zero_gradient():
    x, weight = torch.zeros(0, 16, 32, 32, requires_grad=True), torch.ones(16, 16, 3, 3, requires_grad=True)
    out = torch.conv2d(x, weight)
    out.sum().backward()
    assert out.shape == (0, 16, 30, 30) and x.grad.shape == x.shape and not weight.grad.any()


def test_arrays_with_gaps_are_taken_and_stay_as_they_are():
    torch.manual_seed(0)
    x, weight = torch.randn(4, 20, 20, 16), torch.randn(3, 3, 16, 16)
    before = x.clone(), weight.clone()
    found = torch.conv2d(x.permute(0, 3, 1, 2), weight.permute(2, 3, 0, 1))
    expected = torch.conv2d(x.permute(0, 3, 1, 2).double(), weight.permute(2, 3, 0, 1).double())
    close(found.numpy(), expected.numpy())
    assert torch.equal(x, before[0]) and torch.equal(weight, before[1])


@pytest.mark.parametrize("place", [(2, 20, 40, 41), (40, 20, 2, 41), (3, 2, 4)])
def test_a_bias_has_the_sum_of_all_gradients_of_its_channel(place):
    g = np.random.default_rng(0).standard_normal(place).astype(np.float32)
    close(conv_kernels.channel_sums(g), g.sum((0, *range(2, g.ndim)), dtype=np.float64))
    swapped = g.swapaxes(1, 2)
    close(conv_kernels.channel_sums(swapped), swapped.sum((0, *range(2, g.ndim)), dtype=np.float64))


def test_a_biass_gradient_can_be_differentiated():
    x, weight, bias = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 3, 5), (4, 3, 2), (4,)))
    assert torch.autograd.gradgradcheck(lambda *args: torch.conv1d(*args).pow(2), (x, weight, bias))
