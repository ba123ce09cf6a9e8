"""Fourier transforms, short-time transforms, windows."""
import numpy as np
import pytest

import rushlight as torch
from rushlight import fft

random = np.random.default_rng(0)
NORMS = ["backward", "ortho", "forward"]


def drawn(*shape, complex=False):
    numbers = random.normal(size=shape)
    return torch.tensor(numbers + 1j * random.normal(size=shape) if complex else numbers)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("norm", NORMS)
def test_transform_is_the_sum_that_defines_it(norm):
    x, n = drawn(2, 5, complex=True), 5
    matrix = torch.tensor(np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n))
    scale = {"backward": 1, "ortho": n ** -0.5, "forward": 1 / n}[norm]
    close(fft.fft(x, norm=norm), x @ matrix * scale)
    close(fft.ifft(fft.fft(x, norm=norm), norm=norm), x)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [3, 6, 7, 9])
def test_real_transforms_are_parts_of_the_complex_ones(n, norm):
    x = drawn(2, 7)
    close(fft.rfft(x, n, norm=norm), fft.fft(x, n, norm=norm)[:, :n // 2 + 1])
    close(fft.irfft(fft.rfft(x, n, norm=norm), n, norm=norm), fft.ifft(fft.fft(x, n)).real)
    close(fft.ihfft(x, n, norm=norm), fft.ifft(x, n, norm=norm)[:, :n // 2 + 1])
    close(fft.hfft(fft.ihfft(x, n, norm=norm), n, norm=norm), fft.ifft(fft.fft(x, n)).real)


def test_many_dimensions_are_one_after_the_other():
    x = drawn(3, 4, 5)
    close(fft.fftn(x), fft.fft(fft.fft(fft.fft(x, dim=0), dim=1), dim=2))
    close(fft.fft2(x), fft.fftn(x, dim=(1, 2)))
    close(fft.irfftn(fft.rfftn(x, dim=(0, 2)), s=(3, 5), dim=(0, 2)), x)
    close(fft.hfft2(fft.ihfft2(x), s=(4, 5)), x)
    assert fft.fftn(x, s=(2, -1)).shape == (3, 2, 5)


def test_single_precision_stays_single():
    x = torch.ones(4)
    assert fft.fft(x).dtype is torch.complex64 and fft.irfft(fft.rfft(x)).dtype is torch.float32
    assert fft.fft(torch.ones(4, dtype=torch.int64)).dtype is torch.complex64


@pytest.mark.parametrize("name, complex, arguments", [
    ("fft", True, {"n": 4}), ("fft", False, {"norm": "ortho"}), ("ifft", True, {"n": 7}), ("ifft", False, {}), ("rfft", False, {}),
    ("rfft", False, {"n": 6, "norm": "forward"}), ("irfft", True, {}), ("irfft", True, {"n": 5, "norm": "ortho"}), ("hfft", True, {"n": 7}),
    ("ihfft", False, {}), ("fftn", True, {}), ("rfftn", False, {"s": (2, 6)}), ("irfftn", True, {"s": (4, 5)}), ("hfftn", True, {"dim": (1, 0)})])
def test_gradients_are_slopes(name, complex, arguments):
    x = drawn(3, 5, complex=complex).requires_grad_()
    function = lambda x: getattr(fft, name)(x, **arguments)  # noqa: E731
    if name in ("irfft", "hfft", "irfftn", "hfftn"):  # the transform does not read the imaginary part of frequency 0
        assert torch.autograd.gradcheck(lambda x: function(fft.rfft(x.real)), [x])
    assert torch.autograd.gradcheck(function, [x])
    assert torch.autograd.gradgradcheck(function, [x])


def test_frequencies_and_shifts():
    assert fft.fftfreq(5, 0.5).tolist() == pytest.approx([0, 0.4, 0.8, -0.8, -0.4])
    assert fft.rfftfreq(4).tolist() == [0, 0.25, 0.5]
    x = torch.arange(5)
    assert fft.fftshift(x).tolist() == [3, 4, 0, 1, 2]
    assert fft.ifftshift(fft.fftshift(x)).tolist() == x.tolist()


@pytest.mark.parametrize("call, message", [
    (lambda: fft.fft(torch.ones(0)), "Invalid number of data points (0) specified"),
    (lambda: fft.fft(torch.ones(3), norm="x"), 'Invalid normalization mode: "x"'),
    (lambda: fft.rfft(torch.ones(3) + 0j), "rfft expects a real input tensor, but got ComplexFloat"),
    (lambda: fft.fftn(torch.ones(3, 3), dim=(0, 0)), "FFT dims must be unique"),
    (lambda: fft.fft(torch.ones(3).half()), "Unsupported dtype Half"),
    (lambda: torch.stft(torch.ones(10), 4), "stft requires the return_complex parameter be given for real inputs, and will further require that "
     "return_complex=True in a future PyTorch release."),
    (lambda: torch.stft(torch.ones(10), 20, center=False, return_complex=True), "stft(torch.FloatTensor[10], n_fft=20, hop_length=5, win_length=20, "
     "window=None, normalized=0, onesided=None, return_complex=1, align_to_window=None) : expected 0 < n_fft < 10, but got n_fft=20"),
    (lambda: torch.hann_window(-1), "hann_window requires non-negative window_length, got window_length=-1")])
def test_errors_are_pytorchs(call, message):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize("onesided", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_short_time_transform_comes_back(onesided, normalized):
    x, window = drawn(2, 64), torch.hann_window(12, dtype=torch.float64)
    arguments = {"n_fft": 16, "hop_length": 4, "win_length": 12, "window": window, "onesided": onesided, "normalized": normalized}
    spectrum = torch.stft(x, return_complex=True, **arguments)
    assert spectrum.shape == (2, 9 if onesided else 16, 17)
    close(torch.istft(spectrum, **arguments), x)
    close(torch.stft(x, return_complex=False, **arguments), torch.view_as_real(spectrum))


def test_gradient_of_the_short_time_transform():
    x = drawn(20).requires_grad_()
    window = torch.hann_window(8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: torch.stft(x, 8, window=window, return_complex=True), [x])


def test_windows_have_pytorchs_numbers():
    expected = {"hann": [0, 0.3455, 0.9045, 0.9045, 0.3455], "hamming": [0.08, 0.3979, 0.9121, 0.9121, 0.3979],
                "bartlett": [0, 0.4, 0.8, 0.8, 0.4], "blackman": [0, 0.2008, 0.8492, 0.8492, 0.2008]}
    for name, numbers in expected.items():
        assert getattr(torch, f"{name}_window")(5).tolist() == pytest.approx(numbers, abs=5e-5)
        assert getattr(torch.signal.windows, name)(5, sym=False).tolist() == pytest.approx(numbers, abs=5e-5)
        assert getattr(torch, f"{name}_window")(1).tolist() == [1]
    assert torch.kaiser_window(4, True, 8.0).tolist() == pytest.approx([0.0023, 0.3690, 1, 0.3690], abs=5e-5)
    assert torch.signal.windows.gaussian(3).tolist() == pytest.approx([0.6065, 1, 0.6065], abs=5e-5)
    assert torch.signal.windows.exponential(5, center=1, sym=False).tolist() == pytest.approx([0.3679, 1, 0.3679, 0.1353, 0.0498], abs=5e-5)
    with pytest.raises(ValueError, match="hann|general_cosine requires non-negative window length, got M=-1"):
        torch.signal.windows.hann(-1)
