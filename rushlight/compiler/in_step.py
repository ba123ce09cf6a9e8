"""Kernels over the rows of tables, in step: some rows go through one kernel after the other while they are in the nearest cache.

Before: softmax of 4096 rows of 1024, then layer_norm of its 4096 rows, which meanwhile went to memory. After: both of two rows, then of the
next two. What the first one leaves for the second alone lies where that one's result will: it has no memory of its own.
"""
from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cache
from itertools import takewhile
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
    """Equations whose kernels are in step, as `explain` shows them: what they read that none of them made, and what they leave behind.

    `handed_on` are the values between them that lie in the place of later ones.
    """

    def __init__(self, equations: list[Equation], handed_on: list[Value]):
        self.equations = equations
        self.op, self.where = None, equations[0].where
        made = [value for equation in equations for value in equation.outputs if value is not None]
        self.given = [value for equation in equations for value in equation.reads() if not any([value is each for each in made])]
        self.outputs = tuple([value for value in made if not any([value is each for each in handed_on])])

    def reads(self) -> Iterator[Value]:
        return iter(self.given)

    def __str__(self) -> str:
        return "; ".join(map(str, self.equations))


def in_step(launches: list[tuple], equations: list[Any], handed_on: Callable) -> tuple[list[tuple], list[Any]]:
    """Launches, and the equation of each, with those in step as one; `handed_on` as in `in_place`."""
    made: list[tuple] = []
    of: list[Any] = []
    at = 0
    while at < len(launches):
        group = [launches[at]]
        while at + len(group) < len(launches) and all([are_in_step(each, launches[at + len(group)]) for each in group]):
            group.append(launches[at + len(group)])
        if len(group) == 1:
            made.append(group[0])
            of.append(equations[at])
        else:
            those = equations[at:at + len(group)]
            of_one = [sum([each is other for other in equations]) == 1 for each in those]  # which have no other launch
            group, values = in_place(group, those, of_one, handed_on)
            made.append(as_one(group))
            of.append(Together(those, values))
        at += len(group)
    return made, of


def in_place(group: list[tuple], equations: list[Any], of_one: list[bool], handed_on: Callable) -> tuple[list[tuple], list[Value]]:
    """The launches with what one leaves for the next alone in the place of that one's result, and the values that lie so.

    `handed_on(first, second)` gives such a value, its address and that of the result, and what to call if it goes there; or None.
    """
    links: list[Any] = [handed_on(*equations[i:i + 2]) if of_one[i] and of_one[i + 1] else None for i in range(len(group) - 1)]
    done: list[tuple] = []
    values: list[Value] = []
    while len(done) < len(group):
        at = len(done)
        # What each of these leaves lies where the last one's result does.
        chain: list[Any] = list(takewhile(lambda link: link is not None, links[at:]))
        moved = lying_at(group[at:at + len(chain) + 1], [link[1] for link in chain], chain[-1][2]) if chain else None
        if moved is None:
            moved = group[at:at + len(chain) + 1]
        else:
            values += [link[0] for link in chain]
            for link in chain:
                link[3]()
        done += moved
    return done, values


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


def lying_at(chain: list[tuple], left: list[int], result: int) -> list[tuple] | None:
    """Launches with all that they leave for the next one at one address; None unless they name it as what they leave and read, and no more."""
    words = [struct.unpack(f"{len(launch[3]) // 8}q", launch[3]) for launch in chain]
    named = [sum([word in left for word in each]) for each in words]
    if named != [1, *[2] * (len(chain) - 2), 1]:
        return None
    moved = [struct.pack(f"{len(each)}q", *[result if word in left else word for word in each]) for each in words]
    return [(*launch[:3], text, launch[4]) for launch, text in zip(chain, moved, strict=True)]


def as_one(group: list[tuple]) -> tuple:
    """The launch that makes several, a few rows at a time."""
    _, count, chunk, _, _ = group[0]
    rows = max(STEP // (4 * width(group[0])), 1)
    place, arguments, table = 8 * (FIRST + 2 * len(group)), b"", b""
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
