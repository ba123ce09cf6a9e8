"""Which arrays go to kernels in machine code."""
from __future__ import annotations

from typing import Any

import numpy as np

from .llvm.engine import available
from .parallel import Unnotable, inside

FLOAT, WHOLE = np.dtype(np.float32), np.dtype(np.int64)
#: The elements from which a kernel is worth loading the compiler for. A fixed number: results must not depend on what ran before.
MANY = 1 << 15


def is_native(*arrays: Any) -> bool:
    """Whether a kernel for float32 arrays without gaps takes these, and pays; None stands for an argument that is not given."""
    if inside.launches is not None:  # a launch that is only noted costs nothing to begin with
        if not arrays[0].size or not taken(arrays):
            raise Unnotable("arrays that no kernel takes")
        return True
    return arrays[0].size >= MANY and taken(arrays) and available()


def taken(arrays: tuple) -> bool:
    """Whether arrays are such as kernels take."""
    for a in arrays:
        if a is not None and (a.__class__ is not np.ndarray or a.dtype != FLOAT or not a.flags.c_contiguous):
            return False
    return True
