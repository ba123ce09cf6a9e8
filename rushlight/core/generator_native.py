"""The words of the mt19937 stream in machine code, and dropout's noise of them: the same numbers in a tenth of the time.

*Source*: Matsumoto and Nishimura, Mersenne Twister (1998). Each new word is made of three old ones, none of which is nearer than a vector is
long, so a vector of words is made at once.
"""
from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import KERNEL, engine
from ..backends.llvm.multiply import address

#: the words of the state, and how far apart those lie that make a new one
SIZE, APART = 624, 397
UPPER, LOWER, TWIST = 0x80000000, 0x7FFFFFFF, 0x9908B0DF
#: the words of a call of `noise` behind those of `draw`; and the numbers whose words are drawn together: some lines of the first-level cache
LIMIT, SCALE, OUT = range(2, 5)
TOGETHER = 2048
#: how a word is tempered: the shift, and what of the shifted word counts
TEMPERING = (("lshr", 11, 0xFFFFFFFF), ("shl", 7, 0x9D2C5680), ("shl", 15, 0xEFC60000), ("lshr", 18, 0xFFFFFFFF))


class Words(Code):
    """Arithmetic on 32-bit words, as vectors (lanes) or one by one."""

    def kind(self, lanes: int) -> str:
        return self.int if lanes > 1 else "i32"

    def constant(self, value: int, lanes: int) -> str:
        value -= (value >> 31) << 32  # LLVM's i32 has a sign
        return self.integer(value) if lanes > 1 else str(value)

    def op(self, how: str, a: str, b: str | int, lanes: int) -> str:
        return self.emit(f"{how} {self.kind(lanes)} {a}, {self.constant(b, lanes) if b.__class__ is int else b}")

    def read(self, pointer: str, lanes: int) -> str:
        return self.emit(f"load {self.kind(lanes)}, ptr {pointer}, align 4")

    def write(self, value: str, pointer: str, lanes: int) -> None:
        self.lines.append(f"  store {self.kind(lanes)} {value}, ptr {pointer}, align 4")

    def twisted(self, here: str, after: str, far: str, lanes: int) -> None:
        """Make the words at `here` anew, of those after them and those far from them."""
        joined = self.op("or", self.op("and", self.read(here, lanes), UPPER, lanes), self.op("and", self.read(after, lanes), LOWER, lanes), lanes)
        # TWIST where the last bit is set: 0 - bit is all ones or none.
        odd = self.op("sub", self.constant(0, lanes), self.op("and", joined, 1, lanes), lanes)
        mixed = self.op("xor", self.op("lshr", joined, 1, lanes), self.op("and", odd, TWIST, lanes), lanes)
        self.write(self.op("xor", self.read(far, lanes), mixed, lanes), here, lanes)

    def tempered(self, word: str, lanes: int) -> str:
        for how, shift, mask in TEMPERING:
            word = self.op("xor", word, self.op("and", self.op(how, word, shift, lanes), mask, lanes), lanes)
        return word

    def steps(self, start: str | int, stop: str | int) -> Any:
        """(lanes, a `with` of a loop) for whole vectors from start on, then for what is left."""
        whole = self.plus(start, self.times(self.quotient(self.minus(stop, start), self.lanes), self.lanes))
        return (self.lanes, self.loop(start, whole, self.lanes)), (1, self.loop(whole, stop))


def twist(lanes: int) -> tuple[str, Words]:
    """@twist(state): the next 624 words."""
    c = Words(lanes)
    for start, stop, distance in ((0, SIZE - APART, APART), (SIZE - APART, SIZE - 1, APART - SIZE)):
        for count, loop in c.steps(start, stop):
            with loop as k:
                c.twisted(c.at("%state", k), c.at("%state", c.plus(k, 1)), c.at("%state", c.plus(k, distance)), count)
    c.twisted(c.at("%state", SIZE - 1), "%state", c.at("%state", APART - 1), 1)
    return c.function("twist", "ptr %state"), c


def draw(lanes: int) -> tuple[str, Words]:
    """@draw(start, stop, [state and position, out]): the next words, from out[start] to out[stop]."""
    c = Words(lanes)
    state, out = c.pointer("%arguments", 0), c.pointer("%arguments", 1)
    position, cell = c.at(state, SIZE), "%done"
    c.stack.append(f"  {cell} = alloca i64")
    c.lines.append(f"  store i64 %start, ptr {cell}")
    # One more round than the words fill: the first may begin anywhere.
    rounds = c.plus(c.quotient(c.minus("%stop", "%start"), SIZE), 2)
    with c.loop(0, rounds):
        done = c.emit(f"load i64, ptr {cell}")
        with c.when(c.test("slt", done, "%stop")):
            with c.when(c.emit(f"icmp sge i32 {c.read(position, 1)}, {SIZE}")):
                c.lines.append(f"  call void @twist(ptr {state})")
                c.write("0", position, 1)
            first = c.emit(f"sext i32 {c.read(position, 1)} to i64")
            last = c.smaller(SIZE, c.plus(first, c.minus("%stop", done)))
            target = c.at(out, c.minus(done, first))
            for count, loop in c.steps(first, last):
                with loop as k:
                    c.write(c.tempered(c.read(c.at(state, k), count), count), c.at(target, k), count)
            c.write(c.emit(f"trunc i64 {last} to i32"), position, 1)
            c.lines.append(f"  store i64 {c.plus(done, c.minus(last, first))}, ptr {cell}")
    return c.function("draw", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def choose(lanes: int) -> tuple[str, Words]:
    """@choose(words, out, count, arguments): scale where the low 53 bits of two words are below the limit, else 0.

    Words are read in whole vectors: they have room behind them.
    """
    c = Words(lanes)
    limit, scale = c.word("%arguments", LIMIT), c.splat(c.load_one(c.at("%arguments", 2 * SCALE)))
    wide = f"<{lanes} x i64>"
    one = c.emit(f"insertelement {wide} poison, i64 {limit}, i32 0")
    bound = c.emit(f"shufflevector {wide} {one}, {wide} poison, <{lanes} x i32> zeroinitializer")

    def chosen(k: str) -> str:
        source = c.at("%words", c.times(k, 2))
        a, b = c.read(source, lanes), c.read(c.at(source, lanes), lanes)
        high, low = (c.emit(f"zext {c.int} {c.emit(pairs(c, a, b, first))} to {wide}") for first in (0, 1))
        cut = c.emit(f"and {wide} {high}, {each(lanes, (1 << 21) - 1)}")
        shifted = c.emit(f"shl {wide} {cut}, {each(lanes, 32)}")
        number = c.emit(f"or {wide} {shifted}, {low}")
        return c.where(c.emit(f"icmp ult {wide} {number}, {bound}"), scale, c.number(0.0))
    whole = c.times(c.quotient("%count", lanes), lanes)
    with c.loop(0, whole, lanes) as k:
        c.store(chosen(k), c.at("%out", k))
    with c.when(c.test("slt", whole, "%count")):
        c.store_some(chosen(whole), c.at("%out", whole), c.first_lanes(c.minus("%count", whole)))
    return c.function("choose", "ptr %words, ptr %out, i64 %count, ptr %arguments"), c


def noise(lanes: int) -> tuple[str, Words]:
    """@noise(start, stop, [state and position, room for words, limit, scale, out]): the next numbers, from out[start] to out[stop].

    The words of some numbers are drawn into the room, where they are in the cache when they are looked at.
    """
    c = Words(lanes)
    words, out = c.pointer("%arguments", 1), c.pointer("%arguments", OUT)
    with c.loop("%start", "%stop", TOGETHER) as first:
        count = c.smaller(c.minus("%stop", first), TOGETHER)
        c.lines.append(f"  call void @draw(i64 0, i64 {c.times(count, 2)}, ptr %arguments)")
        c.lines.append(f"  call void @choose(ptr {words}, ptr {c.at(out, first)}, i64 {count}, ptr %arguments)")
    return c.function("noise", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def pairs(c: Words, a: str, b: str, first: int) -> str:
    """Every second word of two vectors."""
    picked = ", ".join([f"i32 {lane}" for lane in range(first, 2 * c.lanes, 2)])
    return f"shufflevector {c.int} {a}, {c.int} {b}, <{c.lanes} x i32> <{picked}>"


def each(lanes: int, value: int) -> str:
    return "<" + ", ".join([f"i64 {value}"] * lanes) + ">"


@cache
def kernels() -> tuple:
    """The kernels draw and noise."""
    lanes = engine().width // 4
    written = [twist(lanes), draw(lanes), choose(lanes), noise(lanes)]
    text = module([function for function, _ in written], [code for _, code in written], lanes)
    return tuple([KERNEL(place) for place in engine().addresses(text, ("draw", "noise"))])


def words(state: np.ndarray, count: int) -> np.ndarray:
    """The next `count` words of a state of 624 words and the position."""
    out = np.empty(count, np.uint32)
    kernels()[0](0, count, (ctypes.c_int64 * 2)(address(state), address(out)))
    return out


def dropout_noise(state: np.ndarray, out: np.ndarray, limit: int, scale: np.ndarray) -> None:
    """Fill an array without gaps with `scale` where the low 53 bits of the stream's next two words are below the limit, else 0."""
    room = np.empty(2 * TOGETHER + 2 * engine().width // 4, np.uint32)
    kernels()[1](0, out.size, (ctypes.c_int64 * 5)(address(state), address(room), limit, int(scale.view(np.uint32)), address(out)))
