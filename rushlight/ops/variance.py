"""Variance and standard deviation over dimensions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.reduce_numpy import reduce
from ..core.apply import apply
from ..core.op import Op, reduction
from ..core.program import warn_user
from ..core.samples import over_dims
from .choose import zero_where
from .dims import some_dims
from .reduce import count_of, mean as mean_of, spread

if TYPE_CHECKING:
    from ..tensor import Tensor


def var(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Tensor:
    """The mean squared distance from the mean, over dim: the sum of squares divided by n - correction (1; unbiased=False means 0).

    The old form `var(input, unbiased)` is understood.
    """
    return apply(VAR, input, **_settings("var", input, dim, unbiased, keepdim, correction))


def std(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None) -> Tensor:
    """The square root of `var`, with the same arguments."""
    return apply(STD, input, **_settings("std", input, dim, unbiased, keepdim, correction))


def var_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple:
    """The tuple (variance, mean), with the arguments of `var`."""
    return apply(VAR_MEAN, input, **_settings("var_mean", input, dim, unbiased, keepdim, correction))


def std_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: float | None = None) -> tuple:
    """The tuple (standard deviation, mean), with the arguments of `var`."""
    return apply(STD_MEAN, input, **_settings("std_mean", input, dim, unbiased, keepdim, correction))


def _settings(name: str, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> dict:
    """The attributes of the operation from the arguments of both the new and the old form."""
    array = input._array
    if isinstance(dim, bool):  # the old form: var(input, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    if array.dtype.kind in "biu":
        raise RuntimeError(f"{name.replace('_mean', '')}{'_mean' if '_mean' in name else ''} only support floating point and complex dtypes"
                           if "_mean" in name else "std and var only support floating point and complex dtypes")
    dim = some_dims(dim, array.ndim) or None
    if count_of(array.shape, dim) <= correction and array.size:
        warn_user(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
                  "divided by output numel).")
    return {"dim": dim, "keepdim": keepdim, "correction": correction, "shape": array.shape}


def freedom(shape: tuple, dim: Any, correction: Any) -> Any:
    """What the sum of squares is divided by."""
    left = count_of(shape, dim) - correction
    return left if left > 0 else 0


def moments(x: Any, dim: Any, shape: tuple, correction: Any) -> tuple:
    """The variance and the mean, with size 1 along the dimensions taken together."""
    count = count_of(shape, dim)
    real = x.real.dtype.type
    mean = np.true_divide(reduce(np.add, x, dim, None, True), real(count))
    away = np.asarray(x - mean)
    square = np.square(away.real) + np.square(away.imag) if x.dtype.kind == "c" else np.multiply(away, away, away)
    return np.true_divide(reduce(np.add, square, dim, None, True), real(freedom(shape, dim, correction))), np.asarray(mean)


def _dropped(out: Any, dim: Any, keepdim: bool) -> Any:
    return out if keepdim else out.reshape([n for at, n in enumerate(out.shape) if dim is not None and at not in dim])


def _var(x: Any, *, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> Any:
    return _dropped(moments(x, dim, shape, correction)[0], dim, keepdim)


def _std(x: Any, *, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> Any:
    return np.sqrt(_var(x, dim=dim, keepdim=keepdim, correction=correction, shape=shape))


def _var_mean(x: Any, *, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> tuple:
    return tuple([_dropped(out, dim, keepdim) for out in moments(x, dim, shape, correction)])


def _std_mean(x: Any, *, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> tuple:
    var, mean = _var_mean(x, dim=dim, keepdim=keepdim, correction=correction, shape=shape)
    return np.asarray(np.sqrt(var)), mean


def _var_gradient(g: Any, x: Any, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> Any:
    left = freedom(shape, dim, correction)
    return spread(g, dim, keepdim) * (2.0 / left if left else float("inf")) * (x - mean_of(x, dim, True))


def _std_gradient(g: Any, x: Any, out: Any, dim: Any, keepdim: bool, correction: Any, shape: tuple) -> Any:
    return _var_gradient(zero_where(out == 0, g / (out * 2)), x, dim, keepdim, correction, shape)


def _mean_gradient(g: Any, dim: Any, keepdim: bool, shape: tuple) -> Any:
    return spread(g / count_of(shape, dim), dim, keepdim)


_samples = over_dims(shaped=True, correction=0.5)
VAR = Op("var", reduction, _var, samples=_samples, grads=(_var_gradient,))
STD = Op("std", reduction, _std, samples=_samples, grads=(_std_gradient,))
VAR_MEAN = Op("var_mean", reduction, _var_mean, samples=_samples,
    grads=(lambda g, x, dim, keepdim, correction, shape:
           _var_gradient(g[0], x, dim, keepdim, correction, shape) + _mean_gradient(g[1], dim, keepdim, shape),))
STD_MEAN = Op("std_mean", reduction, _std_mean, samples=_samples,
    grads=(lambda g, x, dim, keepdim, correction, shape:
           _std_gradient(g[0], x, std(x, dim, keepdim=keepdim, correction=correction), dim, keepdim, correction, shape)
           + _mean_gradient(g[1], dim, keepdim, shape),))
