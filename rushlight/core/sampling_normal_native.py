"""Blocks of normal float32 numbers in machine code: words are drawn where the numbers are to be, and made into them there.

The steps are those of sampling_normal.py, with the processor's own multiply-add: the same bits. Threads share a large array. The stream has one
order, so each draws the words of its piece when its turn has come, and makes numbers of them while the next one draws.
"""
from __future__ import annotations

import ctypes
import struct
from functools import cache

import numpy as np

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, brief, engine
from ..backends.llvm.multiply import address
from ..backends.llvm.text import wait_until, with_pauses
from ..backends.llvm.workers import run_kernel
from ..backends.native import MANY
from .generator_native import Words, draw, twist
from .sampling_normal import COSINE, FOUR_OVER_PI, LOG, LOG_2_HIGH, LOG_2_LOW, PI_4_HIGH, PI_4_LOW, PI_4_MIDDLE, SINE, SQRT_HALF, TURN

#: The words of a call: the state and where the numbers go, as `draw` has them; std and mean; from which number on, and up to which one.
STATE, OUT, MOMENTS, START, STOP = range(5)
#: For threads, which are given their numbers: how many have their words by now.
DRAWN = START
#: the numbers whose words are drawn together: they are still in the nearest caches when they are made into numbers
TOGETHER = 8192
#: a block of PyTorch's: eight words for radii, then eight for angles
BLOCK, HALF = 16, 8

WAIT = f"""
; another thread's words come first
define internal void @wait_for_turn(ptr %drawn, i64 %turn) {{
entry:
  br label %wait
{wait_until("%drawn", "eq", "%turn", "done")}
done:
  ret void
}}"""


def radius(c: Code, k: str) -> str:
    """sqrt(-2 log(1 - k * 2**-24)) for vectors of 24-bit integers."""
    bits = c.bits(c.to_float(c.int_op("sub", c.integer(1 << 24), k)))
    bits = c.int_op("sub", bits, c.integer(SQRT_HALF))
    exponent = c.to_float(c.int_op("sub", c.int_op("ashr", bits, c.integer(23)), c.integer(24)))
    bits = c.int_op("add", c.int_op("and", bits, c.integer(0x7FFFFF)), c.integer(SQRT_HALF))
    x = c.subtract(c.from_bits(bits), c.number(1.0))
    z = c.multiply(x, x)
    log = c.multiply(c.polynomial(x, LOG[::-1]), x)
    log = c.fma(log, z, c.multiply(exponent, c.number(LOG_2_LOW)))
    # From here on the products are exact, so that it is all one whether they are rounded.
    log = c.add(x, c.fma(z, c.number(-0.5), log))
    log = c.fma(exponent, c.number(LOG_2_HIGH), log)
    return c.intrinsic("sqrt", c.multiply(log, c.number(-2.0)))


def sine_and_cosine(c: Code, k: str) -> tuple[str, str]:
    """The sine and the cosine of 2 pi k * 2**-24 for vectors of 24-bit integers."""
    angle = c.multiply(c.to_float(k), c.number(TURN))
    octant = c.to_int(c.multiply(angle, c.number(FOUR_OVER_PI)))
    octant = c.int_op("and", c.int_op("add", octant, c.integer(1)), c.integer(~1))
    multiple = c.to_float(octant)
    for part in (PI_4_HIGH, PI_4_MIDDLE, PI_4_LOW):
        angle = c.fma(multiple, c.number(-part), angle)
    z = c.multiply(angle, angle)
    sine = c.multiply(c.polynomial(z, SINE[::-1]), z)
    sine = c.fma(sine, angle, angle)
    cosine = c.multiply(c.polynomial(z, COSINE[::-1]), z)
    cosine = c.add(c.fma(cosine, z, c.multiply(z, c.number(-0.5))), c.number(1.0))
    swapped = c.emit(f"icmp ne {c.int} {c.int_op('and', octant, c.integer(2))}, zeroinitializer")
    sine, cosine = c.where(swapped, cosine, sine), c.where(swapped, sine, cosine)
    return turned(c, sine, octant), turned(c, cosine, c.int_op("add", octant, c.integer(2)))


def turned(c: Code, x: str, octant: str) -> str:
    """-x where octant & 4, else x."""
    sign = c.int_op("and", c.int_op("shl", octant, c.integer(29)), c.integer(-1 << 31))
    return c.from_bits(c.int_op("xor", c.bits(x), sign))


def read(c: Code, places: list[str]) -> str:
    """The low 24 bits of the words there: of a vector's words, or of those of two halves."""
    each = f"<{c.lanes // len(places)} x i32>"
    parts = [c.emit(f"load {each}, ptr {place}, align 4") for place in places]
    if len(parts) == 2:
        parts = [c.emit(f"shufflevector {each} {parts[0]}, {each} {parts[1]}, {lanes_of(0, c.lanes)}")]
    return c.int_op("and", parts[0], c.integer((1 << 24) - 1))


def write(c: Code, value: str, places: list[str]) -> None:
    """Store a vector there, or its halves."""
    count = c.lanes // len(places)
    for number, place in enumerate(places):
        part = c.emit(f"shufflevector {c.float} {value}, {c.float} poison, {lanes_of(number * count, count)}")
        c.lines.append(f"  store <{count} x float> {part}, ptr {place}, align 4")


def lanes_of(first: int, count: int) -> str:
    return f"<{count} x i32> <{', '.join([f'i32 {lane}' for lane in range(first, first + count)])}>"


def transform(lanes: int) -> tuple[str, Code]:
    """@transform(numbers, blocks, arguments): blocks of words become normal numbers, in their places."""
    c = Code(lanes)
    std, mean = (c.splat(c.load_one(c.at("%arguments", 2 * MOMENTS + k))) for k in range(2))

    def make(places: list[str]) -> None:
        angles = [c.at(place, HALF) for place in places]
        sine, cosine = sine_and_cosine(c, read(c, angles))
        length = radius(c, read(c, places))
        write(c, c.fma(c.multiply(length, cosine), std, mean), places)
        write(c, c.fma(c.multiply(length, sine), std, mean), angles)
    together = max(lanes // HALF, 1)
    with c.loop(0, "%blocks", together) as i:
        # Of an odd number the last block is made twice, side by side.
        ends = [i] if together == 1 else [i, c.smaller(c.plus(i, 1), c.minus("%blocks", 1))]
        for first in range(0, HALF, lanes):
            make([c.at("%numbers", c.plus(c.times(k, BLOCK), first)) for k in ends])
    return c.function("transform", "ptr %numbers, i64 %blocks, ptr %arguments", internal=False), c


def numbers(lanes: int, shared: bool) -> tuple[str, Code]:
    """@share(start, stop, arguments): the next numbers, from out[start] to out[stop], once the words of all before are drawn.

    @whole(arguments) has start and stop among its arguments, and arrays in place of addresses; it waits for nobody.
    """
    c = Words(lanes)
    start, stop = ("%start", "%stop") if shared else (c.word("%arguments", START), c.word("%arguments", STOP))
    given = "%arguments" if shared else c.addressed("%arguments", MOMENTS + 1, (STATE, OUT))
    out, drawn = c.pointer(given, OUT), c.emit(f"getelementptr i64, ptr {given}, i64 {DRAWN}")
    with c.loop(start, stop, TOGETHER) as first:
        last = c.smaller(c.plus(first, TOGETHER), stop)
        if shared:
            c.lines.append(f"  call void @wait_for_turn(ptr {drawn}, i64 {first})")
        c.lines.append(f"  call void @draw(i64 {first}, i64 {last}, ptr {given})")
        if shared:
            c.lines.append(f"  store atomic i64 {last}, ptr {drawn} release, align 8")
        blocks = c.quotient(c.minus(last, first), BLOCK)
        c.lines.append(f"  call void @transform(ptr {c.at(out, first)}, i64 {blocks}, ptr {given})")
    name, parameters = ("share", "i64 %start, i64 %stop, ptr %arguments") if shared else ("whole", "ptr %arguments")
    return c.function(name, parameters, internal=False), c


@cache
def kernels() -> tuple:
    """The kernel that threads share, its address, and the one for few numbers."""
    lanes = engine().width // 4
    written = [twist(lanes), draw(lanes), transform(lanes), numbers(lanes, shared=True), numbers(lanes, shared=False)]
    text = module([with_pauses(WAIT), *[function for function, _ in written]], [code for _, code in written], lanes)
    share, whole = engine().addresses(text, ("share", "whole"))
    return KERNEL(share), share, brief(whole)


words = struct.Struct("2q2f2q").pack


def fill_blocks(out: np.ndarray, count: int, mean: float, std: float, state: np.ndarray) -> None:
    """Fill a float32 array without gaps, of sixteen numbers or more, with normal ones of the words that come next.

    `count` words are drawn, for all numbers or for all full blocks; if a block is not full, sixteen further ones for the last numbers.
    """
    share, place, whole = kernels()
    if count < MANY:
        whole(words(id(state), id(out), std, mean, 0, count))
    else:
        given = words(address(state), address(out), std, mean, 0, count)
        run_kernel(share, place, count, TOGETHER, ctypes.create_string_buffer(given))
    if out.size % BLOCK:
        whole(words(id(state), id(out), std, mean, out.size - BLOCK, out.size))
