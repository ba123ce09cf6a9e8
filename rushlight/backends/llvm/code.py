"""LLVM's text of whole functions: loops and conditions over 64-bit counters, written with Python's `with`."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .vectors import Vectors

#: where an array object keeps the address of its data: NumPy's C interface puts it first, behind what every object begins with
DATA = object.__basicsize__


class Code(Vectors):
    """A function's body with control flow. Counters are int64 values or Python ints; pointers move in steps of one float.

    Loop counters live in memory of the stack here; LLVM's first pass makes registers of them.
    """

    def __init__(self, lanes: int):
        super().__init__(lanes)
        self.stack: list[str] = []
        self.labels = 0

    # ---- whole numbers and pointers

    def plus(self, a: str | int, b: str | int) -> str:
        return self.emit(f"add i64 {a}, {b}")

    def minus(self, a: str | int, b: str | int) -> str:
        return self.emit(f"sub i64 {a}, {b}")

    def times(self, a: str | int, b: str | int) -> str:
        return self.emit(f"mul i64 {a}, {b}")

    def quotient(self, a: str | int, b: str | int) -> str:
        return self.emit(f"sdiv i64 {a}, {b}")

    def rounded_up(self, a: str | int, b: int) -> str:
        """a / b, rounded up."""
        return self.quotient(self.plus(a, b - 1), b)

    def share(self, count: str, part: str, parts: str) -> str:
        """Where a part begins if a count is shared out evenly."""
        return self.quotient(self.times(count, part), parts)

    def smaller(self, a: str | int, b: str | int) -> str:
        self.declared["declare i64 @llvm.smin.i64(i64, i64)"] = None
        return self.emit(f"call i64 @llvm.smin.i64(i64 {a}, i64 {b})")

    def test(self, how: str, a: str | int, b: str | int) -> str:
        """A truth value of two whole numbers: how is slt, sge, eq ..."""
        return self.emit(f"icmp {how} i64 {a}, {b}")

    def at(self, pointer: str, index: str | int) -> str:
        """The address of the float `index` places on."""
        return self.emit(f"getelementptr float, ptr {pointer}, i64 {index}")

    def word(self, arguments: str, index: str | int) -> str:
        """The whole number at a place of an array of them."""
        return self.emit(f"load i64, ptr {self.emit(f'getelementptr i64, ptr {arguments}, i64 {index}')}")

    def pointer(self, arguments: str, index: str | int) -> str:
        """The address at a place of an array of words."""
        return self.emit(f"load ptr, ptr {self.emit(f'getelementptr i64, ptr {arguments}, i64 {index}')}")

    def put(self, value: str, arguments: str, index: str | int, kind: str = "i64") -> None:
        """Write a whole number, or an address, to a place of an array of words."""
        self.lines.append(f"  store {kind} {value}, ptr {self.emit(f'getelementptr i64, ptr {arguments}, i64 {index}')}")

    def data(self, arguments: str, index: int) -> str:
        """The address of the data of the array object whose own address is at a place of an array of words.

        Python takes as long to look up two such addresses as a kernel takes for a thousand numbers.
        """
        return self.emit(f"load ptr, ptr {self.emit(f'getelementptr i8, ptr {self.pointer(arguments, index)}, i64 {DATA}')}")

    def addressed(self, arguments: str, count: int, arrays: Sequence[int]) -> str:
        """So many words once more, on the stack, with the addresses of their data in place of those of array objects, which are at `arrays`."""
        self.stack.append(f"  %addressed = alloca [{count} x i64], align 16")
        for k in range(count):
            if k in arrays:
                self.put(self.data(arguments, k), "%addressed", k, "ptr")
            else:
                self.put(self.word(arguments, k), "%addressed", k)
        return "%addressed"

    def hiding(self, value: str, kind: str) -> str:
        """What gives a whole number or an address again, where LLVM cannot see from what it was computed: assembly of no instructions."""
        return f'call {kind} asm "", "=r,0"({kind} {value})'

    def hidden(self, value: str, kind: str) -> str:
        """The same value, of which LLVM cannot tell how it hangs together with others."""
        return self.emit(self.hiding(value, kind))

    # ---- memory

    def load(self, pointer: str) -> str:
        return self.emit(f"load {self.float}, ptr {pointer}, align 4")

    def store(self, value: str, pointer: str) -> None:
        self.lines.append(f"  store {self.float} {value}, ptr {pointer}, align 4")

    def prefetch(self, pointer: str, level: int = 1) -> None:
        """Fetch the memory at an address, which need not be anybody's, into the first or second-level cache."""
        self.declared["declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"] = None
        self.lines.append(f"  call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 {4 - level}, i32 1)")

    def load_one(self, pointer: str) -> str:
        return self.emit(f"load float, ptr {pointer}, align 4")

    def store_one(self, value: str, pointer: str) -> None:
        self.lines.append(f"  store float {value}, ptr {pointer}, align 4")

    def first_lanes(self, count: str) -> str:
        """A truth value for each lane: whether it is one of the first `count`."""
        few = self.emit(f"trunc i64 {self.smaller(count, self.lanes)} to i32")
        one = self.emit(f"insertelement {self.int} poison, i32 {few}, i32 0")
        bound = self.emit(f"shufflevector {self.int} {one}, {self.int} poison, <{self.lanes} x i32> zeroinitializer")
        return self.emit(f"icmp slt {self.int} <{', '.join([f'i32 {lane}' for lane in range(self.lanes)])}>, {bound}")

    def load_some(self, pointer: str, lanes: str) -> str:
        """A vector from memory, of which only the lanes that hold are read; the others are zero."""
        name = f"@llvm.masked.load.v{self.lanes}f32.p0"
        self.declared[f"declare {self.float} {name}(ptr, i32, {self.truth}, {self.float})"] = None
        return self.emit(f"call {self.float} {name}(ptr {pointer}, i32 4, {self.truth} {lanes}, {self.float} zeroinitializer)")

    def store_some(self, value: str, pointer: str, lanes: str) -> None:
        """Write the lanes of a vector that hold."""
        name = f"@llvm.masked.store.v{self.lanes}f32.p0"
        self.declared[f"declare void {name}({self.float}, ptr, i32, {self.truth})"] = None
        self.lines.append(f"  call void {name}({self.float} {value}, ptr {pointer}, i32 4, {self.truth} {lanes})")

    def note(self, words: str, number: int, value: str) -> None:
        """Write a number and a whole value into two words: what `backends.aborts` reads."""
        self.lines.append(f"  store i64 {number}, ptr {words}")
        self.lines.append(f"  store i64 {value}, ptr {self.emit(f'getelementptr i64, ptr {words}, i64 1')}")

    def first(self, vector: str) -> str:
        """The first lane of a vector: a float."""
        return self.emit(f"extractelement {self.float} {vector}, i32 0")

    def counter(self) -> str:
        """Memory for a whole number, 0 at first."""
        cell = f"%count{self.labels}_{len(self.stack)}"
        self.stack += [f"  {cell} = alloca i64", f"  store i64 0, ptr {cell}"]
        return cell

    def add_to(self, cell: str, number: str) -> None:
        self.lines.append(f"  store i64 {self.plus(self.emit(f'load i64, ptr {cell}'), number)}, ptr {cell}")

    def splat(self, one: str) -> str:
        """A vector with one float in every lane."""
        first = self.emit(f"insertelement {self.float} poison, float {one}, i32 0")
        return self.emit(f"shufflevector {self.float} {first}, {self.float} poison, <{self.lanes} x i32> zeroinitializer")

    def shuffle(self, a: str, b: str, lanes: Sequence[int]) -> str:
        picked = ", ".join([f"i32 {lane}" for lane in lanes])
        return self.emit(f"shufflevector {self.float} {a}, {self.float} {b}, <{len(lanes)} x i32> <{picked}>")

    def quarters(self, rows: Sequence[str]) -> list[str]:
        """The columns of four vectors, as vectors of four: two shuffles within 16 bytes, which processors do fastest, bring four into one."""
        n = self.lanes
        blocks = range(0, n, 4)
        low, high = ([i for block in blocks for i in (block + at, n + block + at, block + at + 1, n + block + at + 1)] for at in (0, 2))
        first, second = ([i for block in blocks for i in (block + at, block + at + 1, n + block + at, n + block + at + 1)] for at in (0, 2))
        a, b, c, d = rows
        pairs = [(self.shuffle(a, b, half), self.shuffle(c, d, half)) for half in (low, high)]
        mixed = [self.shuffle(x, y, half) for x, y in pairs for half in (first, second)]
        return [self.emit(f"shufflevector {self.float} {mixed[k % 4]}, {self.float} poison, <4 x i32> "
                          f"<{', '.join([f'i32 {k // 4 * 4 + i}' for i in range(4)])}>") if n > 4 else mixed[k] for k in range(n)]

    def store_quarter(self, value: str, pointer: str) -> None:
        self.lines.append(f"  store <4 x float> {value}, ptr {pointer}, align 4")

    # ---- control flow

    def label(self) -> str:
        self.labels += 1
        return f"l{self.labels}"

    def begin(self, label: str) -> None:
        self.lines.append(f"{label}:")

    def jump(self, label: str) -> None:
        self.lines.append(f"  br label %{label}")

    @contextmanager
    def loop(self, start: str | int, stop: str | int, step: str | int = 1) -> Iterator[str]:
        """The lines inside, with a counter from start on in steps, as long as it is below stop."""
        cell, test, work, done = f"%cell{self.labels}", self.label(), self.label(), self.label()
        self.stack.append(f"  {cell} = alloca i64")
        self.lines.append(f"  store i64 {start}, ptr {cell}")
        self.jump(test)
        self.begin(test)
        i = self.emit(f"load i64, ptr {cell}")
        self.lines.append(f"  br i1 {self.test('slt', i, stop)}, label %{work}, label %{done}")
        self.begin(work)
        yield i
        self.lines.append(f"  store i64 {self.plus(i, step)}, ptr {cell}")
        self.jump(test)
        self.begin(done)

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """The lines inside, if a truth value holds."""
        work, done = self.label(), self.label()
        self.lines.append(f"  br i1 {condition}, label %{work}, label %{done}")
        self.begin(work)
        yield
        self.jump(done)
        self.begin(done)

    def logic_one(self, a: str, b: str) -> str:
        """Whether both of two truth values hold."""
        return self.emit(f"and i1 {a}, {b}")

    def choose(self, condition: str, a: str | int, b: str | int, kind: str = "i64") -> str:
        """a if a truth value holds, else b."""
        return self.emit(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def function(self, name: str, parameters: str, internal: bool = True, result: str = "") -> str:
        """The text of the whole function, which returns nothing or a whole number; the lines before it are its declarations."""
        # LLVM would copy every part into its callers, and compile each copy.
        kind = "i64" if result else "void"
        head = f"define {'internal ' if internal else ''}{kind} @{name}({parameters}) {'noinline ' if internal else ''}#0 {{"
        return "\n".join([head, "entry:", *self.stack, *self.lines, f"  ret {kind} {result}".rstrip(), "}"])


def attributes(lanes: int) -> str:
    """What a function must say so that vectors of all the processor's width stay whole."""
    return f'attributes #0 = {{ "min-legal-vector-width"="{lanes * 32}" "prefer-vector-width"="{lanes * 32}" nounwind }}'


def module(functions: Sequence[str], codes: Sequence[Vectors], lanes: int) -> str:
    """A module of functions, with what they declare."""
    declared = dict.fromkeys([line for code in codes for line in code.declared])
    return "\n".join([*declared, *functions, attributes(lanes)])
