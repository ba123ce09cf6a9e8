"""softmax, log_softmax and softmin as torch.nn.functional has them: without dim they guess, and warn.

`_stacklevel`, which PyTorch has, changes nothing: the warning is at the line of the program that called.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.program import warn_user
from . import softmax as plain

if TYPE_CHECKING:
    from ..tensor import Tensor


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along dim: positive numbers that add up to 1."""
    return plain.softmax(input, _chosen("softmax", input, dim), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -input: the smallest number gets the largest share."""
    return plain.softmax(-input, _chosen("softmin", input, dim), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), exact also where softmax is near 0 or 1."""
    return plain.log_softmax(input, _chosen("log_softmax", input, dim), dtype)


def _chosen(name: str, input: Any, dim: int | None) -> int:
    """dim, or PyTorch's old guess: 0 for 0, 1 or 3 dimensions, else 1."""
    if dim is not None:
        return dim
    warn_user(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.")
    return 0 if input._array.ndim in (0, 1, 3) else 1
