"""Gamma numbers, and how they move with their shape: what gamma, beta, Dirichlet and Student's distributions are made of."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import sampling_continuous
from ..core.apply import apply
from ..core.op import Op, opaque
from .random import require_kind, stream

if TYPE_CHECKING:
    from ..tensor import Tensor


def _standard_gamma(input: Tensor, generator: Any = None) -> Tensor:
    """A gamma number of scale 1 for each shape in input. Gradient: how the number moves with its shape while its quantile stays."""
    array = input._array
    require_kind(array.dtype, "f" if array.itemsize > 2 else "", "gamma_cpu")
    return apply(STANDARD_GAMMA, input, generator=stream(generator, "_standard_gamma"))


def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """The derivative of gamma numbers `output` by their shapes `input`."""
    return apply(STANDARD_GAMMA_GRAD, input, output)


def _gradient(shape: Any, number: Any) -> Any:
    alpha, x = shape.astype(np.float64), number.astype(np.float64)
    large = alpha > 1e4
    result = np.empty(alpha.shape)
    result[~large] = _by_series(alpha[~large], x[~large])
    result[large] = _by_quantile(alpha[large], x[large])
    return result.astype(shape.dtype)


def _by_series(alpha: Any, x: Any) -> Any:
    """-(dP/d alpha) / (dP/dx), where P(alpha, x) is the distribution function, by P's power series.

    P = sum of x**(alpha + k) exp(-x) / gamma(alpha + k + 1) over k >= 0, so this is the sum of (digamma(alpha + k + 1) - log x) c[k] with
    c[k] = x**(k + 1) / (alpha (alpha + 1) ... (alpha + k)).
    """
    log_x, digamma = np.log(x), _digamma(alpha + 1.0)
    term, total, k = x / alpha, np.zeros(alpha.shape), 0
    largest = term.copy()
    while (term > 1e-17 * largest).any():
        total += term * (digamma - log_x)
        k += 1
        digamma += 1.0 / (alpha + k)
        term *= x / (alpha + k)
        np.maximum(largest, term, out=largest)
    return total


def _digamma(y: Any) -> Any:
    """The derivative of log gamma for y >= 1: six steps up, then its asymptotic series."""
    total = np.zeros(y.shape)
    for step in range(6):
        total -= 1.0 / (y + step)
    y = y + 6.0
    inverse = 1.0 / (y * y)
    tail = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse * (1 / 132 - inverse * (691 / 32760))))))
    return total + np.log(y) - 0.5 / y - tail


def _by_quantile(alpha: Any, x: Any) -> Any:
    """For large shapes x = alpha + z sqrt(alpha) + (z**2 - 1) / 3 + (z**3 - 7 z) / (36 sqrt(alpha)) with a normal quantile z, which stays.

    *Source*: Wilson and Hilferty (1931) for z; Cornish and Fisher (1938) for x.
    """
    root = np.sqrt(alpha)
    z = 3.0 * root * (np.cbrt(x / alpha) - 1.0 + 1.0 / (9.0 * alpha))
    return 1.0 + z / (2.0 * root) - (z**3 - 7.0 * z) / (72.0 * alpha * root)


def _no_second_gradient(g: Any) -> Any:
    raise RuntimeError("derivative for aten::_standard_gamma_grad is not implemented")


STANDARD_GAMMA = Op("standard_gamma", opaque, lambda x, *, generator: sampling_continuous.gamma(x, generator),
    grads=(lambda g, x, out: g * apply(STANDARD_GAMMA_GRAD, x, out),))
STANDARD_GAMMA_GRAD: Op = Op("standard_gamma_grad", opaque, _gradient, grads=(_no_second_gradient, _no_second_gradient), node_name="NotImplemented")
