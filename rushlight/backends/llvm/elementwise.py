"""Elementwise functions of large float32 arrays without gaps in machine code, on all cores.

Sums, differences, products and quotients have NumPy's bits, square roots PyTorch's; exp, log and tanh are within a unit of both in the last place.
"""
from __future__ import annotations

from functools import cache, partial
from typing import Any

from .rows import RowKernel, Rows
from .vector_math import FUNCTIONS


def write(c: Rows, operation: str, is_number: tuple[bool, ...]) -> None:
    """[arguments, out]: the operation on the elements from %start to %stop; an argument that is one number stands for all its elements."""
    pointers = [c.pointer("%arguments", k) for k in range(len(is_number) + 1)]
    given = [c.splat(c.load_one(pointer)) if one else c.at(pointer, "%start") for pointer, one in zip(pointers, (*is_number, False))]

    def piece(p: Any) -> None:
        p.store(FUNCTIONS[operation](c, *[value if one else p.load(value) for value, one in zip(given, is_number)]), given[-1])
    c.over(c.minus("%stop", "%start"), piece)


@cache
def kernel(operation: str, is_number: tuple[bool, ...]) -> RowKernel:
    return RowKernel(partial(write, operation=operation, is_number=is_number))


def run(operation: str, arrays: tuple, out: Any) -> Any:
    """out = operation(*arrays), of one shape but for numbers (arrays without dimensions); out may be one of them."""
    kernel(operation, tuple([a.ndim == 0 for a in arrays]))(out.size, 1, (*arrays, out))
    return out
