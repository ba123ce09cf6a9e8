"""Pooling to a wanted size: adaptive means and maxima, fractional maxima; and unpooling, which puts maxima back."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply
from ..core.op import Op, kernel
from .activation import not_implemented
from .pool import AVG_POOL, check_image, placed
from .windows import Windows, prod

if TYPE_CHECKING:
    from ..tensor import Tensor


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """input (N, C, L) pooled to output_size means of stretches as equal as can be."""
    return adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """input (N, C, H, W) pooled to output_size (h, w), means of rectangles as equal as can be; None keeps a size.

    Output i of n covers floor(i size / n) up to ceil((i + 1) size / n).
    """
    return adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """input (N, C, D, H, W) pooled to output_size (d, h, w), means of boxes as equal as can be."""
    return adaptive_avg_pool(3, input, output_size)


def adaptive_avg_pool(dims: int, input: Any, output_size: Any) -> Any:
    """The adaptive means over the last `dims` dimensions."""
    name = f"adaptive_avg_pool{dims}d"
    output_size = wanted_sizes(name, input, dims, output_size)
    check_adaptive(name, input, dims, output_size, "tensor, but got ")
    if input._array.dtype.kind not in "fVc":
        raise not_implemented(name, input)
    size = input._array.shape[input._array.ndim - dims:]
    if dims == 2 and output_size == (1, 1):
        return input.mean((-1, -2), keepdim=True)
    if input._array.size and prod(output_size) and not any([n % o for n, o in zip(size, output_size)]):
        step = tuple([n // o for n, o in zip(size, output_size)])
        windows = Windows(size, step, step, ((0, 0),) * dims, (1,) * dims)
        return apply(ADAPTIVE_EVEN[dims], input, windows=windows, divisors=prod(step))
    return apply(ADAPTIVE_AVG[dims], input, size=size, output_size=output_size)


def wanted_sizes(name: str, input: Any, dims: int, output_size: Any) -> tuple:
    """The sizes wanted of the last dimensions; None stands for the size as it is. Raises PyTorch's error for a wrong number of them."""
    size = input._array.shape[max(input._array.ndim - dims, 0):]
    if output_size is None or isinstance(output_size, int):
        output_size = (output_size,) * dims
    elif dims > 1 and len(output_size) >= input._array.ndim:
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    output_size = tuple(output_size)
    if len(output_size) != dims:
        if dims == 1:
            raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(output_size)})")
        raise RuntimeError(f"{name}: output_size must be {dims}" if "avg" in name else
                           f"{name}(): internal error: output_size.size() must be {dims}")
    return tuple([size[at] if n is None else int(n) for at, n in enumerate(output_size)]) if len(size) == dims else output_size


def check_adaptive(name: str, input: Any, dims: int, output_size: tuple, phrase: str) -> None:
    """Raise PyTorch's error unless input is an image, or a batch of them, with something in it."""
    shape = input._array.shape
    if dims == 1 and len(shape) not in (2, 3):
        check_image(name, input, dims)
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D {phrase}{list(shape)}")
    for at in range(len(shape) - dims, len(shape)):
        if not shape[at]:
            raise RuntimeError(f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(shape)} with "
                               f"dimension {at} being empty")
    if min(output_size) < 0:
        if "max" in name:
            made = [*shape[:len(shape) - dims], *([1] if dims == 1 else []), *output_size]
            raise RuntimeError(f"Trying to create tensor with negative dimension {min(output_size)}: {made}")
        listed = ", ".join(map(str, output_size))
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {{{listed}}}")


def bounds(size: int, count: int) -> tuple:
    """Where each of count stretches of range(size) begins and ends."""
    numbers = np.arange(count)
    return numbers * size // max(count, 1), -((numbers + 1) * -size // max(count, 1))


def means_matrix(size: int, count: int, dtype: Any) -> Any:
    """The matrix (count, size) that takes the means of the stretches."""
    begin, end = bounds(size, count)
    places = np.arange(size)
    inside = (places >= begin[:, None]) & (places < end[:, None])
    return inside.astype(dtype) / (end - begin)[:, None].astype(dtype)


def _adaptive_avg(x: Any, *, size: tuple, output_size: tuple) -> Any:
    return by_matrices(x, [means_matrix(n, o, x.dtype) for n, o in zip(size, output_size)])


def by_matrices(x: Any, matrices: list) -> Any:
    """x with each of its last dimensions multiplied by a matrix."""
    first = x.ndim - len(matrices)
    for dim, matrix in enumerate(matrices):
        x = np.moveaxis(np.matmul(matrix, np.moveaxis(x, first + dim, -2)) if x.ndim > 1 else matrix @ x, -2, first + dim)
    return np.ascontiguousarray(x)


ADAPTIVE_AVG_BACKWARD = Op("adaptive_avg_pool_backward", kernel,
    lambda grad, *, size, output_size: by_matrices(grad, [means_matrix(n, o, grad.dtype).T for n, o in zip(size, output_size)]),
    grads=(lambda g, size, output_size: apply(ADAPTIVE_AVG_2D, g, size=size, output_size=output_size),))
ADAPTIVE_AVG_2D = Op("adaptive_avg_pool2d", kernel, _adaptive_avg, node_name="AdaptiveAvgPool2DBackward0",
    samples=lambda random, shape: [((random.normal(size=(2, 3, 5, 4)),), {"size": (5, 4), "output_size": (3, 7)})],
    grads=(lambda g, size, output_size: apply(ADAPTIVE_AVG_BACKWARD, g, size=size, output_size=output_size),))
ADAPTIVE_AVG = {1: ADAPTIVE_AVG_2D.printed_as("SqueezeBackward1"), 2: ADAPTIVE_AVG_2D,
                3: ADAPTIVE_AVG_2D.printed_as("AdaptiveAvgPool3DBackward0")}
# Where the stretches are all equal, plain windows do.
ADAPTIVE_EVEN = {dims: AVG_POOL[2].printed_as(ADAPTIVE_AVG[dims].node_name) for dims in (1, 2, 3)}


# ---- maxima

def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """input (N, C, L) pooled to output_size maxima; with return_indices also where they lie."""
    return adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """input (N, C, H, W) pooled to output_size (h, w) maxima; with return_indices also where they lie in the flat image."""
    return adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """input (N, C, D, H, W) pooled to output_size (d, h, w) maxima; with return_indices also where they lie."""
    return adaptive_max_pool(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> tuple:
    """adaptive_max_pool1d with the places of the maxima."""
    return adaptive_max_pool(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> tuple:
    """adaptive_max_pool2d with the places of the maxima."""
    return adaptive_max_pool(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> tuple:
    """adaptive_max_pool3d with the places of the maxima."""
    return adaptive_max_pool(3, input, output_size, True)


def adaptive_max_pool(dims: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    """The adaptive maxima over the last `dims` dimensions."""
    name = f"adaptive_max_pool{dims}d"
    output_size = wanted_sizes(name, input, dims, output_size)
    check_adaptive(name, input, dims, output_size, "tensor, but got: ")
    if input._array.dtype.kind not in "fV":
        raise not_implemented("adaptive_max_pool2d" if dims < 3 else name, input)
    size = input._array.shape[input._array.ndim - dims:]
    out, indices = apply(CHOICES[name], input, places=tuple(zip(size, output_size)))
    return (out, indices) if return_indices else out


def stretches(size: int, count: int) -> Any:
    """The numbers in each of count stretches of range(size), the short ones filled up with their last: (1, count, longest)."""
    begin, end = bounds(size, count)
    longest = int((end - begin).max()) if count else 1
    return np.minimum(begin[:, None] + np.arange(longest), end[:, None] - 1)[None]


def _largest_of(x: Any, *, places: tuple) -> tuple:
    """The largest number of x (..., *sizes) in each window, and where in the flat image it lies.

    places has, for each dimension, the numbers that a window covers: (images or 1, windows, places in a window); or the size and the count
    of its `stretches`.
    """
    places = tuple([stretches(*place) if place.__class__ is tuple else place for place in places])
    dims = len(places)
    lead, size = x.shape[:x.ndim - dims], x.shape[x.ndim - dims:]
    flat: Any = 0
    for dim, place in enumerate(places):
        shape = [len(place)] + [place.shape[1] if at == dim else 1 for at in range(dims)] + [place.shape[2] if at == dim else 1 for at in range(dims)]
        flat = flat * size[dim] + place.reshape(shape)
    out_shape = flat.shape[1:1 + dims]
    flat = flat.reshape(len(flat), prod(out_shape), prod(flat.shape[1 + dims:]))
    rows = x.reshape(prod(lead), prod(size))
    values = rows[np.arange(len(rows))[:, None, None], flat] if len(flat) > 1 else rows[:, flat[0]]
    best = _best(values)[..., None] if values.size else np.zeros((*values.shape[:-1], 1), np.int64)
    out = np.take_along_axis(values, best, -1)
    indices = np.take_along_axis(np.broadcast_to(flat, values.shape), best, -1)
    return out.reshape(*lead, *out_shape), indices.reshape(*lead, *out_shape)


def _best(values: Any) -> Any:
    """The place of the largest number in each row, the first one of several; of the last nan, if there is one."""
    best = values.argmax(-1)
    nan = np.isnan(values)
    return np.where(nan.any(-1), values.shape[-1] - 1 - nan[..., ::-1].argmax(-1), best) if nan.any() else best


def _choice_grad(g: tuple, x: Any, out: tuple, places: tuple) -> tuple:
    shape = x._array.shape
    return (placed(g[0], out[1], shape[len(shape) - len(places):]),)


ADAPTIVE_MAX_2D = Op("adaptive_max_pool2d", kernel, _largest_of, vjp=_choice_grad, node_name="AdaptiveMaxPool2DBackward0",
    samples=lambda random, shape: [((random.normal(size=(2, 3, 5, 4)),), {"places": ((5, 3), (4, 2))})])
CHOICES = {"adaptive_max_pool2d": ADAPTIVE_MAX_2D}
for _name, _node in (("adaptive_max_pool1d", "SqueezeBackward1"), ("adaptive_max_pool3d", "AdaptiveMaxPool3DBackward0"),
                     ("fractional_max_pool2d", "FractionalMaxPool2DBackward0"), ("fractional_max_pool3d", "FractionalMaxPool3DBackward0")):
    CHOICES[_name] = ADAPTIVE_MAX_2D.printed_as(_node)


def fractional_max_pool2d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """The maxima of windows at random places, as many as output_size or as output_ratio of the input's size.

    Source: Graham, Fractional Max-Pooling, 2014.
    """
    return fractional_max_pool(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """The maxima of boxes at random places, as `fractional_max_pool2d`."""
    return fractional_max_pool(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool2d_with_indices(*args: Any, **kwargs: Any) -> tuple:
    """fractional_max_pool2d with the places of the maxima."""
    return fractional_max_pool2d(*args, **{**kwargs, "return_indices": True})


def fractional_max_pool3d_with_indices(*args: Any, **kwargs: Any) -> tuple:
    """fractional_max_pool3d with the places of the maxima."""
    return fractional_max_pool3d(*args, **{**kwargs, "return_indices": True})


def fractional_max_pool(dims: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, return_indices: bool,
                        samples: Any) -> Any:
    """The maxima of windows at random places over the last `dims` dimensions."""
    name = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    shape = input._array.shape
    size = shape[len(shape) - dims:]
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * dims
        output_size = tuple([int(n * r) for n, r in zip(size, ratios)])
    output_size, kernel_size = [(v,) * dims if isinstance(v, int) else tuple(v) for v in (output_size, kernel_size)]
    images = (1 if len(shape) == dims + 1 else shape[0], shape[-dims - 1])
    if samples is None:
        from .random import rand
        samples = rand(*images, dims, dtype=input.dtype)
    check_fractional(name, input, dims, kernel_size, output_size)
    recording.reads(f"{name}()")
    numbers = samples._array.reshape(-1, dims)
    # PyTorch reads the numbers of an image's two dimensions in the other order.
    order = (1, 0) if dims == 2 else (0, 1, 2)
    places = tuple([random_places(numbers[:, which], n, o, k) for which, n, o, k in zip(order, size, output_size, kernel_size)])
    out, indices = apply(CHOICES[name], input, places=places)
    return (out, indices) if return_indices else out


def check_fractional(name: str, input: Any, dims: int, kernel_size: tuple, output_size: tuple) -> None:
    """Raise PyTorch's error for windows that do not fit."""
    shape = input._array.shape
    if len(shape) not in (dims + 1, dims + 2) or 0 in shape[-dims - 1:]:
        raise RuntimeError(f"{name}(): Expected {dims + 1}D or {dims + 2}D tensor with non-zero size for non-batch dimensions, but got: "
                           f"{list(shape)}")
    for axis, n, k, o in zip(("time", "height", "width")[3 - dims:], shape[-dims:], kernel_size, output_size):
        if o + k - 1 > n:
            raise RuntimeError(f"{name}(): pool {axis} {k} too large relative to input {axis} {n}")


def random_places(numbers: Any, size: int, count: int, kernel_size: int) -> Any:
    """The numbers that count windows cover, whose steps a random number in [0, 1) decides for each image."""
    begins = np.full((len(numbers), count), size - kernel_size, np.int64)
    if count > 1:
        alpha = numbers.dtype.type(size - kernel_size) / numbers.dtype.type(count - 1)
        steps = np.arange(count - 1).astype(numbers.dtype)
        begins[:, :-1] = ((steps + numbers[:, None]) * alpha).astype(np.int64) - (numbers[:, None] * alpha).astype(np.int64)
    return begins[:, :, None] + np.arange(kernel_size)


# ---- unpooling

def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros, with input (N, C, L) at the places that `max_pool1d` gave as indices."""
    return max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros, with input (N, C, H, W) at the places that `max_pool2d` gave as indices."""
    return max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros, with input (N, C, D, H, W) at the places that `max_pool3d` gave as indices."""
    return max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def max_unpool(dims: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    """Put maxima back over the last `dims` dimensions."""
    kernel_size = (kernel_size,) * dims if isinstance(kernel_size, int) else tuple(kernel_size)
    stride = kernel_size if stride is None else (stride,) * dims if isinstance(stride, int) else tuple(stride)
    padding = (padding,) * dims if isinstance(padding, int) else tuple(padding)
    if indices.dtype.name != "int64":
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype.kernel_name}")
    shape = input._array.shape
    if indices._array.shape != shape:
        raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(shape)}) but got indices tensor with "
                           f"shape: {list(indices._array.shape)}")
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {len(shape)} "
                           "dimensions")
    size = unpooled_size(shape[len(shape) - dims:], kernel_size, stride, padding, output_size)
    return apply(MAX_UNPOOL[dims], input, indices, size=size)


def unpooled_size(shape: tuple, kernel_size: tuple, stride: tuple, padding: tuple, output_size: Any) -> tuple:
    """The sizes to unpool to: those given, checked, or the smallest that the pooling can have come from."""
    default = tuple([(n - 1) * s + k - 2 * p for n, k, s, p in zip(shape, kernel_size, stride, padding)])
    if output_size is None:
        return default
    given = tuple(output_size)
    if len(given) == len(kernel_size) + 2:
        given = given[2:]
    if len(given) != len(kernel_size):
        raise ValueError(f"output_size should be a sequence containing {len(kernel_size)} or {len(kernel_size) + 2} elements, but it has a length "
                         f"of '{len(given)}'")
    for dim, (n, base, s) in enumerate(zip(given, default, stride)):
        if not base - s < n < base + s:
            raise ValueError(f'invalid output_size "{given}" (dim {dim} must be between {base - s} and {base + s})')
    return given


def _max_unpool(x: Any, indices: Any, *, size: tuple) -> Any:
    lead = x.shape[:x.ndim - len(size)]
    wrong = (indices < 0) | (indices >= prod(size))
    if wrong.any():
        shown = "x".join(map(str, size if len(size) > 1 else (1, *size)))
        raise RuntimeError(f"Found an invalid max index: {indices[wrong][0]} (output volumes are of size {shown})")
    out = np.zeros((*lead, prod(size)), x.dtype)
    np.put_along_axis(out, indices.reshape(*lead, -1), x.reshape(*lead, -1), -1)
    return out.reshape(*lead, *size)


def _taken(g: Any, indices: Any, size: tuple) -> Any:
    shape = indices._array.shape
    lead = shape[:len(shape) - len(size)]
    return g.reshape(*lead, -1).gather(-1, indices.reshape(*lead, -1)).reshape(shape)


MAX_UNPOOL_2D = Op("max_unpool2d", kernel, _max_unpool, node_name="MaxUnpool2DBackward0",
    samples=lambda random, shape: [((random.normal(size=(1, 2, 2)), np.array([[[0, 5], [11, 7]]])), {"size": (4, 3)})],
    grads=(lambda g, indices, size: _taken(g, indices, size), None))
MAX_UNPOOL = {1: MAX_UNPOOL_2D.printed_as("SqueezeBackward1"), 2: MAX_UNPOOL_2D, 3: MAX_UNPOOL_2D.printed_as("MaxUnpool3DBackward0")}
