"""The gates of an LSTM's step in machine code, forward and backward: one pass over memory, the rows shared out among the threads.

`lstm_step` and `lstm_step_backward` in rnn_lstm.py are the same as NumPy's calls, and say what each is.
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
from ..backends.parallel import pool

#: elements of a state from which a second thread pays
MANY = 1 << 13


def gates_forward(lanes: int, hidden: int) -> tuple[str, Code]:
    """@forward(start, stop, [z, gates, c before, c, h, elements of a gate]): the step of some rows. Gates lie in the order o, i, f, g."""
    c = Code(lanes)
    z, gates, before, after, out = (c.pointer("%arguments", k) for k in range(5))
    plane = c.word("%arguments", 5)
    with c.loop("%start", "%stop") as row, c.loop(0, hidden, lanes) as unit:
        place, parts = c.plus(c.times(row, hidden), unit), c.plus(c.times(row, 4 * hidden), unit)
        i, f, g, o = (tanh(c, x) if gate == 2 else sigmoid(c, x) for gate, x in enumerate(
            [c.load(c.at(z, c.plus(parts, gate * hidden))) for gate in range(4)]))
        for number, gate in enumerate((o, i, f, g)):
            c.store(gate, c.at(gates, c.plus(c.times(plane, number), place)))
        state = c.fma(f, c.load(c.at(before, place)), c.multiply(i, g))
        c.store(state, c.at(after, place))
        c.store(c.multiply(o, tanh(c, state)), c.at(out, place))
    return c.function("gates", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def gates_backward(lanes: int, hidden: int) -> tuple[str, Code]:
    """@backward(start, stop, [gates, c before, c, dh, dc, dz, elements of a gate]): dz of some rows, and dc becomes that by c before."""
    c = Code(lanes)
    gates, before, after, dh_all, dc_all, dz = (c.pointer("%arguments", k) for k in range(6))
    plane, one = c.word("%arguments", 6), c.number(1.0)
    with c.loop("%start", "%stop") as row, c.loop(0, hidden, lanes) as unit:
        place, parts = c.plus(c.times(row, hidden), unit), c.plus(c.times(row, 4 * hidden), unit)
        o, i, f, g = (c.load(c.at(gates, c.plus(c.times(plane, number), place))) for number in range(4))
        dh, dc_at = c.load(c.at(dh_all, place)), c.at(dc_all, place)
        t = tanh(c, c.load(c.at(after, place)))
        # dc += dh o (1 - t^2)
        dc = c.fma(c.multiply(dh, o), c.subtract(one, c.multiply(t, t)), c.load(dc_at))
        slopes = [c.multiply(x, c.subtract(one, x)) for x in (i, f, o)]
        found = (c.multiply(c.multiply(slopes[0], g), dc), c.multiply(c.multiply(slopes[1], c.load(c.at(before, place))), dc),
                 c.multiply(c.multiply(c.subtract(one, c.multiply(g, g)), i), dc), c.multiply(c.multiply(slopes[2], t), dh))
        for gate, value in enumerate(found):
            c.store(value, c.at(dz, c.plus(parts, gate * hidden)))
        c.store(c.multiply(dc, f), dc_at)
    return c.function("gates", "i64 %start, i64 %stop, ptr %arguments", internal=False), c


def compiled(write: Callable, hidden: int) -> Callable | None:
    """The function of float32 arrays without gaps, and the number of a gate's elements in the end, that runs a kernel on all rows.

    None if the units are no whole number of vectors.
    """
    lanes = engine().width // 4
    if hidden % lanes:
        return None
    text, code = write(lanes, hidden)
    [place] = engine().addresses(module([text], [code], lanes), ("gates",))
    function = KERNEL(place)

    def run(*arrays: Any) -> None:
        size = arrays[2].size
        words = (ctypes.c_int64 * 7)(*[address(array) for array in arrays], size)
        rows = size // hidden
        run_kernel(function, place, rows, rows if size < MANY else -(-rows // pool.size()), words)
    return run


@cache
def lstm_step(hidden: int) -> Callable | None:
    """`rnn_lstm.lstm_step` for z as it is, none of its parts halved."""
    return compiled(gates_forward, hidden)


@cache
def lstm_step_backward(hidden: int) -> Callable | None:
    """`rnn_lstm.lstm_step_backward` without scratch, and of c in place of its tanh."""
    return compiled(gates_backward, hidden)
