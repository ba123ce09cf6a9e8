"""Dropout as `nn.functional` has it: with defaults, `inplace=`, and an eye on the number of dimensions."""
from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.program import warn_user
from . import dropout as plain

if TYPE_CHECKING:
    from ..tensor import Tensor


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training each element divided by 1 - p, or with probability p zero; otherwise input itself."""
    _check(p)
    return (plain.dropout_ if inplace else plain.dropout)(input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout to SELU's negative limit instead of zero, scaled and shifted so that mean 0 and variance 1 stay."""
    _check(p)
    return (plain.alpha_dropout_ if inplace else plain.alpha_dropout)(input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels. Shape: `(N, C, *)`, the same out."""
    _check(p)
    return (plain.feature_alpha_dropout_ if inplace else plain.feature_alpha_dropout)(input, p, training)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels. Shape: `(N, C, L)` or `(C, L)`, the same out. Raises RuntimeError for other numbers of dimensions."""
    _check(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. {_purpose(1)}")
    return _of_channels(input, p, training, inplace, batched=input.dim() == 3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels. Shape: `(N, C, H, W)`, the same out. The first two of three dimensions count as N and C."""
    _check(p)
    if input.dim() not in (3, 4):
        _warn_of_dims(input, 2)
    elif input.dim() == 3:
        warn_user("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input is "
                  "interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to interpret the "
                  "input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please "
                  "switch to using dropout1d instead.")
    return _of_channels(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`, the same out."""
    _check(p)
    if input.dim() not in (4, 5):
        _warn_of_dims(input, 3)
    return _of_channels(input, p, training, inplace, batched=input.dim() != 4)


def _warn_of_dims(input: Tensor, spatial: int) -> None:
    name = f"dropout{spatial}d"
    warn_user(f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will result in an error in a future release. To "
              f"retain the behavior and silence this warning, please use dropout instead. {_purpose(spatial)}")


def _purpose(spatial: int) -> str:
    return (f"Note that dropout{spatial}d exists to provide channel-wise dropout on inputs with {spatial} spatial "
            f"dimension{'' if spatial == 1 else 's'}, a channel dimension, and an optional batch dimension (i.e. {spatial + 1}D or "
            f"{spatial + 2}D inputs).")


def _of_channels(input: Tensor, p: float, training: bool, inplace: bool, batched: bool = True) -> Tensor:
    samples = input if batched else input.unsqueeze(0)
    if inplace:
        plain.feature_dropout_(samples, p, training)
        return input
    result = plain.feature_dropout(samples, p, training)
    return result if batched else result.squeeze(0)


def rrelu(input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """input where positive, else input times a slope: in training one drawn from [lower, upper] for each, otherwise their mean."""
    return (plain.rrelu_ if inplace else plain.rrelu)(input, lower, upper, training)
