"""Nonlinearities as layers. Each keeps the shape of its input: `(*) -> (*)`, where nothing else is said."""
from __future__ import annotations

import warnings
from typing import Any

from rushlight.ops.create import empty
from rushlight.tensor import Tensor

from . import functional as F, init
from .attention import MultiheadAttention
from .module import Module
from .parameter import Parameter

#: PyTorch keeps it among the activations, where programs and pickles look for it.
MultiheadAttention.__module__ = "torch.nn.modules.activation"


class _Inplace(Module):
    """What the layers share that may write over their input."""

    __constants__ = ["inplace"]
    inplace: bool

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Whether the input is written over."""
        return "inplace=True" if self.inplace else ""

    def _and_inplace(self, text: str) -> str:
        return text + (", inplace=True" if self.inplace else "")


class Threshold(_Inplace):
    """x where x > threshold, else value."""

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input, with what is not above the threshold replaced."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The threshold and the value."""
        return self._and_inplace(f"threshold={self.threshold}, value={self.value}")


class ReLU(_Inplace):
    """max(0, x)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, with what is negative made 0."""
        return F.relu(input, inplace=self.inplace)


class RReLU(_Inplace):
    """x where x >= 0, else a * x, with a drawn for each element from [lower, upper) in training, and their middle otherwise.

    Source: Xu and others 2015, "Empirical evaluation of rectified activations in convolutional network".
    """

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """The randomized leaky ReLU of the input."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The range of the slope."""
        return self._and_inplace(f"lower={self.lower}, upper={self.upper}")


class Hardtanh(_Inplace):
    """x limited to [min_val, max_val]. `min_value` and `max_value` are old names of these."""

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False, min_value: float | None = None,
                 max_value: float | None = None):
        super().__init__(inplace)
        if min_value is not None:
            warnings.warn("keyword argument `min_value` is deprecated and renamed to `min_val`", FutureWarning, stacklevel=2)
            min_val = min_value
        if max_value is not None:
            warnings.warn("keyword argument `max_value` is deprecated and renamed to `max_val`", FutureWarning, stacklevel=2)
            max_val = max_value
        self.min_val = min_val
        self.max_val = max_val
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input: Tensor) -> Tensor:
        """The input, limited."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """The limits."""
        return self._and_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """min(max(0, x), 6)."""

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        """Whether the input is written over."""
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """The sigmoid of the input."""
        return input.sigmoid()


class Hardsigmoid(_Inplace):
    """x / 6 + 1 / 2, limited to [0, 1]."""

    def forward(self, input: Tensor) -> Tensor:
        """The piecewise linear sigmoid of the input."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


class Tanh(Module):
    """The hyperbolic tangent of x."""

    def forward(self, input: Tensor) -> Tensor:
        """The tanh of the input."""
        return input.tanh()


class SiLU(_Inplace):
    """x * sigmoid(x), also called swish. Source: Hendrycks and Gimpel 2016, "Gaussian error linear units"."""

    def forward(self, input: Tensor) -> Tensor:
        """The SiLU of the input."""
        return F.silu(input, inplace=self.inplace)


class Mish(_Inplace):
    """x * tanh(softplus(x)). Source: Misra 2019, "Mish: a self regularized non-monotonic neural activation function"."""

    def forward(self, input: Tensor) -> Tensor:
        """The Mish of the input."""
        return F.mish(input, inplace=self.inplace)


class Hardswish(_Inplace):
    """x * hardsigmoid(x). Source: Howard and others 2019, "Searching for MobileNetV3"."""

    def forward(self, input: Tensor) -> Tensor:
        """The piecewise swish of the input."""
        return F.hardswish(input, self.inplace)

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


class ELU(_Inplace):
    """x where x > 0, else alpha * (exp(x) - 1). Source: Clevert and others 2015, "Fast and accurate deep network learning by ELUs"."""

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """The ELU of the input."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Alpha."""
        return self._and_inplace(f"alpha={self.alpha}")


class CELU(ELU):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)): an ELU whose slope is continuous. Source: Barron 2017, arXiv:1704.07483."""

    def forward(self, input: Tensor) -> Tensor:
        """The CELU of the input."""
        return F.celu(input, self.alpha, self.inplace)


class SELU(_Inplace):
    """scale * ELU(x) with the scale and alpha that keep mean 0 and variance 1. Source: Klambauer and others 2017, arXiv:1706.02515."""

    def forward(self, input: Tensor) -> Tensor:
        """The SELU of the input."""
        return F.selu(input, self.inplace)


class GLU(Module):
    """a * sigmoid(b), where a and b are the two halves of the input along dim.

    Shape: `(*, 2 N, *) -> (*, N, *)`. Source: Dauphin and others 2016, "Language modeling with gated convolutional networks".
    """

    __constants__ = ["dim"]

    def __init__(self, dim: int = -1):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """One half of the input, gated by the other."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class GELU(Module):
    """x * P(X <= x) for a standard normal X; with approximate="tanh", the usual approximation by tanh.

    Source: Hendrycks and Gimpel 2016, "Gaussian error linear units".
    """

    __constants__ = ["approximate"]

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """The GELU of the input."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """The approximation."""
        return f"approximate={self.approximate!r}"


class Hardshrink(Module):
    """x where |x| > lambd, else 0."""

    __constants__ = ["lambd"]

    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """The input, with what is small made 0."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, moved towards 0."""
        return F.softshrink(input, self.lambd)


class LeakyReLU(_Inplace):
    """x where x >= 0, else negative_slope * x."""

    __constants__ = ["inplace", "negative_slope"]

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        """The leaky ReLU of the input."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """The slope."""
        return self._and_inplace(f"negative_slope={self.negative_slope}")


class LogSigmoid(Module):
    """log(1 / (1 + exp(-x))), without overflow."""

    def forward(self, input: Tensor) -> Tensor:
        """The log of the input's sigmoid."""
        return F.logsigmoid(input)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold."""

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """The softplus of the input."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Beta and the threshold."""
        return f"beta={self.beta}, threshold={self.threshold}"


class PReLU(Module):
    """x where x >= 0, else weight * x, with a slope that is learned: one for all, or one per channel (dimension 1).

    Shape: `(*) -> (*)`; weight `(num_parameters)`, first value `init`.
    Source: He and others 2015, "Delving deep into rectifiers".
    """

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Gives every slope its first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """The leaky ReLU of the input with the learned slope."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """The softsign of the input."""
        return F.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """The tanhshrink of the input."""
        return F.tanhshrink(input)


class _AlongDim(Module):
    """What the softmax layers share: the dimension along which the results sum to 1."""

    __constants__ = ["dim"]
    dim: int | None

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def __setstate__(self, state: dict) -> None:
        super().__setstate__({"dim": None, **state})

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmin(_AlongDim):
    """softmax(-x) along dim."""

    def forward(self, input: Tensor) -> Tensor:
        """The softmin of the input."""
        return F.softmin(input, self.dim)


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along dim: positive, with sum 1."""

    def forward(self, input: Tensor) -> Tensor:
        """The softmax of the input."""
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """x - log(sum(exp(x))) along dim: the logarithm of the softmax."""

    def forward(self, input: Tensor) -> Tensor:
        """The log-softmax of the input."""
        return F.log_softmax(input, self.dim)


class Softmax2d(Module):
    """The softmax over the channels at every place of an image. Shape: `(N, C, H, W)` or `(C, H, W)`, the same out."""

    def forward(self, input: Tensor) -> Tensor:
        """The softmax over dimension -3."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)
