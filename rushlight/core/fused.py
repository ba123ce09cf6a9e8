"""Forward rules of elementwise operations that are several NumPy calls, made from their scalar expression."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.llvm.engine import Worthwhile
from ..backends.native import MANY, is_native, taken
from ..backends.parallel import inside


def fused(code: str, elements: tuple = ("x",), scalars: tuple = ()) -> Callable:
    """A forward rule that computes a scalar expression in pieces that stay in the cache; `scalars` are the attributes it names.

    The kernel is made at the first call: most programs use few of the operations that a file defines.
    """
    entries: dict = {}

    def compiled(*key: Any) -> Callable:
        from .scalar_numpy import kernel
        entry = entries[key if len(key) > 1 else key[0]] = kernel(code, elements, scalars).entry(*key)
        return entry

    if len(elements) == 1 and not scalars:
        def single(x: Any) -> Any:
            return (entries.get(x.dtype) or compiled(x.dtype))(x)
        return single

    def forward(*arrays: Any, **attributes: Any) -> Any:
        shape = arrays[0].shape
        for a in arrays:
            if a.shape != shape:
                arrays = np.broadcast_arrays(*arrays)
                break
        key = tuple([a.dtype for a in arrays])
        found = entries.get(key if len(key) > 1 else key[0]) or compiled(*key)
        return found(*arrays, *[attributes[name] for name in scalars])
    return forward


def machine_coded(code: str, elements: tuple = ("x",)) -> Callable:
    """A function that computes a scalar expression of float32 arrays of one shape in machine code, or gives None where that is not for them.

    For rules with NumPy calls of their own, which are faster than the expression's: those of expressions that choose between numbers, or whose
    every step is rounded exactly, so that the bits are the same. Small arrays go to machine code where that is loaded and worthwhile.
    """
    large, small, is_worthwhile = fused(code, elements), functools.cache(lambda: _brief(code, elements)), Worthwhile()

    def found(*arrays: Any) -> Any:
        first = arrays[0]
        if not all([a.shape == first.shape for a in arrays]) or not taken(arrays):
            return None
        if first.size >= MANY or inside.launches is not None:
            return large(*arrays) if is_native(*arrays) else None
        return small()(*arrays) if is_worthwhile() else None
    return found


def _brief(code: str, elements: tuple) -> Callable:
    from .scalar_native import brief_loop
    return brief_loop(code, elements)


def widened(forward: Callable) -> Callable:
    """The forward rule with half precision computed in float32 and rounded once."""
    @functools.wraps(forward)
    def call(*arrays: Any, **attributes: Any) -> Any:
        dtype = arrays[0].dtype
        if dtype.itemsize != 2 or dtype.kind in "iu":
            return forward(*arrays, **attributes)
        out = forward(*[a.astype(np.float32) for a in arrays], **attributes)
        return tuple([_narrowed(o, dtype) for o in out]) if out.__class__ is tuple else _narrowed(out, dtype)
    return call


def _narrowed(out: Any, half: Any) -> Any:
    return out.astype(half) if out.dtype == np.float32 else out
