"""Kernels over the rows of a table: loops over a row of any width, vector by vector, with sums and maxima over all of it.

A row's vectors are taken four at a time, each with an accumulator of its own, so that no addition waits for the one before; then one at a
time. What is left fills no vector: there the lanes beyond the row are neither read nor written.
"""
from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..parallel import pool
from .code import Code, module
from .engine import KERNEL, engine
from .multiply import address
from .vectors import number_text
from .workers import run_kernel

#: the vectors of a row that are computed side by side
STRANDS = 4
#: Numbers of a table up to which each thread gets one piece, so that a core finds in its cache what it wrote before; and those of a piece
#: of a larger one.
CACHED, PIECE = 1 << 20, 1 << 16
#: Numbers of a table below which waking a second thread takes longer than its half of the work.
ALONE = 1 << 14
#: the words of a call: a whole number or address, and a float
WHOLE, REAL = struct.Struct("q"), struct.Struct("f4x")


class Rows(Code):
    """A kernel over rows."""

    def cell(self, start: str) -> str:
        """Memory for one vector, on the stack; LLVM makes a register of it."""
        name = f"%vector{self.labels}_{len(self.stack)}"
        self.stack.append(f"  {name} = alloca {self.float}, align 64")
        self.store(start, name)
        return name

    def cells(self, start: float) -> list[str]:
        """An accumulator for each strand."""
        return [self.cell(self.number(start)) for _ in range(STRANDS)]

    def over(self, width: str | int, write: Callable[[Piece], None], strands: int = STRANDS) -> None:
        """write(piece) for every vector of a row of that width. One strand is enough for short rows: the code is then a third, and soon compiled."""
        n = self.lanes
        if strands > 1:
            with self.loop(0, self.minus(width, strands * n - 1), strands * n) as i:
                for strand in range(strands):
                    write(Piece(self, self.plus(i, strand * n), strand))
        with self.loop(self.whole(width, strands * n) if strands > 1 else 0, self.minus(width, n - 1), n) as i:
            write(Piece(self, i, 0))
        rest = self.whole(width, n)
        with self.when(self.test("slt", rest, width)):
            write(Piece(self, rest, 0, self.first_lanes(self.minus(width, rest))))

    def whole(self, count: str | int, step: int) -> str:
        """The largest multiple of step that is not above count."""
        return self.times(self.quotient(count, step), step)

    # ---- one number of a row

    def total(self, cells: Sequence[str]) -> str:
        """The sum of accumulators and of their lanes: a float."""
        self.declared[f"declare float @llvm.vector.reduce.fadd.v{self.lanes}f32(float, {self.float})"] = None
        a, b, c, d = (self.load(cell) for cell in cells)
        whole = self.add(self.add(a, b), self.add(c, d))
        # Pair by pair, not lane after lane.
        return self.emit(f"call reassoc float @llvm.vector.reduce.fadd.v{self.lanes}f32(float -0.0, {self.float} {whole})")

    def largest(self, cells: Sequence[str]) -> str:
        """The largest number of accumulators, none of which is NaN: a float."""
        self.declared[f"declare float @llvm.vector.reduce.fmax.v{self.lanes}f32({self.float})"] = None
        a, b, c, d = (self.load(cell) for cell in cells)
        whole = self.larger(self.larger(a, b), self.larger(c, d))
        return self.emit(f"call nnan float @llvm.vector.reduce.fmax.v{self.lanes}f32({self.float} {whole})")

    def larger(self, a: str, b: str) -> str:
        """The larger of two vectors; b where a is NaN."""
        return self.where(self.compare("ogt", a, b), a, b)

    def accumulate(self, value: str, cell: str) -> None:
        """cell += value."""
        self.store(self.add(self.load(cell), value), cell)

    def one(self, operation: str, a: str, b: str) -> str:
        """fadd, fsub, fmul or fdiv of two floats."""
        return self.emit(f"{operation} float {a}, {b}")

    def inverse_root(self, x: str) -> str:
        """1 / sqrt(x) of a float, each step rounded exactly."""
        self.declared["declare float @llvm.sqrt.f32(float)"] = None
        return self.one("fdiv", number_text(1.0), self.emit(f"call float @llvm.sqrt.f32(float {x})"))

    def real(self, arguments: str, index: int) -> str:
        """The float that is the word at a place of the arguments."""
        return self.load_one(self.at(arguments, 2 * index))


class Piece:
    """One vector of a row: where it begins, which accumulator is its own, and for the last one which lanes it has."""

    def __init__(self, code: Rows, at: str, strand: int, mask: str | None = None):
        self.code, self.at, self.strand, self.mask = code, at, strand, mask

    def load(self, row: str, otherwise: float = 0.0) -> str:
        """The numbers of this vector in the row that begins there; `otherwise` in lanes beyond the row."""
        pointer = self.code.at(row, self.at)
        if self.mask is None:
            return self.code.load(pointer)
        return self.chosen(self.code.load_some(pointer, self.mask), otherwise) if otherwise else self.code.load_some(pointer, self.mask)

    def chosen(self, value: str, otherwise: float = 0.0) -> str:
        """A vector with `otherwise` in the lanes beyond the row."""
        return value if self.mask is None else self.code.where(self.mask, value, self.code.number(otherwise))

    def store(self, value: str, row: str) -> None:
        pointer = self.code.at(row, self.at)
        if self.mask is None:
            self.code.store(value, pointer)
        else:
            self.code.store_some(value, pointer, self.mask)


class Tables:
    """The arrays of a call in which each row of a table is computed from the same row of tables alike, and from arrays that it only reads."""

    def __init__(self, arrays: Sequence[Any]):
        self.arrays = arrays


class RowKernel:
    """A compiled kernel: `write(code)` writes its body, a function of `%start`, `%stop` (rows) and `%arguments` (words).

    The code is a `Rows`, or a kind of it that can write more. `by_row` says that each row is for itself, as `Tables` has it.
    """

    def __init__(self, write: Callable[[Any], None], kind: type[Rows] = Rows, by_row: bool = False):
        self.by_row = by_row
        code = kind(engine().width // 4)
        write(code)
        text = code.function("rows", "i64 %start, i64 %stop, ptr %arguments", internal=False)
        [self.place] = engine().addresses(module([text], [code], code.lanes), ("rows",))
        self.function = KERNEL(self.place)

    def __call__(self, count: int, width: int, arrays: Sequence[Any], words: Sequence[int | float] = (), rows: int = 1) -> None:
        """Run it on that many rows; the words are the arrays' addresses (0 for None), the width, and then `words`. What the kernel counts may
        be so many rows of memory each.
        """
        packed = struct.pack(f"{len(arrays) + 1}q", *[0 if a is None else address(a) for a in arrays], width)
        for word in words:
            packed += REAL.pack(word) if word.__class__ is float else WHOLE.pack(word)
        size = count * width * rows
        chunk = count if size < ALONE else -(-count // pool.size()) if size <= CACHED else max(PIECE // (width * rows), 1)
        run_kernel(self.function, self.place, count, chunk, packed, (Tables(arrays) if self.by_row else arrays,))
