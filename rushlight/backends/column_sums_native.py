"""Sums over rows of a float32 matrix in machine code, in the order of additions of column_sums.py, to the bit.

Of a large matrix the threads sum the runs; a small one is summed by one call.
"""
from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .llvm.code import Code, module
from .llvm.engine import brief, engine
from .llvm.rows import Piece, RowKernel, Rows
from .native import FLOAT


def write(c: Rows, run: int) -> None:
    """[x, sums], columns, row stride: the sums of the runs from `start` to `stop`. Threads share the rows, as those who made them did."""
    columns, stride = c.word("%arguments", 2), c.word("%arguments", 3)
    with c.loop("%start", "%stop") as i:
        first, out = c.at(c.pointer("%arguments", 0), c.times(c.times(i, run), stride)), c.at(c.pointer("%arguments", 1), c.times(i, columns))
        rows = [c.at(first, c.times(k, stride)) for k in range(run)]

        def add(p: Piece) -> None:
            total = p.load(rows[0])
            for row in rows[1:]:
                total = c.add(total, p.load(row))
            p.store(total, out)
        c.over(columns, add)


@cache
def kernel(run: int) -> RowKernel:
    return RowKernel(lambda c: write(c, run))


def run_sums(x: Any, run: int) -> Any:
    """The sums of every `run` rows of a float32 matrix whose columns are neighbours in memory."""
    rows, columns = x.shape
    sums = np.empty((rows // run, columns), np.float32)
    kernel(run)(len(sums), columns, (x, sums), (x.strides[0] // 4,))
    return sums


def nested(c: Rows, rows: str, run: int, levels: int, vectors: int, load: Callable[[str], list[str]]) -> list[str]:
    """So many vectors that load(row) gives, summed over the rows: runs, runs of runs, and so on.

    Level by level, what fills no run of the next level is summed by itself; these sums are added from the lowest level on.
    """
    def sums_of(first: str, level: int) -> list[str]:
        return summed(first, c.plus(first, run ** level), level - 1) if level else load(first)

    def summed(first: str, last: str, level: int) -> list[str]:
        totals = [c.cell(c.number(0.0)) for _ in range(vectors)]
        with c.loop(first, last, run ** level) as i:
            for value, total in zip(sums_of(i, level), totals):
                c.accumulate(value, total)
        return [c.load(total) for total in totals]
    ends = [rows, *[c.whole(rows, run ** level) for level in range(1, levels + 1)], "0"]
    totals = summed(ends[1], ends[0], 0)
    for level in range(1, levels + 1):
        totals = [c.add(total, more) for total, more in zip(totals, summed(ends[level + 1], ends[level], level))]
    return totals


def nested_runs(lanes: int, run: int, levels: int) -> tuple[str, Code]:
    """@nested_runs(x, row stride, rows, columns, out): one vector of columns, summed over rows as `nested` has it."""
    c = Rows(lanes)
    mask = c.first_lanes("%columns")
    [total] = nested(c, "%rows", run, levels, 1, lambda row: [c.load_some(c.at("%x", c.times(row, "%stride")), mask)])
    c.store(total, "%out")
    return c.function("nested_runs", "ptr %x, i64 %stride, i64 %rows, i64 %columns, ptr %out"), c


#: the words of a call, of which two are array objects
X, STRIDE, ROWS, COLUMNS, WHOLE, OUT = range(6)


def whole_sums(lanes: int) -> tuple[str, Code]:
    """@whole_sums(words): the sums over all rows of a matrix; columns from WHOLE on in four strands of every fourth row each."""
    c = Rows(lanes)
    x, stride, rows, columns, whole, out = (c.data("%words", k) if k in (X, OUT) else c.word("%words", k) for k in range(6))
    strand = c.cell(c.number(0.0))
    with c.loop(0, whole, lanes) as j:
        left = c.minus(whole, j)
        c.lines.append(f"  call void @nested_runs(ptr {c.at(x, j)}, i64 {stride}, i64 {rows}, i64 {left}, ptr {strand})")
        c.store_some(c.load(strand), c.at(out, j), c.first_lanes(left))
    quarter = c.quotient(rows, 4)
    with c.loop(whole, columns, lanes) as j:
        left, first, sums = c.minus(columns, j), c.at(x, j), c.cell(c.number(0.0))
        mask = c.first_lanes(left)
        given = f"i64 {c.times(stride, 4)}, i64 {quarter}, i64 {left}, ptr"
        c.lines.append(f"  call void @nested_runs(ptr {first}, {given} {sums})")
        with c.loop(c.times(quarter, 4), rows) as i:
            c.accumulate(c.load_some(c.at(first, c.times(i, stride)), mask), sums)
        for k in range(1, 4):
            c.lines.append(f"  call void @nested_runs(ptr {c.at(first, c.times(stride, k))}, {given} {strand})")
            c.accumulate(c.load(strand), sums)
        c.store_some(c.load(sums), c.at(out, j), mask)
    return c.function("whole_sums", "ptr %words", internal=False), c


@cache
def small_kernel(run: int, levels: int) -> Any:
    lanes = engine().width // 4
    parts = [nested_runs(lanes, run, levels), whole_sums(lanes)]
    return brief(*engine().addresses(module([text for text, _ in parts], [code for _, code in parts], lanes), ("whole_sums",)))


words = struct.Struct("6q").pack


def small_sums(x: Any, whole: int, run: int, levels: int) -> Any:
    """The sums over all rows of a small float32 matrix whose columns are neighbours in memory, those from `whole` on in four strands."""
    rows, columns = x.shape
    sums = np.empty(columns, FLOAT)
    small_kernel(run, levels)(words(id(x), x.strides[0] // 4, rows, columns, whole, id(sums)))
    return sums
