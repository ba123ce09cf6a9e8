"""Operators on large tensors that follow each other in one expression, such as those of `2 * x * x + x`, as one pass over memory.

Where the bytecode says that an operator's result goes straight into another one (bytecode.py), it is not computed but noted: as a tensor of
a class of its own, whose operators note what they are to do as well, until the chain ends and one kernel computes it all. The other operand
there is a number, or what a variable holds that is an operand of the chain already, so nobody else sees such a tensor. Should somebody, it
computes its array when that is first asked for, and is an ordinary tensor from then on.

Each step is rounded as an operator rounds it, so the numbers have the same bits.
"""
from __future__ import annotations

import operator
import sys
from functools import cache
from typing import Any

import numpy as np

from ..backends.large import NATIVE, run_chain
from ..backends.native import is_native
from . import wrap as wrapping
from .bytecode import goes_on
from .grad_mode import mode
from .inplace import fresh_node

#: The runs of an operator before a chain begins there: a kernel takes ten milliseconds to compile.
RUNS = 2
#: the steps of a chain, and the arrays that it reads, at most
LONGEST, MOST_ARRAYS = 16, 8
#: Python's names of arithmetic, and NumPy's functions
FUNCTIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide}
#: whole numbers that float32 holds exactly
EXACT = 1 << 24
#: how often an operator ran that a chain may begin with: by the id of its code and its place there; forgotten when there are MOST_COUNTED
runs: dict[tuple[int, int], int] = {}
MOST_COUNTED = 4096


def begun(op: Any, x: Any, y: Any) -> Any:
    """A chain that begins with an operator, as a tensor; None if it is to be computed at once. For an operator's method, which the program called."""
    frame = sys._getframe(2)
    if op.forward not in NATIVE or mode.grad is None or is_inside(frame) or not goes_on(frame) or is_traced():
        return None
    shape = (x if x._array.ndim else y)._array.shape
    arrays = operand(x, shape), operand(y, shape)
    if arrays[0] is None or arrays[1] is None:
        return None
    place = id(frame.f_code), frame.f_lasti
    if len(runs) >= MOST_COUNTED:
        runs.clear()
    runs[place] = runs.get(place, 0) + 1
    return note_chain(((NATIVE[op.forward], 0, 1),), arrays) if runs[place] > RUNS else None


def is_inside(frame: Any) -> bool:
    """Whether a frame runs the library's own code."""
    name = frame.f_globals.get("__name__")
    return name.__class__ is str and name.startswith("rushlight.")


def is_traced() -> bool:
    """Whether a debugger or a profiler looks on, which could see a chain's tensor."""
    return sys.gettrace() is not None or sys.getprofile() is not None


def operand(value: Any, shape: tuple) -> Any:
    """The array of an operand that a chain can have, a number's without dimensions; None for another one."""
    if is_number(value):
        return np.asarray(value, np.float32)
    if value.__class__ is not wrapping.Tensor or not is_free_of_gradients(value):
        return None
    a = value._array
    return a if a.shape == shape and is_native(a) else None


def is_number(value: Any) -> bool:
    """Whether a value is a number that a float32 array's operators take as it is."""
    return value.__class__ is float or value.__class__ is int and -EXACT <= value <= EXACT


def is_free_of_gradients(tensor: Any) -> bool:
    """Whether no gradient will be wanted of a tensor."""
    return not mode.grad or (tensor._node if tensor._base is None else fresh_node(tensor)) is None


def note_chain(steps: tuple, arrays: tuple) -> Any:
    """A tensor that stands for the result of steps on arrays, as `run_chain` takes them."""
    result = wrapping.new(chain_class())
    result._node = None
    result._steps, result._arrays = steps, arrays
    return result


def compute(chain: Any) -> Any:
    """Make a chain's tensor an ordinary one; its array."""
    array = run_chain(chain._steps, chain._arrays)
    chain.__class__ = wrapping.Tensor
    del chain._steps, chain._arrays
    chain._array = array
    return array


def extend(name: str, x: Any, y: Any, turned: bool) -> Any:
    """What a chain's tensor x gives with another operand, on its left if `turned`: a longer chain, the result of one that ends here, or what ordinary
    tensors give. For a method of the chain's class."""
    other = operand(y, next(a for a in x._arrays if a.ndim).shape)
    if other is None:
        compute(x)
        return getattr(operator, name)(*((y, x) if turned else (x, y)))
    at = next((k for k, a in enumerate(x._arrays) if a is other), len(x._arrays))
    arrays = x._arrays if at < len(x._arrays) else (*x._arrays, other)
    # A number on the left of a sum or a product comes second, as the operators of tensors have it.
    turned = turned and not (is_number(y) and name in ("add", "mul"))
    sides = (at, -len(x._steps)) if turned else (-len(x._steps), at)
    steps = (*x._steps, (NATIVE[FUNCTIONS[name]], *sides))
    if len(steps) < LONGEST and len(arrays) < MOST_ARRAYS and goes_on(sys._getframe(2)):
        return note_chain(steps, arrays)
    return wrapping.wrap(run_chain(steps, arrays))


@cache
def chain_class() -> Any:
    """The class of tensors that stand for a chain's result."""
    def method(name: str, turned: bool) -> Any:
        return lambda self, other: extend(name, self, other, turned)
    # A number divided by a tensor is the number times an inverse: an operator of its own.
    methods = {f"__{side}{name}__": method(name, bool(side)) for name in FUNCTIONS for side in ("", "r") if side + name != "rtruediv"}
    return type("Tensor", (wrapping.Tensor,), {"__module__": __name__, "_array": property(compute), **methods})
