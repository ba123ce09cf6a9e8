"""One number for all dimensions, or one for each: the tuples that kernels, strides and paddings are given by."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    """The function that makes a number n times itself, and any other sequence a tuple."""
    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n
    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple, n: int) -> tuple:
    """The elements from last to first, each n times: paddings as `pad` wants them."""
    return tuple(x for x in reversed(t) for _ in range(n))
