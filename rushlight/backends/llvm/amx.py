"""Products of large float32 matrices by the processor's tiles of bfloat16 (Intel's AMX): twice as fast as by vectors, and not less exact.

A float32 number of 24 bits is the sum of three of 8, x = x1 + x2 + x3, each a bfloat16, so that a product is

    a b = a1 b1 + (a1 b2 + a2 b1) + (a1 b3 + a2 b2 + a3 b1) + what is below 2^-25 of it

Products of two such parts are exact in float32, and the tiles add them up in float32 (G. Henry, P. Tang and A. Heinecke, Leveraging the bfloat16
artificial intelligence datatype for higher-precision computations, 2019). Tiles add 32 products at a time, so there are fewer roundings than
in a chain of multiply-adds. What has a range too wide for the parts is left to the vectors: `product` says so.

Both matrices are first cut up and laid out tile by tile, 16 rows (columns) by 32 numbers of the inner dimension, the three parts one after the other:
of the left one a tile has rows of 16 pairs, of the right one 16 rows of pairs of its 16 columns.
"""
from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..parallel import pool
from .code import Code, module
from .engine import KERNEL, engine
from .multiply import address, give_panels, straight, take_panels
from .workers import run_kernel

#: the rows (columns) of a tile, its numbers of the inner dimension, its bytes, and the parts of a number
ROWS, DEPTH, BYTES, PARTS = 16, 32, 1024, 3
#: A step multiplies 2 x 2 tiles. The rows of such steps that a thread takes at a time, and the tiles of the inner dimension: their part of the left
#: matrix, three quarters of a megabyte, stays in the second-level cache.
GROUP, SLAB = 4, 32
#: The least exponent of a number whose last bit is a normal number, and of a product for which that holds; and an exponent that no sum reaches.
LEAST, LEAST_PRODUCT, MOST = -103, -103, 126
#: Linux's call arch_prctl, its request for a permission, and the name of the tiles' state there
ARCH_PRCTL, REQUEST, TILES = 158, 0x1023, 18
#: The arguments of the kernel that multiplies: addresses; the result's rows and columns of steps, the tiles of the inner dimension, and into how many
#: shares the columns are cut.
LEFT, RIGHT, OUT, STEPS, COLUMNS, DEPTHS, SHARES = range(7)


@cache
def available() -> bool:
    """Whether this processor has such tiles and the system lets the process use them, for which it is asked once; not if RUSHLIGHT_TILES is 0."""
    if os.environ.get("RUSHLIGHT_TILES") == "0":
        return False
    features = engine().target.features.split(",")
    if engine().width != 64 or not {"+amx-tile", "+amx-bf16", "+avx512bf16"} <= set(features) or sys.platform != "linux":
        return False
    return ctypes.CDLL(None, use_errno=True).syscall(ARCH_PRCTL, REQUEST, TILES) == 0


# ---- laying out: the parts of numbers, tile by tile


def parts_of(c: Code, x: str) -> list[str]:
    """The three parts of a vector's numbers: what is left of it, rounded to a bfloat16, each time."""
    half, parts = f"<{c.lanes} x bfloat>", []
    for k in range(PARTS):
        parts.append(c.emit(f"fptrunc {c.float} {x} to {half}"))
        if k < PARTS - 1:
            x = c.subtract(x, c.emit(f"fpext {half} {parts[-1]} to {c.float}"))
    return parts


def neighbours(c: Code, first: str, second: str) -> str:
    """Two vectors of halves one behind the other, as pairs."""
    order = ", ".join([f"i32 {i}" for i in range(2 * c.lanes)])
    both = c.emit(f"shufflevector <{c.lanes} x bfloat> {first}, <{c.lanes} x bfloat> {second}, <{2 * c.lanes} x i32> <{order}>")
    return c.emit(f"bitcast <{2 * c.lanes} x bfloat> {both} to {c.int}")


def interleaved(c: Code, first: str, second: str) -> str:
    """The pairs of two vectors' halves, lane by lane."""
    low, high = (c.emit(f"zext <{c.lanes} x i16> {c.emit(f'bitcast <{c.lanes} x bfloat> {half} to <{c.lanes} x i16>')} to {c.int}")
                 for half in (first, second))
    return c.int_op("or", low, c.int_op("shl", high, c.integer(16)))


def turned(c: Code, rows: Sequence[str]) -> list[str]:
    """The columns of a square of pairs: blocks of 1, 2, 4 and 8 change places across the diagonal, one size after the other."""
    rows = list(rows)
    for distance in (1, 2, 4, 8):
        for i in range(ROWS):
            if not i & distance:
                a, b = rows[i], rows[i | distance]
                rows[i] = mixed(c, a, b, [lane if not lane & distance else ROWS + lane - distance for lane in range(ROWS)])
                rows[i | distance] = mixed(c, a, b, [lane + distance if not lane & distance else ROWS + lane for lane in range(ROWS)])
    return rows


def mixed(c: Code, a: str, b: str, lanes: Sequence[int]) -> str:
    return c.emit(f"shufflevector {c.int} {a}, {c.int} {b}, <{ROWS} x i32> <{', '.join([f'i32 {lane}' for lane in lanes])}>")


class Extremes:
    """The largest and the smallest number but zero of those that a kernel reads, by size: lane by lane, as the bits of numbers without sign.

    Of the smallest ones one is taken away: zero then is the largest whole number.
    """

    def __init__(self, c: Code):
        self.c = c
        self.cells = (("%largest", "umax", 0), ("%smallest", "umin", -1))
        for cell, _, start in self.cells:
            c.stack += [f"  {cell} = alloca {c.int}, align 64", f"  store {c.int} {c.integer(start)}, ptr {cell}"]

    def note(self, numbers: str) -> str:
        """The numbers, which are noted."""
        c = self.c
        bits = c.int_op("and", c.bits(numbers), c.integer(0x7FFFFFFF))
        for cell, how, start in self.cells:
            name = f"@llvm.{how}.v{c.lanes}i32"
            c.declared[f"declare {c.int} {name}({c.int}, {c.int})"] = None
            before, value = c.emit(f"load {c.int}, ptr {cell}"), c.int_op("add", bits, c.integer(start))
            c.lines.append(f"  store {c.int} {c.emit(f'call {c.int} {name}({c.int} {before}, {c.int} {value})')}, ptr {cell}")
        return numbers

    def store(self, pointer: str) -> None:
        for k, (cell, _, _) in enumerate(self.cells):
            value = self.c.emit(f"load {self.c.int}, ptr {cell}")
            self.c.lines.append(f"  store {self.c.int} {value}, ptr {self.c.at(pointer, k * ROWS)}, align 4")


def write_layout(c: Code, along: bool, turn: bool) -> None:
    """[x, tiles, extremes], stride, rows, depth: the tiles of x whose rows begin at 16 times `start` to `stop`, and their extremes, at `start`.

    `along` says that neighbours in memory are numbers of the inner dimension; else they are rows at one place in it, and the stride is from one
    place to the next. `turn`, that the tiles want them the other way. Tiles are taken in the order in which memory lies.
    """
    x, tiles, extremes = (c.pointer("%arguments", k) for k in range(3))
    stride, count, depth = (c.word("%arguments", k) for k in range(3, 6))
    depths = c.rounded_up(depth, DEPTH)
    seen = Extremes(c)
    loops: list[tuple[str | int, str]] = [("%start", "%stop"), (0, depths)]
    with c.loop(*loops[not along]) as outer, c.loop(*loops[along]) as inner:
        tile, step = (outer, inner) if along else (inner, outer)
        row, place = c.times(tile, ROWS), c.times(step, DEPTH)
        squares: list[list[str]] = [[] for _ in range(PARTS)]
        for k in range(ROWS):
            # 32 numbers of one row, or the tile's rows at two neighbouring places: two vectors.
            ends = [(c.plus(row, k), c.plus(place, side * ROWS)) if along else (c.plus(place, 2 * k + side), row) for side in (0, 1)]
            read = [seen.note(load_part(c, c.at(x, c.plus(c.times(line, stride), first)), line, count if along else depth,
                                        c.minus(depth if along else count, first))) for line, first in ends]
            for square, one, other in zip(squares, *[parts_of(c, numbers) for numbers in read]):
                square.append((neighbours if along else interleaved)(c, one, other))
        target = c.at(tiles, c.times(c.plus(c.times(tile, depths), step), PARTS * BYTES // 4))
        for number, square in enumerate(squares):
            for k, pairs in enumerate(turned(c, square) if turn else square):
                c.lines.append(f"  store {c.int} {pairs}, ptr {c.at(target, (number * ROWS + k) * ROWS)}, align 64")
    seen.store(c.at(extremes, c.times("%start", 2 * ROWS)))


def load_part(c: Code, pointer: str, line: str, lines: str, left: str) -> str:
    """A vector of a line of which so many numbers are left; zeros beyond it, and if there are not so many lines."""
    return c.load_some(pointer, c.first_lanes(c.choose(c.test("slt", line, lines), left, 0)))


@cache
def layout_kernel(along: bool, turn: bool) -> tuple:
    """The kernel that lays a matrix out, and its address."""
    c = Code(ROWS)
    write_layout(c, along, turn)
    text = module([c.function("layout", "i64 %start, i64 %stop, ptr %arguments", internal=False)], [c], c.lanes)
    [place] = engine().addresses(text, ("layout",))
    return KERNEL(place), place


def lay_out(x: Any, memory: Any, is_left: bool) -> tuple[int, int]:
    """Lay out the tiles of a matrix that has the inner dimension last; the bits of its largest number and of its smallest one but zero, by size."""
    along = x.strides[1] == 4
    rows, depth = x.shape
    tiles = 2 * -(-rows // (2 * ROWS))
    extremes = np.full((tiles, 2, ROWS), [[0], [-1 % (1 << 32)]], np.uint32)
    words = struct.pack("6q", address(x), address(memory), address(extremes), x.strides[0 if along else 1] // 4, rows, depth)
    kernel, place = layout_kernel(along, along != is_left)
    run_kernel(kernel, place, tiles, -(-tiles // (4 * pool.size())), words, (x, memory, extremes))
    return int(extremes[:, 0].max()), int(extremes[:, 1].min()) + 1


# ---- multiplying


def call(c: Code, name: str, *arguments: Any) -> None:
    """An instruction on tiles; numbers are tiles."""
    given = [(f"i8 {a}", "i8") if a.__class__ is int else a for a in arguments]
    c.declared[f"declare void @llvm.x86.{name}({', '.join([kind for _, kind in given])})"] = None
    c.lines.append(f"  call void @llvm.x86.{name}({', '.join([value for value, _ in given])})")


def load_tile(c: Code, number: int, pointer: str) -> None:
    call(c, "tileloadd64", number, (f"ptr {pointer}", "ptr"), ("i64 64", "i64"))


def store_tile(c: Code, number: int, pointer: str, stride: str | int) -> None:
    call(c, "tilestored64", number, (f"ptr {pointer}", "ptr"), (f"i64 {stride}", "i64"))


#: The pairs of parts, from the left and from the right matrix, in an order in which one of both mostly stays.
ORDER = ((0, 2), (0, 1), (1, 1), (1, 0), (0, 0), (2, 0))
#: the tiles' numbers: four sums, two of the left matrix, two of the right one
SUMS, LEFTS, RIGHTS = (0, 1, 2, 3), (4, 5), (6, 7)


def write_product(c: Code) -> None:
    """The arguments above: the pieces of the result from `start` to `stop`, each a share of the columns of GROUP rows of steps."""
    left, right, out = (c.pointer("%arguments", k) for k in (LEFT, RIGHT, OUT))
    steps, columns, depths, shares = (c.word("%arguments", k) for k in (STEPS, COLUMNS, DEPTHS, SHARES))
    width = c.times(columns, 2 * ROWS)
    call(c, "ldtilecfg", ("ptr @tiles", "ptr"))
    with c.loop("%start", "%stop") as piece:
        group = c.quotient(piece, shares)
        share = c.minus(piece, c.times(group, shares))
        first, last = c.times(group, GROUP), c.smaller(c.times(c.plus(group, 1), GROUP), steps)
        ends = [c.share(columns, part, shares) for part in (share, c.plus(share, 1))]
        with c.loop(0, depths, SLAB) as slab, c.loop(*ends) as j, c.loop(first, last) as i:
            corner = c.at(out, c.times(c.plus(c.times(i, width), j), 2 * ROWS))
            sums = [c.at(corner, c.plus(c.times(width, ROWS * (number // 2)), ROWS * (number % 2))) for number in SUMS]
            for number in SUMS:
                call(c, "tilezero", number)
            with c.loop(slab, c.smaller(c.plus(slab, SLAB), depths)) as depth:
                write_step(c, *[[c.at(tiles, c.times(c.plus(c.times(c.plus(c.times(k, 2), side), depths), depth), PARTS * BYTES // 4))
                                 for side in (0, 1)] for tiles, k in ((left, i), (right, j))])
            with c.when(c.test("eq", slab, 0)):
                for number, pointer in zip(SUMS, sums):
                    store_tile(c, number, pointer, c.times(width, 4))
            with c.when(c.test("sgt", slab, 0)):
                add_sums(c, sums, width)
    call(c, "tilerelease")


def add_sums(c: Code, sums: list[str], width: str) -> None:
    """Add the sums to what the result has so far. Such slabs' sums are less exact in one chain."""
    c.stack.append(f"  %slab = alloca [{BYTES} x i8], align 64")
    for number, pointer in zip(SUMS, sums):
        store_tile(c, number, "%slab", 64)
        with c.loop(0, ROWS) as row:
            line = c.at(pointer, c.times(row, width))
            c.store(c.add(c.load(line), c.load(c.at("%slab", c.times(row, ROWS)))), line)


def write_step(c: Code, left: list[str], right: list[str]) -> None:
    """Add the products of two tiles of each matrix, given their first parts, to the sums."""
    held = (PARTS, PARTS)
    for pair in ORDER:
        for side, (tiles, numbers) in enumerate(((left, LEFTS), (right, RIGHTS))):
            if pair[side] != held[side]:
                for pointer, number in zip(tiles, numbers):
                    load_tile(c, number, c.at(pointer, pair[side] * BYTES // 4))
        held = pair
        for number in SUMS:
            call(c, "tdpbf16ps", number, LEFTS[number // 2], RIGHTS[number % 2])


@cache
def product_kernel() -> tuple:
    """The kernel that multiplies, and its address."""
    c = Code(ROWS)
    write_product(c)
    # Eight tiles of 16 rows of 64 bytes, as the processor wants to be told.
    config = bytes([1, *[0] * 15, *[64, 0] * 8, *[0] * 16, *[ROWS] * 8, *[0] * 8])
    c.declared["@tiles = private constant [64 x i8] [" + ", ".join([f"i8 {byte}" for byte in config]) + "], align 64"] = None
    text = module([c.function("product", "i64 %start, i64 %stop, ptr %arguments", internal=False)], [c], c.lanes)
    [place] = engine().addresses(text, ("product",))
    return KERNEL(place), place


def product(a: Any, b: Any) -> Any:
    """a @ b of float32 matrices: (n, k) @ (k, m) -> (n, m); None where a number is not finite or their range is too wide."""
    (n, k), m = a.shape, b.shape[1]
    steps, columns, depths = -(-n // (2 * ROWS)), -(-m // (2 * ROWS)), -(-k // DEPTH)
    left, right = (take_panels(2 * count * depths * PARTS * BYTES // 4) for count in (steps, columns))
    try:
        if not within_range(lay_out(straight(a), left, True), lay_out(straight(b).T, right, False), k):
            return None
        out = np.empty((steps * 2 * ROWS, columns * 2 * ROWS), np.float32)
        groups = -(-steps // GROUP)
        shares = min(-(-pool.size() // groups), columns)
        words = struct.pack("7q", address(left), address(right), address(out), steps, columns, depths, shares)
        kernel, place = product_kernel()
        run_kernel(kernel, place, groups * shares, 1, words, (left, right, out))
    finally:
        give_panels(left)
        give_panels(right)
    return out if out.shape == (n, m) else out[:n, :m].copy()


def within_range(left: tuple, right: tuple, k: int) -> bool:
    """Whether the parts of two matrices' numbers, of their products and of sums of k products are normal numbers, and finite.

    Of each matrix the bits of the largest and of the smallest number are given.
    """
    (most, least), (most_right, least_right) = ([(bits >> 23) - 127 for bits in extremes] for extremes in (left, right))
    return min(least, least_right) >= LEAST and least + least_right >= LEAST_PRODUCT and max(most, most_right) < MOST and \
        most + most_right + 2 + k.bit_length() < MOST
