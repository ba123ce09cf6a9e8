"""A few steps of one sequence through an LSTM layer in machine code, on the weights as they are; rnn_row_packed.py has those for many.

A step reads the whole recurrent weight, a megabyte for 256 units, and does little with it: as fast as the weight comes from the cache.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address
from ..backends.llvm.vectors import LN2_HIGH, LN2_LOW, LOG2_E, more_than_one

#: the words of a call
INPUTS, WEIGHT, FIRST, CELL, OUTS, STEPS = range(6)
Words = ctypes.c_int64 * 6
#: An argument from which on sigmoids and tanh are constant in float32, and 0 to 12 decimals at the other end.
FAR = 28.0
#: The units up to which the products of a row are written out; as a loop they take a quarter longer. Wider weights fill no cache anyway.
WIDEST = 512


def units(lanes: int, hidden: int) -> tuple[str, Code]:
    """@units(inputs, weight, skew, h, c, out): one step of as many units as a vector has lanes; pointers are at the first of them but for h."""
    c = Code(lanes)
    masks(c)
    z = [c.add(dot_products(c, c.at("%weight", gate * hidden * hidden), hidden), c.load(c.at("%inputs", gate * hidden))) for gate in range(4)]
    state, out = states(c, z, c.load("%c"))
    c.store(state, "%c")
    c.store(out, "%out")
    return c.function("units", "ptr %inputs, ptr %weight, i64 %skew, ptr %h, ptr %c, ptr %out"), c


def states(c: Code, z: list[str], state: str) -> tuple[str, str]:
    """(c, h) after a step, from the four sums and c before it.

    Each gate is a quotient, i = 1 / (1 + e^-z) and g = (1 - e^-2z) / (1 + e^-2z), and so is tanh c. A quotient takes a processor as long as
    sixteen products: with common denominators a step has two in place of five.
    """
    (_, i), (_, f), (g, g_below), (_, o) = (about_one(c, c.multiply(x, c.number(-2.0 if gate == 2 else -1.0))) for gate, x in enumerate(z))
    both = c.multiply(i, g_below)
    state = c.divide(c.fma(state, both, c.multiply(g, f)), c.multiply(both, f))
    t, t_below = about_one(c, c.multiply(state, c.number(-2.0)))
    return state, c.divide(t, c.multiply(o, t_below))


def about_one(c: Code, x: str) -> tuple[str, str]:
    """(1 - e^x, 1 + e^x), each to 2 ulp, also where the exponential is almost 1; x is brought to where three such factors do not overflow."""
    for how, bound in (("ogt", FAR), ("olt", -FAR)):  # NaN passes
        x = c.where(c.compare(how, x, c.number(bound)), c.number(bound), x)
    # e^x = s (1 + m) with s = 2^n, as in `vectors.exp`: 1 - e^x is (1 - s) - s m.
    n = c.intrinsic("rint", c.multiply(x, c.number(LOG2_E)))
    r = c.fma(n, c.number(-LN2_LOW), c.fma(n, c.number(-LN2_HIGH), x))
    m = more_than_one(c, r)
    s = c.power_of_two(c.to_int(n))
    one = c.number(1.0)
    return c.fma(c.negative(s), m, c.subtract(one, s)), c.fma(s, m, c.add(one, s))


def dot_products(c: Code, rows: str, width: int) -> str:
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


def steps(lanes: int, hidden: int) -> tuple[str, Code]:
    """@steps(start, stop, arguments): all steps, one after the other, whatever the range."""
    c = Code(lanes)
    weight, cell, outs = (c.pointer("%arguments", k) for k in (WEIGHT, CELL, OUTS))
    place = c.quotient(c.word("%arguments", WEIGHT), 4)
    skew = c.emit(f"and i64 {place}, {lanes - 1}")
    with c.loop(0, c.word("%arguments", STEPS)) as step:
        inputs, out = c.at(c.pointer("%arguments", INPUTS), c.times(step, 4 * hidden)), c.at(outs, c.times(step, hidden))
        h = c.choose(c.test("eq", step, 0), c.pointer("%arguments", FIRST), c.at(out, -hidden), "ptr")
        with c.loop(0, hidden, lanes) as unit:
            places = c.at(inputs, unit), c.at(weight, c.times(unit, hidden)), c.at(cell, unit), c.at(out, unit)
            c.lines.append("  call void @units(ptr {}, ptr {}, i64 {}, ptr {}, ptr {}, ptr {})".format(*places[:2], skew, h, *places[2:]))
    return c.function("steps", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


@cache
def kernel(hidden: int) -> Callable | None:
    """`rnn_row.row_steps` for a layer of so many units, on contiguous float32; None if they are no whole number of vectors, one, or many."""
    lanes = engine().width // 4
    if hidden % lanes or hidden < 2 * lanes or hidden > WIDEST:
        return None
    written = [units(lanes, hidden), steps(lanes, hidden)]
    [place] = engine().addresses(module([text for text, _ in written], [code for _, code in written], lanes), ("steps",))
    function = KERNEL(place)

    def run(inputs: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
        words = Words(address(inputs), address(w_hh), address(h), address(c), address(outs), len(inputs))
        function(0, 1, words)
        h[...] = outs[-1]
    return run
