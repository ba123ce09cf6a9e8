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
from ..backends.llvm.rows import Piece, Rows
from ..backends.native import FLOAT, WHOLE
from .cross_entropy import SAFE

#: the words of the loss's call, and of its gradient's: array objects, then numbers
X, TARGET, EXPONENTIALS, SUMS, INDEX, LOSSES, LOSS, HIT, ROWS, CLASSES, IGNORED = range(11)
GRAD, OUT = X, LOSS


def forward(lanes: int) -> tuple[str, Code]:
    """@loss(words): exp(x), its rows' sums, where the classes lie in the flat table, the rows' losses, and their sum times HIT.

    A row's loss is log(sum / exp(x)[target]). It returns how many numbers of x are not between -SAFE and SAFE, and how many targets are no
    class or to be ignored: the rest holds if there are none.
    """
    c = Rows(lanes)
    x, target, e, sums, index, losses, loss, hit = (c.data("%words", k) for k in range(ROWS))
    rows, classes, ignored = (c.word("%words", k) for k in range(ROWS, IGNORED + 1))
    odd, wrong = c.cells(0.0), c.counter()
    one, none = c.number(1.0), c.number(0.0)

    def exponential(p: Piece) -> None:
        value = p.load(x)
        c.accumulate(c.where(c.compare("olt", c.intrinsic("fabs", value), c.number(SAFE)), none, one), odd[p.strand])
        p.store(exp(c, value), e)
    c.over(c.times(rows, classes), exponential, strands=1)
    with c.loop(0, rows) as i:
        start, given = c.times(i, classes), c.word(target, i)
        counts = c.logic_one(c.test("ult", given, classes), c.test("ne", given, ignored))
        c.add_to(wrong, c.choose(counts, 0, 1))
        place = c.plus(start, c.choose(counts, given, 0))
        c.put(place, index, i)
        c.lines.append(f"  call void @pairwise(ptr {c.at(e, start)}, i64 {classes}, ptr {c.at(sums, i)})")
        c.store_one(c.one("fdiv", c.load_one(c.at(sums, i)), c.load_one(c.at(e, place))), c.at(losses, i))
    c.over(rows, lambda p: p.store(log(c, p.load(losses, 1.0)), losses), strands=1)
    c.lines.append(f"  call void @pairwise(ptr {losses}, i64 {rows}, ptr {loss})")
    c.store_one(c.one("fmul", c.load_one(loss), c.load_one(hit)), loss)
    c.add_to(wrong, c.emit(f"fptosi float {c.total(odd)} to i64"))
    return c.function("loss", "ptr %words", internal=False, result=c.emit(f"load i64, ptr {wrong}")), c


def backward(lanes: int) -> tuple[str, Code]:
    """@gradient(words): out = exp(x) (scale / sum), less scale at the class, with scale = grad HIT."""
    c = Rows(lanes)
    grad, e, sums, index, out, hit = (c.data("%words", k) for k in (GRAD, EXPONENTIALS, SUMS, INDEX, OUT, HIT))
    rows, classes = c.word("%words", ROWS), c.word("%words", CLASSES)
    scale, size = c.one("fmul", c.load_one(grad), c.load_one(hit)), c.times(rows, classes)
    with c.loop(0, rows) as i:
        row, place = c.at(e, c.times(i, classes)), c.at(out, c.times(i, classes))
        factor = c.splat(c.one("fdiv", scale, c.load_one(c.at(sums, i))))
        c.over(classes, lambda p: p.store(c.multiply(p.load(row), factor), place), strands=1)
    with c.loop(0, rows) as i:
        given = c.word(index, i)
        with c.when(c.test("ult", given, size)):  # as all are, unless a hook on what was saved gave something else
            c.store_one(c.one("fsub", c.load_one(c.at(out, given)), scale), c.at(out, given))
    return c.function("gradient", "ptr %words", internal=False), c


@cache
def kernels() -> tuple:
    """The functions of the loss and of its gradient."""
    lanes = engine().width // 4
    written = [pairwise(lanes), forward(lanes), backward(lanes)]
    loss, gradient = engine().addresses(module([text for text, _ in written], [code for _, code in written], lanes), ("loss", "gradient"))
    return brief(loss, ctypes.c_int64), brief(gradient)


words = struct.Struct("11q").pack


def loss_of(x: Any, target: Any, hit: Any, ignore_index: int) -> tuple | None:
    """(loss, exp(x), its rows' sums, places of the classes) of a table (N, C) with N classes, each row's loss times `hit`, an array of one number.

    All arrays are without gaps. None where a class is to be ignored or is none, or where a number of x is not between -SAFE and SAFE.
    """
    rows, classes = shape = x.shape
    e, sums, index = np.empty(shape, FLOAT), np.empty((rows, 1), FLOAT), np.empty(rows, WHOLE)
    losses, loss = np.empty(rows, FLOAT), np.empty((), FLOAT)
    if kernels()[0](words(id(x), id(target), id(e), id(sums), id(index), id(losses), id(loss), id(hit), rows, classes, ignore_index)):
        return None
    return loss, e, sums, index


def gradient(grad: Any, e: Any, sums: Any, index: Any, hit: Any) -> Any:
    """The gradient by x, of what `loss_of` gave."""
    rows, classes = shape = e.shape
    out = np.empty(shape, FLOAT)
    kernels()[1](words(id(grad), 0, id(e), id(sums), id(index), 0, id(out), id(hit), rows, classes, 0))
    return out
