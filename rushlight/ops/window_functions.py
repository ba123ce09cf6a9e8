"""Windows that fade a stretch of a signal in and out: hann_window and the like, periodic unless told otherwise."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core import device as devices, dtypes
from .copying import cast
from .counted import arange
from .create import leaf, ones
from .special import i0

if TYPE_CHECKING:
    from ..tensor import Tensor


def _window(name: str, length: int, periodic: bool, dtype: Any, device: Any, requires_grad: bool, shape: Any) -> Any:
    """shape(n, last) on the numbers n = 0, 1 ... last; a periodic window is one longer, without its last number."""
    devices.require_cpu(device)
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, name)
    if not dtype.is_floating_point and not dtype.is_complex:
        raise RuntimeError(f"{name} expects floating point dtypes, got: TensorOptions(dtype={dtype.kernel_name.lower()} int, device=cpu, "
                           "layout=Strided (default), requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))")
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    if length < 2:
        return ones(length, dtype=dtype, requires_grad=requires_grad)
    count = length + 1 if periodic else length
    half = dtype.itemsize == 2
    numbers = arange(count, dtype=dtypes.float32 if half else dtype)
    result = cast(shape(numbers, count - 1)[:length], dtype, copy=True)
    return leaf(result) if requires_grad else result


def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
                requires_grad: bool = False) -> Tensor:
    """(1 - cos(2 pi n / N)) / 2."""
    return _window("hann_window", window_length, periodic, dtype, device, requires_grad, lambda n, last: _cosine(n, last, 0.5, 0.5))


def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None, layout: Any = None,
                   device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """alpha - beta cos(2 pi n / N)."""
    return _window("hamming_window", window_length, periodic, dtype, device, requires_grad, lambda n, last: _cosine(n, last, alpha, beta))


def _cosine(n: Any, last: int, alpha: float, beta: float) -> Any:
    return (n * (2 * math.pi / last)).cos() * -beta + alpha


def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
                    pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)."""
    def shape(n: Any, last: int) -> Any:
        n = n * (math.pi / last)
        return (n * 4).cos() * 0.08 - (n * 2).cos() * 0.5 + 0.42
    return _window("blackman_window", window_length, periodic, dtype, device, requires_grad, shape)


def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None, device: Any = None,
                    pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """1 - |2 n / N - 1|: a triangle."""
    return _window("bartlett_window", window_length, periodic, dtype, device, requires_grad,
                   lambda n, last: 1 - (n * (2 / last) - 1).abs())


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
                  pin_memory: bool = False, requires_grad: bool = False) -> Tensor:
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta), with the modified Bessel function I0."""
    def shape(n: Any, last: int) -> Any:
        place = n * (2 / last) - 1
        return i0(beta * (1 - place * place).clamp(min=0).sqrt()) / i0(n.new_tensor(beta))
    return _window("kaiser_window", window_length, periodic, dtype, device, requires_grad, shape)
