"""Pooling: the maximum, the mean or the norm of sliding windows."""
from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import is_native
from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel
from .activation import not_implemented
from .pool_kernels import combined, lowest, max_backward, max_indices, spread_windows
from .windows import Windows, prod

if TYPE_CHECKING:
    from ..tensor import Tensor


def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The maximum of each window of input (N, C, L) or (C, L); with return_indices also where it lies."""
    return max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The maximum of each window of input (N, C, H, W) or (C, H, W); with return_indices also where it lies in the flat image.

    stride is kernel_size unless given; the padding counts as -infinity. *Gradient*: of equal maxima the first has it.
    """
    return max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The maximum of each window of input (N, C, D, H, W) or (C, D, H, W); with return_indices also where it lies."""
    return max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(*args: Any, **kwargs: Any) -> tuple:
    """max_pool1d with the places of the maxima."""
    return max_pool1d(*args, **{**kwargs, "return_indices": True})


def max_pool2d_with_indices(*args: Any, **kwargs: Any) -> tuple:
    """max_pool2d with the places of the maxima."""
    return max_pool2d(*args, **{**kwargs, "return_indices": True})


def max_pool3d_with_indices(*args: Any, **kwargs: Any) -> tuple:
    """max_pool3d with the places of the maxima."""
    return max_pool3d(*args, **{**kwargs, "return_indices": True})


def max_pool(dims: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool) -> Any:
    """The maxima of windows over the last `dims` dimensions."""
    name = f"max_pool{dims}d"
    if dims > 1 and input.dtype.name == "bool" or dims == 1 and input._array.dtype.kind in "biu":
        raise not_implemented(name if dims > 1 else "max_pool1d_impl", input)
    # With indices PyTorch's max_pool1d is another function, which words its errors as max_pool2d does.
    checks = name + "_with_indices" if return_indices else name
    windows = pooling_windows(checks, input, dims, kernel_size, stride, padding, dilation, ceil_mode)
    out = apply(MAX_POOL[dims], input, windows=windows)
    return (out, apply(MAX_POOL_INDICES, input, windows=windows)) if return_indices else out


def check_image(name: str, input: Any, dims: int) -> None:
    """Raise PyTorch's error unless input is an image, or a batch of them, with channels."""
    shape = input._array.shape
    fits = len(shape) in (dims + 1, dims + 2) and 0 not in shape[-dims - 1:]
    if fits:
        return
    if name.startswith("max_pool1d"):
        raise RuntimeError(f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}")
    if name in ("avg_pool1d", "adaptive_avg_pool1d", "adaptive_max_pool1d") and len(shape) not in (2, 3):
        raise RuntimeError(f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while checking "
                           f"arguments for {name})")
    if len(shape) not in (dims + 1, dims + 2):
        if name == "avg_pool2d" and len(shape) < 3:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-max(len(shape), 1)}, {max(len(shape), 1) - 1}], but got -3)")
        raise RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")
    if dims == 3:
        at = shape[-dims - 1:].index(0)
        raise RuntimeError(f"{name}(): Expected input's non-batch dimensions to have positive length, but input has a shape of {list(shape)} and "
                           f"non-batch dimension {at} has length zero!")
    raise RuntimeError(f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}")


def numbers(name: str, argument: str, value: Any, dims: int) -> tuple:
    """A number for every dimension, or a number for each, as a tuple."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * dims
    values = tuple([int(v) for v in value])
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        if dims == 1:
            raise RuntimeError(f"{name}() argument '{argument}' should contain one int (got {len(values)})")
        words = {2: "two", 3: "three"}[dims]
        either = "be omitted, " if argument == "stride" else "be "
        raise RuntimeError(f"{name}: {argument} must either {either}a single int, or a tuple of {words} ints")
    return values


def pooling_windows(name: str, input: Any, dims: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Windows:
    """The windows over the last dimensions. Raises PyTorch's error for impossible ones."""
    kernel_size = numbers(name, "kernel_size", kernel_size, dims)
    stride = kernel_size if stride is None or stride == () or stride == [] else numbers(name, "stride", stride, dims)
    padding, dilation = numbers(name, "padding", padding, dims), numbers(name, "dilation", dilation, dims)
    check_pooling(name, kernel_size, stride, padding, dilation)
    check_image(name, input, dims)
    size = input._array.shape[input._array.ndim - dims:]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation)]
    counts = tuple([window_count(n, span, s, p, ceil_mode) for n, span, s, p in zip(size, spans, stride, padding)])
    if min(counts) < 1:
        if dims == 1 and name.startswith("max"):
            raise RuntimeError(f"{name}() Invalid computed output size: {counts[0]}")
        lead = input._array.shape[input._array.ndim - dims - 1]
        given, found = ("x".join(map(str, (lead, *values))) for values in (((1,) if dims == 1 else ()) + size,
                                                                         ((1,) if dims == 1 else ()) + counts))
        raise RuntimeError(f"Given input size: ({given}). Calculated output size: ({found}). Output size is too small")
    # In ceil mode the last window may hang over the end; elsewhere it may not reach the padding's.
    pads = tuple([(p, max((count - 1) * s + span - n - p, 0)) for n, span, s, p, count in zip(size, spans, stride, padding, counts)])
    return Windows(size, kernel_size, stride, pads, dilation, counts)


def window_count(size: int, span: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """How many windows there are; in ceil mode also one that hangs over the end, if it begins before it."""
    room = size + 2 * padding - span
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def check_pooling(name: str, kernel_size: tuple, stride: tuple, padding: tuple, dilation: tuple) -> None:
    """Raise PyTorch's error for arguments out of range."""
    if name == "max_pool1d":
        check_max_pool1d(kernel_size[0], stride[0], padding[0], dilation[0])
        return
    axes = ("T", "H", "W")[3 - len(kernel_size):]
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for what, values in (("kernel size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if min(values) <= 0:
            stem = {"kernel size": "k", "stride": "d", "dilation": "dilation"}[what]
            listed = " ".join([f"{stem}{axis}: {v}" for axis, v in zip(axes, values)])
            raise RuntimeError(f"{what} should be greater than zero, but got {listed}")
    for k, p, d in zip(kernel_size, padding, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}")


def check_max_pool1d(kernel_size: int, stride: int, padding: int, dilation: int) -> None:
    """Raise PyTorch's error for arguments out of range."""
    for what, value, least in (("kernel_size", kernel_size, 1), ("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
        if value < least:
            need = "be non-negative" if what == "padding" else "be greater than zero"
            raise RuntimeError(f"max_pool1d() {what} must {need}, but got {value}")
    if padding > (dilation * (kernel_size - 1) + 1) // 2:
        raise RuntimeError(f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and "
                           f"kernel_size={kernel_size}")


def _max_pool(x: Any, *, windows: Windows) -> Any:
    if is_native(x):
        from . import pool_native
        if pool_native.fits(windows):
            return pool_native.maxima(x, windows)
    return combined(x, windows, np.maximum, lowest(x.dtype))


def placed(g: Any, indices: Any, size: tuple) -> Any:
    """Zeros in images of that size, with g added at flat places: how the gradient of a choice goes back."""
    lead = g._array.shape[:g._array.ndim - len(size)]
    flat = g.new_zeros((*lead, prod(size)))
    return flat.scatter_add(-1, indices.reshape(*lead, -1), g.reshape(*lead, -1)).reshape(*lead, *size)


def _max_pool_grad(g: Any, x: Any, out: Any, windows: Windows) -> Any:
    if mode.grad:  # the gradient is itself recorded: by the places, in plain operations
        return placed(g, apply(MAX_POOL_INDICES, x, windows=windows), windows.size)
    return apply(MAX_POOL_BACKWARD, g, x, out, windows=windows)


def _max_pool_backward(grad: Any, x: Any, out: Any, *, windows: Windows) -> Any:
    if is_native(x, grad, out):
        from . import pool_native
        if pool_native.fits(windows):
            return pool_native.max_backward(grad, x, out, windows)
    if np.isnan(np.max(out, initial=-np.inf)):  # comparing with the maximum finds no nan: by the places too
        return added_at(grad, max_indices(x, windows), windows.size)
    return max_backward(grad, x, out, windows)


def added_at(grad: Any, indices: Any, size: tuple) -> Any:
    """Zeros in images of that size, with an array of gradients added at flat places."""
    lead = grad.shape[:grad.ndim - len(size)]
    flat = np.zeros((prod(lead), prod(size)), grad.dtype)
    table = len(flat), prod(grad.shape[len(lead):])
    np.add.at(flat, (np.arange(len(flat))[:, None], indices.reshape(table)), grad.reshape(table))
    return flat.reshape(*lead, *size)


#: windows that overlap, and windows that do not
EXAMPLES = (Windows((5, 4), (3, 2), (2, 1), ((1, 1), (0, 0)), (1, 1)), Windows((5, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)))
MAX_POOL_2D = Op("max_pool2d_with_indices", kernel, _max_pool, grads=(_max_pool_grad,), node_name="MaxPool2DWithIndicesBackward0", launches=True,
    samples=lambda random, shape: [((random.normal(size=(2, 3, 5, 4)),), {"windows": windows}) for windows in EXAMPLES])
#: by the number of spatial dimensions
MAX_POOL = {1: MAX_POOL_2D.printed_as("SqueezeBackward1"), 2: MAX_POOL_2D, 3: MAX_POOL_2D.printed_as("MaxPool3DWithIndicesBackward0")}
MAX_POOL_INDICES = Op("max_pool_indices", kernel, lambda x, *, windows: max_indices(x, windows))
MAX_POOL_BACKWARD = Op("max_pool_backward", kernel, _max_pool_backward, launches=True)


# ---- means

def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """The mean of each window of input (N, C, L) or (C, L)."""
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of each window of input (N, C, H, W) or (C, H, W).

    The zeros of the padding count unless count_include_pad is False; divisor_override takes the place of the count.
    """
    return avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:
    """The mean of each window of input (N, C, D, H, W) or (C, D, H, W)."""
    return avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool(dims: int, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: int | None) -> Any:
    """The means of windows over the last `dims` dimensions."""
    name = f"avg_pool{dims}d"
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    windows = pooling_windows(name, input, dims, kernel_size, stride, padding, 1, ceil_mode)
    padding = numbers(name, "padding", padding, dims)
    return apply(AVG_POOL[dims], input, windows=windows, divisors=divisors(windows, padding, include, divisor))


def divisors(windows: Windows, padding: tuple, include: bool, divisor: int | None) -> Any:
    """By what each window's sum is divided: one number, or for each dimension the numbers whose products they are."""
    if divisor is not None:
        return divisor
    found = []
    for n, k, s, p, count in zip(windows.size, windows.kernel, windows.stride, padding, windows.out):
        begin = np.arange(count) * s - p
        end = np.minimum(begin + k, n + p)
        lengths = end - begin if include else np.minimum(end, n) - np.maximum(begin, 0)
        found.append(tuple(lengths.tolist()))
    return prod(tuple([lengths[0] for lengths in found])) if all([len(set(lengths)) == 1 for lengths in found]) else tuple(found)


def as_array(divisors: Any, dtype: Any) -> Any:
    """The divisors of all windows as an array that broadcasts with them."""
    return np.asarray(divisors if divisors.__class__ is not tuple else functools.reduce(np.multiply.outer, divisors), dtype)


def _avg_pool(x: Any, *, windows: Windows, divisors: Any) -> Any:
    sums = combined(x, windows, np.add, 0)
    if x.dtype.kind in "iu":
        return sums // as_array(divisors, x.dtype)
    return np.divide(sums, as_array(divisors, x.dtype), out=sums)


AVG_POOL_2D = Op("avg_pool2d", kernel, _avg_pool, node_name="AvgPool2DBackward0",
    samples=lambda random, shape: [((random.normal(size=(2, 3, 5, 4)),), {"windows": windows, "divisors": 3}) for windows in EXAMPLES],
    grads=(lambda g, windows, divisors: apply(AVG_POOL_BACKWARD, g, windows=windows, divisors=divisors),))
AVG_POOL = {1: AVG_POOL_2D.printed_as("SqueezeBackward1"), 2: AVG_POOL_2D, 3: AVG_POOL_2D.printed_as("AvgPool3DBackward0")}
AVG_POOL_BACKWARD = Op("avg_pool_backward", kernel,
    lambda grad, *, windows, divisors: spread_windows(grad / as_array(divisors, grad.dtype), windows),
    grads=(lambda g, windows, divisors: apply(AVG_POOL_2D, g, windows=windows, divisors=divisors),))


# ---- norms

def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window of input (N, C, L)."""
    return lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window of input (N, C, H, W)."""
    return lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """(sum of x ** norm_type) ** (1 / norm_type) of each window of input (N, C, D, H, W)."""
    return lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool(dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    """The norms of windows over the last `dims` dimensions."""
    count = prod(numbers(f"avg_pool{dims}d", "kernel_size", kernel_size, dims))
    means = avg_pool(dims, input.pow(norm_type), kernel_size, stride, 0, ceil_mode, True, None)
    return (means.sign() * means.abs().relu()).mul(count).pow(1.0 / norm_type)
