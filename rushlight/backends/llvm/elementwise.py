"""a + b, a - b and a * b of large float32 arrays without gaps in machine code, on all cores; the bits are NumPy's."""
from __future__ import annotations

from functools import cache, partial
from typing import Any

from .rows import RowKernel, Rows


def write(c: Rows, operation: str) -> None:
    """[a, b, out]: the operation on the elements from %start to %stop."""
    a, b, out = (c.at(c.pointer("%arguments", k), "%start") for k in range(3))
    c.over(c.minus("%stop", "%start"), lambda p: p.store(getattr(c, operation)(p.load(a), p.load(b)), out))


@cache
def kernel(operation: str) -> RowKernel:
    return RowKernel(partial(write, operation=operation))


def binary(operation: str, a: Any, b: Any, out: Any) -> Any:
    """out = add, subtract or multiply of a and b; out may be one of them."""
    kernel(operation)(out.size, 1, (a, b, out))
    return out
