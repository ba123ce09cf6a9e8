"""One sequence alone through an LSTM, where no gradient is wanted: writing text, one character or a window of them at a time.

A step is then the product of a weight with one vector, which takes as long as the weight's way from the cache; so all else is kept short.
All layers are one operation, nothing is saved for backward, and the gates of a step are computed in place, in rows that are cut once.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.llvm.engine import available
from ..core.apply import apply
from ..core.op import Op, opaque
from .rnn_lstm import halves
from .rnn_steps import input_products

if TYPE_CHECKING:
    from ..tensor import Tensor

#: steps from which it pays to pack the weight first
MANY_STEPS = 4
#: features up to which a step multiplies them itself
NARROW = 8


def lstm_row(input: Tensor, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float, train: bool, bidirectional: bool,
             batch_first: bool) -> tuple | None:
    """(outputs, h_n, c_n) as of `lstm`, which has the same arguments; None unless this is one sequence, not packed, that goes well."""
    if bidirectional or params.__class__ is not list or dropout and train or len(params) != num_layers * (4 if has_biases else 2):
        return None
    x, weight = input._array, params[0]._array
    dtype, shape = x.dtype, x.shape
    if len(shape) != 3 or shape[0 if batch_first else 1] != 1 or not x.size or shape[2] != weight.shape[1] or weight.itemsize < 4:
        return None
    rows = len(weight)
    shape = num_layers, 1, rows // 4
    h0, c0 = hx or (None, None)
    for state in (h0, c0):
        if state is not None and (state._array.shape != shape or state._array.dtype != dtype):
            return None
    for param in params:
        array = param._array
        if array.dtype is not dtype and array.dtype != dtype or len(array) != rows:
            return None
    return apply(LSTM_ROW, input, h0, c0, *params, shape=shape, batch_first=batch_first)


def lstm_row_forward(x: Any, h0: Any, c0: Any, *params: Any, shape: tuple, batch_first: bool) -> tuple:
    """(outputs, last h, last c) of x `(T, 1, I)` from h0 and c0 `(layers, 1, H)`, None for zeros."""
    layers, _, hidden = shape
    dtype, each = x.dtype, len(params) // layers
    h = np.zeros(shape, dtype) if h0 is None else h0.copy()
    c = np.zeros(shape, dtype) if c0 is None else c0.copy()
    rows = x.reshape(-1, x.shape[2])
    for layer in range(layers):
        w_ih, w_hh, *biases = params[layer * each:(layer + 1) * each]
        outs = np.empty((len(rows), hidden), dtype)
        layer_steps(rows, w_ih, biases[0] + biases[1] if biases else None, w_hh, h[layer, 0], c[layer, 0], outs)
        rows = outs
    return rows[None] if batch_first else rows[:, None], h, c


def with_ones(rows: Any) -> Any:
    """The rows with a column of ones behind them."""
    table = np.ones((len(rows), rows.shape[1] + 1), rows.dtype)
    table[:, :-1] = rows
    return table


def layer_steps(rows: Any, w_ih: Any, bias: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
    """Runs all steps of a layer from h and c, which become the last ones; outs get each step's h."""
    packed = packed_steps(w_ih, w_hh, len(rows))
    if packed is None:
        row_steps(input_products(with_ones(rows), w_ih, bias), w_hh, h, c, outs)
    elif rows.shape[1] <= NARROW:
        base = np.zeros(len(w_ih), rows.dtype) if bias is None else bias
        packed(rows if rows.flags.c_contiguous else rows.copy(), w_ih, base, w_hh, h, c, outs)
    else:
        inputs = input_products(with_ones(rows), w_ih, bias)
        packed(rows[:, :0], w_ih, inputs, w_hh, h, c, outs)


def packed_steps(w_ih: Any, w_hh: Any, count: int) -> Any:
    """The kernel for many steps, which packs the weights first; None where there is none, or too few steps."""
    if count < MANY_STEPS or not is_native(w_hh) or not w_ih.flags.c_contiguous:
        return None
    from .rnn_row_packed import kernel
    return kernel(w_hh.shape[1])


def row_steps(inputs: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
    """Runs all steps from h and c, which become the last ones; outs get each step's h. inputs `(T, 4 H)` are what does not depend on h."""
    native = native_steps(w_hh)
    if native is None:
        steps_by_numpy(inputs, w_hh, h, c, outs)
    else:
        native(inputs, w_hh, h, c, outs)


def native_steps(w_hh: Any) -> Any:
    """The steps in machine code, where LLVM is there and has them for such a weight; else None."""
    if not is_native(w_hh):
        return None
    from .rnn_row_native import kernel
    return kernel(w_hh.shape[1])


def is_native(w_hh: Any) -> bool:
    """Whether kernels may take a weight."""
    return w_hh.dtype == np.float32 and w_hh.flags.c_contiguous and available()


def steps_by_numpy(inputs: Any, w_hh: Any, h: Any, c: Any, outs: Any) -> None:
    """`row_steps` as NumPy's calls."""
    z, (scales, shares, rests) = np.empty(4 * len(c), c.dtype), gate_constants(len(c), c.dtype)
    i, f, g, o = z.reshape(4, len(c))
    dot, multiply, add, tanh = w_hh.dot, np.multiply, np.add, np.tanh
    before = h
    for row, out in zip(inputs, outs):
        dot(before, z)
        add(z, row, z)
        multiply(z, scales, z)
        tanh(z, z)
        multiply(z, shares, z)
        add(z, rests, z)
        multiply(i, g, i)
        multiply(f, c, c)
        add(c, i, c)
        tanh(c, out)
        multiply(out, o, out)
        before = out
    h[...] = before


CONSTANTS: dict = {}


def gate_constants(hidden: int, dtype: Any) -> tuple:
    """(before, times, plus): the gates i, f, g, o are tanh(before z) times + plus, since sigmoid(x) = tanh(x / 2) / 2 + 1 / 2."""
    found = CONSTANTS.get((hidden, dtype))
    if found is None:
        before = halves(hidden, dtype)
        rests = np.full(4 * hidden, 0.5, dtype)
        rests[2 * hidden:3 * hidden] = 0
        found = CONSTANTS[hidden, dtype] = before, before, rests
    return found


LSTM_ROW = Op("lstm_row", opaque, lstm_row_forward)
