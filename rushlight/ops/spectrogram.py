"""The short-time Fourier transform and its inverse."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes, recording
from ..core.apply import apply
from .complex_numbers import view_as_real
from .create import ones
from .fft import fft, ifft, irfft, rfft
from .padding import pad
from .regions import FOLD, unfold

if TYPE_CHECKING:
    from ..tensor import Tensor


def described(function: str, input: Any, kind: str, window: Any, **values: Any) -> str:
    """The call as PyTorch's errors show it."""
    def text(value: Any) -> str:
        return str(int(value)) if isinstance(value, bool) else str(value)
    shown = "None" if window is None else f"torch.{window.dtype.kernel_name}Tensor{{{list(window._array.shape)}}}"
    parts = {**{name: text(value) for name, value in values.items() if name in ("n_fft", "hop_length", "win_length")}, "window": shown,
             **{name: text(value) for name, value in values.items() if name not in ("n_fft", "hop_length", "win_length")}}
    shape = list(input._array.shape)
    return f"{function}({kind}{shape}, " + ", ".join([f"{name}={value}" for name, value in parts.items()]) + ")"


def stft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
         center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
         return_complex: bool | None = None, align_to_window: bool | None = None) -> Tensor:
    """The spectrum of every stretch of n_fft numbers, hop_length apart, times a window.

    Shape: (L,) or (B, L) -> (*, frequencies, frames), complex; with a last dimension of 2 in its place if `return_complex` is False.
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    whole = input.is_complex() or window is not None and window.is_complex()
    if return_complex is None and not whole:
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further require that "
                           "return_complex=True in a future PyTorch release.")
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    if center:
        input = centred(input, n_fft, pad_mode)
    shown = described("stft", input, f"torch.{input.dtype.kernel_name}Tensor", window, n_fft=n_fft, hop_length=hop_length, win_length=win_length,
                      normalized=normalized, onesided=onesided, return_complex=return_complex, align_to_window=align_to_window)
    check_frames(input, n_fft, hop_length, win_length, window, shown)
    if onesided and whole:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    window = widened(window, n_fft, win_length)
    frames = unfold(input, -1, n_fft, hop_length)
    frames = frames if window is None else frames * window
    norm = "ortho" if normalized else None
    half = not whole if onesided is None else onesided
    out = (rfft if half else fft)(frames, norm=norm).transpose(-1, -2)
    return out if return_complex is None or return_complex else view_as_real(out)


def centred(input: Any, n_fft: int, pad_mode: str) -> Any:
    """input with n_fft // 2 numbers before and behind it."""
    ndim = input._array.ndim
    wide = input.reshape([1] * (3 - ndim) + list(input._array.shape)) if ndim < 3 else input
    wide = pad(wide, (n_fft // 2, n_fft // 2), pad_mode)
    return wide.reshape(wide._array.shape[3 - ndim:]) if ndim < 3 else wide


def check_frames(input: Any, n_fft: int, hop_length: int, win_length: int, window: Any, shown: str) -> None:
    """Raise PyTorch's errors for stretches that cannot be cut from the input."""
    array = input._array
    length = array.shape[-1] if array.ndim else 0
    if array.dtype.kind not in "fcV":
        raise RuntimeError(f"{shown} : expected a tensor of floating point or complex values")
    if array.ndim not in (1, 2):
        raise RuntimeError(f"{shown} : expected a 1D or 2D tensor")
    if not 0 < n_fft <= length:
        raise RuntimeError(f"{shown} : expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop_length <= 0:
        raise RuntimeError(f"{shown} : expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(f"{shown} : expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and window._array.shape != (win_length,):
        raise RuntimeError(f"{shown} : expected a 1D window tensor of size equal to win_length={win_length}, but got window with size "
                           f"{list(window._array.shape)}")


def widened(window: Any, n_fft: int, win_length: int) -> Any:
    """The window with zeros on both sides up to n_fft; ones for none."""
    if win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    if window is None:
        window = ones(win_length, dtype=dtypes.float32)
    return pad(window, (left, n_fft - win_length - left))


def istft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
          center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
          return_complex: bool = False) -> Tensor:
    """The signal of which input is the short-time transform: of all frames' signals the least-squares one (Griffin and Lim 1984).

    Shape: (*, frequencies, frames) complex -> (*, length).
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    half = onesided if onesided is not None else input._array.shape[-2] != n_fft if input._array.ndim > 1 else True
    shown = described("istft", input, f"CPU{input.dtype.kernel_name}Type", window, n_fft=n_fft, hop_length=hop_length, win_length=win_length,
                      center=center, normalized=normalized, onesided=onesided, length=length, return_complex=return_complex)
    check_spectrum(input, n_fft, hop_length, win_length, window, half, onesided, return_complex, shown)
    frames = input.transpose(-1, -2)
    norm = "ortho" if normalized else None
    # Of a real signal the first half of the spectrum says all: the other, where it is given, is not read.
    signal = ifft(frames, norm=norm) if return_complex else irfft(frames[..., :n_fft // 2 + 1], n_fft, norm=norm)
    real = frames.dtype.to_real()
    shape = widened(ones(win_length, dtype=real) if window is None else window, n_fft, win_length)
    return overlapped(signal * shape, shape, hop_length, center, length, shown)


def overlapped(frames: Any, window: Any, hop_length: int, center: bool, length: int | None, shown: str) -> Any:
    """The frames added where they overlap, over the sum of the windows' squares."""
    *batch, count, n_fft = frames._array.shape
    total = n_fft + hop_length * (count - 1)
    out = apply(FOLD, frames, dim=len(batch), size=n_fft, step=hop_length, shape=(*batch, total))
    weight = apply(FOLD, (window * window).expand(count, n_fft), dim=0, size=n_fft, step=hop_length, shape=(total,))
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    stop = min(end, total)
    out, weight = out[..., start:stop], weight[start:stop]
    recording.reads("istft()")
    least = np.abs(weight._array).min(initial=np.inf)
    if least <= 1e-11:
        raise RuntimeError(f"{shown} window overlap add min: 1")
    out = out / weight
    return pad(out, (0, end - stop)) if end > total else out


def check_spectrum(input: Any, n_fft: int, hop_length: int, win_length: int, window: Any, half: bool, onesided: Any, return_complex: bool,
                   shown: str) -> None:
    """Raise PyTorch's errors for what is no short-time transform."""
    array = input._array
    if array.dtype.kind != "c":
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with return_complex=True.")
    if not array.size:
        raise RuntimeError(f"{shown} : input tensor cannot be empty.")
    if array.ndim not in (2, 3):
        raise RuntimeError(f"{shown} : expected a tensor with 3 or 4 dimensions, but got {array.ndim + 1}")
    frequencies = n_fft // 2 + 1 if half else n_fft
    if array.shape[-2] != frequencies:
        wanted = "n_fft / 2 + 1 when onesided=True" if half else "n_fft when onesided=False"
        raise RuntimeError(f"{shown} : expected the frequency dimension (3rd to the last) of the input tensor to match {wanted}, but got "
                           f"{array.shape[-2]}")
    if not 0 < hop_length <= win_length:
        raise RuntimeError(f"{shown} : expected 0 < hop_length <= win_length")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(f"{shown} : expected 0 < win_length <= n_fft")
    if window is not None and window._array.shape != (win_length,):
        raise RuntimeError(f"{shown} : Invalid window shape. window has to be 1D and length of `win_length`")
    if return_complex and half:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and window is not None and window.is_complex():
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
