"""A layer of LSTM in machine code: all steps of some sequences in one kernel, forward and backward.

The steps of a sequence follow one another, but sequences know nothing of each other: a thread takes its share of them through all steps
and meets no other thread on the way. A step is the product of a tile of sequences with the weights, packed once as in `backends.llvm.gemm`
and in its order of additions, and the gates of that tile while its sums are in the first-level cache.

`lstm_step` and `lstm_step_backward` in rnn_lstm.py are the same as NumPy's calls, and say what each is.
"""
from __future__ import annotations

from functools import cache
from typing import Any

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.gemm import VECTORS, copy_lines, pack_lines, tile
from ..backends.llvm.rows import Piece, RowKernel, Rows
from ..backends.llvm.vector_tanh import tanh
from ..backends.llvm.vectors import sigmoid

#: the name of the kernels' last parameter
WORDS = "%arguments"
# The words of a call, first those that forward and backward share: the steps, those that this call runs, the sizes, the packed weights, the
# bounds of the blocks of the inner dimension as in `multiply`, and the memory that each thread has for itself.
(STEPS, FROM, UPTO, HIDDEN, DEPTH, PANELS, BLOCKS, HALF_BLOCKS, BLOCK_COUNT, MEMORY, MEMORY_SIZE, SUMS, CHUNK, GATES, CELLS, H, C,
 FIRST_H, FIRST_C) = range(19)
X, X_STEP, X_ROW, TABLE, OUTS, KEPT = range(19, 25)
G, G_STEP, G_ROW, DZ, DZ_FROM, LAST_H, LAST_C = range(19, 26)
# The words of a call that packs the weights.
W_HH, W_IH, B_IH, B_HH, PACKED, PACKED_HIDDEN, PACKED_INPUTS = range(7)


def copy(c: Rows, source: str, target: str, width: str | int) -> None:
    """Copy a row."""
    c.over(width, lambda p: p.store(p.load(source), target))


class Layer(Rows):
    """A kernel over sequences, from `%start` to `%stop`."""

    def __init__(self, lanes: int, rows: int):
        super().__init__(lanes)
        self.rows, self.width = rows, VECTORS * lanes
        self.units = self.word(WORDS, HIDDEN)
        piece = self.quotient("%start", self.word(WORDS, CHUNK))
        self.left = self.at(self.pointer(WORDS, MEMORY), self.times(piece, self.word(WORDS, MEMORY_SIZE)))
        self.sums = self.at(self.left, self.word(WORDS, SUMS))

    def row(self, table: int, number: str, width: str | int | None = None) -> str:
        """Where a row of a table begins, which is as wide as the state if nothing else is said."""
        return self.at(self.pointer(WORDS, table), self.times(number, self.units if width is None else width))

    def larger_of(self, a: str, b: str) -> str:
        return self.choose(self.test("sgt", a, b), a, b)

    def product(self, panel: str, depth: str, block: str, sums: str) -> None:
        """A tile's sums of one block with one panel, added to those that are there, unless the block begins a half."""
        bounds = self.pointer(WORDS, BLOCKS)
        low, high = self.word(bounds, block), self.word(bounds, self.plus(block, 1))
        left, right = self.at(self.left, self.times(low, self.rows)), self.at(panel, self.times(low, self.width))
        begins = self.emit(f"or i1 {self.test('eq', block, 0)}, {self.test('eq', block, self.word(WORDS, HALF_BLOCKS))}")
        start = self.choose(begins, "null", sums, "ptr")
        self.lines.append(f"  call void @tile_{VECTORS}(ptr {left}, ptr {right}, i64 {self.minus(high, low)}, ptr {sums}, i64 {self.width}, "
                          f"ptr {start}, i64 {self.width})")

    def half(self, block: str, size: str | int) -> str:
        """Where the sums of the half lie to which a block belongs."""
        return self.at(self.sums, self.choose(self.test("slt", block, self.word(WORDS, HALF_BLOCKS)), 0, size))

    def add_halves(self, size: str | int) -> None:
        """Add the second half's sums to the first's, if there are two."""
        with self.when(self.test("slt", self.word(WORDS, HALF_BLOCKS), self.word(WORDS, BLOCK_COUNT))), \
                self.loop(0, size, self.lanes) as i:
            at = self.at(self.sums, i)
            self.store(self.add(self.load(at), self.load(self.at(at, size))), at)

    def pack(self, rows: str, lines: str, depth: str) -> None:
        """Pack a tile's rows for its products."""
        self.lines.append(f"  call void @pack_{self.rows}(ptr {rows}, i64 {lines}, i64 {depth}, i64 {depth}, ptr {self.left})")

    def over_units(self, count: str, write: Any) -> None:
        """write(piece) for every vector of so many units."""
        with self.loop(0, self.minus(count, self.lanes - 1), self.lanes) as i:
            write(Piece(self, i, 0))
        rest = self.whole(count, self.lanes)
        with self.when(self.test("slt", rest, count)):
            write(Piece(self, rest, 0, self.first_lanes(self.minus(count, rest))))


class Step:
    """What a kernel knows of a step: where its rows begin, how many it has, its place in time, and the sizes of its neighbours."""

    def __init__(self, c: Layer, number: str):
        steps = c.at(c.pointer(WORDS, STEPS), c.times(c.plus(number, 1), 6))  # three words are six floats
        self.begin, self.size, self.time = (c.word(steps, k) for k in range(3))
        self.begin_before, self.size_before, self.size_after = c.word(steps, -3), c.word(steps, -2), c.word(steps, 4)
        self.stop = c.smaller("%stop", self.size)
        self.plane = c.times(self.size, c.units)


def forward(lanes: int, rows: int) -> tuple[str, Code]:
    """@forward: the steps of some sequences. Their states run in the tables H and C, which end as the last ones."""
    c = Layer(lanes, rows)
    depth, kept = c.word(WORDS, DEPTH), c.word(WORDS, KEPT)
    with c.loop(c.word(WORDS, FROM), c.word(WORDS, UPTO)) as number:
        step = Step(c, number)
        begin = c.times(step.begin, kept)  # what is not kept is written over by the next step
        with c.loop(c.larger_of("%start", step.size_before), step.stop) as row:
            copy(c, c.row(FIRST_H, row), c.row(H, row), c.units)
            copy(c, c.row(FIRST_C, row), c.row(C, row), c.units)
        with c.loop("%start", step.stop) as row:
            write_operands(c, step, row, c.row(TABLE, c.plus(begin, row), depth), depth)
        with c.loop("%start", step.stop, rows) as first:
            lines = c.smaller(rows, c.minus(step.stop, first))
            c.pack(c.row(TABLE, c.plus(begin, first), depth), lines, depth)
            with c.loop(0, c.units, c.width) as unit:
                with c.loop(0, c.word(WORDS, BLOCK_COUNT)) as block, c.loop(0, 4) as gate:
                    panel = c.row(PANELS, c.plus(c.times(unit, 4), c.times(gate, c.width)), depth)
                    c.product(panel, depth, block, c.at(c.half(block, 4 * rows * c.width), c.times(gate, rows * c.width)))
                c.add_halves(4 * rows * c.width)
                with c.loop(0, lines) as line:
                    tile_gates(c, step, begin, c.plus(first, line), unit, c.at(c.sums, c.times(line, c.width)))
    return c.function("forward", f"i64 %start, i64 %stop, ptr {WORDS}", internal=False), c


def write_operands(c: Layer, step: Step, row: str, target: str, depth: str) -> None:
    """A row of the operands: the state, the input, and a 1 for the bias."""
    x = c.at(c.pointer(WORDS, X), c.plus(c.times(step.time, c.word(WORDS, X_STEP)), c.times(row, c.word(WORDS, X_ROW))))
    copy(c, c.row(H, row), target, c.units)
    copy(c, x, c.at(target, c.units), c.minus(c.minus(depth, c.units), 1))
    c.store_one("1.0", c.at(target, c.minus(depth, 1)))


def tile_gates(c: Layer, step: Step, begin: str, row: str, unit: str, z: str) -> None:
    """The gates of some units of a sequence, its cell and its output; the gates lie in the order o, i, f, g."""
    place, kept = c.plus(c.times(row, c.units), unit), c.plus(c.times(c.plus(begin, row), c.units), unit)
    gates = c.at(c.pointer(WORDS, GATES), c.plus(c.times(begin, c.times(c.units, 4)), place))
    planes = [c.at(gates, c.times(step.plane, k)) for k in range(4)]
    cell, h = c.at(c.pointer(WORDS, C), place), c.at(c.pointer(WORDS, H), place)
    cells = c.at(c.pointer(WORDS, CELLS), kept)
    outs = c.at(c.pointer(WORDS, OUTS), c.plus(c.times(c.plus(step.begin, row), c.units), unit))

    def write(p: Piece) -> None:
        i, f, g, o = (tanh(c, x) if k == 2 else sigmoid(c, x)
                      for k, x in enumerate([p.load(c.at(z, k * c.rows * c.width)) for k in range(4)]))
        for value, plane in zip((o, i, f, g), planes):
            p.store(value, plane)
        state = c.fma(f, p.load(cell), c.multiply(i, g))
        out = c.multiply(o, tanh(c, state))
        for value, target in ((state, cell), (state, cells), (out, h), (out, outs)):
            p.store(value, target)
    c.over_units(c.smaller(c.width, c.minus(c.units, unit)), write)


def backward(lanes: int, rows: int) -> tuple[str, Code]:
    """@backward: dz of the steps of some sequences, from the last to the first.

    The gradients by the states run in the tables H and C, which end as those by the first ones.
    """
    c = Layer(lanes, rows)
    depth, count = c.times(c.units, 4), c.rounded_up(c.units, c.width)
    tile_size = rows * c.width
    size = c.times(count, tile_size)
    last = c.minus(c.word(WORDS, UPTO), 1)
    with c.loop(c.word(WORDS, FROM), c.word(WORDS, UPTO)) as done:
        step = Step(c, c.minus(last, c.minus(done, c.word(WORDS, FROM))))
        with c.loop(c.larger_of("%start", step.size_after), step.stop) as row:
            copy(c, c.row(LAST_H, row), c.row(H, row), c.units)
            copy(c, c.row(LAST_C, row), c.row(C, row), c.units)
        with c.loop("%start", step.stop, rows) as first:
            lines = c.smaller(rows, c.minus(step.stop, first))
            with c.loop(0, lines) as line:
                row_gradients(c, step, c.plus(first, line))
            c.pack(dz_row(c, step, first), lines, depth)
            with c.loop(0, c.word(WORDS, BLOCK_COUNT)) as block, c.loop(0, count) as n:
                panel = c.row(PANELS, c.times(n, c.width), depth)
                c.product(panel, depth, block, c.at(c.half(block, size), c.times(n, tile_size)))
            c.add_halves(size)
            with c.loop(0, lines) as line, c.loop(0, c.units, c.width) as unit:
                source = c.at(c.sums, c.plus(c.times(unit, rows), c.times(line, c.width)))
                target = c.at(c.row(H, c.plus(first, line)), unit)
                store_row(c, source, target, c.smaller(c.width, c.minus(c.units, unit)))
    return c.function("backward", f"i64 %start, i64 %stop, ptr {WORDS}", internal=False), c


def store_row(c: Layer, source: str, target: str, count: str) -> None:
    """Copy some units."""
    c.over_units(count, lambda p: p.store(p.load(source), target))


def dz_row(c: Layer, step: Step, row: str) -> str:
    """Where dz of a sequence belongs."""
    return c.row(DZ, c.minus(c.plus(step.begin, row), c.word(WORDS, DZ_FROM)), c.times(c.units, 4))


def row_gradients(c: Layer, step: Step, row: str) -> None:
    """dz of a sequence's step, and the gradient by c becomes that by c before."""
    place, kept = c.times(row, c.units), c.plus(step.begin, row)
    gates = c.at(c.row(GATES, c.times(step.begin, 4)), place)
    planes = [c.at(gates, c.times(step.plane, k)) for k in range(4)]
    g = c.at(c.pointer(WORDS, G), c.plus(c.times(step.time, c.word(WORDS, G_STEP)), c.times(row, c.word(WORDS, G_ROW))))
    goes_on = c.test("slt", row, step.size_before)
    before = c.choose(goes_on, c.row(CELLS, c.plus(step.begin_before, row)), c.row(FIRST_C, row), "ptr")
    after, by_h, by_c = c.row(CELLS, kept), c.row(H, row), c.row(C, row)
    dz = dz_row(c, step, row)
    parts = [c.at(dz, c.times(c.units, k)) for k in range(4)]

    def write(p: Piece) -> None:
        one = c.number(1.0)
        o, i, f, g_part = (p.load(plane) for plane in planes)
        dh = c.add(p.load(by_h), p.load(g))
        t = tanh(c, p.load(after))
        # dc += dh o (1 - t^2)
        dc = c.fma(c.multiply(dh, o), c.subtract(one, c.multiply(t, t)), p.load(by_c))
        slopes = [c.multiply(x, c.subtract(one, x)) for x in (i, f, o)]
        found = (c.multiply(c.multiply(slopes[0], g_part), dc), c.multiply(c.multiply(slopes[1], p.load(before)), dc),
                 c.multiply(c.multiply(c.subtract(one, c.multiply(g_part, g_part)), i), dc), c.multiply(c.multiply(slopes[2], t), dh))
        for value, part in zip(found, parts):
            p.store(value, part)
        p.store(c.multiply(dc, f), by_c)
    c.over_units(c.units, write)


def pack_forward(lanes: int) -> tuple[str, Code]:
    """@pack_forward: panels of [w_hh, w_ih, b_ih + b_hh], four for each block of units, one for each gate."""
    c, width = Code(lanes), VECTORS * lanes
    hidden, inputs = c.word(WORDS, PACKED_HIDDEN), c.word(WORDS, PACKED_INPUTS)
    depth = c.plus(c.plus(hidden, inputs), 1)
    with c.loop("%start", "%stop") as panel:
        unit = c.times(c.quotient(panel, 4), width)
        row = c.plus(c.times(c.emit(f"srem i64 {panel}, 4"), hidden), unit)
        lines = c.smaller(width, c.minus(hidden, unit))
        target = c.at(c.pointer(WORDS, PACKED), c.times(panel, c.times(depth, width)))
        for weight, length, begin in ((W_HH, hidden, 0), (W_IH, inputs, hidden)):
            source = c.at(c.pointer(WORDS, weight), c.times(row, length))
            c.lines.append(f"  call void @pack_{width}(ptr {source}, i64 {lines}, i64 {length}, i64 {length}, "
                           f"ptr {c.at(target, c.times(begin, width))})")
        biases = c.at(target, c.times(c.minus(depth, 1), width))
        has_bias = c.emit(f"icmp ne ptr {c.pointer(WORDS, B_IH)}, null")
        with c.loop(0, width) as line:
            c.store_one("0.0", c.at(biases, line))
        with c.when(has_bias), c.loop(0, lines) as line:
            one, two = (c.load_one(c.at(c.pointer(WORDS, bias), c.plus(row, line))) for bias in (B_IH, B_HH))
            c.store_one(c.emit(f"fadd float {one}, {two}"), c.at(biases, line))
    return c.function("pack_forward", f"i64 %start, i64 %stop, ptr {WORDS}", internal=False), c


def pack_backward(lanes: int) -> tuple[str, Code]:
    """@pack_backward: panels of w_hh."""
    c, width = Code(lanes), VECTORS * lanes
    hidden = c.word(WORDS, PACKED_HIDDEN)
    depth = c.times(hidden, 4)
    with c.loop("%start", "%stop") as panel:
        unit = c.times(panel, width)
        c.lines.append(f"  call void @copy_{width}(ptr {c.at(c.pointer(WORDS, W_HH), unit)}, i64 {c.minus(hidden, unit)}, i64 {hidden}, "
                       f"i64 {depth}, ptr {c.at(c.pointer(WORDS, PACKED), c.times(unit, depth))})")
    return c.function("pack_backward", f"i64 %start, i64 %stop, ptr {WORDS}", internal=False), c


class Kernel:
    """A compiled kernel: what ctypes calls, and its address."""

    def __init__(self, address: int):
        self.address, self.function = address, KERNEL(address)


@cache
def kernels(rows: int) -> tuple[Kernel, Kernel]:
    """The kernels forward and backward in tiles of so many rows."""
    lanes = engine().width // 4
    written = [pack_lines(lanes, rows), tile(lanes, rows, VECTORS), forward(lanes, rows), backward(lanes, rows)]
    return made(lanes, written, ("forward", "backward"))


@cache
def packers() -> tuple[Kernel, Kernel]:
    """The kernels that pack the weights, forward and backward."""
    lanes = engine().width // 4
    width = VECTORS * lanes
    return made(lanes, [pack_lines(lanes, width), copy_lines(lanes, width), pack_forward(lanes), pack_backward(lanes)],
                ("pack_forward", "pack_backward"))


def made(lanes: int, written: list, names: tuple) -> Any:
    return tuple([Kernel(place) for place in engine().addresses(module([text for text, _ in written], [code for _, code in written], lanes), names)])


def write_add(c: Rows) -> None:
    """out += part for the rows of [out, part]."""
    out, part = (c.pointer(WORDS, k) for k in range(2))
    width = c.word(WORDS, 2)
    with c.loop("%start", "%stop") as row:
        a, b = (c.at(table, c.times(row, width)) for table in (out, part))
        c.over(width, lambda p: p.store(c.add(p.load(a), p.load(b)), a))


def write_parts(c: Rows) -> None:
    """The columns of [table, w_hh, w_ih, bias], the table's width, hidden units, inputs, as arrays of their own."""
    table, w_hh, w_ih, bias = (c.pointer(WORDS, k) for k in range(4))
    width, hidden, inputs = (c.word(WORDS, k) for k in range(4, 7))
    with c.loop("%start", "%stop") as row:
        source = c.at(table, c.times(row, width))
        for target, length, start in ((w_hh, hidden, 0), (w_ih, inputs, hidden)):
            copy(c, c.at(source, start), c.at(target, c.times(row, length)), length)
        c.store_one(c.load_one(c.at(source, c.minus(width, 1))), c.at(bias, row))


@cache
def add_kernel() -> RowKernel:
    return RowKernel(write_add)


@cache
def parts_kernel() -> RowKernel:
    return RowKernel(write_parts)
