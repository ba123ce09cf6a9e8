"""NumPy kernels from scalar programs: straight-line ufunc calls, run over pieces of the arrays that stay in the cache.

`kernel("x * 0.5 * (1 + erf(x * 0.7071067811865476))")` is a function of arrays that returns a new array; an update such as
`kernel("p = p - lr * g", ("p", "g"), ("lr",))` rewrites p. For each dtype of the arguments one function is written out as Python text and
kept. It has two parts. The *body* is one ufunc call per instruction; temporary values go into a few registers, each reused as soon as its
value was read for the last time. The *entry* computes what is the same for all elements and hands small arrays straight to the body,
large ones to `spread`, which calls the body piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from rushlight.backends.llvm.engine import available as may_compile
from rushlight.backends.native import MANY
from rushlight.backends.parallel import get_num_threads, parallel_for

from .scalar import Program, lower, parse
from .scalar_writer import MACROS, Writer

#: The bytes of one array in one piece. Half a dozen such pieces fit into the second-level cache of one core; smaller ones spend more time
#: in calls. With threads the pieces are larger, because after every call a thread waits for the interpreter's lock.
PIECE = 256 * 1024
PARALLEL_PIECE = 512 * 1024
#: The bytes of one array per thread below which handing work to a second thread costs more than it saves.
GRAIN = 640 * 1024


def kernel(text: str, elements: Sequence[str] | None = None, scalars: Sequence[str] = ()) -> Kernel:
    """The compiled form of a scalar text; the same text gives the same object. See `Kernel` for how it is called."""
    return cached_kernel(text, None if elements is None else tuple(elements), tuple(scalars))


@cache
def cached_kernel(text: str, elements: tuple | None, scalars: tuple) -> Kernel:
    return Kernel(parse(text, elements, scalars))


class Kernel:
    """A function of arrays and numbers: first the program's elements, then its scalars, in the program's order.

    An update (its outputs are inputs) writes into its arrays, which all have one shape, and returns the new values of the scalars that its
    text assigns, in that order, or None. An expression takes arrays whose shapes broadcast and returns a new array.
    """

    __slots__ = ("program", "is_update", "entries", "native_entries")

    def __init__(self, program: Program):
        self.program = lower(program, MACROS)
        self.is_update = "out" not in program.outputs
        self.entries: dict[tuple, Callable] = {}
        self.native_entries: dict[tuple, Callable] = {}

    def __call__(self, *arguments: Any) -> Any:
        count = len(self.program.elements)
        arrays: Sequence[np.ndarray] = arguments[:count]
        if not self.is_update and count > 1:
            arrays = same_shape(arrays)
        return self.entry(*[a.dtype for a in arrays])(*arrays, *arguments[count:])

    def entry(self, *dtypes: np.dtype) -> Callable:
        """The function for arrays of these dtypes and of one shape; a caller that keeps it saves looking it up."""
        found = self.entries.get(dtypes)
        if found is None:
            found = self.entries[dtypes] = build(self.program, dtypes)
        return found

    def native_entry(self, *dtypes: np.dtype) -> Callable:
        """`entry` in machine code for arrays of all sizes, where that can be had."""
        found = self.native_entries.get(dtypes)
        if found is None:
            found = self.native_entries[dtypes] = build(self.program, dtypes, 0)
        return found


def build(program: Program, dtypes: tuple, smallest: int = MANY) -> Callable:
    """The compiled entry of a program for arguments of these dtypes; arrays of more than `smallest` elements go to machine code."""
    writer = Writer(program, dtypes)
    source = compile(writer.text(), "<rushlight kernel>", "exec")
    itemsize = max([dtype.itemsize for dtype in (writer.compute, *writer.registers)])
    native = None
    if all([dtype == np.float32 for dtype in (*dtypes, *([] if writer.result is None else [writer.result]))]) and may_compile():
        from .scalar_native import loop
        native = loop(writer.program, tuple(writer.parameters))
    scope: dict[str, Any] = {
        **writer.scope,
        "__name__": __name__,  # where a warning of overflow is said to come from: the package silences its own
        "_spread": spread,
        "_plan": Plan(writer.registers, writer.result, itemsize, native),
        "_limit": PIECE // itemsize if native is None else smallest,
    }

    def single(*arguments: Any) -> Any:
        """Stands in for `_single` until it is wanted: many kernels never see an array of one element."""
        exec(compile(writer.single_text(), "<rushlight kernel>", "exec"), scope)
        scope.update({name: value for name, value in writer.scope.items() if name not in scope})
        return scope["_single"](*arguments)

    scope["_single"] = single
    exec(source, scope)
    return scope["_entry"]


def same_shape(arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The arrays broadcast to one shape."""
    shape = arrays[0].shape
    for a in arrays:
        if a.shape != shape:
            return np.broadcast_arrays(*arrays)
    return arrays


class Plan:
    """What `spread` must know of a kernel: the dtypes of its registers and of its result (None for an update), the bytes of an element,
    and its loop in machine code, if it has one."""

    __slots__ = ("registers", "result", "itemsize", "native")

    def __init__(self, registers: Sequence[np.dtype], result: np.dtype | None, itemsize: int, native: Callable | None = None):
        self.registers, self.result, self.itemsize, self.native = tuple(registers), result, itemsize, native


#: Memory for registers, used in turn by all kernels: new memory costs a page fault every 4 KiB.
spare_blocks: list[np.ndarray] = []


def take_block() -> np.ndarray:
    try:
        return spare_blocks.pop()
    except IndexError:
        return np.empty(PARALLEL_PIECE, np.uint8)


def spread(body: Callable, plan: Plan, arrays: Sequence[np.ndarray], numbers: Sequence) -> Any:
    """Run a body on large arrays piece by piece, on all cores if that pays.

    Arrays that are not all in C order, or all in Fortran order, are evaluated whole.
    """
    first = arrays[0]
    order: Any = common_order(arrays)
    if order is None:
        return body(*arrays, *numbers)
    result = None if plan.result is None else np.empty(first.shape, plan.result, order)
    if plan.native is not None:
        plan.native(arrays if result is None else [*arrays, result], numbers)
        return result
    rows = [a.ravel(order) for a in arrays]
    outs = [] if result is None else [result.ravel(order)]
    parallel = first.size * plan.itemsize >= 2 * GRAIN and get_num_threads() > 1
    piece = (PARALLEL_PIECE if parallel else PIECE) // plan.itemsize

    def run(start: int, stop: int) -> None:
        blocks = [take_block() for _ in plan.registers]
        registers = [block.view(dtype) for block, dtype in zip(blocks, plan.registers, strict=True)]
        for begin in range(start, stop, piece):
            end = min(begin + piece, stop)
            body(*[row[begin:end] for row in rows], *numbers, *[out[begin:end] for out in outs], *[r[:end - begin] for r in registers])
        spare_blocks.extend(blocks)

    parallel_for(first.size, GRAIN // plan.itemsize, run)
    return result


def common_order(arrays: Sequence[np.ndarray]) -> str | None:
    """"C" or "F" if all arrays are contiguous in that order, else None."""
    if all([a.flags.c_contiguous for a in arrays]):
        return "C"
    return "F" if all([a.flags.f_contiguous for a in arrays]) else None
