"""The text of a fused loop in machine code: loops over the outer dims of a nest, and vectors along its innermost one.

A kernel works on pieces of its nest. It knows sizes, strides and addresses by the words that it is called with, so loops of other sizes
share it; only which strides are 0 or 1, and which sums meet where, is written into the code.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..backends.llvm.code import module
from ..backends.llvm.rows import STRANDS, Rows
from ..core.scalar import LEAVES, Program
from ..core.scalar_native import TRUTHS, as_number, as_truth, wants_truth, write

#: operations of a line or two, and about how many lines some take; the other functions have MANY_LINES
BRIEF = frozenset({*LEAVES, *TRUTHS, "add", "subtract", "multiply", "divide", "negative", "fma", "square", "abs", "where", "maximum", "minimum",
                   "sign", "floor", "ceil", "trunc", "round", "copysign"})  # fmt: skip
LINES = {"sqrt": 12, "rsqrt": 13, "exp": 25, "sigmoid": 28, "log": 35, "tanh": 45, "erf": 60}
MANY_LINES = 100
#: the lines of one vector's work up to which four, or two, vectors are written side by side: beyond, the processor finds enough to do in one
SHORT, MEDIUM = 30, 90
#: the numbers that accumulators take before they are added to ones of double precision
RUN = 2048
#: the rows that are added up in registers before their sum goes to memory
GROUP = 16
#: the largest step between neighbours in memory for which 32 bits hold a vector's offsets
NEAR = 1 << 26


class Operand:
    """Memory that a nest reads or writes: its kind ("float" or "bool") and its stride along each dim, in elements."""

    def __init__(self, kind: str, strides: Sequence[int], value: int = -1):
        self.kind, self.strides, self.value = kind, list(strides), value
        self.type, self.suffix, self.align = ("float", "f32", 4) if kind == "float" else ("i8", "i8", 1)

    def arranged(self, order: Sequence[int]) -> Operand:
        """The same with its dims in another order, or only some of them."""
        return Operand(self.kind, [self.strides[d] for d in order], self.value)


class Total(Operand):
    """Memory that takes a sum over the dims that are not `kept`.

    A sum whose pieces meet is `partial`: each piece has a table of its own. `place` says where the sum of vectors is written: when the loops
    from that dim on are done; -1 is the end of the piece. Likewise `fold` says where accumulators are added to those of double precision:
    the dim after the innermost one stands for runs of it, and None for never.
    """

    def __init__(self, strides: Sequence[int], kept: Sequence[bool], value: int, factor: float):
        super().__init__("float", strides, value)
        self.kept, self.factor, self.partial, self.shared = list(kept), factor, False, 0
        self.fold: int | None = None

    def arranged(self, order: Sequence[int]) -> Total:
        return Total([self.strides[d] for d in order], [self.kept[d] for d in order], self.value, self.factor)

    def decide(self, sizes: Sequence[int], shared: int, pieces: int) -> None:
        """Choose how the sum is made if so many leading dims, or with 0 of them the innermost dim, are cut into pieces."""
        self.shared = shared
        cut = self.first_summed < shared if shared else self.of_vectors
        self.partial = pieces > 1 and cut
        outermost = max(self.place, shared)
        self.fold = next((d for d in range(outermost, len(sizes)) if math.prod(sizes[d:]) <= RUN), len(sizes))
        if self.fold == outermost and (self.place >= 0 or not shared):
            self.fold = None

    @property
    def of_vectors(self) -> bool:
        """Whether the lanes of a vector are summed."""
        return not self.kept[-1]

    @property
    def first_summed(self) -> int:
        """The first outer dim that is summed over; the number of outer dims if there is none."""
        return next((d for d, kept in enumerate(self.kept[:-1]) if not kept), len(self.kept) - 1)

    @property
    def last_kept(self) -> int:
        return max([d for d, kept in enumerate(self.kept[:-1]) if kept], default=-1)

    @property
    def place(self) -> int:
        return -1 if self.last_kept < 0 else max(self.last_kept + 1, self.shared)

    @property
    def gathers(self) -> bool:
        """Whether the same memory is added to more than once."""
        summed = self.first_summed < len(self.kept) - 1
        if not self.of_vectors:
            return True
        return summed and (self.first_summed < self.last_kept or self.first_summed < self.shared and self.last_kept >= 0)


class Nest:
    """A loop nest: `sizes` of its dims, the innermost one last; what it reads, stores and sums; how many leading dims pieces are cut of
    (none: pieces are cut of the innermost dim)."""

    def __init__(self, sizes: Sequence[int], inputs: Sequence[Operand], stores: Sequence[Operand], totals: Sequence[Total]):
        self.sizes, self.inputs, self.stores, self.totals = list(sizes), list(inputs), list(stores), list(totals)
        self.shared = 0

    @property
    def operands(self) -> list[Operand]:
        return [*self.inputs, *self.stores, *self.totals]

    def arranged(self, order: Sequence[int]) -> Nest:
        inputs, stores = ([o.arranged(order) for o in some] for some in (self.inputs, self.stores))
        return Nest([self.sizes[d] for d in order], inputs, stores, [total.arranged(order) for total in self.totals])


#: where operands' elements lie, by the operands' places: names of pointers (or of the vectors that were read there)
Places = dict[int, str]


class LoopCode(Rows):
    """Writes the kernel of a program over a nest. `words` maps what the kernel must be told to the place of its word."""

    def __init__(self, lanes: int, program: Program, nest: Nest):
        super().__init__(lanes)
        self.program, self.nest = program, nest
        self.words: dict[tuple, int] = {}
        self.numbers = frozenset(needed_numbers(program))
        self.operands = nest.operands
        self.outer = len(nest.sizes) - 1
        self.first_output = len(nest.inputs)
        self.totals = list(enumerate(nest.totals, self.first_output + len(nest.stores)))
        work = sum([1 if operation in BRIEF else LINES.get(operation, MANY_LINES) for operation, _ in program.instructions])
        self.strands = STRANDS if work <= SHORT else 2 if work <= MEDIUM else 1
        self.cells_of = {k: [self.cell(self.number(0.0)) for _ in range(self.strands)] for k, _ in self.totals}
        self.double = f"<{lanes} x double>"
        self.doubles = {k: self.double_cell(k) for k, total in self.totals if total.of_vectors and total.fold is not None}

    # ---- what the kernel is told

    def given(self, *key: object, kind: str = "i64") -> str:
        """The word of that name, loaded at the function's beginning."""
        name = f"%given{self.words.setdefault(key, len(self.words))}"
        lines = [f"  {name}_at = getelementptr i64, ptr %arguments, i64 {self.words[key]}", f"  {name} = load {kind}, ptr {name}_at"]
        if lines[0] not in self.stack:
            self.stack += lines
        return name

    def given_everywhere(self, *key: object) -> str:
        """The float that is that word, in every lane."""
        one = self.given(*key, kind="float")
        lines = [f"  {one}_first = insertelement {self.float} poison, float {one}, i32 0",
                 f"  {one}_all = shufflevector {self.float} {one}_first, {self.float} poison, <{self.lanes} x i32> zeroinitializer"]
        if lines[0] not in self.stack:
            self.stack += lines
        return f"{one}_all"

    def stride(self, k: int, dim: int) -> str:
        known = self.operands[k].strides[dim]
        return str(known) if known in (0, 1) else self.given("stride", k, dim)

    def moved(self, pointer: str, k: int, dim: int, index: str) -> str:
        """The address of an operand's element `index` places on along a dim."""
        if self.operands[k].strides[dim] == 0:
            return pointer
        return self.emit(f"getelementptr {self.operands[k].type}, ptr {pointer}, i64 {self.scaled(index, k, dim)}")

    def scaled(self, index: str, k: int, dim: int) -> str:
        return index if self.operands[k].strides[dim] == 1 else self.times(index, self.stride(k, dim))

    def all_moved(self, places: Places, dim: int, index: str) -> Places:
        return {k: self.moved(pointer, k, dim, index) for k, pointer in places.items()}

    # ---- the loops

    def kernel(self) -> str:
        """The module's text: the function `loop` of pieces."""
        with self.loop("%start", "%stop") as piece:
            step = self.given("step")
            begin = self.times(piece, step)
            end = self.smaller(self.plus(begin, step), self.given("items"))
            places = {k: self.given("address", k, kind="ptr") for k in range(len(self.operands))}
            for k, total in self.totals:
                if total.partial:
                    places[k] = self.at(places[k], self.times(piece, self.given("table", k)))
            self.piece(places, begin, end)
        return module([self.function("loop", "i64 %start, i64 %stop, ptr %arguments", internal=False)], [self], self.lanes)

    def piece(self, places: Places, begin: str, end: str) -> None:
        """The work on items begin to end: of the leading dims together, or of the innermost dim."""
        shared = self.nest.shared
        columns = ("0", self.given("size", self.outer)) if shared else (begin, end)
        for k, total in self.totals:
            if total.partial and total.gathers:
                self.walk(k, 0, places[k], columns, False)
        self.restart(-1)
        if shared == 1 == self.outer and self.groups_rows:
            self.groups(places, begin, end, columns)
        elif shared:
            with self.loop(begin, end) as item:
                self.level(shared, self.located(places, item), columns)
        else:
            self.level(0, places, columns)
        self.write_totals(-1, places)

    def located(self, places: Places, item: str) -> Places:
        """The addresses at an item, which counts the leading dims' places together."""
        for dim in reversed(range(self.nest.shared)):
            index = item
            if dim:
                size = self.given("size", dim)
                item = self.emit(f"udiv i64 {index}, {size}")
                index = self.minus(index, self.times(item, size))
            places = self.all_moved(places, dim, index)
        return places

    def level(self, dim: int, places: Places, columns: tuple[str, str]) -> None:
        """The loop over an outer dim and all within it."""
        meeting = [(k, total) for k, total in self.totals if total.gathers and not total.partial and total.first_summed == dim]
        for k, _ in meeting:
            self.walk(k, dim, places[k], columns, False)
        self.restart(dim)
        if dim == self.outer:
            self.row(places, columns)
        elif dim == self.outer - 1 and self.groups_rows:
            self.groups(places, "0", self.given("size", dim), columns)
        else:
            with self.loop(0, self.given("size", dim)) as index:
                self.level(dim + 1, self.all_moved(places, dim, index), columns)
        self.fold(dim)
        self.write_totals(dim, places)
        for k, total in meeting:
            if total.factor != 1.0:
                self.walk(k, dim, places[k], columns, True)

    # ---- sums

    def restart(self, place: int) -> None:
        """Begin the sums of vectors that are written at that place."""
        for k, total in self.totals:
            if total.of_vectors and total.place == place:
                for cell in self.cells_of[k]:
                    self.store(self.number(0.0), cell)
                if k in self.doubles:
                    self.store_doubles("zeroinitializer", k)

    def write_totals(self, place: int, places: Places) -> None:
        """Write the sums of vectors that end here."""
        for k, total in self.totals:
            if not total.of_vectors or total.place != place:
                continue
            one = self.doubles_sum(k) if k in self.doubles else self.lanes_sum(self.cells_of[k])
            if total.gathers:
                one = self.one("fadd", one, self.load_one(places[k]))
            elif not total.partial:
                one = self.one("fmul", one, self.given("factor", k, kind="float"))
            self.store_one(one, places[k])

    def strands_sum(self, cells: Sequence[str]) -> str:
        """The sum of accumulators: a vector."""
        parts = [self.load(cell) for cell in cells]
        while len(parts) > 1:
            parts = [self.add(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    def lanes_sum(self, cells: Sequence[str]) -> str:
        """The sum of accumulators and of their lanes, pair by pair."""
        self.declared[f"declare float @llvm.vector.reduce.fadd.v{self.lanes}f32(float, {self.float})"] = None
        return self.emit(f"call reassoc float @llvm.vector.reduce.fadd.v{self.lanes}f32(float -0.0, {self.float} {self.strands_sum(cells)})")

    def double_cell(self, k: int) -> str:
        self.stack.append(f"  %doubles{k} = alloca {self.double}, align 64")
        return f"%doubles{k}"

    def store_doubles(self, value: str, k: int) -> None:
        self.lines.append(f"  store {self.double} {value}, ptr {self.doubles[k]}, align 64")

    def load_doubles(self, k: int) -> str:
        return self.emit(f"load {self.double}, ptr {self.doubles[k]}, align 64")

    def fold(self, place: int) -> None:
        """Add the accumulators that have taken enough numbers to those of double precision, so that rounding errors do not add up."""
        for k in self.doubles:
            total = self.operands[k]
            if isinstance(total, Total) and total.fold == place:
                more = self.emit(f"fpext {self.float} {self.strands_sum(self.cells_of[k])} to {self.double}")
                self.store_doubles(self.emit(f"fadd {self.double} {self.load_doubles(k)}, {more}"), k)
                for cell in self.cells_of[k]:
                    self.store(self.number(0.0), cell)

    def doubles_sum(self, k: int) -> str:
        """The sum of the lanes of double precision: a float."""
        self.declared[f"declare double @llvm.vector.reduce.fadd.v{self.lanes}f64(double, {self.double})"] = None
        whole = f"call reassoc double @llvm.vector.reduce.fadd.v{self.lanes}f64(double -0.0, {self.double} {self.load_doubles(k)})"
        return self.emit(f"fptrunc double {self.emit(whole)} to float")

    def walk(self, k: int, dim: int, pointer: str, columns: tuple[str, str], scaled: bool) -> None:
        """Set all of a sum's memory that a loop from that dim on reaches to zero; or multiply it by the sum's factor."""
        total = self.operands[k]
        assert isinstance(total, Total)
        if dim < self.outer and total.kept[dim]:
            with self.loop(0, self.given("size", dim)) as index:
                self.walk(k, dim + 1, self.moved(pointer, k, dim, index), columns, scaled)
        elif dim < self.outer:
            self.walk(k, dim + 1, pointer, columns, scaled)
        elif total.of_vectors:
            factor = self.given("factor", k, kind="float") if scaled else ""
            self.store_one(self.one("fmul", self.load_one(pointer), factor) if scaled else "0.0", pointer)
        else:
            begin, end = columns
            with self.loop(begin, end, self.lanes) as i:
                mask = self.first_lanes(self.minus(end, i))
                value = self.number(0.0)
                if scaled:
                    value = self.multiply(self.read_vector(k, pointer, i, mask), self.given_everywhere("factor", k))
                self.write_vector(k, value, pointer, i, mask)

    # ---- rows that are summed

    @property
    def groups_rows(self) -> bool:
        """Whether all sums add up rows, and the rows that meet are a loop's, not places of several dims counted together."""
        if not self.totals or any([total.of_vectors or len(total.kept) < 2 or total.kept[-2] for total in self.nest.totals]):
            return False
        return self.nest.shared < self.outer or self.nest.shared == 1

    def groups(self, places: Places, first: str, last: str, columns: tuple[str, str]) -> None:
        """Rows first to last, in groups: the sum of a group's goes to memory, so that few rounding errors add up and little is written."""
        with self.loop(first, last, GROUP) as start:
            rows = start, self.smaller(self.plus(start, GROUP), last)
            self.in_vectors(columns, lambda at, mask: self.group(places, rows, at, mask))

    def group(self, places: Places, rows: tuple[str, str], at: Sequence[str], mask: str | None) -> None:
        """Some vectors of a group of rows."""
        for k, _ in self.totals:
            for cell in self.cells_of[k][:len(at)]:
                self.store(self.number(0.0), cell)
        with self.loop(*rows) as index:
            row = self.all_moved(places, self.outer - 1, index)
            ready = self.ready(row)
            for strand, i in enumerate(at):
                self.vector(row, ready, i, strand, mask)
        for k, _ in self.totals:
            for strand, i in enumerate(at):
                self.add_to_memory(k, self.load(self.cells_of[k][strand]), places[k], i, mask)

    def add_to_memory(self, k: int, value: str, row: str, at: str, mask: str | None) -> None:
        self.write_vector(k, self.add(self.read_vector(k, row, at, mask), value), row, at, mask)

    # ---- one row, and one vector of it

    def ready(self, places: Places) -> Places:
        """The inputs that do not change along a row, in every lane."""
        return {k: self.everywhere(k, places[k]) for k, operand in enumerate(self.nest.inputs) if operand.strides[-1] == 0}

    def row(self, places: Places, columns: tuple[str, str]) -> None:
        """All of the innermost dim."""
        ready = self.ready(places)

        def vectors(at: Sequence[str], mask: str | None) -> None:
            for strand, i in enumerate(at):
                self.vector(places, ready, i, strand, mask)
        if not any([total.of_vectors and total.fold == len(self.nest.sizes) for total in self.nest.totals]):
            self.in_vectors(columns, vectors)
            return
        begin, end = columns
        with self.loop(begin, end, RUN) as first:
            self.in_vectors((first, self.smaller(self.plus(first, RUN), end)), vectors)
            self.fold(len(self.nest.sizes))

    def in_vectors(self, columns: tuple[str, str], write: Callable[[Sequence[str], str | None], None]) -> None:
        """write(where vectors begin, mask) for the elements from one to another: a vector for each strand; then single ones, with a mask."""
        (begin, end), n, step = columns, self.lanes, self.lanes * self.strands
        with self.loop(begin, self.minus(end, step - 1), step) as i:
            write([self.plus(i, strand * n) for strand in range(self.strands)], None)
        rest = self.plus(begin, self.whole(self.minus(end, begin), step))
        with self.loop(rest, end, n) as i:
            write([i], self.first_lanes(self.minus(end, i)))

    def vector(self, places: Places, ready: Places, at: str, strand: int, mask: str | None) -> None:
        """The program on one vector."""
        values = self.computed(places, ready, at, mask)
        for k, store in enumerate(self.nest.stores, self.first_output):
            value = (as_truth if store.kind == "bool" else as_number)(self, *values[store.value])
            self.write_vector(k, value, places[k], at, mask)
        for k, total in self.totals:
            value = as_number(self, *values[total.value])
            if total.of_vectors or self.groups_rows:
                self.accumulate(value if mask is None else self.where(mask, value, self.number(0.0)), self.cells_of[k][strand])
            else:
                self.add_to_memory(k, value, places[k], at, mask)

    def computed(self, places: Places, ready: Places, at: str, mask: str | None) -> list[tuple[str, bool]]:
        """Each instruction's value on one vector, and whether it is a truth value."""
        values: list[tuple[str, bool]] = []
        for i, (operation, arguments) in enumerate(self.program.instructions):
            if operation == "constant":
                values.append((self.number(float(arguments[0])), False))
            elif self.program.uniform[i]:
                values.append((self.given_everywhere("number", i) if i in self.numbers else "", False))
            elif operation == "input":
                k = self.program.elements.index(arguments[0])
                value = ready[k] if k in ready else self.read_vector(k, places[k], at, mask)
                values.append((value, self.operands[k].kind == "bool"))
            else:
                values.append(self.applied(operation, [values[a] for a in arguments]))
        return values

    def applied(self, operation: str, given: Sequence[tuple[str, bool]]) -> tuple[str, bool]:
        """An operation on values."""
        names = [as_truth(self, *value) if wants_truth(operation, k) else as_number(self, *value) for k, value in enumerate(given)]
        return write(self, operation, names), operation in TRUTHS

    # ---- memory

    def everywhere(self, k: int, pointer: str) -> str:
        """The one element of a row that does not change along it, in every lane."""
        if self.operands[k].kind == "float":
            return self.splat(self.load_one(pointer))
        one = self.emit(f"icmp ne i8 {self.emit(f'load i8, ptr {pointer}')}, 0")
        first = self.emit(f"insertelement {self.truth} poison, i1 {one}, i32 0")
        return self.emit(f"shufflevector {self.truth} {first}, {self.truth} poison, <{self.lanes} x i32> zeroinitializer")

    def read_vector(self, k: int, row: str, at: str, mask: str | None) -> str:
        """An input's elements from `at` on: floats or truth values."""
        operand = self.operands[k]
        pointer, n = self.moved(row, k, self.outer, at), self.lanes
        kind = f"<{n} x {operand.type}>"
        if operand.strides[-1] != 1:
            name = f"@llvm.masked.gather.v{n}{operand.suffix}.v{n}p0"
            self.declared[f"declare {kind} {name}(<{n} x ptr>, i32, {self.truth}, {kind})"] = None
            value = self.emit(f"call {kind} {name}({self.apart(k, pointer)}, i32 {operand.align}, {self.truth} {mask or self.all_true()}, "
                              f"{kind} zeroinitializer)")
        elif mask is None:
            value = self.emit(f"load {kind}, ptr {pointer}, align {operand.align}")
        else:
            name = f"@llvm.masked.load.v{n}{operand.suffix}.p0"
            self.declared[f"declare {kind} {name}(ptr, i32, {self.truth}, {kind})"] = None
            value = self.emit(f"call {kind} {name}(ptr {pointer}, i32 {operand.align}, {self.truth} {mask}, {kind} zeroinitializer)")
        return value if operand.kind == "float" else self.emit(f"icmp ne {kind} {value}, zeroinitializer")

    def write_vector(self, k: int, value: str, row: str, at: str, mask: str | None) -> None:
        """Store floats or truth values from `at` on."""
        operand = self.operands[k]
        pointer, n = self.moved(row, k, self.outer, at), self.lanes
        kind = f"<{n} x {operand.type}>"
        if operand.kind == "bool":
            value = self.emit(f"zext {self.truth} {value} to {kind}")
        if operand.strides[-1] != 1:
            name = f"@llvm.masked.scatter.v{n}{operand.suffix}.v{n}p0"
            self.declared[f"declare void {name}({kind}, <{n} x ptr>, i32, {self.truth})"] = None
            lanes = f"i32 {operand.align}, {self.truth} {mask or self.all_true()}"
            self.lines.append(f"  call void {name}({kind} {value}, {self.apart(k, pointer)}, {lanes})")
        elif mask is None:
            self.lines.append(f"  store {kind} {value}, ptr {pointer}, align {operand.align}")
        else:
            name = f"@llvm.masked.store.v{n}{operand.suffix}.p0"
            self.declared[f"declare void {name}({kind}, ptr, i32, {self.truth})"] = None
            self.lines.append(f"  call void {name}({kind} {value}, ptr {pointer}, i32 {operand.align}, {self.truth} {mask})")

    def apart(self, k: int, pointer: str) -> str:
        """The addresses of a vector's elements that lie a stride apart."""
        operand, n = self.operands[k], self.lanes
        whole = "i32" if abs(operand.strides[-1]) < NEAR else "i64"
        step = self.stride(k, self.outer)
        if whole == "i32":
            step = self.emit(f"trunc i64 {step} to i32")
        first = self.emit(f"insertelement <{n} x {whole}> poison, {whole} {step}, i32 0")
        steps = self.emit(f"shufflevector <{n} x {whole}> {first}, <{n} x {whole}> poison, <{n} x i32> zeroinitializer")
        offsets = self.emit(f"mul <{n} x {whole}> {steps}, <{', '.join([f'{whole} {lane}' for lane in range(n)])}>")
        return f"<{n} x ptr> {self.emit(f'getelementptr {operand.type}, ptr {pointer}, <{n} x {whole}> {offsets}')}"


def needed_numbers(program: Program) -> list[int]:
    """The values that are the same for all elements, are no constants, and are read by what differs from element to element."""
    read = set(program.outputs.values())
    for i, (operation, arguments) in enumerate(program.instructions):
        if operation not in LEAVES and not program.uniform[i]:
            read.update(arguments)
    return sorted([i for i in read if program.uniform[i] and program.instructions[i].operation != "constant"])

