"""Cross entropy of float32 tables and class numbers in machine code: log_softmax of a row and its loss in one pass through the cache.

With m a row's maximum and l the logarithm of the sum of exp(x - m), a row's loss is l - (x[target] - m), and its gradient is
exp((x - m) - l) - [class], both times what the row counts. Rows whose target is to be ignored count nothing, whatever they hold.
"""
from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ..backends.aborts import number_of, raise_error
from ..backends.llvm.multiply import address
from ..backends.llvm.rows import RowKernel, Rows
from ..backends.llvm.vectors import exp_below_zero, log
from ..backends.parallel import inside
from .softmax_native import write_largest

WRONG_TARGET = number_of(lambda wrong: IndexError(f"Target {wrong} is out of bounds."))


def write_forward(c: Rows) -> None:
    """[x, shifts, logs, losses], classes, targets, the ignored target, where a wrong one is noted: the rows from `start` to `stop`."""
    x, shifts, logs, losses = (c.pointer("%arguments", k) for k in range(4))
    width, targets, ignored, wrong = c.word("%arguments", 4), c.pointer("%arguments", 5), c.word("%arguments", 6), c.pointer("%arguments", 7)
    with c.loop("%start", "%stop") as i:
        target, row = c.word(targets, i), c.at(x, c.times(i, width))
        c.store_one("0.0", c.at(losses, i))
        counts, fits = c.test("ne", target, ignored), c.test("ult", target, width)
        with c.when(c.logic_one(counts, fits)):
            top, sums = write_largest(c, row, width), c.cells(0.0)
            c.over(width, lambda p: c.accumulate(exp_below_zero(c, c.subtract(p.load(row, -math.inf), top)), sums[p.strand]))
            behind, shift = c.first(log(c, c.splat(c.total(sums)))), c.first(top)
            c.store_one(shift, c.at(shifts, i))
            c.store_one(behind, c.at(logs, i))
            c.store_one(c.one("fsub", behind, c.one("fsub", c.load_one(c.at(row, target)), shift)), c.at(losses, i))
        with c.when(c.logic_one(counts, c.test("uge", target, width))):
            c.note(wrong, WRONG_TARGET, target)


def write_total(c: Rows) -> None:
    """[losses, loss, share], rows, targets, the ignored target, whether the mean is wanted: the loss, and what each row counts in it."""
    losses, loss, share = (c.pointer("%arguments", k) for k in range(3))
    rows, targets, ignored, mean = c.word("%arguments", 3), c.pointer("%arguments", 4), c.word("%arguments", 5), c.word("%arguments", 6)
    sums = c.cells(0.0)
    c.over(rows, lambda p: c.accumulate(p.load(losses), sums[p.strand]))
    count = c.counter()
    with c.loop(0, rows) as i:
        c.add_to(count, c.emit(f"zext i1 {c.test('ne', c.word(targets, i), ignored)} to i64"))
    # A sum divides by 1.
    counted = c.emit(f"load i64, ptr {count}")
    number = c.emit(f"sitofp i64 {c.choose(c.test('ne', mean, 0), counted, 1)} to float")
    c.store_one(c.one("fdiv", c.total(sums), number), loss)
    c.store_one(c.one("fdiv", "1.0", number), share)


def write_backward(c: Rows) -> None:
    """[grad, x, shifts, logs, share, out], classes, targets, the ignored target: the rows from `start` to `stop` of the gradient by x."""
    grad, x, shifts, logs, share, out = (c.pointer("%arguments", k) for k in range(6))
    width, targets, ignored = c.word("%arguments", 6), c.pointer("%arguments", 7), c.word("%arguments", 8)
    scale = c.one("fmul", c.load_one(grad), c.load_one(share))
    factor = c.splat(scale)
    with c.loop("%start", "%stop") as i:
        target, row, place = c.word(targets, i), c.at(x, c.times(i, width)), c.at(out, c.times(i, width))
        with c.when(c.test("ne", target, ignored)):
            shift, behind = (c.splat(c.load_one(c.at(values, i))) for values in (shifts, logs))
            c.over(width, lambda p: p.store(c.multiply(exp_below_zero(c, c.subtract(c.subtract(p.load(row), shift), behind)), factor), place))
            here = c.at(place, target)
            c.store_one(c.one("fsub", c.load_one(here), scale), here)
        with c.when(c.test("eq", target, ignored)):
            c.over(width, lambda p: p.store(c.number(0.0), place))


@cache
def kernel(write: Any) -> RowKernel:
    return RowKernel(write)


def loss_of(x: Any, target: Any, reduction: str, ignore_index: int) -> tuple:
    """The loss of a table (N, C) with N classes, the rows' shifts and logarithms (2, N), and what a row counts. Raises IndexError for a wrong one."""
    rows, classes = x.shape
    logs, losses = np.empty((2, rows), np.float32), np.empty(rows, np.float32)
    loss, share = np.empty((), np.float32), np.empty((), np.float32)
    wrong = np.zeros(2, np.int64) if inside.abort is None else inside.abort
    kernel(write_forward)(rows, classes, (x, logs[0], logs[1], losses), (address(target), ignore_index, address(wrong)))
    if inside.launches is None and wrong[0]:
        raise_error(wrong)
    kernel(write_total)(1, rows, (losses, loss, share), (address(target), ignore_index, int(reduction == "mean")))
    return loss, logs, share


def gradient(grad: Any, x: Any, target: Any, logs: Any, share: Any, ignore_index: int) -> Any:
    """The gradient by x."""
    out = np.empty(x.shape, np.float32)
    kernel(write_backward)(len(x), x.shape[1], (grad, x, logs[0], logs[1], share, out), (address(target), ignore_index))
    return out
