"""Maxima of windows in machine code, and their gradient: float32 images of any number of dimensions.

A table says where in the flat image each place of each window lies, -1 for the padding: strides, padding and dilation are the table's affair,
and the kernels gather what it names. `combined` and `max_backward` in pool_kernels.py are the same as NumPy's calls.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from ..backends.llvm.engine import engine
from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vectors import maximum
from ..backends.parallel import Unnotable, inside
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

    def some(self, lanes: str) -> str:
        """Whether any lane holds."""
        return self.emit(f"icmp ne i{self.lanes} {self.emit(f'bitcast {self.truth} {lanes} to i{self.lanes}')}, 0")

    def truth_cell(self) -> str:
        """Memory for a truth value of each lane, all of them true, on the stack; LLVM makes a register of it."""
        name = f"%truths{self.labels}_{len(self.stack)}"
        self.stack.append(f"  {name} = alloca {self.truth}")
        self.lines.append(f"  store {self.truth} {self.all_true()}, ptr {name}")
        return name

    def all_but(self, lanes: str, *others: str) -> str:
        """The lanes that hold here, and in none of the others."""
        for other in others:
            lanes = self.logic("and", lanes, self.logic("xor", other, self.all_true()))
        return lanes


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

    Of windows with NaN the last place that has it. `shared`: windows may overlap, and gradients are added.
    """
    g, x, out, table, result = (c.pointer("%arguments", k) for k in range(5))
    size, count, taps, length = (c.word("%arguments", k) for k in range(5, 9))
    with c.loop("%start", "%stop") as i:
        image, target = (c.at(array, c.times(i, size)) for array in (x, result))
        grads, maxima = (c.at(array, c.times(i, count)) for array in (g, out))
        c.over(size, lambda p: p.store(c.number(0.0), target))

        def place(p: Piece) -> None:
            here, most, free = p.load(grads), p.load(maxima), c.truth_cell()

            def meet(tap: str, has: Callable[[str], str]) -> None:
                places, inside = c.places(table, c.plus(c.times(tap, length), p.at))
                wanted = c.logic("and", inside, c.emit(f"load {c.truth}, ptr {free}"))
                hit = c.logic("and", wanted, has(c.gather(image, places, wanted, 0.0)))
                # A place has one number in each window: within a vector no two windows meet it with the same tap.
                value = c.add(here, c.gather(target, places, hit, 0.0)) if shared else here
                c.scatter(value, target, places, hit)
                c.lines.append(f"  store {c.truth} {c.all_but(c.emit(f'load {c.truth}, ptr {free}'), hit)}, ptr {free}")
            with c.loop(0, taps) as tap:
                meet(tap, lambda value: c.compare("oeq", value, most))
            with c.when(c.some(c.compare("uno", most, most))), c.loop(0, taps) as tap:
                meet(c.minus(c.minus(taps, 1), tap), lambda value: c.compare("uno", value, value))
        c.over(count, place)


# ---- windows of 2 x 2 numbers side by side

class Pairs(Gathering):
    """A kernel that takes lines of numbers two by two."""

    def halves(self, p: Piece, count: str) -> list[tuple[str, str | None]]:
        """Of the pairs from a piece's place on, of `count`: where each of their two vectors begins, and which lanes it has."""
        at, n = self.times(p.at, 2), self.lanes
        rest = self.times(self.minus(count, p.at), 2)
        return [(self.plus(at, k * n), None if p.mask is None else self.first_lanes(self.minus(rest, k * n))) for k in range(2)]

    def pairs(self, line: str, halves: list) -> list[str]:
        """The first numbers of the pairs of a line, and the second ones."""
        low, high = (self.load(self.at(line, at)) if lanes is None else self.load_some(self.at(line, at), lanes) for at, lanes in halves)
        return [self.shuffle(low, high, range(k, 2 * self.lanes, 2)) for k in range(2)]

    def store_pairs(self, first: str, second: str, line: str, halves: list) -> None:
        n = self.lanes
        for k, (at, lanes) in enumerate(halves):
            mixed = self.shuffle(first, second, [k * n // 2 + i // 2 + i % 2 * n for i in range(n)])
            if lanes is None:
                self.store(mixed, self.at(line, at))
            else:
                self.store_some(mixed, self.at(line, at), lanes)


def write_pair_maxima(c: Pairs) -> None:
    """[x, out], places of an image, width, lines of windows, windows of a line: the maxima of 2 x 2 numbers each, image by image."""
    x, out = c.pointer("%arguments", 0), c.pointer("%arguments", 1)
    size, width, lines, count = (c.word("%arguments", k) for k in range(2, 6))
    with c.loop("%start", "%stop") as i, c.loop(0, lines) as r:
        above = c.at(x, c.plus(c.times(i, size), c.times(c.times(r, 2), width)))
        below, target = c.at(above, width), c.at(out, c.times(c.plus(c.times(i, lines), r), count))

        def largest(p: Piece) -> None:
            halves = c.halves(p, count)
            [a, b], [d, e] = c.pairs(above, halves), c.pairs(below, halves)
            p.store(maximum(c, maximum(c, a, b), maximum(c, d, e)), target)
        c.over(count, largest)


def write_pair_gradient(c: Pairs) -> None:
    """[g, x, out, result], places of an image, width, height, lines of windows, windows of a line: as write_gradient."""
    g, x, out, result = (c.pointer("%arguments", k) for k in range(4))
    size, width, height, lines, count = (c.word("%arguments", k) for k in range(4, 9))
    used = c.times(count, 2)
    with c.loop("%start", "%stop") as i:
        image, target = (c.at(array, c.times(i, size)) for array in (x, result))
        with c.loop(0, lines) as r:
            row = c.times(c.plus(c.times(i, lines), r), count)
            grads, maxima = c.at(g, row), c.at(out, row)
            first = c.times(c.times(r, 2), width)
            places = [c.at(array, start) for array in (image, target) for start in (first, c.plus(first, width))]

            def share(p: Piece) -> None:
                here, most, halves = p.load(grads), p.load(maxima), c.halves(p, count)
                values = [*c.pairs(places[0], halves), *c.pairs(places[1], halves)]
                equal, unknown = ([c.compare(how, value, other) for value, other in zip(values, others)]
                                  for how, others in (("oeq", [most] * 4), ("uno", values)))
                hits = [c.logic("or", c.all_but(equal[k], *equal[:k]), c.all_but(unknown[k], *unknown[k + 1:])) for k in range(4)]
                parts = [c.where(hit, here, c.number(0.0)) for hit in hits]
                c.store_pairs(parts[0], parts[1], places[2], halves)
                c.store_pairs(parts[2], parts[3], places[3], halves)
            c.over(count, share)
            for line in places[2:]:
                with c.loop(used, width) as j:
                    c.store_one("0.0", c.at(line, j))
        end = c.times(c.times(lines, 2), width)
        rest = c.at(target, end)
        c.over(c.minus(c.times(height, width), end), lambda p: p.store(c.number(0.0), rest))


def are_pairs(windows: Windows) -> bool:
    """Whether the windows are 2 x 2 numbers each, all of them inside the image."""
    return windows.kernel == windows.stride == (2, 2) and windows.dilation == (1, 1) and windows.pads[0][0] == windows.pads[1][0] == 0 and all(
        [2 * count <= size for count, size in zip(windows.out, windows.size)])


def fits(windows: Windows) -> bool:
    """Whether the table is small, and the windows fill a vector; where calls are only noted, a small table is enough."""
    count = prod(windows.out)
    if inside.launches is None:
        return FEWEST <= count <= LONGEST // prod(windows.kernel)
    if count * prod(windows.kernel) > LONGEST:
        raise Unnotable("windows of too large a table")
    return True


@cache
def kernel(write: Callable, kind: type[Rows] = Gathering, **how: bool) -> RowKernel:
    return RowKernel(partial(write, **how), kind)


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
    size = prod(windows.size)
    if are_pairs(windows):
        kernel(write_pair_maxima, Pairs)(x.size // size, size, (x, out), (windows.size[1], *windows.out))
    else:
        table = table_of(windows)
        kernel(write_maxima)(x.size // size, size, (x, table, out), (prod(windows.out), *table.shape))
    return out


def max_backward(g: Any, x: Any, out: Any, windows: Windows) -> Any:
    """The gradient of the windows' maxima: g at the first place of each window that has the maximum, or the last that has NaN."""
    result = np.empty(x.shape, np.float32)
    size = prod(windows.size)
    if are_pairs(windows):
        kernel(write_pair_gradient, Pairs)(x.size // size, size, (g, x, out, result), (windows.size[1], windows.size[0], *windows.out))
    else:
        table, shared = table_of(windows), overlapping(windows)
        kernel(write_gradient, shared=shared)(x.size // size, size, (g, x, out, table, result), (prod(windows.out), *table.shape))
    return result
