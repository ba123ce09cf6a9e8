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
from functools import lru_cache
from typing import Any

import numpy as np

from ..backends.large import LARGE, split_ufunc
from . import wrap as wrapping
from .grad_mode import mode
from .inplace import INFERENCE, fresh_node

#: Instructions that put on the stack what somebody else holds, that look at its top alone, and that leave it as it is.
LOADS = ("LOAD_CONST", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLOSURE", "LOAD_SMALL_INT", "PUSH_NULL")
LOOKS = ("LOAD_ATTR", "LOAD_METHOD")
NOTHING = frozenset({"CACHE", "NOP", "RESUME", "EXTENDED_ARG", "KW_NAMES"})
#: instructions that put one result in the place of what they take
MAKERS = ("BINARY_", "UNARY_", "CALL")
#: the made arrays that are remembered at most
MOST = 64
#: by the id of a large array that an operation made: the id of the program's frame, and the place of the instruction in its code
made: dict[int, tuple[int, int]] = {}


class _Counts:
    """How often an operand that only an expression holds is referred to within `written_over`, and its array, as the first and the second one.

    Python's versions differ, so it is measured at the first use.
    """

    first: tuple = ()
    second: tuple = ()
    #: what was counted, while that is measured
    noted: list | None = None


def can_count() -> bool:
    """Whether this Python counts all references: PyPy does not, nor does CPython without its lock."""
    return hasattr(sys, "getrefcount") and getattr(sys, "_is_gil_enabled", lambda: True)()


def written_over(op: Any, x: Any, y: Any, a: Any, b: Any, turned: bool) -> Any:
    """The array of op(x, y), written over the array a of x or b of y; None if neither may be.

    For an operator's method alone, which the program called: with `turned`, x is what stands on the operator's right.
    """
    seen = (sys.getrefcount(x), sys.getrefcount(a)), (sys.getrefcount(y), sys.getrefcount(b))
    if _Counts.noted is not None:
        _Counts.noted.append(seen)
        return a
    if not (a.dtype is b.dtype and a.dtype.kind == "f" and a.itemsize > 2):
        return None
    if not _Counts.first:
        measure()
    frame = sys._getframe(2)
    if seen[0] == _Counts.first and is_made_for(frame, turned, x, a, y, b):
        return note_made(split_ufunc(op.forward, (a, b), a))
    if seen[1] == _Counts.second and is_made_for(frame, not turned, y, b, x, a):
        return note_made(split_ufunc(op.forward, (a, b), b))
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


def is_made_for(frame: Any, right: bool, x: Any, a: Any, other: Any, b: Any) -> bool:
    """Whether the operator's left or right operand x, with the array a, was made in its expression and takes the result's shape and no gradient."""
    made_at = made.get(id(a))
    if made_at is None or made_at[0] != id(frame) or x.__class__ is not wrapping.Tensor or other.__class__ not in (wrapping.Tensor, float, int):
        return False
    if x._base is not None or x._node is not None or not (x._cell is None or x._cell is INFERENCE):
        return False
    if a.base is not None or not a.flags.c_contiguous or not (b.ndim == 0 or a.shape == b.shape) or not is_free_of_gradients(other):
        return False
    place = operands(frame.f_code).get(frame.f_lasti, (None, None))[right]
    return place is not None and made_at[1] in place


def is_free_of_gradients(value: Any) -> bool:
    """Whether no gradient will be wanted of a number or a tensor."""
    if not mode.grad or not hasattr(value, "_node"):
        return True
    return (value._node if value._base is None else fresh_node(value)) is None


def note_made(array: Any) -> Any:
    """Note which instruction of the program had a large array made; the array."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("rushlight."):
        frame = frame.f_back
    if frame is not None:
        if len(made) >= MOST:
            made.clear()
        made[id(array)] = id(frame), frame.f_lasti
    return array


@lru_cache(1024)
def operands(code: Any) -> dict[int, tuple]:
    """Of each operator in a code, by its place: the places of the instructions that made its left and its right operand; None where one is a
    variable's value, or where that cannot be told."""
    import dis
    found: dict[int, tuple] = {}
    stack: list[range | None] = []
    instructions = list(dis.get_instructions(code))
    for instruction, following in zip(instructions, instructions[1:]):
        name, arg = instruction.opname, instruction.arg
        if instruction.is_jump_target:
            stack = []
        if name in NOTHING:
            continue
        effect = dis.stack_effect(instruction.opcode, arg)
        if name.startswith(LOADS):
            stack += [None] * effect
        elif name.startswith(LOOKS):
            stack[-1:] = [None] * (1 + effect)
        elif name == "PRECALL":  # Python 3.11 alone: the arguments count as taken here
            del stack[len(stack) + effect:]
        elif name.startswith(MAKERS):
            if name.startswith("BINARY_"):
                found[instruction.offset] = (None, None, *stack)[-2:]
            stack[max(len(stack) - 1 + effect, 0):] = [range(instruction.offset, following.offset)]
        else:
            stack = []
    return found
