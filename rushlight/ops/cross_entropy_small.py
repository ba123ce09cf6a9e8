"""Cross entropy of small float32 tables as one call of machine code, with the bits of the NumPy calls in cross_entropy.py.

Those are fifteen calls for the loss and eight for its gradient, each of which takes longer than its arithmetic.
"""
from __future__ import annotations

import ctypes
import struct
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.code import Code, module
from ..backends.llvm.engine import brief, engine
from ..backends.llvm.numpy_bits import exp, log, pairwise
from ..backends.llvm.rows import Rows

FLOAT = np.dtype(np.float32)
#: the words of the loss's call, and of its gradient's: array objects, then numbers
X, TARGET, EXPONENTIALS, SUMS, LOSS, HIT, ROWS, CLASSES, IGNORED = range(9)
GRAD, OUT = X, LOSS


def forward(lanes: int, safe: float) -> tuple[str, Code]:
    """@loss(words): exp(x), its rows' sums, the rows' losses log(sum / exp(x)[target]) behind these, and their sum times HIT.

    It returns how many numbers of x are not between -safe and safe, and how many targets no class: the rest holds if there are none.
    """
    c = Rows(lanes)
    x, target, e, sums, loss, hit = (c.data("%words", k) for k in range(ROWS))
    rows, classes, ignored = (c.word("%words", k) for k in range(ROWS, IGNORED + 1))
    odd, wrong, losses = c.cells(0.0), c.counter(), c.at(sums, rows)
    one, none = c.number(1.0), c.number(0.0)

    def exponential(p: Any) -> None:
        value = p.load(x)
        c.accumulate(c.where(c.compare("olt", c.intrinsic("fabs", value), c.number(safe)), none, one), odd[p.strand])
        p.store(exp(c, value), e)
    c.over(c.times(rows, classes), exponential)
    with c.loop(0, rows) as i:
        row, given = c.at(e, c.times(i, classes)), c.word(target, i)
        counts = c.logic_one(c.test("ult", given, classes), c.test("ne", given, ignored))
        c.add_to(wrong, c.choose(counts, 0, 1))
        c.lines.append(f"  call void @pairwise(ptr {row}, i64 {classes}, ptr {c.at(sums, i)})")
        share = c.load_one(c.at(row, c.choose(counts, given, 0)))
        c.store_one(c.one("fdiv", c.load_one(c.at(sums, i)), share), c.at(losses, i))
    c.over(rows, lambda p: p.store(log(c, p.load(losses, 1.0)), losses))
    c.lines.append(f"  call void @pairwise(ptr {losses}, i64 {rows}, ptr {loss})")
    c.store_one(c.one("fmul", c.load_one(loss), c.load_one(hit)), loss)
    c.add_to(wrong, c.emit(f"fptosi float {c.total(odd)} to i64"))
    return c.function("loss", "ptr %words", internal=False, result=c.emit(f"load i64, ptr {wrong}")), c


def backward(lanes: int) -> tuple[str, Code]:
    """@gradient(words): out = exp(x) (scale / sum), less scale at the class, with scale = grad HIT."""
    c = Rows(lanes)
    grad, target, e, sums, out, hit = (c.data("%words", k) for k in range(ROWS))
    rows, classes = c.word("%words", ROWS), c.word("%words", CLASSES)
    scale = c.one("fmul", c.load_one(grad), c.load_one(hit))
    with c.loop(0, rows) as i:
        row, place = c.at(e, c.times(i, classes)), c.at(out, c.times(i, classes))
        factor = c.splat(c.one("fdiv", scale, c.load_one(c.at(sums, i))))
        c.over(classes, lambda p: p.store(c.multiply(p.load(row), factor), place))
        given = c.word(target, i)
        with c.when(c.test("ult", given, classes)):  # as it was when the loss was computed, unless its memory was written by stealth
            c.store_one(c.one("fsub", c.load_one(c.at(place, given)), scale), c.at(place, given))
    return c.function("gradient", "ptr %words", internal=False), c


@cache
def kernels(safe: float) -> tuple:
    lanes = engine().width // 4
    written = [pairwise(lanes), forward(lanes, safe), backward(lanes)]
    loss, gradient = engine().addresses(module([text for text, _ in written], [code for _, code in written], lanes), ("loss", "gradient"))
    return brief(loss, ctypes.c_int64), brief(gradient)


words = struct.Struct("9q").pack


def loss_of(x: Any, target: Any, hit: Any, ignore_index: int, safe: float) -> tuple | None:
    """The loss of a table (N, C) without gaps with N classes, each row's times `hit`, an array of one number; exp(x); and the rows' sums of that,
    with the losses as a second row. None where a class is to be ignored or is none, or where a number of x is not between -safe and safe."""
    rows, classes = shape = x.shape
    e, sums, loss = np.empty(shape, FLOAT), np.empty((2, rows), FLOAT), np.empty((), FLOAT)
    if kernels(safe)[0](words(id(x), id(target), id(e), id(sums), id(loss), id(hit), rows, classes, ignore_index)):
        return None
    return loss, e, sums


def gradient(grad: Any, target: Any, e: Any, sums: Any, hit: Any, safe: float) -> Any:
    """The gradient by x."""
    rows, classes = shape = e.shape
    out = np.empty(shape, FLOAT)
    kernels(safe)[1](words(id(grad), id(target), id(e), id(sums), id(out), id(hit), rows, classes, 0))
    return out
