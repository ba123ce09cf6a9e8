"""All parameters as one vector, and back."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rushlight.names import typename
from rushlight.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in one row."""
    from rushlight import cat
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Gives the parameters the elements of a vector, from its front; they then share its memory. Raises: TypeError, RuntimeError."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parts, start = [], 0
    for parameter in parameters:
        # All parts are cut before the first is given away: a vector that is too short changes nothing.
        parts.append((parameter, vec[start:start + parameter.numel()].view_as(parameter).data))
        start += parameter.numel()
    for parameter, part in parts:
        parameter.data = part
