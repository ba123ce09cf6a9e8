"""Normalisation: layer, group, batch, instance and root-mean-square norms.

Each is one operation with a fused kernel each way. `by_definition` is the gradient in plain operations: it is taken where the gradient
itself is recorded (`create_graph=True`), and tests compare the kernels with it.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import is_native
from ..backends.parallel import Unnotable, in_order, inside
from ..core.apply import apply
from ..core.grad_mode import mode, no_grad
from ..core.inplace import inplace
from ..core.op import Op, kernel
from .activation import not_implemented
from .norm_kernels import combined, normalised_groups, normalised_rows, row_dots, row_sums, rows_backward, scaled, shifted_dots

if TYPE_CHECKING:
    from ..tensor import Tensor


def by_definition(g: Any, x: Any, weight: Any, dims: tuple, eps: float, summed: tuple) -> tuple:
    """The gradients by x, weight and bias of weight * (x - mean) / sqrt(variance + eps) + bias, in plain operations.

    Mean and variance are taken over dims; weight's gradient and bias's are sums over the dimensions `summed`.
    """
    shifted = x - x.mean(dims, True)
    scale = ((shifted * shifted).mean(dims, True) + eps) ** -0.5
    y = shifted * scale
    h = g if weight is None else g * weight
    by_x = scale * (h - h.mean(dims, True) - y * (h * y).mean(dims, True))
    return by_x, (g * y).sum(summed) if summed else g * y, g.sum(summed) if summed else g


# ---- layer norm

def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """weight * (input - mean) / sqrt(variance + eps) + bias, over the last dimensions, whose sizes are normalized_shape.

    Source: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """
    if isinstance(normalized_shape, int):
        raise TypeError("layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    check_normalized_shape(input, tuple(normalized_shape), weight, bias, "*, ")
    if input._array.dtype.kind not in "fV":
        raise not_implemented("LayerNormKernelImpl", input)
    check_same_dtype(input, weight, bias)
    return apply(LAYER_NORM, input, weight, bias, dims=len(normalized_shape), eps=eps)


def check_normalized_shape(input: Any, shape: tuple, weight: Any, bias: Any, star: str) -> None:
    """Raise PyTorch's error unless input ends with that shape, and weight and bias have it."""
    if not shape:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
                           "normalized_shape = []")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.shape != shape:
            raise RuntimeError(f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(value._array.shape)} "
                               f"and normalized_shape = {list(shape)}")
    given = input._array.shape
    if given[len(given) - len(shape):] != shape or len(given) < len(shape):
        wanted = ", ".join(map(str, shape))
        raise RuntimeError(f"Given normalized_shape={list(shape)}, expected input with shape [{star}{wanted}], but got input of "
                           f"size{list(given)}")


def check_same_dtype(input: Any, *parameters: Any) -> None:
    """Raise PyTorch's error for parameters of another dtype; beside half precision float32 may stand."""
    for value in parameters:
        if value is not None and value.dtype is not input.dtype:
            if input.dtype.itemsize != 2:
                raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
            if value.dtype.name != "float32":
                raise RuntimeError("mixed dtype (CPU): all the parameters must share the same datatype")


def as_rows(x: Any, dims: int) -> Any:
    """An array as a table whose rows are its last dimensions."""
    width = 1
    for size in x.shape[x.ndim - dims:]:
        width *= size
    return in_order(x).reshape(x.size // width if width else 0, width)


def _row(weight: Any) -> Any:
    return None if weight is None else weight.reshape(1, -1)


def _layer_norm(x: Any, weight: Any, bias: Any, *, dims: int, eps: float) -> tuple:
    rows = as_rows(x, dims)
    if is_native(rows, weight, bias):
        from .norm_native import normalised_rows as in_machine_code
        out, means, scales = in_machine_code(rows, weight, bias, eps)
    else:
        out, means, scales = normalised_rows(rows, _row(weight), _row(bias), eps)
    return out.reshape(x.shape), means, scales


def _layer_norm_grad(g: Any, x: Any, weight: Any, bias: Any, out: tuple, dims: int, eps: float) -> tuple:
    if mode.grad:
        ndim = x._array.ndim
        return by_definition(g, x, weight, tuple(range(ndim - dims, ndim)), eps, tuple(range(ndim - dims)))
    return apply(LAYER_NORM_BACKWARD, g, x, weight, out[1], out[2], dims=dims)


LAYER_NORM = Op("native_layer_norm", kernel, _layer_norm, vjp=_layer_norm_grad, hidden=True, launches=True, over=((0, 0),),
    samples=lambda random, shape: [((random.normal(size=(3, 2, 4)), random.normal(size=size), random.normal(size=size)), {"dims": dims, "eps": 1e-5})
    for dims, size in ((1, (4,)), (2, (2, 4)))])


def _layer_norm_backward(grad: Any, x: Any, weight: Any, means: Any, scales: Any, *, dims: int) -> tuple:
    shape, g, rows = x.shape[x.ndim - dims:], as_rows(grad, dims), as_rows(x, dims)
    if is_native(g, rows, weight):
        from .norm_native import rows_backward as in_machine_code
        by_x, by_weight, by_bias = in_machine_code(g, rows, weight, means, scales)
    else:
        by_x, by_weight, by_bias = rows_backward(g, rows, _row(weight), means, scales)
    return by_x.reshape(x.shape), by_weight.reshape(shape), by_bias.reshape(shape)


LAYER_NORM_BACKWARD = Op("native_layer_norm_backward", kernel, _layer_norm_backward, launches=True, over=((0, 0),))


# ---- group norm

def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """input (N, C, ...) with the channels of each group together brought to mean 0 and variance 1, times weight, plus bias (C).

    Source: Wu and He, Group Normalization, 2018.
    """
    x = input._array
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    verify_size([x.shape[0] * x.shape[1] // num_groups, num_groups, *x.shape[2:]], list(x.shape))
    if x.shape[1] % num_groups:
        raise RuntimeError(f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(x.shape)} and "
                           f"num_groups={num_groups}")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.shape != (x.shape[1],):
            raise RuntimeError(f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                               f"{list(value._array.shape)} and input of shape {list(x.shape)}")
    check_same_dtype(input, weight, bias)
    return apply(GROUP_NORM, input, weight, bias, groups=num_groups, eps=eps)


def verify_size(size: list, shown: Any) -> None:
    """Raise PyTorch's error where a channel has one value only: its variance says nothing."""
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {shown}")


def channel_rows(x: Any) -> Any:
    """(N, C, ...) as a table with a row for each image and channel."""
    rows = x.shape[0] * x.shape[1]
    return in_order(x).reshape(rows, x.size // rows if rows else 0)


def group_rows(x: Any, groups: int) -> Any:
    """(N, C, ...) as a table with a row for each image and group of channels."""
    rows = x.shape[0] * groups
    return in_order(x).reshape(rows, x.size // rows if rows else 0)


def _channels(weight: Any, ndim: int) -> Any:
    """A number for each channel, in a shape that broadcasts with (N, C, ...)."""
    return weight.reshape(1, -1, *(1,) * (ndim - 2))


def _group_norm(x: Any, weight: Any, bias: Any, *, groups: int, eps: float) -> tuple:
    per_group = x.shape[1] // groups
    weight, bias = (None if value is None else value.reshape(groups, per_group) for value in (weight, bias))
    if groups > 1:  # a number for each channel of each row: rows of different groups have different ones
        weight, bias = (None if value is None else np.tile(value, (x.shape[0], 1)) for value in (weight, bias))
    out, means, scales = normalised_groups(group_rows(x, groups), weight, bias, eps, per_group)
    return out.reshape(x.shape), means, scales


def _group_norm_grad(g: Any, x: Any, weight: Any, bias: Any, out: tuple, groups: int, eps: float) -> tuple:
    if mode.grad:
        shape = x._array.shape
        split = (shape[0], groups, shape[1] // groups, -1)
        factor = None if weight is None else weight.reshape(1, groups, shape[1] // groups, 1)
        by_x, by_weight, by_bias = by_definition(g.reshape(split), x.reshape(split), factor, (2, 3), eps, (0, 3))
        return by_x.reshape(shape), by_weight.reshape(-1), by_bias.reshape(-1)
    return apply(GROUP_NORM_BACKWARD, g, x, weight, out[1], out[2], groups=groups)


GROUP_NORM = Op("native_group_norm", kernel, _group_norm, vjp=_group_norm_grad, hidden=True, samples=lambda random, shape: [
    ((random.normal(size=(3, 4, 2, 3)), random.normal(size=4), random.normal(size=4)), {"groups": 2, "eps": 1e-5})])


def _group_norm_backward(grad: Any, x: Any, weight: Any, means: Any, scales: Any, *, groups: int) -> tuple:
    images, per_group = x.shape[0], x.shape[1] // groups
    g, rows = channel_rows(grad), channel_rows(x)
    # Of each image and channel: mean, scale, sum of g and sum of g (x - mean); then of each group, weighted.
    m, r = np.repeat(means, per_group, 0), np.repeat(scales, per_group, 0)
    totals, dots = row_sums(g), shifted_dots(g, rows, m)
    factor = np.ones_like(m) if weight is None else np.tile(weight, images)[:, None]
    count = x.dtype.type(per_group * rows.shape[1])
    group_total, group_dot = [
        np.repeat((v * factor).reshape(images * groups, per_group).sum(1, keepdims=True), per_group, 0) for v in (totals, dots)]
    by_x = combined(g, r * factor, rows, m, r ** 3 * group_dot / -count, r * group_total / -count)
    return by_x.reshape(x.shape), (dots * r).reshape(x.shape[:2]).sum(0), totals.reshape(x.shape[:2]).sum(0)


GROUP_NORM_BACKWARD = Op("native_group_norm_backward", kernel, _group_norm_backward)


# ---- batch norm

def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """input (N, C, ...) with each channel brought to mean 0 and variance 1, times weight, plus bias (C).

    In training by the batch's own mean and variance, towards which the running ones move by `momentum`; otherwise by the running ones.
    Source: Ioffe and Szegedy, Batch Normalization, 2015.
    """
    if training:
        verify_size(list(input._array.shape), input.shape)
    check_batch_norm(input, running_mean, running_var, weight, bias, training)
    if input._array.ndim < 2:  # empty, or the check would have found it
        return input.clone()
    if not training:
        return apply(BATCH_NORM, input, weight, bias, running_mean, running_var, training=False, eps=eps)
    mean, var = apply(CHANNEL_STATISTICS, input)
    if running_mean is not None:
        move_running(running_mean, running_var, mean, var, input._array.size // mean._array.size, momentum)
    return apply(BATCH_NORM, input, weight, bias, mean, var, training=True, eps=eps)


def check_batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool) -> None:
    """Raise PyTorch's error for arguments that do not fit."""
    x = input._array
    if training and (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    channels = x.shape[1] if x.ndim > 1 else 0
    for name, value in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if value is None and name.startswith("running") and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
        if value is not None and value._array.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {value._array.size}")
    if x.dtype.kind not in "fV":
        raise not_implemented("batch_norm", input)
    for value in (running_mean, running_var, weight, bias):
        if value is not None and value.dtype is not input.dtype and not (x.dtype.itemsize == 2 and value.dtype.name == "float32"):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def move_running(running_mean: Any, running_var: Any, mean: Any, var: Any, count: int, momentum: float) -> None:
    """Move the running statistics towards the batch's; the running variance is the unbiased one."""
    with no_grad():
        move_(running_mean, mean, momentum, 1.0)
        move_(running_var, var, momentum, count / max(count - 1, 1))


def moved(running: Tensor, new: Tensor, momentum: float, factor: float) -> Tensor:
    """(1 - momentum) * running + momentum * factor * new."""
    return apply(MOVE, running, new, momentum=momentum, factor=factor)


MOVE = Op("move_running", kernel, lambda x, y, *, momentum, factor: x * x.dtype.type(1 - momentum) + y * x.dtype.type(momentum * factor),
    loop=lambda shape, *, momentum, factor: (f"x * {1 - momentum!r} + y * {momentum * factor!r}", None, 1.0))
move_ = inplace(moved, "move_")


def is_matrix(x: Any) -> bool:
    """Whether each image has one number for each channel: then the channels are columns, not rows."""
    return x.size == x.shape[0] * x.shape[1]


def has_kernels(x: Any, *others: Any) -> bool:
    """Whether the channels of x go to the kernels of batch_norm_native.py."""
    if not is_matrix(x):
        return is_native(x, *others)
    if inside.launches is not None:
        raise Unnotable("channels that are columns")
    return False


def _channel_statistics(x: Any) -> tuple:
    """The mean and the biased variance of each channel of (N, C, ...)."""
    if has_kernels(x):
        from . import batch_norm_native
        return batch_norm_native.statistics(x)
    count = x.dtype.type(max(x.size // max(x.shape[1], 1), 1))
    if is_matrix(x):
        table = x.reshape(x.shape[:2])
        mean = np.add.reduce(table, axis=0) / count
        shifted = table - mean
        return mean, np.add.reduce(np.multiply(shifted, shifted, out=shifted), axis=0) / count
    rows = channel_rows(x)
    mean = row_sums(rows).reshape(x.shape[:2]).sum(0) / count
    dots = shifted_dots(None, rows, np.tile(mean, x.shape[0])[:, None])
    return mean, dots.reshape(x.shape[:2]).sum(0) / count


# Not differentiable: BATCH_NORM's gradient knows how the statistics depend on the input.
CHANNEL_STATISTICS = Op("batch_norm_stats", kernel, _channel_statistics, launches=True)


def _scale(var: Any, eps: float) -> Any:
    return 1 / np.sqrt(var + var.dtype.type(eps))


def channel_table(x: Any) -> tuple:
    """(N, C, ...) as a table, and how a number for each channel is laid out beside it: as a row, or repeated as a column."""
    if is_matrix(x):
        return in_order(x).reshape(x.shape[:2]), lambda values: values[None]
    return channel_rows(x), lambda values: np.tile(values, x.shape[0])[:, None]


def _batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, *, training: bool, eps: float) -> Any:
    if has_kernels(x, weight, bias, mean, var):
        from . import batch_norm_native
        return batch_norm_native.forward(x, weight, bias, mean, var, eps)
    # x * factor + (bias - mean * factor) would be less work, and lose digits: subtract first.
    factor = _scale(var, eps)
    if weight is not None:
        factor = factor * weight
    table, beside = channel_table(x)
    return scaled(table, beside(mean), beside(factor), None if bias is None else beside(bias)).reshape(x.shape)


def _batch_norm_grad(g: Any, x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool, eps: float, needs: tuple) -> tuple:
    if mode.grad:
        ndim = x._array.ndim
        others = (0, *range(2, ndim))
        factor = None if weight is None else _channels(weight, ndim)
        if training:
            return *by_definition(g, x, factor, others, eps, others), None, None
        scale = (_channels(var, ndim) + eps) ** -0.5
        y = (x - _channels(mean, ndim)) * scale
        return g * scale if factor is None else g * (scale * factor), (g * y).sum(others), g.sum(others), None, None
    return *apply(BATCH_NORM_BACKWARD, g, x, weight, mean, var, training=training, eps=eps), None, None


BATCH_NORM = Op("native_batch_norm", kernel, _batch_norm, vjp=_batch_norm_grad, launches=True)


def _batch_norm_backward(grad: Any, x: Any, weight: Any, mean: Any, var: Any, *, training: bool, eps: float) -> tuple:
    if has_kernels(x, grad, weight, mean, var):
        from . import batch_norm_native
        return batch_norm_native.backward(grad, x, weight, mean, var, eps, training)
    scale, count = _scale(var, eps), x.dtype.type(max(x.size // max(x.shape[1], 1), 1))
    factor = scale if weight is None else scale * weight
    table, beside = channel_table(x)
    g, m = in_order(grad).reshape(table.shape), beside(mean)
    if is_matrix(x):
        dots, totals = np.add.reduce(g * (table - m), axis=0), np.add.reduce(g, axis=0)
    else:
        dots, totals = (v.reshape(x.shape[:2]).sum(0) for v in (shifted_dots(g, table, m), row_sums(g)))
    if not training:
        by_x = g * beside(factor)
    else:
        by_x = combined(g, beside(factor), table, m, beside(factor * scale * scale * dots / -count), beside(factor * totals / -count))
    return by_x.reshape(x.shape), dots * scale, totals


BATCH_NORM_BACKWARD = Op("native_batch_norm_backward", kernel, _batch_norm_backward, launches=True)


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
                  bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """input (N, C, ...) with each channel of each image brought to mean 0 and variance 1, times weight, plus bias (C).

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016.
    """
    shape = input._array.shape
    if use_input_stats:
        count = 1
        for n in shape[2:]:
            count *= n
        if count == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    elif running_mean is None or running_var is None:
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    # Every image's channels are channels of one large image.
    images = shape[0]
    repeated: list[Any] = [None if value is None else value.repeat(images) for value in (running_mean, running_var, weight, bias)]
    mean, variance, scale, shift = repeated
    out = batch_norm(input.reshape(1, images * shape[1], *shape[2:]), mean, variance, scale, shift, use_input_stats, momentum, eps)
    for running, values in zip((running_mean, running_var), repeated):
        if running is not None and use_input_stats:
            running.copy_(values.reshape(images, -1).mean(0))
    return out.view(shape)


# ---- root mean square, and the response of neighbouring channels

def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """weight * input / sqrt(mean(input ** 2) + eps) over the last dimensions; eps is the dtype's own unless given.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
    """
    shape = tuple(normalized_shape)
    check_normalized_shape(input, shape, weight, None, "*")
    if input._array.dtype.kind not in "fVc":
        raise not_implemented("rms_norm", input)
    return apply(RMS_NORM, input, weight, dims=len(shape), eps=smallest_step(input) if eps is None else eps)


def smallest_step(input: Any) -> float:
    """The distance from 1 to the next number of the dtype that the norm is computed in."""
    return {"float64": 2.0 ** -52, "complex128": 2.0 ** -52}.get(input.dtype.name, 2.0 ** -23)


def _rms_norm(x: Any, weight: Any, *, dims: int, eps: float) -> tuple:
    rows = as_rows(x, dims)
    squares = row_dots(rows, rows) if x.dtype.kind != "c" else row_dots(rows.real, rows.real) + row_dots(rows.imag, rows.imag)
    scale = 1 / np.sqrt(squares / squares.dtype.type(max(rows.shape[1], 1)) + squares.dtype.type(eps))
    out = rows * scale
    if weight is not None:
        out *= _row(weight)
    return out.reshape(x.shape), scale


def _rms_norm_grad(g: Any, x: Any, weight: Any, dims: int, eps: float) -> tuple:
    ndim = x._array.ndim
    over, summed = tuple(range(ndim - dims, ndim)), tuple(range(ndim - dims))
    scale = ((x * x.conj() if x.is_complex() else x * x).mean(over, True) + eps) ** -0.5
    if x.is_complex():
        scale = scale.real
    y = x * scale
    h = g if weight is None else g * weight.conj()
    inner = h * y.conj()
    inner = (inner.real if x.is_complex() else inner).mean(over, True)
    return scale * (h - y * inner), (g * y.conj()).sum(summed) if summed else g * y.conj()


RMS_NORM = Op("rms_norm", kernel, _rms_norm, vjp=_rms_norm_grad, hidden=True, node_name="MulBackward0", samples=lambda random, shape: [
    ((random.normal(size=(3, 2, 4)), random.normal(size=size)), {"dims": dims, "eps": 1e-5}) for dims, size in ((1, (4,)), (2, (2, 4)))])


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha * m) ** beta with m the mean of the squares of `size` neighbouring channels, those outside counting as 0.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet classification, 2012, section 3.3.
    """
    x = input._array
    if x.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {x.ndim} dimensions)")
    if not x.size:
        return input
    from .padding import pad
    from .pool import avg_pool2d
    squares = input.mul(input).reshape(x.shape[0], 1, x.shape[1], -1)
    squares = pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = avg_pool2d(squares, (size, 1), stride=1).reshape(x.shape)
    return input / means.mul(alpha).add(k).pow(beta)
