"""torch.signal.windows: windows of M numbers, symmetric unless told otherwise.

A window that is not symmetric (`sym=False`) is one period of a periodic one: the symmetric window of M + 1 without its last number.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..core import device as devices, dtypes
from ..core.layout import strided
from ..ops.counted import arange, linspace
from ..ops.create import leaf, ones, tensor
from ..ops.special import i0
from ..tensor import Tensor

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser", "nuttall"]


def _checked(name: str, M: int, dtype: Any, layout: Any, device: Any) -> Any:
    """The dtype of a window. Raises PyTorch's errors."""
    devices.require_cpu(device)
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return dtype


def _made(M: int, dtype: Any, requires_grad: bool, shape: Any) -> Tensor:
    """The window that `shape()` computes; ones where it has no more than one number."""
    result = ones(M, dtype=dtype) if M < 2 else shape().detach()
    return leaf(result) if requires_grad else result


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided,
                device: Any = None, requires_grad: bool = False) -> Tensor:
    """exp(-|n - center| / tau)."""
    dtype = _checked("exponential", M, dtype, layout, device)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M if not sym and M > 1 else M - 1) / 2 if center is None else center
    return _made(M, dtype, requires_grad, lambda: (-((arange(M, dtype=dtype) - middle) / tau).abs()).exp())


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """sin(pi (n + 1/2) / M)."""
    dtype = _checked("cosine", M, dtype, layout, device)
    step = math.pi / (M + 1 if not sym and M > 1 else max(M, 1))
    return _made(M, dtype, requires_grad, lambda: ((arange(M, dtype=dtype) + 0.5) * step).sin())


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
             requires_grad: bool = False) -> Tensor:
    """exp(-((n - middle) / std)^2 / 2)."""
    dtype = _checked("gaussian", M, dtype, layout, device)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (M if not sym and M > 1 else M - 1) / 2
    return _made(M, dtype, requires_grad, lambda: (-(((arange(M, dtype=dtype) - middle) / (std * math.sqrt(2))) ** 2)).exp())


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
           requires_grad: bool = False) -> Tensor:
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta)."""
    dtype = _checked("kaiser", M, dtype, layout, device)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape() -> Tensor:
        place = arange(M, dtype=dtype) * (2 / (M if not sym else M - 1)) - 1
        return i0(beta * (1 - place * place).clamp(min=0).sqrt()) / i0(tensor(float(beta), dtype=dtype))
    return _made(M, dtype, requires_grad, shape)


def general_cosine(M: int, *, a: Iterable, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
                   requires_grad: bool = False) -> Tensor:
    """a[0] - a[1] cos(t) + a[2] cos(2 t) - ..., with t from 0 to 2 pi."""
    dtype = _checked("general_cosine", M, dtype, layout, device)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = [(-1) ** i * w for i, w in enumerate(a)]
    if not weights:
        raise ValueError("Coefficients cannot be empty")

    def shape() -> Tensor:
        angle = linspace(0, (M - 1) * 2 * math.pi / (M if not sym else M - 1), M, dtype=dtype)
        order = arange(len(weights), dtype=dtype)
        return (tensor(weights, dtype=dtype).unsqueeze(-1) * (order.unsqueeze(-1) * angle).cos()).sum(0)
    return _made(M, dtype, requires_grad, shape)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
                    requires_grad: bool = False) -> Tensor:
    """alpha - (1 - alpha) cos(t)."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hamming(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """0.54 - 0.46 cos(t)."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """(1 - cos(t)) / 2."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def blackman(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """0.42 - 0.5 cos(t) + 0.08 cos(2 t)."""
    _checked("blackman", M, dtype, layout, device)
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """1 - |2 n / N - 1|: a triangle."""
    dtype = _checked("bartlett", M, dtype, layout, device)
    return _made(M, dtype, requires_grad, lambda: 1 - (arange(M, dtype=dtype) * (2 / (M if not sym else M - 1)) - 1).abs())


def nuttall(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The four cosines of Nuttall 1981, "Some windows with very good sidelobe behavior"."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)
