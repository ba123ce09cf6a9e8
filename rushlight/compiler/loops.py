"""Fused loops: a scalar program over arrays of any strides, its results stored or summed, as launches of kernels in machine code.

`Loops(program, shape, strides, kinds, outputs)` arranges the dims of a shape into a nest: neighbours that all operands step through alike
become one dim, and the innermost dim is the one along which vectors cost least. Large nests are cut into pieces that threads share. Where
several pieces add to one result, each has a table of its own, and a second launch adds the tables: the same shape and number of threads
give the same bits.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from ..backends.llvm.engine import engine
from ..backends.llvm.multiply import address
from ..backends.llvm.rows import CACHED, PIECE
from ..backends.llvm.vector_math import FUNCTIONS
from ..backends.llvm.vectors import TOO_LARGE
from ..backends.native import MANY
from ..backends.parallel import pool
from ..core import scalar
from ..core.scalar import LEAVES, Program
from ..core.scalar_native import TRUTHS
from .loop_code import LoopCode, Nest, Operand, Total

#: The numbers of a vector, for choosing the innermost dim and where rows are cut: 16 on the processors for which that matters most.
LANES = 16
#: What a vector's access costs by its stride along the innermost dim, 1, 0 or another; and what every row costs besides.
NEIGHBOURS, SAME, APART, ROW = 1.0, 0.1, 8.0, 10.0
#: the sizes of a block of a long innermost dim, the best first
BLOCKS = (64, 80, 48, 96, 112, 128, 32, 40, 50, 56, 60, 72, 100, 120)
#: The columns, for each thread, from which threads share the columns of a sum over rows: of what the caches hold, and of more. A strip of
#: fewer than STRIP is slow to fetch.
NARROW, WIDE, STRIP = 64, 4096, 1024
#: the items for each thread from which pieces of them are about equally long
EVEN = 4


class Store:
    """An output that takes a value elementwise."""

    def __init__(self, value: str, strides: tuple[int, ...], kind: str = "float"):
        self.value, self.strides, self.kind = value, tuple(strides), kind


class Sum:
    """An output that takes factor times the sum of a value over dims of the loop's shape; its memory is in C order over the others."""

    def __init__(self, value: str, dims: tuple[int, ...], factor: float = 1.0):
        self.value, self.dims, self.factor = value, tuple(dims), factor


class Launch:
    """A kernel's call: function(start, stop, words) on range(count), in pieces of `chunk`; `keep` must live as long as it may run."""

    __slots__ = ("function", "count", "chunk", "words", "keep")

    def __init__(self, function: int, count: int, chunk: int, words: bytes, keep: tuple):
        self.function, self.count, self.chunk, self.words, self.keep = function, count, chunk, words, keep


def can_loop(program: Program) -> bool:
    """Whether all that a program does to elements can be written in vectors."""
    return {i.operation for i, uniform in zip(program.instructions, program.uniform, strict=True) if not uniform} <= {*FUNCTIONS, *TRUTHS, *LEAVES}


class Loops:
    """A program over a shape, in machine code.

    `strides[i]` are input i's in elements along each dim (0 where it is broadcast), `kinds[i]` is "float" (float32) or "bool" (bytes 0 and 1).
    A value may be stored into an input's memory where both have the same strides; a sum may not. The work is cut for the number of threads at
    that time, and numbers a launch does not change are in its words: equal kernels are compiled once.
    """

    def __init__(self, program: Program, shape: tuple[int, ...], strides: Sequence[tuple[int, ...]], kinds: Sequence[str],
                 outputs: Sequence[Store | Sum]):
        self.program, self.inputs = program, len(strides)
        stores = [(k, output) for k, output in enumerate(outputs) if isinstance(output, Store)]
        sums = [(k, output) for k, output in enumerate(outputs) if isinstance(output, Sum)]
        #: where each of the nest's outputs stands among the caller's
        self.order = [k for k, _ in (*stores, *sums)]
        #: a sum's own tables, with its place in `order` and the loops that add them up
        self.tables: list[tuple[int, Table, Loops]] = []
        #: what an empty loop does: for an output's place, the loops that fill it
        self.fills = [(k, filling(shape, output)) for k, output in sums] if 0 in shape else []
        self.is_empty = 0 in shape
        if not self.is_empty:
            places = program.outputs
            self.build(Nest(shape, [Operand(kind, stride) for kind, stride in zip(kinds, strides, strict=True)],
                            [Operand(o.kind, o.strides, places[o.value]) for _, o in stores],
                            [total_of(o, shape, places[o.value]) for _, o in sums]))

    def build(self, nest: Nest) -> None:
        """Cut the work, and compile its kernel."""
        nest = arranged(nest)
        self.cut = Cut(nest, pool.size())
        for place, total in enumerate(nest.totals, len(nest.stores)):
            total.decide(nest.sizes, nest.shared, self.cut.pieces)
            if total.partial:
                table = Table(total, nest.sizes, self.cut.pieces)
                self.tables.append((place, table, table.adding()))
        code = LoopCode(engine().width // 4, self.program, nest)
        self.function = compiled(code.kernel())
        self.lay_out(list(code.words), nest)

    def lay_out(self, keys: Sequence[tuple], nest: Nest) -> None:
        """Note which words the kernel asked for: those that never change, and the places of addresses and numbers."""
        tables = {self.inputs + place: table.size for place, table, _ in self.tables}
        factors = {k: float(total.factor) for k, total in enumerate(nest.totals, self.inputs + len(nest.stores))}
        known: dict[str, Callable[..., int | float]] = {
            "step": lambda: self.cut.step, "items": lambda: self.cut.items, "size": nest.sizes.__getitem__,
            "stride": lambda k, dim: nest.operands[k].strides[dim], "table": tables.__getitem__, "factor": factors.__getitem__,
            "address": lambda k: 0, "number": lambda i: 0.0,
        }  # fmt: skip
        self.words = [known[name](*rest) for name, *rest in keys]
        self.pack = struct.Struct("".join(["f4x" if word.__class__ is float else "q" for word in self.words])).pack
        self.address_words = [(place, key[1]) for place, key in enumerate(keys) if key[0] == "address"]
        self.number_words = [(place, key[1]) for place, key in enumerate(keys) if key[0] == "number"]

    def launches(self, addresses: Sequence[int], numbers: Sequence[float] = ()) -> list[Launch]:
        """The calls that compute all outputs, one after the other; addresses of the inputs' data, then of the outputs'."""
        results = addresses[self.inputs:]
        if self.is_empty:
            return [launch for k, loops in self.fills for launch in loops.launches([results[k]])]
        places = [*addresses[:self.inputs], *[results[k] for k in self.order]]
        scratch, adding = [], []
        for place, table, loops in self.tables:
            scratch.append(np.empty(table.size * table.count, np.float32))
            own = places[self.inputs + place] = address(scratch[-1])
            adding += loops.launches([own, results[self.order[place]]])
        words = self.words.copy()
        for at, k in self.address_words:
            words[at] = places[k]
        for at, number in self.numbers(numbers):
            words[at] = number
        return [Launch(self.function, self.cut.pieces, self.cut.chunk, self.pack(*words), tuple(scratch)), *adding]

    def numbers(self, numbers: Sequence[float]) -> list[tuple[int, float]]:
        """The words of the first launch, by their places, that depend on the program's numbers: floats, to be packed as `rows.REAL`."""
        if not self.number_words:
            return []
        values = uniform_values(self.program, numbers)
        return [(at, in_range(values[i])) for at, i in self.number_words]


class Cut:
    """How a nest is cut into pieces: `items` (of the leading dims together, or of the innermost one) in steps, of which a thread takes
    `chunk` at a time. Sets the nest's `shared`."""

    def __init__(self, nest: Nest, threads: int):
        size, width = math.prod(nest.sizes), nest.sizes[-1]
        nest.shared = 0 if size < MANY else shared_dims(nest, threads)
        self.items = math.prod(nest.sizes[:nest.shared]) if nest.shared else width
        self.step = self.items if size < MANY else self.step_of(nest, size, threads)
        if self.step >= self.items:
            nest.shared, self.items, self.step = 0, width, width
        self.pieces = -(-self.items // self.step)
        self.chunk = -(-self.pieces // threads) if size <= CACHED else 1

    def step_of(self, nest: Nest, size: int, threads: int) -> int:
        """The items of a piece."""
        step = -(-self.items // threads)
        if size > CACHED or nest.totals:
            share = max(PIECE * self.items // size, STRIP if not nest.shared and size > self.items else 1)
            # Every thread has as many pieces as the others.
            rounds = -(-self.items // (min(step, share) * threads))
            step = max(-(-self.items // (rounds * threads)), self.fewest(nest, size))
        # A piece of the innermost dim begins where a line of the cache may, and has a line's elements for each row.
        return step if nest.shared else -(-step // LANES) * LANES

    def fewest(self, nest: Nest, size: int) -> int:
        """The items of a piece from which its tables have at most an eighth of its numbers."""
        tables = [math.prod([n for n, kept in zip(nest.sizes, total.kept, strict=True) if kept]) for total in nest.totals
                  if (total.first_summed < nest.shared if nest.shared else total.of_vectors)]
        return 8 * max(tables, default=0) * self.items // size


def shared_dims(nest: Nest, threads: int) -> int:
    """How many leading dims pieces are cut of; 0 for the innermost dim."""
    outer, width = nest.sizes[:-1], nest.sizes[-1]
    free = min([total.first_summed for total in nest.totals], default=len(outer))
    for count in range(1, free + 1):
        if math.prod(outer[:count]) >= EVEN * threads:
            return count
    columns = width >= threads * (NARROW if math.prod(nest.sizes) <= CACHED else WIDE)
    if columns and not any([total.of_vectors and total.last_kept >= 0 for total in nest.totals]):
        return 0
    enough = [count for count in range(1, len(outer) + 1) if math.prod(outer[:count]) >= EVEN * threads]
    return enough[0] if enough else 0 if width >= threads * LANES else len(outer)


class Table:
    """A piece's own sums, in the nest's order of dims: `size` floats, of which there are `count`."""

    def __init__(self, total: Total, sizes: Sequence[int], count: int):
        kept = [d for d, is_kept in enumerate(total.kept) if is_kept]
        #: (size, stride of the result, stride of the table) of each kept dim
        self.dims: list[tuple[int, int, int]] = []
        self.size, self.count, self.factor = 1, count, total.factor
        for d in reversed(kept):
            self.dims.append((sizes[d], total.strides[d], self.size))
            total.strides[d] = self.size
            self.size *= sizes[d]

    def adding(self) -> Loops:
        """The loops that add the tables up."""
        dims = sorted(self.dims, key=lambda dim: -dim[1])
        sizes, table = [dim[0] for dim in dims], [dim[2] for dim in dims]
        return Loops(IDENTITY, (self.count, *sizes), [(self.size, *table)], ["float"], [Sum("out", (0,), self.factor)])


# ---- programs

IDENTITY = scalar.parse("x", ("x",))


def uniform_values(program: Program, numbers: Sequence[float]) -> dict[int, float]:
    """The values that are the same for all elements, by their places, in double precision."""
    given = dict(zip(program.scalars, numbers, strict=True))
    values: dict[int, float] = {}
    for i, (operation, arguments) in enumerate(program.instructions):
        if operation == "constant":
            values[i] = arguments[0]
        elif program.uniform[i]:
            values[i] = given[arguments[0]] if operation == "input" else scalar.FUNCTIONS[operation](*[values[a] for a in arguments])
    return values


def in_range(number: float) -> float:
    """The number as a float, or infinity where it is too large for a float32."""
    return math.copysign(math.inf, number) if abs(number) >= TOO_LARGE else float(number)


def filling(shape: Sequence[int], output: Sum) -> Loops:
    """The loops that write factor times a sum of no numbers."""
    count = math.prod([n for d, n in enumerate(shape) if d not in output.dims])
    constant = Program((), (), [scalar.Instruction("constant", (0.0 * output.factor,))], {"out": 0})
    return Loops(constant, (count,), [], [], [Store("out", (1,))])


# ---- geometry

def total_of(output: Sum, shape: Sequence[int], value: int) -> Total:
    """A sum's memory as an operand of its loop."""
    strides, kept, step = [0] * len(shape), [False] * len(shape), 1
    for d in reversed(range(len(shape))):
        if d not in output.dims:
            strides[d], kept[d] = step, True
            step *= shape[d]
    return Total(strides, kept, value, output.factor)


def arranged(nest: Nest) -> Nest:
    """The nest with its dims in the order of memory, neighbours made one, the best dim innermost, and dims that are summed inside others."""
    nest = nest.arranged([d for d, size in enumerate(nest.sizes) if size != 1])
    written = [*nest.stores, *nest.inputs]
    nest = collapsed(nest.arranged(sorted(range(len(nest.sizes)), key=lambda d: [-abs(o.strides[d]) for o in written])))
    if not nest.sizes:
        return with_one(nest)
    inner = min(reversed(range(len(nest.sizes))), key=lambda d: cost(nest, d))
    outer = [d for d in range(len(nest.sizes)) if d != inner]
    # A sum's dims inside the others save tables; but where elements of a line are far apart in the loop, the order of memory is worth more.
    if nest.totals and all([o.strides[inner] in (0, 1) for o in nest.operands]):
        outer.sort(key=lambda d: not nest.totals[0].kept[d])
    return tiled(collapsed(nest.arranged([*outer, inner])))


def tiled(nest: Nest) -> Nest:
    """The nest with a long innermost dim in blocks, each for all of the dim before it, if an operand's neighbours lie along that one.

    Each element of such an operand is on a line of the cache with those of the next rows, and must still be there when these come.
    """
    if len(nest.sizes) < 2 or nest.sizes[-1] < 2 * BLOCKS[0] or not any([o.strides[-2] == 1 and o.strides[-1] > 1 for o in nest.operands]):
        return nest
    width, last = nest.sizes[-1], len(nest.sizes) - 1
    block = next((n for n in BLOCKS if width % n == 0), 0)
    if not block:
        return nest
    # The blocks' dim is made of the innermost one twice, and stands before the rows.
    tiles = nest.arranged([*range(last - 1), last, last - 1, last])
    tiles.sizes[-3], tiles.sizes[-1] = width // block, block
    for operand in tiles.operands:
        operand.strides[-3] *= block
    return tiles


def collapsed(nest: Nest) -> Nest:
    """The nest with every two neighbouring dims made one that all operands step through as if they were."""
    d = 0
    while d + 1 < len(nest.sizes):
        inner = nest.sizes[d + 1]
        if all([o.strides[d] == inner * o.strides[d + 1] for o in nest.operands]) and all([t.kept[d] == t.kept[d + 1] for t in nest.totals]):
            count = nest.sizes[d] * inner
            nest = nest.arranged([k for k in range(len(nest.sizes)) if k != d])
            nest.sizes[d] = count
        else:
            d += 1
    return nest


def with_one(nest: Nest) -> Nest:
    """The nest of one element, as a dim of size 1."""
    nest.sizes = [1]
    for operand in nest.inputs:
        operand.strides = [0]
    for operand in nest.stores:
        operand.strides = [1]
    for total in nest.totals:
        total.strides, total.kept = [0], [False]
    return nest


def cost(nest: Nest, inner: int) -> float:
    """About what an element costs if that dim is innermost."""
    by_stride = {0: SAME, 1: NEIGHBOURS}
    vectors = sum([by_stride.get(o.strides[inner], APART) for o in nest.inputs])
    # What is written to places apart takes twice as long; so does adding to memory, which sums over other dims do.
    vectors += 2 * sum([by_stride.get(o.strides[inner], APART) for o in (*nest.stores, *nest.totals) if o.strides[inner]])
    size = nest.sizes[inner]
    return (vectors * -(-size // LANES) + ROW) / size


@cache
def compiled(text: str) -> int:
    """Where the machine code of a kernel lies; equal texts share it."""
    [place] = engine().addresses(text, ("loop",))
    return place
