"""Elementwise NumPy functions over large arrays, on all cores."""
from __future__ import annotations

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
    """function(*arrays) in pieces over the cores; None if the arrays are not all contiguous and of one shape, or 0-d."""
    shape = next((a.shape for a in arrays if a.ndim), ())
    for a in arrays:
        if a.ndim and (a.shape != shape or not a.flags.c_contiguous or a.__class__ is not np.ndarray):
            return None
    if function in NATIVE and is_native(*sorted(arrays, key=lambda a: -a.ndim)):
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
    from .llvm.elementwise import run
    return run(NATIVE[function], arrays, out)


def add_into(a: Any, b: Any) -> None:
    """a += b, for arrays of one dtype."""
    if a.size >= LARGE and a.shape == b.shape and is_native(a, b):
        in_machine_code(np.add, (a, b), a)
    else:
        np.add(a, b, out=a)
