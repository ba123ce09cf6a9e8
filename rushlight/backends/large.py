"""Elementwise NumPy functions over large arrays, on all cores."""
from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .native import is_native

#: what has a kernel in machine code, by its name there
NATIVE = {np.add: "add", np.subtract: "subtract", np.multiply: "multiply", np.true_divide: "divide", np.sqrt: "sqrt", np.exp: "exp",
          np.log: "log", np.tanh: "tanh"}
#: Elements from which a second core pays: below, waking it costs more than its half of the work. Measured at 65,536 float32.
LARGE = 1 << 17
GRAIN = 1 << 16


def split_ufunc(function: Any, arrays: tuple) -> Any:
    """function(*arrays), not all of them 0-d, in pieces over the cores; None if the others are not all contiguous and of one shape."""
    whole = [a for a in arrays if a.ndim]
    shape = whole[0].shape
    for a in whole:
        if a.shape != shape or not a.flags.c_contiguous or a.__class__ is not np.ndarray:
            return None
    if function in NATIVE and is_native(whole[0], *arrays):
        return in_machine_code(function, arrays, np.empty(shape, np.float32))
    flat = [a.reshape(-1) if a.ndim else a for a in arrays]
    # A call on nothing tells the result's dtype.
    out = np.empty(shape, function(*[a[:0] if a.ndim else a for a in flat]).dtype)
    target = out.reshape(-1)
    from .parallel import parallel_for  # threads are loaded by the first program that has large arrays

    def piece(start: int, stop: int) -> None:
        function(*[a[start:stop] if a.ndim else a for a in flat], out=target[start:stop])
    parallel_for(target.size, GRAIN, piece)
    return out


def in_machine_code(function: Any, arrays: tuple, out: Any) -> Any:
    """out = function(*arrays)."""
    return runner()(((NATIVE[function], *range(len(arrays))),), arrays, out)


def run_chain(steps: tuple, arrays: tuple) -> Any:
    """A new array, the result of the last of some steps on float32 arrays of one shape without gaps, or without dimensions.

    A step is the name of a function and where its arguments are: the number of an array, or of a step before, which count -1, -2 ...
    """
    shape = next(a.shape for a in arrays if a.ndim)
    return runner()(steps, arrays, np.empty(shape, np.float32))


@cache
def runner() -> Any:
    """The function that runs kernels: an import statement at each call would take as long as all else."""
    from .llvm.elementwise import run
    return run


def add_into(a: Any, b: Any) -> None:
    """a += b, for arrays of one dtype."""
    if a.size >= LARGE and a.shape == b.shape and is_native(a, b):
        in_machine_code(np.add, (a, b), a)
    else:
        np.add(a, b, out=a)
