"""The steps of one sequence through an LSTM layer in machine code: all of them in one call, by up to two threads.

A step reads the whole recurrent weight, a megabyte for 256 units, and does little with it: each of two cores keeps its half of it in its
own cache. One thread leads: it says which step is due and runs the units in front. Those at the back are run by the second thread, or, if it
has not come for them by then, by the first: the leader never waits for a thread that is not there.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address
from ..backends.llvm.vectors import sigmoid, tanh
from ..backends.llvm.workers import run_kernel

# The words of a call. The first three are shared by the threads, and on cache lines of their own: how many came; the step whose back blocks are
# to be had, counted from 1 (0: somebody has them; beyond the last: all is over); the step whose back blocks the second thread has done.
CAME, OPEN, DONE, INPUTS, WEIGHT, FIRST, CELL, OUTS, STEPS = 0, 8, 16, *range(24, 30)
Words = ctypes.c_int64 * 30
UNSHARED = (0,) * INPUTS
#: The units up to which the products of a row are written out; as a loop they take a quarter longer. Wider weights fill no cache anyway.
WIDEST = 512
#: steps from which a second thread is worth waking
MANY_STEPS = 4


def units(lanes: int, hidden: int) -> tuple[str, Code]:
    """@units(inputs, weight, skew, h, c, out): one step of as many units as a vector has lanes; pointers are at the first of them but for h."""
    c = Code(lanes)
    masks(c)
    gates = []
    for gate in range(4):
        rows = c.at("%weight", gate * hidden * hidden)
        z = dot_products(c, rows, hidden, f"g{gate}_")
        z = c.add(z, c.load(c.at("%inputs", gate * hidden)))
        gates.append(tanh(c, z) if gate == 2 else sigmoid(c, z))
    i, f, g, o = gates
    state = c.fma(f, c.load("%c"), c.multiply(i, g))
    c.store(state, "%c")
    c.store(c.multiply(o, tanh(c, state)), "%out")
    return c.function("units", "ptr %inputs, ptr %weight, i64 %skew, ptr %h, ptr %c, ptr %out"), c


def dot_products(c: Code, rows: str, width: int, name: str) -> str:
    """The products of `lanes` rows, each of `width` numbers, with the vector at %h, one in each lane.

    The rows begin %skew numbers beyond a cache line. They are read line by line: a vector that lies across two lines takes twice as long.
    """
    rows, h = c.at(rows, "%back"), c.at("%h", "%back")
    own = masked_load(c, h, "%head")
    sums = [c.multiply(masked_load(c, c.at(rows, r * width), "%head"), own) for r in range(c.lanes)]
    for k in range(c.lanes, width, c.lanes):
        part = c.load(c.at(h, k))
        sums = [c.fma(c.load(c.at(rows, r * width + k)), part, x) for r, x in enumerate(sums)]
    own = masked_load(c, c.at(h, width), "%tail")
    return lane_sums(c, [c.fma(masked_load(c, c.at(rows, (r + 1) * width), "%tail"), own, x) for r, x in enumerate(sums)])


def masked_load(c: Code, pointer: str, mask: str) -> str:
    """The lanes in which the mask holds; the others are 0, and their memory is not touched."""
    name = f"@llvm.masked.load.v{c.lanes}f32.p0"
    c.declared[f"declare {c.float} {name}(ptr, i32, {c.truth}, {c.float})"] = None
    return c.emit(f"call {c.float} {name}(ptr {pointer}, i32 4, {c.truth} {mask}, {c.float} zeroinitializer)")


def masks(c: Code) -> None:
    """%back, minus the skew; %head and %tail, the lanes of the first and of the line after the last that belong to a row."""
    lanes = ", ".join([f"i32 {lane}" for lane in range(c.lanes)])
    c.lines += ["  %back = sub i64 0, %skew", "  %short = trunc i64 %skew to i32",
                f"  %one = insertelement {c.int} poison, i32 %short, i32 0",
                f"  %each = shufflevector {c.int} %one, {c.int} poison, <{c.lanes} x i32> zeroinitializer",
                f"  %head = icmp sge {c.int} <{lanes}>, %each", f"  %tail = icmp slt {c.int} <{lanes}>, %each"]


def lane_sums(c: Code, vectors: list[str]) -> str:
    """The sum over the lanes of each vector, in the vectors' order: two are interleaved and added until one is left."""
    n = c.lanes
    low = [k // 2 + n * (k % 2) for k in range(n)]
    high = [k + n // 2 for k in low]
    while len(vectors) > 1:
        half = len(vectors) // 2
        vectors = [c.add(c.shuffle(a, b, low), c.shuffle(a, b, high)) for a, b in zip(vectors, vectors[half:])]
    return vectors[0]


#: The functions that share out a step's blocks of units, and lead or follow. The words in capitals stand for what a layer's size decides.
CONTROL = f"""
; some blocks of one step
define internal void @work(ptr %arguments, i64 %step, i64 %low, i64 %high) #0 {{
entry:
  %inputs_at = getelementptr i64, ptr %arguments, i64 {INPUTS}
  %inputs_all = load ptr, ptr %inputs_at
  %input_place = mul i64 %step, FOUR_HIDDEN
  %inputs = getelementptr float, ptr %inputs_all, i64 %input_place
  %weight_at = getelementptr i64, ptr %arguments, i64 {WEIGHT}
  %weight = load ptr, ptr %weight_at
  %weight_bits = ptrtoint ptr %weight to i64
  %weight_place = lshr i64 %weight_bits, 2
  %skew = and i64 %weight_place, LANE_MASK
  %cell_at = getelementptr i64, ptr %arguments, i64 {CELL}
  %cell = load ptr, ptr %cell_at
  %outs_at = getelementptr i64, ptr %arguments, i64 {OUTS}
  %outs = load ptr, ptr %outs_at
  %out_place = mul i64 %step, HIDDEN
  %out = getelementptr float, ptr %outs, i64 %out_place
  %before = getelementptr float, ptr %out, i64 -HIDDEN
  %first_at = getelementptr i64, ptr %arguments, i64 {FIRST}
  %first = load ptr, ptr %first_at
  %is_first = icmp eq i64 %step, 0
  %h = select i1 %is_first, ptr %first, ptr %before
  br label %next
next:
  %block = phi i64 [ %low, %entry ], [ %following, %next ]
  %unit = mul i64 %block, LANES
  %row = mul i64 %unit, HIDDEN
  %my_inputs = getelementptr float, ptr %inputs, i64 %unit
  %my_weight = getelementptr float, ptr %weight, i64 %row
  %my_cell = getelementptr float, ptr %cell, i64 %unit
  %my_out = getelementptr float, ptr %out, i64 %unit
  call void @units(ptr %my_inputs, ptr %my_weight, i64 %skew, ptr %h, ptr %my_cell, ptr %my_out)
  %following = add i64 %block, 1
  %again = icmp slt i64 %following, %high
  br i1 %again, label %next, label %end
end:
  ret void
}}

; the first thread that comes leads, the second follows; one that comes when all is over has nothing to do
define void @steps(i64 %start, i64 %stop, ptr %arguments) #0 {{
entry:
  %count_at = getelementptr i64, ptr %arguments, i64 {STEPS}
  %count = load i64, ptr %count_at
  %came = getelementptr i64, ptr %arguments, i64 {CAME}
  %open_at = getelementptr i64, ptr %arguments, i64 {OPEN}
  %done_at = getelementptr i64, ptr %arguments, i64 {DONE}
  %others = atomicrmw add ptr %came, i64 1 acq_rel
  %leads = icmp eq i64 %others, 0
  br i1 %leads, label %lead, label %watch

lead:
  %step = phi i64 [ 0, %entry ], [ %next, %all ]
  %next = add i64 %step, 1
  %over = icmp sge i64 %step, %count
  br i1 %over, label %end, label %front
front:
  store atomic i64 %next, ptr %open_at release, align 8
  call void @work(ptr %arguments, i64 %step, i64 0, i64 FRONT)
  br label %wait
wait:
  %done = load atomic i64, ptr %done_at acquire, align 8
  %whole = icmp eq i64 %done, %next
  br i1 %whole, label %all, label %late
late:
  %open = load atomic i64, ptr %open_at monotonic, align 8
  %free = icmp eq i64 %open, %next
  br i1 %free, label %claim, label %rest
claim:
  %pair = cmpxchg ptr %open_at, i64 %next, i64 0 acq_rel monotonic
  %mine = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %mine, label %back, label %rest
back:
  call void @work(ptr %arguments, i64 %step, i64 FRONT, i64 BLOCKS)
  br label %all
rest:
  PAUSE
  br label %wait
all:
  br label %lead

watch:
  %now = load atomic i64, ptr %open_at acquire, align 8
  %ended = icmp sgt i64 %now, %count
  br i1 %ended, label %end, label %look
look:
  %new = icmp sgt i64 %now, 0
  br i1 %new, label %try, label %idle
try:
  %their_pair = cmpxchg ptr %open_at, i64 %now, i64 0 acq_rel monotonic
  %theirs = extractvalue {{ i64, i1 }} %their_pair, 1
  br i1 %theirs, label %follow, label %watch
follow:
  %due = sub i64 %now, 1
  call void @work(ptr %arguments, i64 %due, i64 FRONT, i64 BLOCKS)
  store atomic i64 %now, ptr %done_at release, align 8
  br label %watch
idle:
  PAUSE
  br label %watch

end:
  %past = add i64 %count, 1
  store atomic i64 %past, ptr %open_at release, align 8
  ret void
}}
"""


def control(lanes: int, hidden: int, pause: str) -> str:
    """CONTROL for a layer of at least two blocks."""
    blocks = hidden // lanes
    found = {"FOUR_HIDDEN": 4 * hidden, "HIDDEN": hidden, "LANE_MASK": lanes - 1, "LANES": lanes, "BLOCKS": blocks, "PAUSE": pause,
             "FRONT": blocks // 2}
    text = CONTROL
    for word, value in found.items():
        text = text.replace(word, str(value))
    return text


@cache
def kernel(hidden: int) -> Callable | None:
    """`rnn_row.row_steps` for a layer of so many units, on contiguous float32; None if they are no whole number of vectors, one, or many."""
    lanes = engine().width // 4
    if hidden % lanes or hidden < 2 * lanes or hidden > WIDEST:
        return None
    has_pause = engine().triple.startswith(("x86_64", "i686"))
    text, code = units(lanes, hidden)
    shared_out = control(lanes, hidden, "call void @llvm.x86.sse2.pause()" if has_pause else "")
    declared = "declare void @llvm.x86.sse2.pause()" if has_pause else ""
    [place] = engine().addresses(module([declared, text, shared_out], [code], lanes), ("steps",))
    function = KERNEL(place)

    def steps(inputs: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
        count = len(inputs)
        words = Words(*UNSHARED, address(inputs), address(w_hh), address(h), address(c), address(outs), count)
        run_kernel(function, place, 2 if count >= MANY_STEPS else 1, 1, words)
        h[...] = outs[-1]
    return steps
