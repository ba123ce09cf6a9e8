"""First values of parameters. Every function fills a tensor in place, without recording it, and returns the tensor.

The order of draws and of the arithmetic is PyTorch's: equal seeds give equal weights, to the bit.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from rushlight.core import recording
from rushlight.core.grad_mode import no_grad
from rushlight.core.wrap import wrap
from rushlight.tensor import Tensor

from ..core.program import warn_user

__all__ = ["calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal", "kaiming_normal_", "kaiming_uniform",
           "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal", "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform",
           "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_"]

LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid")
GAINS = {**dict.fromkeys(LINEAR, 1), "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
FAN_MODES = ["fan_in", "fan_out"]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity shrinks the spread of its input, to be made up for in the weights before it.

    `param` is the slope of "leaky_relu", 0.01 if None. Raises: ValueError for another name or a slope that is no number.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """(fan in, fan out): how many inputs each output depends on, and the other way round, of a weight (out, in, *kernel)."""
    shape = tensor.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in FAN_MODES:
        raise ValueError(f"Mode {mode} not supported, please use one of {FAN_MODES}")
    return _calculate_fan_in_and_fan_out(tensor)[FAN_MODES.index(mode)]


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """The tensor, filled from the uniform distribution on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """The tensor, filled from the normal distribution."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None) -> Tensor:
    """The tensor, filled from the normal distribution as it is within [a, b]: what falls outside is drawn again.

    a and b are bounds on the values, not multiples of std.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warn_user("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.")
    inside = _normal_below((b - mean) / std) - _normal_below((a - mean) / std)
    if inside > 0.3:
        return _reject_from_normal(tensor, mean, std, a, b, generator)
    return _reject_from_uniform(tensor, mean, std, a, b, generator)


def _normal_below(x: float) -> float:
    """The share of the standard normal distribution below x."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _reject_from_normal(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any) -> Tensor:
    from rushlight.ops.create import empty_like
    tensor.normal_(mean, std, generator=generator)
    lowest, highest = tensor.new_tensor(a), tensor.new_tensor(b)
    outside = (tensor < lowest) | (tensor > highest)
    while outside.any():
        # A whole tensor is drawn although few elements are wanted: that is the order of draws.
        fresh = empty_like(tensor).normal_(mean, std, generator=generator)
        tensor[outside] = fresh[outside]
        outside = (tensor < lowest) | (tensor > highest)
    return tensor


def _reject_from_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any) -> Tensor:
    # Where little of the normal distribution lies within [a, b], a uniform candidate is kept with the probability
    # density(candidate) / density(mode), which is compared as logarithms.
    from rushlight.ops.create import empty_like, ones_like
    mode = max(a, min(mean, b))
    peak = -0.5 * ((mode - mean) / std) ** 2
    pending = ones_like(tensor).bool()
    while True:
        candidate = empty_like(tensor).uniform_(a, b, generator=generator)
        log_density = ((candidate - mean) / std) ** 2 * -0.5 - peak
        accept = empty_like(tensor).uniform_(0, 1, generator=generator)
        tensor[pending] = candidate[pending]
        pending = pending & (accept.log() > log_density)
        if not pending.any():
            return tensor


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """The tensor, every element `val`."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """The tensor, every element 1."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """The tensor, every element 0."""
    return tensor.zero_()


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """The matrix with ones on its diagonal and zeros elsewhere: a linear layer then keeps its input.

    Raises: ValueError unless the tensor has 2 dimensions.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor.zero_()
    tensor.diagonal().fill_(1)
    return tensor


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The kernel of a convolution that hands on as many input channels as it can, unchanged; per group.

    Shape: `(out, in / groups, *kernel)` with a kernel of 1 to 3 dimensions; the ones stand in the kernel's middle.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out_channels, in_channels = tensor.shape[:2]
    if out_channels % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    tensor.zero_()
    middle = tuple([size // 2 for size in tensor.shape[2:]])
    per_group = out_channels // groups
    for group in range(groups):
        for channel in range(min(per_group, in_channels)):
            place = (group * per_group + channel, channel, *middle)
            tensor[place] = 1
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """The tensor, uniform on (-a, a) with a = gain * sqrt(6 / (fan in + fan out)).

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """The tensor, normal with std = gain * sqrt(2 / (fan in + fan out)). Source: as `xavier_uniform_`."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None) -> Tensor:
    """The tensor, uniform on (-bound, bound) with bound = gain * sqrt(3 / fan); `a` is the slope of a leaky ReLU.

    Source: He and others 2015, "Delving deep into rectifiers".
    """
    if _nothing_to_fill(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None) -> Tensor:
    """The tensor, normal with std = gain / sqrt(fan). Source: as `kaiming_uniform_`."""
    if _nothing_to_fill(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _nothing_to_fill(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warn_user("Initializing zero-element tensors is a no-op")
    return True


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """The tensor, as a matrix (size(0), the rest), with orthonormal rows or columns, whichever are fewer, times gain.

    Source: Saxe and others 2013, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks".
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    if rows < columns:
        flat = flat.t()
    recording.reads("orthogonal_()")
    array = flat._array
    q, r = (wrap(factor) for factor in array.__array_namespace__().linalg.qr(array))
    q = q * r.diagonal().sign()  # without this Q would not be uniform among all orthogonal matrices (arXiv:math-ph/0609050)
    if rows < columns:
        q = q.t()
    tensor.view_as(q).copy_(q)
    return tensor.mul_(gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """The matrix, normal, but in every column a share `sparsity` of the elements 0.

    Source: Martens 2010, "Deep learning via Hessian-free optimization".
    """
    from rushlight import randperm
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        tensor[randperm(rows)[:zeros], column] = 0
    return tensor


def _old_name(function: Callable) -> Callable:
    """A function under the name it had before names ended in "_"; it says so when called."""
    new = function.__name__
    old = new[:-1]

    @wraps(function)
    def deprecated(*args: Any, **kwargs: Any) -> Any:
        warn_user(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning)
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old
    deprecated.__doc__ = f"The old name of `{new}`."
    return deprecated


uniform = _old_name(uniform_)
normal = _old_name(normal_)
constant = _old_name(constant_)
eye = _old_name(eye_)
dirac = _old_name(dirac_)
xavier_uniform = _old_name(xavier_uniform_)
xavier_normal = _old_name(xavier_normal_)
kaiming_uniform = _old_name(kaiming_uniform_)
kaiming_normal = _old_name(kaiming_normal_)
orthogonal = _old_name(orthogonal_)
sparse = _old_name(sparse_)
