"""Convolutions, transposed convolutions, and their lazy forms.

Shape, for every convolution: `(N, C, *) -> (N, out_channels, *)`, or without N; the size L of a dimension becomes
(L + 2 padding - dilation (kernel - 1) - 1) // stride + 1, transposed (L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.
First values: weight and bias uniform on (-k, k) with k = 1 / sqrt(fan in of the weight).
"""
from __future__ import annotations

import math
from typing import Any

from rushlight.ops.create import empty
from rushlight.tensor import Tensor

from . import functional as F, init
from .lazy import LazyModuleMixin
from .module import Module, Registered
from .parameter import Parameter, UninitializedParameter
from .tuples import _ntuple, _reverse_repeat_tuple

PADDING_STRINGS = ("same", "valid")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share: the sizes, the weight and the bias."""

    __constants__ = ["stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels", "out_channels", "kernel_size"]
    spatial: int
    transposed = False
    weight: Any = Registered()
    bias: Any = Registered()

    def _set_up(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, output_padding: Any,
                groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any) -> None:
        each = _ntuple(self.spatial)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride, self.dilation = each(kernel_size), each(stride), each(dilation)
        self.padding = padding if isinstance(padding, str) else each(padding)
        self.transposed = type(self).transposed
        self.output_padding = each(output_padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        self._reversed_padding_repeated_twice = self._pads()
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*channels, *self.kernel_size), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if self.out_channels % self.groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in PADDING_STRINGS:
                raise ValueError(f"Invalid padding string {self.padding!r}, should be one of {_as_set(PADDING_STRINGS)}")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {_as_set(PADDING_MODES)}, but got padding_mode='{self.padding_mode}'")

    def _pads(self) -> Any:
        """The paddings as `pad` wants them, for the modes that the convolution itself does not know."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        pads = []
        for dilation, kernel in zip(reversed(self.dilation), reversed(self.kernel_size)):
            total = dilation * (kernel - 1) if self.padding == "same" else 0
            pads += [total // 2, total - total // 2]
        return pads

    def reset_parameters(self) -> None:
        """Draws first values anew, in the order of the weight's indices whatever its layout in memory."""
        weight = self.weight.detach()
        drawn = init.kaiming_uniform_(weight.contiguous(), a=math.sqrt(5))
        if drawn is not weight:
            weight.copy_(drawn)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and what differs from the default."""
        none = (0,) * self.spatial
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"{name}={value}" for name, value, usual in (
            ("padding", self.padding, none), ("dilation", self.dilation, (1,) * self.spatial), ("output_padding", self.output_padding, none),
            ("groups", self.groups, 1), ("bias", self.bias is not None, True), ("padding_mode", self.padding_mode, "zeros")) if value != usual]
        return ", ".join(parts)


def _as_set(names: tuple) -> str:
    return "{" + ", ".join(map(repr, names)) + "}"


class _Conv(_ConvNd):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        super().__init__()
        self._set_up(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device, dtype)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        """The convolution of the input."""
        return self._conv_forward(input, self.weight, self.bias)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input and the padding that the convolution is to add: none where another mode than zeros has padded already."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0,) * self.spatial


class Conv1d(_Conv):
    """The cross-correlation of the input with out_channels kernels, plus bias. Shape: `(N, C, L)` or `(C, L)`; see above."""

    spatial = 1

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv1d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """The cross-correlation of the input with out_channels kernels, plus bias. Shape: `(N, C, H, W)` or `(C, H, W)`; see above.

    Example:
        >>> import rushlight as torch
        >>> torch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
        Conv2d(16, 33, kernel_size=(3, 5), stride=(2, 1), padding=(4, 2))
    """

    spatial = 2

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv2d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """The cross-correlation of the input with out_channels kernels, plus bias. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`; see above."""

    spatial = 3

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        input, padding = self._padded(input)
        return F.conv3d(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                 groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {self.__class__.__name__}')
        self._set_up(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias, padding_mode, device, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The transposed convolution of the input; `output_size` chooses among the sizes that the same input size can come from."""
        convolve = getattr(F, f"conv_transpose{self.spatial}d")
        return convolve(input, self.weight, self.bias, self.stride, self.padding, self._output_padding(input, output_size), self.groups,
                        self.dilation)

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple:
        """The output_padding that gives output_size. Raises: ValueError if none does."""
        n = self.spatial
        if output_size is None:
            return self.output_padding
        leading = 2 if input.dim() == n + 2 else 1
        if len(output_size) == leading + n:
            output_size = output_size[leading:]
        if len(output_size) != n:
            raise ValueError(f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {leading + n} elements "
                             f"(got {len(output_size)})")
        smallest = [(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 for size, stride, padding, dilation, kernel in
                    zip(input.shape[leading:], self.stride, self.padding, self.dilation, self.kernel_size)]
        largest = [size + stride - 1 for size, stride in zip(smallest, self.stride)]
        if not all(low <= size <= high for low, size, high in zip(smallest, output_size, largest)):
            raise ValueError(f"requested an output size of {output_size}, but valid sizes range from {smallest} to {largest} (for an input of "
                             f"{input.size()[2:]})")
        return tuple([size - low for size, low in zip(output_size, smallest)])


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of Conv1d by its input, as a layer: it enlarges. Shape: `(N, C, L)` or `(C, L)`; see above."""

    spatial = 1


class ConvTranspose2d(_ConvTransposeNd):
    """The gradient of Conv2d by its input, as a layer: it enlarges. Shape: `(N, C, H, W)` or `(C, H, W)`; see above."""

    spatial = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The gradient of Conv3d by its input, as a layer: it enlarges. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`; see above."""

    spatial = 3


class _LazyConvXdMixin(LazyModuleMixin):
    """A convolution that takes in_channels from its first input."""

    def _wait(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self: Any) -> None:
        """Draws first values, once the sizes are known."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor, *rest: Any, **kwargs: Any) -> None:
        """Takes the number of channels from the first input."""
        if not self.has_uninitialized_params():
            return
        unbatched = self.spatial + 1
        if input.dim() not in (unbatched, unbatched + 1):
            raise RuntimeError(f"Expected {unbatched}D (unbatched) or {unbatched + 1}D (batched) input to {self.__class__.__name__}, but got "
                               f"input of size: {input.shape}")
        in_channels = input.shape[-unbatched]
        if in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        self.in_channels = in_channels
        shares = (in_channels, self.out_channels // self.groups) if self.transposed else (self.out_channels, in_channels // self.groups)
        self.weight.materialize((*shares, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()


class _LazyConv(_LazyConvXdMixin):
    def __init__(self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
                 bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._wait(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvXdMixin):
    def __init__(self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                 bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None):
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype)
        self._wait(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that takes in_channels from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that takes in_channels from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that takes in_channels from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that takes in_channels from its first input."""

    cls_to_become = ConvTranspose3d
