"""Dimension numbers as PyTorch reads them: negative ones count from the end, and a 0-d tensor has dimensions 0 and -1."""
from __future__ import annotations

from typing import Any


def one_dim(dim: Any, ndim: int) -> int:
    """dim counted from the front. Raises IndexError if out of range."""
    if dim.__class__ is not int:
        dim = _as_int(dim)
    if 0 <= dim < ndim:
        return dim
    if -ndim <= dim < 0:
        return dim + ndim
    low, high = -max(ndim, 1), max(ndim, 1) - 1
    if not low <= dim <= high:
        raise IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")
    return dim + max(ndim, 1) if dim < 0 else dim


def _as_int(dim: Any) -> int:
    try:
        return dim.__index__()
    except (AttributeError, TypeError):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}") from None


def some_dims(dim: Any, ndim: int) -> tuple | None:
    """One dim, several, or None (all) as a sorted tuple counted from the front; None means all. Raises RuntimeError for one named twice."""
    if dim is None:
        return None
    if dim.__class__ is int and ndim:
        return (one_dim(dim, ndim),)
    dims = (dim,) if isinstance(dim, int) or not isinstance(dim, (tuple, list)) else dim
    found = tuple([one_dim(d, ndim) for d in dims])
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return found if ndim else ()


def plain_sizes(args: tuple) -> tuple | None:
    """Sizes given as f(2, 3) or f((2, 3)), if they are what they mostly are, Python's integers from 0 on; else None."""
    sizes = args[0] if len(args) == 1 and args[0].__class__ is tuple else args
    for n in sizes:
        if n.__class__ is not int or n < 0:
            return None
    return sizes


def sizes_of(args: tuple, what: str = "size") -> tuple:
    """Sizes given as f(2, 3), f((2, 3)) or f([2, 3]), as a tuple of ints."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    for n in args:
        if n.__class__ is not int:
            return tuple(map(_as_int, args))
    return args
