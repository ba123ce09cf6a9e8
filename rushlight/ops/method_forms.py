"""Methods that take their arguments in another order than the functions of the same name."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import choose

if TYPE_CHECKING:
    from ..tensor import Tensor


def where(input: Tensor, condition: Tensor, other: Any) -> Tensor:
    """input where condition holds, else other."""
    return choose.where(condition, input, other)
