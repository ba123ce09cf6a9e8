"""Methods that take their arguments in another order than the functions of the same name."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.inplace import inplace
from . import choose

if TYPE_CHECKING:
    from ..tensor import Tensor


def where(input: Tensor, condition: Tensor, other: Any) -> Tensor:
    """input where condition holds, else other."""
    return choose.where(condition, input, other)


def polygamma(input: Tensor, n: int) -> Tensor:
    """The n-th derivative of digamma."""
    from . import special  # with its tables: not for the sake of `where`
    return special.polygamma(n, input)


polygamma_ = inplace(polygamma, "polygamma_")
