"""Covariance and correlation of variables, each a row of observations."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.program import warn_user
from .choose import clamp
from .complex_numbers import complex
from .reduce import sum

if TYPE_CHECKING:
    from ..tensor import Tensor


def cov(input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """The covariance of every two rows: (n, observations) -> (n, n); () for one row.

    fweights count how often an observation was made (integers), aweights say how much it matters.
    """
    check_observations(input, "cov")
    if input._array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = input if input._array.ndim == 2 else input.reshape(1, -1)
    count = rows._array.shape[1]
    weights = weights_of(fweights, aweights, count, input)
    if weights is None:
        total, mean = count, sum(rows, 1, True) / count
    else:
        total = sum(weights)
        mean = sum(rows * weights, 1, True) / total
    if weights is not None and aweights is not None and correction:
        norm = total - correction * sum(weights * aweights) / total
    else:
        norm = total - correction
    norm = warned(norm)
    rest = rows - mean
    turned = (rest if weights is None else rest * weights).t().conj()
    return (rest @ turned / norm).squeeze()


def check_observations(input: Any, name: str) -> None:
    """Raise PyTorch's error for more than two dimensions."""
    if input._array.ndim > 2:
        raise RuntimeError(f"{name}(): expected input to have two or fewer dimensions but got an input with {input._array.ndim} dimensions")


def weights_of(fweights: Any, aweights: Any, count: int, input: Any) -> Any:
    """The product of both weights, None if there are none. Raises PyTorch's errors."""
    for name, value, kinds, what in (("fweights", fweights, "iu", "integral"), ("aweights", aweights, "f", "floating point")):
        if value is None:
            continue
        recording.reads("the weights of cov()")
        array = value._array
        if array.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with {array.ndim} dimensions")
        if array.dtype.kind not in kinds:
            raise RuntimeError(f"cov(): expected {name} to have {what} dtype but got {name} with {value.dtype.kernel_name} dtype")
        if array.size != count:
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input but got {array.size} != "
                               f"{count}")
        if array.size and array.min() < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def warned(norm: Any) -> Any:
    """The divisor, not below 0; a warning where no degree of freedom is left."""
    if not isinstance(norm, int):
        recording.reads("the weights of cov()")
    value = norm if isinstance(norm, int) else float(np.real(norm._array))
    if value <= 0:
        warn_user("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.")
    return max(norm, 0) if isinstance(norm, int) else clamp(norm, min=0)


def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficient of every two rows, from -1 to 1: (n, observations) -> (n, n)."""
    check_observations(input, "corrcoef")
    c = cov(input)
    if not c._array.ndim:
        return c / c
    deviation = (c.diagonal().real if c.is_complex() else c.diagonal()).sqrt()
    c = c / deviation.unsqueeze(-1) / deviation.unsqueeze(0)
    if c.is_complex():
        return complex(clamp(c.real, -1, 1), clamp(c.imag, -1, 1))
    return clamp(c, -1, 1)
