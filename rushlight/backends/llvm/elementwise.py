"""Elementwise functions of large float32 arrays without gaps in machine code, on all cores.

Sums, differences, products and quotients have NumPy's bits, square roots PyTorch's; exp, log and tanh are within a unit of both in the last place.
"""
from __future__ import annotations

from functools import cache, partial
from typing import Any

from .rows import RowKernel, Rows
from .vector_math import FUNCTIONS


def write(c: Rows, steps: tuple, is_number: tuple[bool, ...]) -> None:
    """[arguments, out]: the result of the last step on the elements from %start to %stop; an argument that is one number stands for all its
    elements."""
    pointers = [c.pointer("%arguments", k) for k in range(len(is_number) + 1)]
    given = [c.splat(c.load_one(pointer)) if one else c.at(pointer, "%start") for pointer, one in zip(pointers, (*is_number, False))]

    def piece(p: Any) -> None:
        values = [value if one else p.load(value) for value, one in zip(given, is_number)]
        results: list[str] = []
        for function, *places in steps:
            results.append(FUNCTIONS[function](c, *[values[at] if at >= 0 else results[-at - 1] for at in places]))
        p.store(results[-1], given[-1])
    c.over(c.minus("%stop", "%start"), piece)


@cache
def kernel(steps: tuple, is_number: tuple[bool, ...]) -> RowKernel:
    return RowKernel(partial(write, steps=steps, is_number=is_number))


def run(steps: tuple, arrays: tuple, out: Any) -> Any:
    """out = the steps of `large.run_chain` on arrays of its shape, or numbers (arrays without dimensions); out may be one of them."""
    kernel(steps, tuple([a.ndim == 0 for a in arrays]))(out.size, 1, (*arrays, out))
    return out
