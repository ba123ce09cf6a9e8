"""Many steps of one sequence through an LSTM layer in machine code: one call, by up to two threads, each with its half of the units.

A step reads the whole recurrent weight, a megabyte for 256 units, and does little with it. So each thread first copies its half into panels,
where units lie side by side as the lanes of vectors and a step runs straight through them in the core's own cache. A step begins with what
comes of the thread's own half of h, which needs nobody; by the time that is done, the other thread's half has long been there.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address, give_panels, take_panels
from ..backends.llvm.text import read, wait_until, with_pauses
from ..backends.llvm.workers import run_kernel
from .rnn_row_native import WIDEST, states

# The words of a call. Those that threads write and others watch are on cache lines of their own: whether the second thread waits; the step from
# which it takes part, counted from 1 (-1: none any more); for each half the steps that are done; whether it is packed.
WAITS, JOIN, DONE, PACKED = 0, 8, 16, 32
# Then the arguments: the weights, what each step's sums begin with and how far it is to the next step's, the features and theirs, the states.
W_HH, W_IH, BASE, BASE_STEP, X, FEATURES, FIRST, CELL, OUTS, STEPS, PANELS, SUMS = range(48, 60)
Words = ctypes.c_int64 * 60
ARGUMENTS = "%arguments"


class Row(Code):
    """A function for one layer. The units are cut into halves, 0 and 1, and these into blocks of as many as a vector has lanes."""

    def __init__(self, lanes: int, hidden: int):
        super().__init__(lanes)
        self.units, self.middle = hidden, hidden // lanes // 2 * lanes
        self.features = self.word(ARGUMENTS, FEATURES)

    def bounds(self, half: str) -> tuple[str, str]:
        """The units of a half."""
        second = self.test("eq", half, 1)
        return self.choose(second, self.middle, 0), self.choose(second, self.units, self.middle)

    def panel_of(self, half: str, unit: str, own: bool) -> str:
        """Where the panel of a block begins, with a line of four vectors, the gates', for each number of the own half of h, or of the other.

        A half's panels lie in the order in which a step reads them: the own parts of all blocks, then the others.
        """
        low, high = self.bounds(half)
        size = self.minus(high, low)
        length = size if own else self.minus(self.units, size)
        place = self.plus(self.times(low, self.units), self.times(self.minus(unit, low), length))
        return self.at(self.pointer(ARGUMENTS, PANELS), self.times(place if own else self.plus(place, self.times(size, size)), 4))

    def features_of(self, unit: str) -> str:
        """Where the lines of a block's features lie, behind all panels."""
        place = self.plus(self.times(unit, self.features), self.units * self.units)
        return self.at(self.pointer(ARGUMENTS, PANELS), self.times(place, 4))

    def sums_of(self, unit: str) -> list[str]:
        """Where a block's sums lie between the two parts of a step."""
        first = self.at(self.pointer(ARGUMENTS, SUMS), self.times(unit, 4))
        return [self.at(first, gate * self.lanes) for gate in range(4)]

    def cells(self) -> list[str]:
        """Memory for a block's sums, of which LLVM makes registers."""
        names = [f"%sum{gate}" for gate in range(4)]
        self.stack += [f"  {name} = alloca {self.float}, align 64" for name in names]
        return names

    def add_products(self, cells: list[str], panel: str, vector: str, count: str) -> None:
        """Add vector[k] times line k of a panel to the sums."""
        with self.loop(0, count) as k:
            one, line = self.splat(self.load_one(self.at(vector, k))), self.at(panel, self.times(k, 4 * self.lanes))
            for gate, cell in enumerate(cells):
                self.store(self.fma(one, self.load(self.at(line, gate * self.lanes)), self.load(cell)), cell)

    def h_before(self, step: str) -> str:
        outs = self.at(self.pointer(ARGUMENTS, OUTS), self.times(self.minus(step, 1), self.units))
        return self.choose(self.test("eq", step, 0), self.pointer(ARGUMENTS, FIRST), outs, "ptr")

    def turned(self, rows: list[str]) -> list[str]:
        """The columns of as many vectors as they have lanes: each time their halves are interleaved, one bit of a number's place moves."""
        n = self.lanes
        low = [k // 2 + n * (k % 2) for k in range(n)]
        high = [k + n // 2 for k in low]
        for _ in range(n.bit_length() - 1):
            rows = [self.shuffle(a, b, half) for a, b in zip(rows, rows[n // 2:]) for half in (low, high)]
        return rows


def copy_half(lanes: int, hidden: int) -> tuple[str, Code]:
    """@copy_half(half, arguments): make the panels of a half."""
    c = Row(lanes, hidden)
    low, high = c.bounds("%half")
    w_hh, w_ih = c.pointer(ARGUMENTS, W_HH), c.pointer(ARGUMENTS, W_IH)
    with c.loop(low, high, lanes) as unit:
        for own in (True, False):
            begin, end = c.bounds("%half" if own else c.minus(1, "%half"))
            panel = c.panel_of("%half", unit, own)
            with c.loop(begin, end, lanes) as k, c.loop(0, 4) as gate:
                source = c.at(w_hh, c.plus(c.times(c.plus(unit, c.times(gate, hidden)), hidden), k))
                target = c.at(panel, c.plus(c.times(c.minus(k, begin), 4 * lanes), c.times(gate, lanes)))
                for number, column in enumerate(c.turned([c.load(c.at(source, line * hidden)) for line in range(lanes)])):
                    c.store(column, c.at(target, number * 4 * lanes))
        with c.loop(0, c.features) as feature, c.loop(0, 4) as gate, c.loop(0, lanes) as line:
            row = c.plus(c.plus(unit, c.times(gate, hidden)), line)
            target = c.at(c.features_of(unit), c.plus(c.times(c.plus(c.times(feature, 4), gate), lanes), line))
            c.store_one(c.load_one(c.at(w_ih, c.plus(c.times(row, c.features), feature))), target)
    return c.function("copy_half", f"i64 %half, ptr {ARGUMENTS}"), c


def own_part(lanes: int, hidden: int) -> tuple[str, Code]:
    """@own_part(step, half, arguments): the sums of a half's units, as far as its own part of h and the input go."""
    c = Row(lanes, hidden)
    low, high = c.bounds("%half")
    base = c.at(c.pointer(ARGUMENTS, BASE), c.times("%step", c.word(ARGUMENTS, BASE_STEP)))
    x = c.at(c.pointer(ARGUMENTS, X), c.times("%step", c.features))
    h, cells = c.h_before("%step"), c.cells()
    with c.loop(low, high, lanes) as unit:
        for gate, cell in enumerate(cells):
            c.store(c.load(c.at(base, c.plus(unit, gate * hidden))), cell)
        c.add_products(cells, c.features_of(unit), x, c.features)
        c.add_products(cells, c.panel_of("%half", unit, True), c.at(h, low), c.minus(high, low))
        for cell, target in zip(cells, c.sums_of(unit)):
            c.store(c.load(cell), target)
        with c.when(c.test("eq", unit, c.minus(high, 2 * lanes))):
            fetch_other(c, h)
    return c.function("own_part", f"i64 %step, i64 %half, ptr {ARGUMENTS}"), c


def fetch_other(c: Row, h: str) -> None:
    """Fetch what the other thread has meanwhile written: that it is done, and its half of h."""
    flag = c.emit(f"getelementptr i64, ptr {ARGUMENTS}, i64 {c.plus(c.times(c.minus(1, '%half'), 8), DONE)}")
    c.prefetch(flag)
    low, high = c.bounds(c.minus(1, "%half"))
    with c.loop(low, high, 16) as k:
        c.prefetch(c.at(h, k))


def other_part(lanes: int, hidden: int) -> tuple[str, Code]:
    """@other_part(step, half, arguments): the rest of the sums of a half's units, and their c and h."""
    c = Row(lanes, hidden)
    low, high = c.bounds("%half")
    other_low, other_high = c.bounds(c.minus(1, "%half"))
    out = c.at(c.pointer(ARGUMENTS, OUTS), c.times("%step", hidden))
    h, cells = c.h_before("%step"), c.cells()
    with c.loop(low, high, lanes) as unit:
        for cell, source in zip(cells, c.sums_of(unit)):
            c.store(c.load(source), cell)
        c.add_products(cells, c.panel_of("%half", unit, False), c.at(h, other_low), c.minus(other_high, other_low))
        state_at = c.at(c.pointer(ARGUMENTS, CELL), unit)
        state, new = states(c, [c.load(cell) for cell in cells], c.load(state_at))
        c.store(state, state_at)
        c.store(new, c.at(out, unit))
    return c.function("other_part", f"i64 %step, i64 %half, ptr {ARGUMENTS}"), c


#: The functions that lead and follow.
CONTROL = f"""
; the panels of a half, if nobody makes them yet; else this waits until they are there
define internal void @pack(i64 %half, ptr %arguments) noinline #0 {{
entry:
  %flags = getelementptr i64, ptr %arguments, i64 {PACKED}
  %place = mul i64 %half, 8
  %flag = getelementptr i64, ptr %flags, i64 %place
  %pair = cmpxchg ptr %flag, i64 0, i64 1 acq_rel acquire
  %mine = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %mine, label %work, label %wait
work:
  call void @copy_half(i64 %half, ptr %arguments)
  store atomic i64 2, ptr %flag release, align 8
  ret void
{wait_until("%flag", "eq", 2, "end")}
end:
  ret void
}}

; the steps of one half from `first` on, where the other thread does the other half
define internal void @half(i64 %first, i64 %half, ptr %arguments) noinline #0 {{
entry:
{read("%arguments", "count", STEPS)}
  %done = getelementptr i64, ptr %arguments, i64 {DONE}
  %own_place = mul i64 %half, 8
  %own_done = getelementptr i64, ptr %done, i64 %own_place
  %other_place = sub i64 8, %own_place
  %other_done = getelementptr i64, ptr %done, i64 %other_place
  call void @pack(i64 %half, ptr %arguments)
  br label %next
next:
  %step = phi i64 [ %first, %entry ], [ %following, %all ]
  %over = icmp sge i64 %step, %count
  br i1 %over, label %end, label %begin
begin:
  call void @own_part(i64 %step, i64 %half, ptr %arguments)
  br label %wait
{wait_until("%other_done", "sge", "%step", "all")}
all:
  call void @other_part(i64 %step, i64 %half, ptr %arguments)
  %following = add i64 %step, 1
  store atomic i64 %following, ptr %own_done release, align 8
  br label %next
end:
  ret void
}}

; Who has the first piece leads, always the same thread: its core's cache still has its half of the weights. It runs both halves until the
; other is there. One that comes when all is over has nothing to do.
define void @steps(i64 %start, i64 %stop, ptr %arguments) #0 {{
entry:
{read("%arguments", "count", STEPS)}
  %waits = getelementptr i64, ptr %arguments, i64 {WAITS}
  %join = getelementptr i64, ptr %arguments, i64 {JOIN}
  %done = getelementptr i64, ptr %arguments, i64 {DONE}
  %second_done = getelementptr i64, ptr %done, i64 8
  %leads = icmp eq i64 %start, 0
  br i1 %leads, label %front, label %follow

front:
  call void @pack(i64 0, ptr %arguments)
  br label %lead
lead:
  %step = phi i64 [ 0, %front ], [ %following, %alone ]
  %following = add i64 %step, 1
  %over = icmp sge i64 %step, %count
  br i1 %over, label %close, label %ask
ask:
  %there = load atomic i64, ptr %waits acquire, align 8
  %two = icmp ne i64 %there, 0
  br i1 %two, label %share, label %alone
alone:
  call void @pack(i64 1, ptr %arguments)
  call void @own_part(i64 %step, i64 0, ptr %arguments)
  call void @own_part(i64 %step, i64 1, ptr %arguments)
  call void @other_part(i64 %step, i64 0, ptr %arguments)
  call void @other_part(i64 %step, i64 1, ptr %arguments)
  br label %lead
share:
  store i64 %step, ptr %done
  store i64 %step, ptr %second_done
  store atomic i64 %following, ptr %join release, align 8
  call void @half(i64 %step, i64 0, ptr %arguments)
  ret void
close:
  store atomic i64 -1, ptr %join release, align 8
  ret void

follow:
  store atomic i64 1, ptr %waits release, align 8
  call void @pack(i64 1, ptr %arguments)
  br label %wait
{wait_until("%join", "ne", 0, "told")}
told:
  %some = icmp sgt i64 %found, 0
  br i1 %some, label %work, label %end
work:
  %first = sub i64 %found, 1
  call void @half(i64 %first, i64 1, ptr %arguments)
  ret void
end:
  ret void
}}
"""


@cache
def kernel(hidden: int) -> Callable | None:
    """The function (x, w_ih, base, w_hh, h, c, outs) for a layer of so many units; None if they are no whole number of vectors, one, or many.

    A step's sums begin with `base`, or its row of it, and what x (T, features) adds to them; h and c become the last ones. All is contiguous float32.
    """
    lanes = engine().width // 4
    if hidden % lanes or hidden < 2 * lanes or hidden > WIDEST:
        return None
    written = [part(lanes, hidden) for part in (copy_half, own_part, other_part)]
    text = module([*[part for part, _ in written], with_pauses(CONTROL)], [code for _, code in written], lanes)
    [place] = engine().addresses(text, ("steps",))
    function = KERNEL(place)

    def steps(x: Any, w_ih: Any, base: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
        count, features = x.shape
        panels = 4 * hidden * (hidden + features)
        memory = take_panels(panels + 4 * hidden)
        start = address(memory)
        words = Words()
        words[W_HH:] = [address(w_hh), address(w_ih), address(base), 4 * hidden if base.ndim == 2 else 0, address(x), features, address(h),
                        address(c), address(outs), count, start, start + 4 * panels]
        run_kernel(function, place, 2, 1, words)
        give_panels(memory)
        h[...] = outs[-1]
    return steps
