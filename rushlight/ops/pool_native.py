"""Maxima of windows in machine code, and their gradient: float32 images of any number of dimensions.

A table says where in the flat image each place of each window lies, -1 for the padding: strides, padding and dilation are the table's affair,
and the kernels gather what it names. `combined` and `max_backward` in pool_kernels.py are the same as NumPy's calls.
"""
from __future__ import annotations

from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.engine import engine
from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vectors import maximum
from .pool_kernels import flat_places, overlapping
from .windows import Windows, prod

#: the fewest windows of an image, and the most numbers of a table, for which the kernels are made: they take sixteen windows at once
FEWEST, LONGEST = 16, 1 << 20


class Gathering(Rows):
    """A kernel whose vectors come from places that a table names."""

    def places(self, table: str, at: str) -> tuple[str, str]:
        """The places in a table of int32 from `at` on, and which of them there are."""
        found = self.emit(f"load {self.int}, ptr {self.at(table, at)}, align 4")
        return found, self.emit(f"icmp sge {self.int} {found}, zeroinitializer")

    def pointers(self, image: str, places: str) -> str:
        return self.emit(f"getelementptr float, ptr {image}, {self.int} {places}")

    def gather(self, image: str, places: str, lanes: str, otherwise: float) -> str:
        """The floats at these places; `otherwise` in lanes that do not hold."""
        name = f"@llvm.masked.gather.v{self.lanes}f32.v{self.lanes}p0"
        self.declared[f"declare {self.float} {name}(<{self.lanes} x ptr>, i32, {self.truth}, {self.float})"] = None
        return self.emit(f"call {self.float} {name}(<{self.lanes} x ptr> {self.pointers(image, places)}, i32 4, {self.truth} {lanes}, "
                         f"{self.float} {self.number(otherwise)})")

    def scatter(self, value: str, image: str, places: str, lanes: str) -> None:
        """Write floats to these places, in the lanes that hold."""
        name = f"@llvm.masked.scatter.v{self.lanes}f32.v{self.lanes}p0"
        self.declared[f"declare void {name}({self.float}, <{self.lanes} x ptr>, i32, {self.truth})"] = None
        pointers = self.pointers(image, places)
        self.lines.append(f"  call void {name}({self.float} {value}, <{self.lanes} x ptr> {pointers}, i32 4, {self.truth} {lanes})")

    def truth_cell(self) -> str:
        """Memory for a truth value of each lane, all of them true, on the stack; LLVM makes a register of it."""
        name = f"%truths{self.labels}_{len(self.stack)}"
        self.stack.append(f"  {name} = alloca {self.truth}")
        self.lines.append(f"  store {self.truth} {self.all_true()}, ptr {name}")
        return name

    def all_true(self) -> str:
        return "<" + ", ".join(["i1 true"] * self.lanes) + ">"


def write_maxima(c: Gathering) -> None:
    """[x, table, out], places of an image, windows, places of a window, length of the table's rows: the windows' maxima, image by image."""
    x, table, out = (c.pointer("%arguments", k) for k in range(3))
    size, count, taps, length = (c.word("%arguments", k) for k in range(3, 7))
    with c.loop("%start", "%stop") as i:
        image, target = c.at(x, c.times(i, size)), c.at(out, c.times(i, count))

        def largest(p: Piece) -> None:
            best = c.cell(c.number(-np.inf))
            with c.loop(0, taps) as tap:
                places, inside = c.places(table, c.plus(c.times(tap, length), p.at))
                c.store(maximum(c, c.load(best), c.gather(image, places, inside, -np.inf)), best)
            p.store(c.load(best), target)
        c.over(count, largest)


def write_gradient(c: Gathering, shared: bool) -> None:
    """[g, x, out, table, result], then as for the maxima: g goes to the first place of each window that has the maximum.

    `shared`: windows may overlap, and gradients are added.
    """
    g, x, out, table, result = (c.pointer("%arguments", k) for k in range(5))
    size, count, taps, length = (c.word("%arguments", k) for k in range(5, 9))
    with c.loop("%start", "%stop") as i:
        image, target = (c.at(array, c.times(i, size)) for array in (x, result))
        grads, maxima = (c.at(array, c.times(i, count)) for array in (g, out))
        c.over(size, lambda p: p.store(c.number(0.0), target))

        def place(p: Piece) -> None:
            here, most, free = p.load(grads), p.load(maxima), c.truth_cell()
            with c.loop(0, taps) as tap:
                places, inside = c.places(table, c.plus(c.times(tap, length), p.at))
                wanted = c.logic("and", inside, c.emit(f"load {c.truth}, ptr {free}"))
                hit = c.logic("and", wanted, c.compare("oeq", c.gather(image, places, wanted, 0.0), most))
                # A place has one number in each window: within a vector no two windows meet it with the same tap.
                value = c.add(here, c.gather(target, places, hit, 0.0)) if shared else here
                c.scatter(value, target, places, hit)
                missed = c.logic("xor", hit, c.all_true())
                c.lines.append(f"  store {c.truth} {c.logic('and', missed, c.emit(f'load {c.truth}, ptr {free}'))}, ptr {free}")
        c.over(count, place)


def fits(windows: Windows) -> bool:
    """Whether the table is small, and the windows fill a vector."""
    count = prod(windows.out)
    return FEWEST <= count <= LONGEST // prod(windows.kernel)


@cache
def maxima_kernel() -> RowKernel:
    return RowKernel(write_maxima, Gathering)


@cache
def gradient_kernel(shared: bool) -> RowKernel:
    return RowKernel(partial(write_gradient, shared=shared), Gathering)


@lru_cache(16)
def table_of(windows: Windows) -> Any:
    """Where the places of the windows lie in a flat image: a row for each place in a window, with -1 at the end for a vector's surplus lanes."""
    count, steps = prod(windows.out), list(windows.steps())
    table = np.full((len(steps), count + engine().width // 4), -1, np.int32)
    for row, step in zip(table, steps, strict=True):
        row[:count] = flat_places(step, windows).reshape(-1)
    return table


def maxima(x: Any, windows: Windows) -> Any:
    """The maximum of each window of images (..., *sizes)."""
    out = np.empty((*x.shape[:x.ndim - len(windows.size)], *windows.out), np.float32)
    table = table_of(windows)
    maxima_kernel()(x.size // prod(windows.size), prod(windows.size), (x, table, out), (prod(windows.out), *table.shape))
    return out


def max_backward(g: Any, x: Any, out: Any, windows: Windows) -> Any:
    """The gradient of the windows' maxima: g at the first place of each window that has the maximum."""
    result = np.empty(x.shape, np.float32)
    table = table_of(windows)
    gradient_kernel(overlapping(windows))(x.size // prod(windows.size), prod(windows.size), (g, x, out, table, result),
                                          (prod(windows.out), *table.shape))
    return result
