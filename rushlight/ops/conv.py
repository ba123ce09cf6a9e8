"""Convolution and its transpose, in one, two and three dimensions; windows unfolded into columns and folded back.

The three operations below are each other's gradients: the convolution, its transpose (the gradient by the images) and the correlation of
outputs with images (the gradient by the weight). So derivatives of every order follow.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, kernel
from .activation import not_implemented
from .arithmetic import conj
from .conv_kernels import channel_sums, convolved, correlated, spread
from .windows import Windows, add_windows, padded, prod, window_view

if TYPE_CHECKING:
    from ..tensor import Tensor


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """The cross-correlation of input (N, C, L) with weight (O, C / groups, k), plus bias (O): (N, O, L')."""
    return convolution(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """The cross-correlation of input (N, C, H, W) with weight (O, C / groups, kH, kW), plus bias (O): (N, O, H', W').

    padding: zeros on each side, or "valid" for none, or "same" for as many as keep the size. Without N, one image.
    """
    return convolution(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """The cross-correlation of input (N, C, D, H, W) with weight (O, C / groups, kD, kH, kW), plus bias (O)."""
    return convolution(3, input, weight, bias, stride, padding, dilation, groups)


def convolution(dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """A convolution over the last `dims` dimensions."""
    require_tensors(f"conv{dims}d", input, weight)
    batched = batch_of(input, dims, f"conv{dims}d")
    check_dimensions(batched, weight, bias, stride, padding)
    stride, dilation = sizes(stride, dims, "stride"), sizes(dilation, dims, "dilation")
    kernel_size = weight._array.shape[2:]
    pads = pads_of(padding, dims, stride, dilation, kernel_size)
    check_convolution(batched, weight, bias, stride, pads, dilation, groups)
    windows = Windows(batched._array.shape[2:], kernel_size, stride, pads, dilation)
    if min(windows.out) < 1 or min([n - s for n, s in zip(windows.padded, windows.spans)]) < 0:
        raise RuntimeError(f"Calculated padded input size per channel: ({times(windows.padded)}). Kernel size: ({times(windows.spans)}). "
                           "Kernel size can't be greater than actual input size")
    out = apply(CONVOLUTION, batched, weight, bias, windows=windows, groups=groups)
    return out if batched is input else out.squeeze(0)


def require_tensors(name: str, input: Any, weight: Any) -> None:
    """Raise PyTorch's TypeError unless both are tensors."""
    if getattr(input, "_array", None) is None or getattr(weight, "_array", None) is None:
        given = ", ".join([type(value).__name__ for value in (input, weight)])
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({given}), but expected one of:".replace("None,", ""))


def batch_of(input: Any, dims: int, name: str) -> Any:
    """input, with a batch dimension of 1 put in front of a single image."""
    ndim = input._array.ndim
    if ndim == dims + 2:
        return input
    if ndim == dims + 1:
        return input.unsqueeze(0)
    raise RuntimeError(f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got input of size: "
                       f"{list(input._array.shape)}")


def sizes(value: Any, dims: int, name: str) -> tuple:
    """A number for every dimension, or a number for each, as a tuple."""
    if isinstance(value, int):
        return (value,) * dims
    values = tuple([int(v) for v in value])
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise RuntimeError(f"expected {name} to be a single integer value or a list of {dims} values to match the convolution dimensions, "
                           f"but got {name}={list(values)}")
    return values


def pads_of(padding: Any, dims: int, stride: tuple, dilation: tuple, kernel_size: tuple) -> tuple:
    """The padding as (before, behind) for each dimension."""
    if not isinstance(padding, str):
        return tuple([(p, p) for p in sizes(padding, dims, "padding")])
    if padding == "valid":
        return ((0, 0),) * dims
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any([s != 1 for s in stride]):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, kernel_size)]
    return tuple([(total // 2, total - total // 2) for total in totals])


def times(values: tuple) -> str:
    """Sizes as PyTorch's messages write them: 5 x 5."""
    return " x ".join(map(str, values))


def check_dimensions(input: Any, weight: Any, bias: Any, stride: Any, padding: Any) -> None:
    """Raise PyTorch's error unless the weight has as many dimensions as the input, and the bias the same dtype."""
    if bias is not None and bias.dtype is not input.dtype:
        raise RuntimeError(f"Input type ({input.dtype.c_name}) and bias type ({bias.dtype.c_name}) should be the same")
    x, w = input._array.shape, weight._array.shape
    if len(w) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if len(w) == len(x):
        return
    if len(w) < len(x) and not isinstance(padding, str):
        shown = list(sizes(stride, len(x) - 2, "stride"))
        raise RuntimeError(f"expected stride to be a single integer value or a list of {len(w) - 2} values to match the convolution dimensions, "
                           f"but got stride={shown}")
    raise RuntimeError(f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight{list(w)}, but got {len(x)}-dimensional input of "
                       f"size {list(x)} instead")


def check_convolution(input: Any, weight: Any, bias: Any, stride: tuple, pads: tuple, dilation: tuple, groups: int,
                      transposed: bool = False) -> None:
    """Raise PyTorch's error for arguments that do not fit."""
    x, w = input._array.shape, weight._array.shape
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min([low for low, _ in pads]) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    check_channels(x, w, bias, groups, transposed)
    if 0 in w[2:]:
        names = ("depth", "height", "width")[5 - len(w):]
        raise RuntimeError("kernel size should be greater than zero, but got " + " ".join([f"kernel_{n}: {k}" for n, k in zip(names, w[2:])]))
    check_dtypes(input, weight)


def check_channels(x: tuple, w: tuple, bias: Any, groups: int, transposed: bool) -> None:
    """Raise PyTorch's error unless input, weight and bias have channels that fit."""
    if w[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
                           f"{list(w)} instead")
    if w[0] % groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
                           f"[{list(w)}] instead")
    wanted, given = (w[0], f"transposed={int(transposed)}") if transposed else (w[1] * groups, f"groups={groups}")
    if x[1] != wanted:
        raise RuntimeError(f"Given {given}, weight of size {list(w)}, expected input{list(x)} to have {wanted} channels, but got {x[1]} "
                           "channels instead")
    outputs = w[1] * groups if transposed else w[0]
    if bias is not None and bias._array.shape != (outputs,):
        prefix = "transposed=1, " if transposed else ""
        raise RuntimeError(f"Given {prefix}weight of size {list(w)}, expected bias to be 1-dimensional with {outputs} elements, but got bias of "
                           f"size {list(bias._array.shape)} instead")


def check_dtypes(input: Any, weight: Any) -> None:
    """Raise PyTorch's error unless both have one dtype that convolution takes."""
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.kernel_name} but found {weight.dtype.kernel_name}")
    if input.dtype.name == "bool":
        raise not_implemented("slow_conv2d_cpu", input)


# ---- the three operations

CHANNEL_SUMS = Op("sum", kernel, channel_sums, arguments=("y",), node_name="SumBackward1", launches=True,
    samples=lambda random, shape: [((random.normal(size=(2, 3, 4, 5)),), {})],
    grads=(lambda g, y: g.reshape(1, -1, *(1,) * (y._array.ndim - 2)).expand(y._array.shape),))


#: windows of two and of one dimension, with their groups
EXAMPLES = ((Windows((5, 4), (3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2)), 2), (Windows((6,), (3,), (1,), ((1, 1),), (1,)), 4),
            (Windows((2, 3), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1)), 1))


def _examples(random: Any, shape: tuple) -> list:
    return [((random.normal(size=(3, 4, *windows.size)), random.normal(size=(4, 4 // groups, *windows.kernel)), random.normal(size=4)),
             {"windows": windows, "groups": groups}) for windows, groups in EXAMPLES]


CONVOLUTION = Op("convolution", kernel, lambda x, weight, bias, *, windows, groups: convolved(x, weight, bias, windows, groups),
    samples=_examples, launches=True,
    grads=(lambda g, weight, windows, groups: apply(SPREAD, g, conj(weight), None, windows=windows, groups=groups),
           lambda g, x, windows, groups: apply(CORRELATION, g, conj(x), windows=windows, groups=groups),
           lambda g: apply(CHANNEL_SUMS, g)))


SPREAD = Op("convolution", kernel, lambda y, weight, bias, *, windows, groups: spread(y, weight, windows, groups, bias),
    arguments=("y", "weight", "bias"), launches=True,
    grads=(lambda g, weight, windows, groups: apply(CONVOLUTION, g, conj(weight), None, windows=windows, groups=groups),
           lambda g, y, windows, groups: apply(CORRELATION, conj(y), g, windows=windows, groups=groups),
           lambda g: apply(CHANNEL_SUMS, g)))
CORRELATION = Op("convolution", kernel, lambda y, x, *, windows, groups: correlated(y, x, windows.kernel, windows, groups),
    arguments=("y", "x"), launches=True,
    grads=(lambda g, x, windows, groups: apply(CONVOLUTION, conj(x), g, None, windows=windows, groups=groups),
           lambda g, y, windows, groups: apply(SPREAD, conj(y), g, None, windows=windows, groups=groups)))


# ---- the transpose as a layer of its own

def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Tensor:
    """The transpose of `conv1d`: input (N, C, L), weight (C, O / groups, k) -> (N, O, L')."""
    return transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Tensor:
    """The transpose of `conv2d`: each number of input (N, C, H, W) adds its kernel, weight (C, O / groups, kH, kW), to (N, O, H', W').

    H' is (H - 1) stride - 2 padding + dilation (kH - 1) + output_padding + 1.
    """
    return transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Tensor:
    """The transpose of `conv3d`: input (N, C, D, H, W), weight (C, O / groups, kD, kH, kW) -> (N, O, D', H', W')."""
    return transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def transposed(dims: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
               dilation: Any) -> Any:
    """A transposed convolution over the last `dims` dimensions."""
    if isinstance(padding, str):
        raise TypeError(f"conv_transpose{dims}d(): argument 'padding' must be tuple of ints, not str")
    batched = batch_of(input, dims, f"conv_transpose{dims}d")
    check_dimensions(batched, weight, bias, stride, padding)
    stride, dilation = sizes(stride, dims, "stride"), sizes(dilation, dims, "dilation")
    extra = sizes(output_padding, dims, "output_padding")
    pads = tuple([(p, p) for p in sizes(padding, dims, "padding")])
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    check_convolution(batched, weight, bias, stride, pads, dilation, groups, transposed=True)
    check_output_padding(extra, stride, dilation)
    given, taken = batched._array.shape[2:], weight._array.shape[2:]
    size = tuple([(n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, (p, _), d, k, e in zip(given, stride, pads, dilation, taken, extra)])
    if min(size) < 1:
        raise RuntimeError(f"Given input size per channel: ({times(given)}). Calculated output size per channel: ({times(size)}). Output size "
                           "is too small")
    # The windows of the convolution that this is the transpose of. The output padding is room that no window need reach.
    windows = Windows(size, taken, stride, pads, dilation, given)
    out = apply(SPREAD, batched, weight, bias, windows=windows, groups=groups)
    return out if batched is input else out.squeeze(0)


def check_output_padding(extra: tuple, stride: tuple, dilation: tuple) -> None:
    """Raise PyTorch's error for an output padding that is as large as both stride and dilation."""
    if all([e < s or e < d for e, s, d in zip(extra, stride, dilation)]):
        return
    names = ("depth", "height", "width")[3 - len(extra):]
    listed = " ".join([f"{what}_{n}: {v}" for what, values in (("output_padding", extra), ("stride", stride), ("dilation", dilation))
                       for n, v in zip(names, values)])
    raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {listed}")


# ---- windows as columns

def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The windows of images (N, C, H, W) as columns: (N, C * kH * kW, windows). Without N, one image."""
    x = input._array
    if x.ndim < 3:
        least, most = -max(x.ndim, 1), max(x.ndim, 1) - 1
        raise IndexError(f"Dimension out of range (expected to be in range of [{least}, {most}], but got {max(x.ndim, 1)})")
    if x.ndim > 4 or 0 in x.shape[-3:]:
        raise RuntimeError("Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: "
                           f"{list(x.shape)}")
    windows = window_arguments(x.shape[-2:], kernel_size, dilation, padding, stride)
    if min(windows.out) < 1 or min([n - s for n, s in zip(windows.padded, windows.spans)]) < 0:
        raise RuntimeError(
            f"Given input with spatial size {pair_text(windows.size)}, kernel_size={pair_text(windows.kernel)}, "
            f"dilation={pair_text(windows.dilation)}, padding={pair_text([low for low, _ in windows.pads])}, stride={pair_text(windows.stride)}, "
            f"calculated shape of the array of sliding blocks as {pair_text(windows.out)}, but its components must be at least one.")
    return apply(UNFOLD, input, windows=windows)


def pair_text(values: Any) -> str:
    return "(" + ", ".join(map(str, values)) + ")"


def window_arguments(size: tuple, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Windows:
    """The windows over two dimensions. Raises PyTorch's error for impossible ones."""
    kernel_size, dilation, padding, stride = [_pair(v) for v in (kernel_size, dilation, padding, stride)]
    for name, values, least in (("kernel_size", kernel_size, 1), ("dilation", dilation, 1), ("padding", padding, 0), ("stride", stride, 1)):
        if min(values) < least:
            label = {"kernel_size": "kernel size"}.get(name, name)
            heights = {"kernel_size": "kernel"}.get(name, name)
            kind = "non-negative" if not least else "greater than zero"
            raise RuntimeError(f"{label} should be {kind}, but got {heights}_height: {values[0]} {heights}_width: {values[1]}")
    return Windows(tuple(size), kernel_size, stride, tuple([(p, p) for p in padding]), dilation)


def _pair(value: Any) -> tuple:
    return (value, value) if isinstance(value, int) else tuple(value) * (2 // len(value))


def _unfold(x: Any, *, windows: Windows) -> Any:
    view = window_view(padded(x, windows), windows)
    return np.ascontiguousarray(view).reshape(*x.shape[:-3], x.shape[-3] * prod(windows.kernel), prod(windows.out))


UNFOLD = Op("im2col", kernel, _unfold, node_name="Im2ColBackward0",
    samples=lambda random, shape: [((random.normal(size=(2, 3, *EXAMPLES[0][0].size)),), {"windows": EXAMPLES[0][0]})],
    grads=(lambda g, windows: apply(FOLD, g, windows=windows),))


def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Columns (N, C * kH * kW, windows) added into images (N, C, *output_size): what windows share is summed. Without N, one image."""
    x, size = input._array, _pair(output_size)
    windows = window_arguments(size, kernel_size, dilation, padding, stride)
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise RuntimeError("Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but "
                           f"got: {list(x.shape)}")
    places, count = prod(windows.kernel), prod(tuple([max(n, 0) for n in windows.out]))
    if x.shape[-2] % places:
        raise RuntimeError(f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
                           f"{x.shape[-2]} and kernel_size={pair_text(windows.kernel)}.")
    if x.shape[-1] != count or min(windows.out) < 1:
        given = (f"output_size={pair_text(size)}, kernel_size={pair_text(windows.kernel)}, dilation={pair_text(windows.dilation)}, "
                 f"padding={pair_text([low for low, _ in windows.pads])}, stride={pair_text(windows.stride)}")
        raise RuntimeError(f"Given {given}, expected size of input's dimension 2 to match the calculated number of sliding blocks "
                           f"{windows.out[0]} * {windows.out[1]} = {windows.out[0] * windows.out[1]}, but got input.size(2)={x.shape[-1]}.")
    return apply(FOLD, input, windows=windows)


def _fold(x: Any, *, windows: Windows) -> Any:
    lead = (*x.shape[:-2], x.shape[-2] // prod(windows.kernel))
    full = np.zeros((*lead, *windows.padded), x.dtype)
    add_windows(x.reshape(*lead, *windows.kernel, *windows.out), windows, full)
    return np.ascontiguousarray(full[windows.inside()])


FOLD = Op("col2im", kernel, _fold, node_name="Col2ImBackward0",
    grads=(lambda g, windows: apply(UNFOLD, g, windows=windows),))
