"""One sequence alone through an LSTM, where no gradient is wanted: writing text, one character or a window of them at a time.

A step is then the product of a weight with one vector, which takes as long as the weight's way from the cache; so all else is kept short.
All layers are one operation, nothing is saved for backward, and the gates of a step are computed in place, in rows that are cut once.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.llvm.engine import available
from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, opaque
from .rnn_lstm import halves
from .rnn_steps import added, input_products

if TYPE_CHECKING:
    from ..tensor import Tensor

#: steps from which it pays to pack the weight first
MANY_STEPS = 4
#: features up to which a step multiplies them itself
NARROW = 8


def lstm_row(input: Tensor, *, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float, train: bool, bidirectional: bool,
             batch_first: bool = False, batch_sizes: Any = None) -> tuple | None:
    """(outputs, h_n, c_n) as of `lstm`, which has the same arguments; None unless this is one sequence, without gradient, that goes well."""
    if mode.grad or bidirectional or batch_sizes is not None or dropout and train or len(params) != num_layers * (4 if has_biases else 2):
        return None
    x, weight = input._array, params[0]._array
    if x.ndim != 3 or x.shape[0 if batch_first else 1] != 1 or not x.size or x.shape[2] != weight.shape[1] or weight.itemsize < 4:
        return None
    hidden, (h0, c0) = len(weight) // 4, hx or (None, None)
    shape = num_layers, 1, hidden
    for state in (h0, c0):
        if state is not None and (state._array.shape != shape or state._array.dtype != x.dtype):
            return None
    for param in params:
        if param._array.dtype != x.dtype or len(param._array) != 4 * hidden:
            return None
    return apply(LSTM_ROW, input, h0, c0, *params, shape=shape, batch_first=batch_first)


def lstm_row_forward(x: Any, h0: Any, c0: Any, *params: Any, shape: tuple, batch_first: bool) -> tuple:
    """(outputs, last h, last c) of x `(T, 1, I)` from h0 and c0 `(layers, 1, H)`, None for zeros."""
    layers, _, hidden = shape
    h, c = (np.zeros(shape, x.dtype) if state is None else state.copy() for state in (h0, c0))
    each = len(params) // layers
    rows = x.reshape(-1, x.shape[2])
    for layer in range(layers):
        w_ih, w_hh, *biases = params[layer * each:(layer + 1) * each]
        outs = np.empty((len(rows), hidden), x.dtype)
        layer_steps(rows, w_ih, added(*biases) if biases else None, w_hh, h[layer, 0], c[layer, 0], outs)
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
        packed(np.ascontiguousarray(rows), w_ih, base, w_hh, h, c, outs)
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
