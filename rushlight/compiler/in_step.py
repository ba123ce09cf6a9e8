"""Kernels over the rows of tables, in step: some rows go through one kernel after the other while they are in the nearest cache.

Before: softmax of 4096 rows, then layer_norm of its 4096 rows, which meanwhile went to memory. After: both of eight rows, then of the next
eight. What the first one leaves for the second alone lies where that one's result will, and is never written to memory.
"""
from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import engine
from ..backends.llvm.rows import Tables
from .graph import Equation, Value, found_in

#: the bytes of a table's rows that go through all kernels before the next ones: twice that, and a row's parameters, is well within the nearest cache
STEP = 8 << 10
#: the words before the functions and the places of their arguments
KERNELS, ROWS, FIRST = range(3)


class Together:
    """Equations whose kernels are in step, as `explain` shows them: they read what the first one reads, and leave what the last one leaves."""

    def __init__(self, equations: list[Equation]):
        self.equations = equations
        self.op, self.where, self.outputs = None, equations[0].where, equations[-1].outputs

    def reads(self) -> Iterator[Value]:
        return self.equations[0].reads()

    def __str__(self) -> str:
        return "; ".join(map(str, self.equations))


def in_step(launches: list[tuple], equations: list[Any], handed_on: Callable) -> tuple[list[tuple], list[Any]]:
    """Launches, and the equation of each, with those in step as one.

    `handed_on(first, second)` gives what one equation makes for the next alone, the result that may lie in its place, and what to call if it does.
    """
    made: list[tuple] = []
    of: list[Any] = []
    at = 0
    while at < len(launches):
        group = [launches[at]]
        while at + len(group) < len(launches) and all([are_in_step(each, launches[at + len(group)]) for each in group]):
            group.append(launches[at + len(group)])
        those = equations[at:at + len(group)]
        for i in range(len(group) - 1):
            if [equations.count(each) for each in those[i:i + 2]] == [1, 1]:
                for left, result, taken in handed_on(*those[i:i + 2]):
                    moved = lying_in(group[i:i + 2], left, result)
                    if moved is not None:
                        group[i:i + 2] = moved
                        taken()
        made.append(group[0] if len(group) == 1 else as_one(group))
        of.append(those[0] if len(group) == 1 else Together(those))
        at += len(group)
    return made, of


def tables(launch: tuple) -> list[tuple[int, int]] | None:
    """(address, bytes) of a launch's arrays, where each of its rows is for itself; else None."""
    found = next(found_in(launch[4], Tables), None)
    if found is None:
        return None
    addresses = struct.unpack_from(f"{len(found.arrays)}q", launch[3])
    return [(address, array.nbytes) for address, array in zip(addresses, found.arrays, strict=True) if array is not None]


def are_in_step(first: tuple, second: tuple) -> bool:
    """Whether rows may go through one launch and then the other, whatever the other rows do: what both know are the same tables."""
    mine, others = tables(first), tables(second)
    if mine is None or others is None or first[1:3] != second[1:3] or width(first) != width(second):
        return False
    table = 4 * first[1] * width(first)
    return all([a == b and size == other == table or a + size <= b or b + other <= a for a, size in mine for b, other in others])


def width(launch: tuple) -> int:
    """The numbers of a row."""
    return struct.unpack_from("q", launch[3], 8 * len(next(found_in(launch[4], Tables)).arrays))[0]


def lying_in(pair: list[tuple], left: int, result: int) -> list[tuple] | None:
    """Two launches with what the first one leaves in the place of the second one's result; None unless both name it once."""
    words = [struct.unpack(f"{len(launch[3]) // 8}q", launch[3]) for launch in pair]
    if [each.count(left) for each in words] != [1, 1]:
        return None
    moved = [struct.pack(f"{len(each)}q", *[result if word == left else word for word in each]) for each in words]
    return [(*launch[:3], text, launch[4]) for launch, text in zip(pair, moved, strict=True)]


def as_one(group: list[tuple]) -> tuple:
    """The launch that makes several, a few rows at a time."""
    _, count, chunk, _, _ = group[0]
    rows = max(STEP // (4 * width(group[0])), 1)
    place, arguments, table = 8 * (FIRST + 2 * len(group)), b"", b""
    place += place % 16
    for launch in group:
        table += struct.pack("2q", launch[0], place + len(arguments))
        arguments += launch[3] + bytes(-len(launch[3]) % 16)
    words = struct.pack("2q", len(group), rows) + table
    return kernel(), count, chunk, words.ljust(place, b"\0") + arguments, tuple([launch[4] for launch in group])


@cache
def kernel() -> int:
    """The address of @in_turn(start, stop, arguments): all kernels on some rows, then on the next ones."""
    c = Code(engine().width // 4)
    kernels, step = c.word("%arguments", KERNELS), c.word("%arguments", ROWS)
    with c.loop("%start", "%stop", step) as first, c.loop(0, kernels) as k:
        last, place = c.smaller(c.plus(first, step), "%stop"), c.plus(c.times(k, 2), FIRST)
        own = c.emit(f"getelementptr i8, ptr %arguments, i64 {c.word('%arguments', c.plus(place, 1))}")
        c.lines.append(f"  call void {c.pointer('%arguments', place)}(i64 {first}, i64 {last}, ptr {own})")
    text = c.function("in_turn", "i64 %start, i64 %stop, ptr %arguments", internal=False)
    return engine().addresses(module([text], [c], c.lanes), ("in_turn",))[0]
