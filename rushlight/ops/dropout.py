"""Dropout in all its forms, and the leaky relu with random slopes. All draw from the default generator unless told otherwise.

*Source*: Srivastava and others, Dropout (2014); for the alpha forms Klambauer and others, Self-normalizing neural networks (2017).
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import sampling, sampling_discrete
from ..core.apply import apply
from ..core.generator import default_generator
from ..core.inplace import inplace
from ..core.memory import dense
from ..core.op import Op, opaque
from .arithmetic import mul
from .random import check_probability, require_kind, stream

if TYPE_CHECKING:
    from ..tensor import Tensor


def _skips(input: Tensor, p: float, train: bool) -> bool:
    """Whether dropout leaves the input as it is. Raises RuntimeError unless p is a probability."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    return p == 0 or not train or input._array.size == 0


def _noise(input: Tensor, op: Op, p: float) -> Tensor:
    """What a feature or an element is multiplied with."""
    if p == 1:
        return input.new_zeros(())
    array = input._array
    if array.dtype.kind in "biu":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.kernel_name}")
    require_kind(array.dtype, "fV", "bernoulli_scalar_cpu_")
    return apply(op, input, p=float(p), generator=default_generator)


def like(x: Any) -> Any:
    """An array without values yet, laid out as x if x has no gaps, else in order."""
    return np.empty_like(x, order="K" if dense(x) else "C")


def feature_like(x: Any) -> Any:
    """An array without values yet, one element for each channel of x."""
    return np.empty(x.shape[:2] + (1,) * (x.ndim - 2), x.dtype)


DROPOUT_NOISE = Op("dropout_noise", opaque, lambda x, *, p, generator: sampling.dropout_noise(like(x), 1.0 - p, generator))
FEATURE_NOISE = Op("feature_noise", opaque, lambda x, *, p, generator: sampling.dropout_noise(feature_like(x), 1.0 - p, generator))
# Zeros and ones.
KEPT = Op("kept", opaque, lambda x, *, p, generator: sampling.bernoulli(like(x), 1.0 - p, generator))
KEPT_FEATURES = Op("kept_features", opaque, lambda x, *, p, generator: sampling.bernoulli(feature_like(x), 1.0 - p, generator))


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """In training each element divided by 1 - p, or with probability p zero; otherwise input itself."""
    return input if _skips(input, p, train) else mul(input, _noise(input, DROPOUT_NOISE, p))


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `dropout`."""
    return input if _skips(input, p, train) else input.mul_(_noise(input, DROPOUT_NOISE, p))


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout of whole channels. Shape: `(N, C, *)`, the same out."""
    return input if _skips(input, p, train) else mul(input, _feature_noise(input, p))


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """In-place version of `feature_dropout`."""
    return input if _skips(input, p, train) else input.mul_(_feature_noise(input, p))


def _feature_noise(input: Tensor, p: float) -> Tensor:
    if p != 1:
        _require_channels(input)
    return _noise(input, FEATURE_NOISE, p)


def _require_channels(input: Tensor) -> None:
    if input._array.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")


#: SELU's limit for large negative numbers, without its sign: scale * alpha
_SELU_LIMIT = 1.7580993408473766


def _alpha_terms(input: Tensor, op: Op, p: float) -> tuple[Tensor, Tensor]:
    """(factor, summand): kept elements are scaled and shifted, others become SELU's limit scaled and shifted.

    With a = 1 / sqrt((limit**2 p + 1)(1 - p)) mean 0 and variance 1 stay.
    """
    a = 1.0 / math.sqrt((_SELU_LIMIT * _SELU_LIMIT * p + 1.0) * (1.0 - p))
    kept: Any = _noise(input, op, p)
    return kept * a, (kept + -1.0) * (_SELU_LIMIT * a) + _SELU_LIMIT * a * p


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """Dropout to SELU's negative limit instead of zero, scaled and shifted so that mean 0 and variance 1 stay."""
    return _alpha_dropout(input, KEPT, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` of whole channels. Shape: `(N, C, *)`, the same out."""
    return _alpha_dropout(input, KEPT_FEATURES, p, train)


def _alpha_dropout(input: Tensor, op: Op, p: float, train: bool) -> Tensor:
    if _skips(input, p, train):
        return input
    if p == 1:
        return mul(input, input.new_zeros(()))
    if op is KEPT_FEATURES:
        _require_channels(input)
    factor, summand = _alpha_terms(input, op, p)
    return input * factor + summand


alpha_dropout_ = inplace(alpha_dropout, "alpha_dropout_")
feature_alpha_dropout_ = inplace(feature_alpha_dropout, "feature_alpha_dropout_")


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """(dropout of input, the mask of the elements that were kept); without training input's copy and a mask of ones."""
    array = input._array
    if train is not None and not train or array.size == 0:
        return input.clone(), input.new_ones(input.shape).bool() if array.size else input.new_zeros(input.shape)
    if array.dtype.kind in "biu":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.kernel_name}")
    check_probability(1.0 - p, "bernoulli_")
    mask = apply(DROPOUT_MASK, input, p=float(p), generator=default_generator)
    return apply(NATIVE_DROPOUT, input, mask, scale=0.0 if p == 1 else 1.0 / (1.0 - p)), mask


DROPOUT_MASK = Op("dropout_mask", opaque, lambda x, *, p, generator: sampling.bernoulli(
    like(x).astype(np.bool_, order="K"), 1.0 - p, generator))
NATIVE_DROPOUT: Op = Op("native_dropout", opaque, lambda x, mask, *, scale: x * mask * np.array(scale, x.dtype),
    grads=(lambda g, mask, scale: apply(NATIVE_DROPOUT, g, mask, scale=scale), None))


def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, generator: Any = None) -> Tensor:
    """input where positive, else input times a slope: in training one drawn from [lower, upper] for each, otherwise their mean.

    *Source*: Xu and others, Empirical evaluation of rectified activations (2015).
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    require_kind(input._array.dtype, "fV", "rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu")
    if training:
        slopes = apply(RRELU_NOISE, input, lower=float(lower), upper=float(upper), generator=stream(generator, "rrelu"))
    else:
        slopes = apply(RRELU_MEAN, input, slope=(lower + upper) / 2.0)
    return apply(RRELU_WITH_NOISE, input, slopes)


def _mean_slopes(x: Any, *, slope: float) -> Any:
    slopes = np.ones_like(x)
    slopes[x <= 0] = slope
    return slopes


RRELU_NOISE = Op("rrelu_noise", opaque, lambda x, *, lower, upper, generator: sampling_discrete.rrelu_noise(x, lower, upper, generator))
RRELU_MEAN = Op("rrelu_mean", opaque, _mean_slopes)
RRELU_WITH_NOISE = Op("rrelu_with_noise", opaque, lambda x, slopes: np.multiply(x, slopes),
    grads=(lambda g, slopes: g * slopes, None))

rrelu_ = inplace(rrelu, "rrelu_")
