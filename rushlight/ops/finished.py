"""Operations with what a network does next: convolutions and batch norms with another array added, the relu, or the relu's gradient; and a
function with its slope.

A compiler's pass puts one of these in the place of two or three operations (compiler/passes/epilogues.py, slopes.py); a program cannot call
them. Their kernels do all of it while a result is in a register; by NumPy's calls it is one operation after the other, which is the definition.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.native import is_native
from ..core.op import Op, opaque
from .activation import RELU, RELU_BACKWARD
from .conv_kernels import convolved, has_kernel, spread
from .norm import BATCH_NORM, has_kernels
from .smooth import GELU, GELU_BACKWARD
from .windows import Windows


def finished(out: Any, added: Any, mask: Any, relu: bool) -> Any:
    """relu(out + added) where mask is not 0."""
    if added is not None:
        out = out + added
    if relu:
        out = RELU.forward(out)
    return out if mask is None else RELU_BACKWARD.forward(out, mask)


def _convolution(x: Any, weight: Any, bias: Any, added: Any, mask: Any, *, windows: Windows, groups: int, relu: bool) -> Any:
    if has_kernel(x, weight, len(x), weight.shape[0] * weight.shape[1], windows, groups):
        from . import conv_native
        return conv_native.convolved(x, weight, bias, windows, conv_native.Finish(added is not None, relu, mask is not None), added, mask)
    return finished(convolved(x, weight, bias, windows, groups), added, mask, relu)


def _spread(y: Any, weight: Any, bias: Any, added: Any, mask: Any, *, windows: Windows, groups: int, relu: bool) -> Any:
    if has_kernel(y, weight, len(y), weight.shape[0] * weight.shape[1], windows, groups):
        from . import conv_native
        return conv_native.spread(y, weight, windows, bias, conv_native.Finish(added is not None, relu, mask is not None), added, mask)
    return finished(spread(y, weight, windows, groups, bias), added, mask, relu)


def _batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, added: Any, mask: Any, *, training: bool, eps: float, relu: bool) -> Any:
    if mask is None and has_kernels(x, weight, bias, mean, var, added):
        from . import batch_norm_native
        return batch_norm_native.forward(x, weight, bias, mean, var, eps, added, relu)
    return finished(BATCH_NORM.forward(x, weight, bias, mean, var, training=training, eps=eps), added, mask, relu)


def _gelu_with_slope(x: Any) -> tuple:
    if not is_native(x):
        return GELU.forward(x), GELU_BACKWARD.forward(np.ones_like(x), x)
    from . import gelu_native
    return gelu_native.with_slope(x)


CONVOLUTION_FINISHED = Op("convolution_finished", opaque, _convolution, launches=True)
SPREAD_FINISHED = Op("convolution_finished", opaque, _spread, launches=True)
BATCH_NORM_FINISHED = Op("batch_norm_finished", opaque, _batch_norm, launches=True)
GELU_WITH_SLOPE = Op("gelu_with_slope", opaque, _gelu_with_slope, launches=True, over=((1, 0),))
