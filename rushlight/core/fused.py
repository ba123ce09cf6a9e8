"""Forward rules of elementwise operations that are several NumPy calls, made from their scalar expression."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


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
