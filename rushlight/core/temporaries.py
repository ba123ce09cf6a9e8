"""Operands that nobody will see again, such as `x * 0.5` in `x * 0.5 * y`: an operator's result may be written over one of them.

Arithmetic on large arrays is bound by memory, and a product that is written over its operand moves half of what one in new memory does.
NumPy's own operators do so as well. Two things must hold, and neither would do alone:

- Nobody else refers to the tensor, or to its array: references are counted. But C code may lend the one reference that it holds, as an array of
  objects does with its elements; and from Python 3.14 on, so does a local variable.
- The operand was made by an instruction of the same expression. `note_made` notes which instruction made an array, and the bytecode says which
  instruction put an operand on the stack with nothing in between that could keep it.
"""
from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..backends.large import LARGE, split_ufunc
from . import wrap as wrapping
from .chains import begun, is_free_of_gradients, made, note_made, place_of
from .grad_mode import mode
from .inplace import INFERENCE


class _Counts:
    """How often an operand that only an expression holds is referred to within `large_result`, and its array, as the first and the second one.

    Python's versions differ, so it is measured at the first use.
    """

    first: tuple = ()
    second: tuple = ()
    #: what was counted, while that is measured
    noted: list | None = None


def can_count() -> bool:
    """Whether this Python counts all references: PyPy does not, nor does CPython without its lock."""
    return hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()


def large_result(op: Any, x: Any, y: Any, a: Any, b: Any, turned: bool) -> Any:
    """The tensor op(x, y), noted as the beginning of a chain, or written over the array a of x or b of y; None if neither may be.

    For an operator's method alone, which the program called: with `turned`, x is what stands on the operator's right.
    """
    seen = (sys.getrefcount(x), sys.getrefcount(a)), (sys.getrefcount(y), sys.getrefcount(b))
    if _Counts.noted is not None:
        _Counts.noted.append(seen)
        return x
    if not (a.dtype is b.dtype and a.dtype.kind == "f" and a.itemsize > 2):
        return None
    frame = sys._getframe(2)
    place = place_of(frame)
    if place is None:
        return None
    chain = begun(op, x, y, place, frame)
    if chain is not None:
        return chain
    if not _Counts.first:
        measure()
    sides = (place.right, place.left) if turned else (place.left, place.right)
    if seen[0] == _Counts.first and is_made_in(sides[0], frame, x, a, y, b):
        return written_over(a, op, a, b)
    if seen[1] == _Counts.second and is_made_in(sides[1], frame, y, b, x, a):
        return written_over(b, op, a, b)
    return None


def measure() -> None:
    """Count references to operands that only an expression holds."""
    def tensor() -> Any:
        return wrapping.wrap(np.empty(LARGE, np.float32))
    named = tensor()
    noted: list = []
    _Counts.noted = noted
    try:
        tensor() * 2.0
        named * tensor()
    finally:
        _Counts.noted = None
    _Counts.first, _Counts.second = noted[0][0], noted[1][1]


def is_made_in(place: Any, frame: Any, x: Any, a: Any, other: Any, b: Any) -> bool:
    """Whether the operand x, with the array a, was made at that place of the program, and has the result's shape and no gradient."""
    made_at = made.get(id(a))
    if made_at is None or place is None or made_at[0] != id(frame) or made_at[1] not in place:
        return False
    if x.__class__ is not wrapping.Tensor or other.__class__ not in (wrapping.Tensor, float, int):
        return False
    if x._base is not None or x._node is not None or not (x._cell is None or x._cell is INFERENCE):
        return False
    return a.base is None and a.flags.c_contiguous and (b.ndim == 0 or a.shape == b.shape) and is_free_of_gradients(other)


def written_over(target: Any, op: Any, a: Any, b: Any) -> Any:
    """The tensor of op(a, b), in one of both."""
    result = wrapping.wrap(note_made(split_ufunc(op.forward, (a, b), target)))
    if mode.inference:
        result._cell = INFERENCE
    return result
