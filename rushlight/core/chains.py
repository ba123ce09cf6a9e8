"""Operators on large tensors that follow each other in one expression, such as those of `2 * x * x + y`, as one pass over memory.

Where the bytecode says that an operator's result goes straight into another one (`bytecode.Place.goes_on`), it is not computed but noted: as a
tensor of a class of its own, whose operators note what they are to do as well, until the chain ends and one kernel computes it all. Nobody
else sees such a tensor. Should somebody, it computes its array when that is first asked for, and is an ordinary tensor from then on.

Each step is rounded as an operator rounds it, so the numbers have the same bits.
"""
from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from ..backends.large import NATIVE, run_chain
from ..backends.native import is_native
from . import wrap as wrapping
from .bytecode import Place, places
from .grad_mode import mode
from .inplace import fresh_node

#: The runs of an operator before a chain begins there: a kernel takes ten milliseconds to compile.
RUNS = 2
#: the steps of a chain, and the arrays that it reads, at most
LONGEST, MOST_ARRAYS = 16, 8
#: the signs of arithmetic: Python's name of the method, and NumPy's function
SIGNS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide}
#: whole numbers that float32 holds exactly
EXACT = 1 << 24
#: the made arrays that are remembered at most
MOST = 64
#: by the id of a large array that an operation made: the id of the program's frame, and the place of the instruction in its code
made: dict[int, tuple[int, int]] = {}


def note_made(array: Any) -> Any:
    """Note which instruction of the program had a large array made; the array."""
    frame: Any = sys._getframe(1)
    while frame is not None and is_inside(frame):
        frame = frame.f_back
    if frame is not None:
        if len(made) >= MOST:
            made.clear()
        made[id(array)] = id(frame), frame.f_lasti
    return array


def is_inside(frame: Any) -> bool:
    """Whether a frame runs the library's own code."""
    return frame.f_globals.get("__name__", "").startswith("rushlight.")


def place_of(frame: Any) -> Place | None:
    """The operator of the program that a frame is at; None in the library's own code."""
    return None if is_inside(frame) else places(frame.f_code).get(frame.f_lasti)


def goes_on(place: Place, frame: Any) -> bool:
    """Whether the result of the operator at a place is at once an operand of another one on tensors or numbers."""
    if place.goes_on.__class__ is not range:
        return bool(place.goes_on)
    # The other operand is known to be ours if that instruction made one of our arrays.
    return any([at in place.goes_on for frame_id, at in list(made.values()) if frame_id == id(frame)])


def is_free_of_gradients(value: Any) -> bool:
    """Whether no gradient will be wanted of a number or a tensor."""
    if not mode.grad or not hasattr(value, "_node"):
        return True
    return (value._node if value._base is None else fresh_node(value)) is None


def operand(value: Any, shape: tuple) -> Any:
    """The array of an operand that a chain can have, a number's without dimensions; None for another one."""
    if value.__class__ is float or value.__class__ is int and -EXACT <= value <= EXACT:
        return np.asarray(value, np.float32)
    if value.__class__ is not wrapping.Tensor or not is_free_of_gradients(value):
        return None
    a = value._array
    return a if a.shape == shape and is_native(a) else None


def begun(op: Any, x: Any, y: Any, place: Place, frame: Any) -> Any:
    """A chain that begins with an operator, as a tensor; None if it is to be computed at once."""
    if op.forward not in NATIVE or mode.grad is None or not goes_on(place, frame):
        return None
    shape = (x if x._array.ndim else y)._array.shape
    arrays = operand(x, shape), operand(y, shape)
    if arrays[0] is None or arrays[1] is None:
        return None
    place.runs += 1
    return noted(((NATIVE[op.forward], 0, 1),), arrays) if place.runs > RUNS else None


def noted(steps: tuple, arrays: tuple) -> Any:
    """A tensor that stands for the result of steps on arrays, as `run_chain` takes them."""
    result = wrapping.new(kind())
    result._node = None
    result._steps, result._arrays = steps, arrays
    return result


def extended(name: str, x: Any, y: Any, turned: bool) -> Any:
    """What a chain's tensor gives with another operand: a longer chain, the result of one that ends here, or what an ordinary tensor gives."""
    other = operand(y, next(a for a in x._arrays if a.ndim).shape)
    if other is None:
        x._array  # noqa: B018  # it is an ordinary tensor from now on
        return getattr(wrapping.Tensor, f"__{'r' if turned else ''}{name}__")(x, y)
    arrays = x._arrays
    at = next((k for k, a in enumerate(arrays) if a is other), len(arrays))
    if at == len(arrays):
        arrays += (other,)
    sides = (-len(x._steps), at)
    steps = (*x._steps, (NATIVE[SIGNS[name]], *(sides[::-1] if turned else sides)))
    frame = sys._getframe(2)
    place = place_of(frame)
    if place is not None and len(steps) < LONGEST and len(arrays) < MOST_ARRAYS and goes_on(place, frame):
        return noted(steps, arrays)
    return wrapping.wrap(note_made(run_chain(steps, arrays)))


@cache
def kind() -> Any:
    """The class of tensors that stand for a chain's result."""
    def array(self: Any) -> Any:
        steps, arrays = self._steps, self._arrays
        self.__class__ = wrapping.Tensor
        self.__dict__.pop("_steps"), self.__dict__.pop("_arrays")
        self._array = run_chain(steps, arrays)
        return self._array

    def method(name: str, turned: bool) -> Any:
        return lambda self, other: extended(name, self, other, turned)
    # A number divided by a tensor is the number times an inverse: an operator of its own.
    methods = {f"__{side}{name}__": method(name, bool(side)) for name in SIGNS for side in ("", "r") if side + name != "rtruediv"}
    return type("Tensor", (wrapping.Tensor,), {"__module__": __name__, "_array": property(array), **methods})
