"""Products of large float32 matrices by the processor's tiles of bfloat16 (Intel's AMX): 1024 x 1024 x 1024 in 4.2 ms, by vectors 5.9.

A float32 number of 24 bits is the sum of three of 8, x = x1 + x2 + x3, each a bfloat16, so that a product is

    a b = a1 b1 + (a1 b2 + a2 b1) + (a1 b3 + a2 b2 + a3 b1) + at most 2^-24 of it

Products of two such parts are exact in float32, and the tiles add them up in float32 (G. Henry, P. Tang and A. Heinecke, Leveraging the bfloat16
artificial intelligence datatype for higher-precision computations, 2019): two chains of 16 products are added before they meet the sum. The
largest product of parts comes last, so that where few numbers are not zero the sum is rounded once.

Both matrices are first cut up and laid out tile by tile, 16 rows (columns) by 32 numbers of the inner dimension, the three parts one after the other:
of the left one a tile has rows of 16 pairs, of the right one 16 rows of pairs of its 16 columns. A step multiplies 2 x 2 tiles, so that it makes
32 x 32 of the result.
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
from .engine import KERNEL, available as engine_available, engine
from .multiply import address, give_panels, straight, take_panels
from .workers import run_kernel

#: the rows (columns) of a tile, its numbers of the inner dimension, its bytes, and the parts of a number
ROWS, DEPTH, BYTES, PARTS = 16, 32, 1024, 3
#: The rows of steps that a thread takes at a time, and the tiles of the inner dimension: their part of the left matrix, three quarters of a megabyte,
#: stays in the second-level cache.
GROUP, SLAB = 4, 32
#: Exponents between which the largest number of each matrix lies, and the product of both: above, sums of parts might overflow; below, results would
#: be so small that it matters that parts below 2^-126 are lost.
LOWEST, HIGHEST, LOWEST_PRODUCT, HIGHEST_PRODUCT = -60, 60, -40, 100
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
    if not engine_available():
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


class Largest:
    """The largest of the numbers that a kernel reads, by size: lane by lane, as the bits of numbers without sign. Those of nan are the largest."""

    def __init__(self, c: Code):
        self.c = c
        c.stack += [f"  %largest = alloca {c.int}, align 64", f"  store {c.int} zeroinitializer, ptr %largest"]

    def watch(self, numbers: str) -> str:
        """The numbers, which are taken into account."""
        c, name = self.c, f"@llvm.umax.v{self.c.lanes}i32"
        c.declared[f"declare {c.int} {name}({c.int}, {c.int})"] = None
        bits = c.int_op("and", c.bits(numbers), c.integer(0x7FFFFFFF))
        before = c.emit(f"load {c.int}, ptr %largest")
        c.lines.append(f"  store {c.int} {c.emit(f'call {c.int} {name}({c.int} {before}, {c.int} {bits})')}, ptr %largest")
        return numbers

    def store(self, pointer: str) -> None:
        value = self.c.emit(f"load {self.c.int}, ptr %largest")
        self.c.lines.append(f"  store {self.c.int} {value}, ptr {pointer}, align 4")


def write_layout(c: Code, along: bool, turn: bool) -> None:
    """[x, tiles, largest], stride, rows, depth: the tiles of x whose rows begin at 16 times `start` to `stop`, and their largest number, at `start`.

    `along` says that neighbours in memory are numbers of the inner dimension; else they are rows at one place in it, and the stride is from one
    place to the next. `turn`, that the tiles want them the other way. Tiles are taken in the order in which memory lies.
    """
    x, tiles, largest = (c.pointer("%arguments", k) for k in range(3))
    stride, rows, depth = (c.word("%arguments", k) for k in range(3, 6))
    depths = c.rounded_up(depth, DEPTH)
    seen = Largest(c)

    def load(line: str, lines: str, first: str, numbers: str) -> str:
        """A vector of a line of so many numbers, zeros beyond its end, and if there are not so many lines."""
        left = c.choose(c.test("slt", line, lines), c.minus(numbers, first), 0)
        return seen.watch(c.load_some(c.at(x, c.plus(c.times(line, stride), first)), c.first_lanes(left)))

    def pairs_of_row(row: str, place: str, k: int) -> tuple:
        """32 numbers of the tile's row k, as two vectors."""
        return tuple([load(c.plus(row, k), rows, c.plus(place, side * ROWS), depth) for side in (0, 1)])

    def pairs_of_places(row: str, place: str, k: int) -> tuple:
        """The tile's rows at its places 2 k and 2 k + 1, as two vectors."""
        return tuple([load(c.plus(place, 2 * k + side), depth, row, rows) for side in (0, 1)])
    pairs, joined = (pairs_of_row, neighbours) if along else (pairs_of_places, interleaved)
    loops: list[tuple[str | int, str]] = [("%start", "%stop"), (0, depths)]
    with c.loop(*loops[not along]) as outer, c.loop(*loops[along]) as inner:
        tile, step = (outer, inner) if along else (inner, outer)
        squares: list[list[str]] = [[] for _ in range(PARTS)]
        for k in range(ROWS):
            read = pairs(c.times(tile, ROWS), c.times(step, DEPTH), k)
            for square, one, other in zip(squares, *[parts_of(c, numbers) for numbers in read]):
                square.append(joined(c, one, other))
        target = c.at(tiles, c.times(c.plus(c.times(tile, depths), step), PARTS * BYTES // 4))
        for number, square in enumerate(squares):
            for k, vector in enumerate(turned(c, square) if turn else square):
                c.lines.append(f"  store {c.int} {vector}, ptr {c.at(target, (number * ROWS + k) * ROWS)}, align 64")
    seen.store(c.at(largest, c.times("%start", ROWS)))


@cache
def layout_kernel(along: bool, turn: bool) -> tuple:
    """The kernel that lays a matrix out, and its address."""
    c = Code(ROWS)
    write_layout(c, along, turn)
    text = module([c.function("layout", "i64 %start, i64 %stop, ptr %arguments", internal=False)], [c], c.lanes)
    [place] = engine().addresses(text, ("layout",))
    return KERNEL(place), place


def lay_out(x: Any, memory: Any, is_left: bool) -> int:
    """Lay out the tiles of a matrix that has the inner dimension last; the exponent of its largest number, 128 if that is not finite."""
    along = x.strides[1] == 4
    turn = along != is_left  # the left matrix's tiles have rows of pairs, the right one's pairs of its columns
    rows, depth = x.shape
    tiles = 2 * -(-rows // (2 * ROWS))
    largest = np.zeros((tiles, ROWS), np.uint32)
    words = struct.pack("6q", address(x), address(memory), address(largest), x.strides[0 if along else 1] // 4, rows, depth)
    kernel, place = layout_kernel(along, turn)
    run_kernel(kernel, place, tiles, -(-tiles // (4 * pool.size())), words, (x, memory, largest))
    return (int(largest.max()) >> 23) - 127


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


#: The pairs of parts, from the left and from the right matrix: the largest product last, and one of both stays from pair to pair.
ORDER = ((0, 2), (0, 1), (1, 1), (1, 0), (2, 0), (0, 0))
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
    """a @ b of float32 matrices: (n, k) @ (k, m) -> (n, m); None where a number is not finite, or where all are very large or very small."""
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
        give_panels(right)  # the next product takes the left one's first
        give_panels(left)
    return out if out.shape == (n, m) else out[:n, :m].copy()


def within_range(left: int, right: int, k: int) -> bool:
    """Whether no sum of k products can overflow, and what is lost of small numbers' parts is nothing beside the results; from the exponents of both
    matrices' largest numbers."""
    return LOWEST <= min(left, right) and max(left, right) <= HIGHEST and LOWEST_PRODUCT <= left + right <= HIGHEST_PRODUCT - k.bit_length()
