"""One layer of LSTM over a whole sequence in one direction: one operation with a fused kernel each way.

For each step, with i, f, o the sigmoids and g the tanh of their parts of z = W_ih x + b_ih + W_hh h + b_hh:
    c = f c' + i g        h = o tanh(c)        or, with a projection, h = W_hr (o tanh(c))

*Source*: Hochreiter and Schmidhuber 1997, "Long short-term memory"; Sak, Senior and Beaufays 2014 for the projection.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.llvm.engine import available
from ..backends.parallel import Unnotable, inside
from ..backends.products import prepared, product
from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel
from .definition import gradient_by
from .matmul import linear
from .rnn_cells import plain_lstm_step, unrolled, zeros_for
from .rnn_steps import Steps, WeightGradients, added, carry, continued, fill_operands, input_products, joined, operands, worth_joining, zeros_unless

# A step's gates lie one after the other in a block (4, size, H), so that all that follows runs over memory without gaps. The order is
# o, i, f, g: the three sigmoids adjoin, and so do the three parts to which the cell's gradient passes.

#: The multiplications of all steps from which machine code pays. A fixed number: results must not depend on what ran before.
MANY = 1 << 22


def halves(hidden: int, dtype: Any) -> Any:
    """What the parts i, f, g, o are multiplied with before one tanh over all: sigmoid(x) = tanh(x / 2) / 2 + 1 / 2."""
    scales = np.full(4 * hidden, 0.5, dtype)
    scales[2 * hidden:3 * hidden] = 1
    return scales


def as_parts(z: Any) -> Any:
    """A table (size, 4 H) as its four parts (4, size, H)."""
    return z.reshape(len(z), 4, z.shape[1] // 4).transpose(1, 0, 2)


def lstm_forward(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: tuple | None,
                 reverse: bool) -> tuple:
    """(outputs, last h, last c), and for the gradient as whole numbers: the gates of all steps, c, and the operands of the weights."""
    steps = Steps(x, sizes, reverse)
    saved, parts = kept_memory(steps.rows, x, w_hh)
    return *run_layer(steps, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, parts), saved


def lstm_alone(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: tuple | None,
               reverse: bool) -> tuple:
    """(outputs, last h, last c) where no gradient follows: all steps write their gates and c to the same memory, which stays in the cache."""
    steps = Steps(x, sizes, reverse)
    return run_layer(steps, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, kept_memory(steps.widest, x, w_hh)[1])


def kept_memory(rows: int, x: Any, w_hh: Any) -> tuple:
    """Memory as whole numbers, which no later conversion to half precision touches, and its parts: `parts_of` it."""
    widths = len(w_hh), len(w_hh) // 4, w_hh.shape[1] + x.shape[-1] + 1
    saved = np.empty(-(-rows * sum(widths) * x.itemsize // 8), np.int64)
    return saved, parts_of(saved, rows, widths, x.dtype)


def parts_of(saved: Any, rows: int, widths: tuple, dtype: Any) -> list:
    """The tables of rows of these widths that memory is made of: the gates, c, and the operands of the weights."""
    numbers, ends = saved.view(dtype), np.cumsum([rows * width for width in widths]).tolist()
    return [numbers[start:stop].reshape(rows, width) for start, stop, width in zip([0, *ends], ends, widths)]


def run_layer(steps: Steps, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, parts: list) -> tuple:
    """(outputs, last h, last c); gates, c and operands of all steps go into their parts of memory, those of one step where it has no more."""
    dtype, hidden, width = x.dtype, len(w_hh) // 4, w_hh.shape[1]
    first = zeros_unless(h0, steps, width, dtype), zeros_unless(c0, steps, hidden, dtype)
    last = np.empty(first[0].shape, dtype), np.empty(first[1].shape, dtype)
    out = np.empty((*steps.shape, width), dtype)
    if is_native(steps, dtype, w_ih, w_hh, w_hr):
        from . import rnn_lstm_calls
        rnn_lstm_calls.forward(steps, x, out, last, first, (w_ih, w_hh, b_ih, b_hh), *parts)
    else:
        run_steps(steps, x, out, last, first, (w_ih, w_hh, added(b_ih, b_hh), w_hr), parts)
    return out, *last


def is_native(steps: Steps, dtype: Any, w_ih: Any, w_hh: Any, w_hr: Any) -> bool:
    """Whether the kernels of rnn_lstm_native.py take a layer, and pay. They know no projection."""
    fits = dtype == np.float32 and w_hr is None and steps.rows > 0 and w_hh.size > 0 and w_ih.size > 0
    if inside.launches is not None:  # calls that are only noted cost nothing to begin with
        if not fits:
            raise Unnotable("a layer that no kernel takes")
        return True
    return fits and steps.rows * len(w_hh) * (w_hh.shape[1] + w_ih.shape[1] + 1) >= MANY and available()


def run_steps(steps: Steps, x: Any, out: Any, last: tuple, first: tuple, weights: tuple, parts: list) -> None:
    """`run_layer` as NumPy's calls."""
    w_ih, w_hh, bias, w_hr = weights
    dtype, hidden, width = x.dtype, len(w_hh) // 4, w_hh.shape[1]
    gates, cells, table = parts
    if len(cells) == steps.rows:
        blocks, cs = steps.blocks(gates, 4), steps.of(cells)
        fill_operands(table, x, width)
    else:
        table = operands(x, steps, width)
        blocks = [gates.reshape(-1)[:4 * size * hidden].reshape(4, size, hidden) for size in steps.sizes]
        cs = [cells[:size] for size in steps.sizes]
    outs, rows, memory = steps.of(out), steps.of(table), np.empty((steps.widest, hidden), dtype)
    products = gate_products(steps, table, w_ih, w_hh, bias)

    def step(k: int, h: Any, c: Any) -> tuple:
        rows[k][:, :width] = h
        target = outs[k] if w_hr is None else memory[:len(h)]
        lstm_step(products(k, h), blocks[k], c, cs[k], target)
        if w_hr is not None:
            np.matmul(target, w_hr.T, outs[k])
        return outs[k], cs[k]
    carry(steps.sizes, first, last, step)


def gate_products(steps: Steps, table: Any, w_ih: Any, w_hh: Any, bias: Any) -> Any:
    """The function of a step's number and h that gives z, its sigmoids' parts halved."""
    rows, scales = steps.of(table), halves(len(w_hh) // 4, table.dtype)
    if worth_joining(steps):
        by_weight = prepared(np.multiply(joined(w_hh, w_ih, bias).T, scales, order="C"), steps.widest)
        return lambda k, h: by_weight(rows[k])
    inputs = steps.of(input_products(table[:, w_hh.shape[1]:], w_ih, bias))

    def sum_of_two(k: int, h: Any) -> Any:
        z = product(h, w_hh.T)
        z += inputs[k]
        z *= scales
        return z
    return sum_of_two


def lstm_step(z: Any, block: Any, c_before: Any, c: Any, h: Any) -> None:
    """A step's gates, c and o tanh(c), from z with its sigmoids' parts halved."""
    parts = as_parts(z)
    o, i, f, g = block
    np.tanh(parts[:3], block[1:])
    np.tanh(parts[3], o)
    sigmoids = block[:3]
    sigmoids *= 0.5
    sigmoids += 0.5
    np.multiply(i, g, h)
    np.multiply(f, c_before, c)
    c += h
    np.tanh(c, h)
    h *= o


def lstm_backward(g_out: Any, g_h: Any, g_c: Any, c0: Any, w_ih: Any, w_hh: Any, w_hr: Any, saved: Any, *, sizes: tuple | None,
                  reverse: bool, wants: tuple) -> tuple:
    """The gradients by x, h0, c0, w_ih, w_hh, the biases and w_hr; those by x, and by the weights, are empty unless they are wanted."""
    steps, hidden, width = Steps(g_out, sizes, reverse), len(w_hh) // 4, w_hh.shape[1]
    parts = parts_of(saved, steps.rows, (len(w_hh), hidden, width + w_ih.shape[1] + 1), g_out.dtype)
    c0 = zeros_unless(c0, steps, hidden, g_out.dtype)
    if is_native(steps, g_out.dtype, w_ih, w_hh, w_hr):
        from . import rnn_lstm_calls
        return *rnn_lstm_calls.backward(steps, (g_out, g_h, g_c), c0, w_ih, w_hh, parts, wants), np.empty(0, g_out.dtype)
    return run_backward(steps, (g_out, g_h, g_c), c0, (w_ih, w_hh, w_hr), parts, wants)


def run_backward(steps: Steps, arriving: tuple, c0: Any, weights: tuple, parts: list, wants: tuple) -> tuple:
    """`lstm_backward` as NumPy's calls."""
    (g_out, *g_last), (w_ih, w_hh, w_hr), (gates, cells, table) = arriving, weights, parts
    dtype, hidden, width = g_out.dtype, len(w_hh) // 4, w_hh.shape[1]
    by_first = np.empty((steps.widest, width), dtype), np.empty((steps.widest, hidden), dtype)
    by_weights, by_w_hr = WeightGradients(steps, table, w_ih, wants), np.zeros(0 if w_hr is None else w_hr.shape, dtype)
    blocks, cs, grads = steps.blocks(gates, 4), steps.of(cells), steps.of(g_out)
    work = np.empty(6 * steps.widest * hidden, dtype)
    by_w_hh = prepared(w_hh, steps.widest)

    def step(number: int, dh: Any, dc: Any) -> tuple:
        k = steps.count - 1 - number
        dh += grads[k]
        c_before = continued(cs[k - 1] if k else c0[:0], len(dh), c0)
        dz = by_weights.rows(k)
        t, slope, *_ = d = work[:6 * dc.size].reshape(6, *dc.shape)
        np.tanh(cs[k], t)
        if w_hr is not None:
            by_w_hr[...] += dh.T @ np.multiply(blocks[k][0], t, slope)
            dh = dh @ w_hr
        lstm_step_backward(blocks[k], c_before, t, slope, d[2:], dh, dc, dz)
        by_weights.done(k)
        return by_w_hh(dz), dc
    carry(steps.sizes[::-1], tuple(g_last), by_first, step)
    return by_weights.by_x, *by_first, *by_weights.parts(width), by_w_hr


def lstm_step_backward(block: Any, c_before: Any, t: Any, slope: Any, d: Any, dh: Any, dc: Any, dz: Any) -> None:
    """A step's dz, and dc made the gradient by c_before; t is tanh(c), dh the gradient by o t, dc the later steps' by c.

    slope and d are scratch.
    """
    o, i, f, g = block
    np.multiply(t, t, slope)  # dc += dh o (1 - t^2)
    np.subtract(1, slope, slope)
    slope *= o
    slope *= dh
    dc += slope
    np.multiply(block, block, d)  # the slopes: s - s^2 of a sigmoid, 1 - g^2 of g
    np.subtract(block[:3], d[:3], d[:3])
    np.subtract(1, d[3], d[3])
    d[0] *= t
    d[1] *= g
    d[2] *= c_before
    d[3] *= i
    parts = as_parts(dz)
    np.multiply(d[1:], dc, parts[:3])
    np.multiply(d[0], dh, parts[3])
    dc *= f


def lstm_definition(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: tuple | None,
                    reverse: bool) -> tuple:
    """The layer in plain operations."""
    h0 = zeros_for(x, sizes, w_hh.shape[1]) if h0 is None else h0
    c0 = zeros_for(x, sizes, len(w_hh) // 4) if c0 is None else c0

    def cell(x: Any, h: Any, c: Any) -> tuple:
        h, c = plain_lstm_step(x, h, c, w_ih, w_hh, b_ih, b_hh)
        return h if w_hr is None else linear(h, w_hr), c
    return unrolled(cell, x, (h0, c0), sizes, reverse)


def _lstm_grad(g: tuple, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, out: tuple,
               sizes: tuple | None, reverse: bool, needs: tuple) -> tuple:
    how: dict[str, Any] = {"sizes": sizes, "reverse": reverse}
    if mode.grad:
        return gradient_by(lstm_definition, g[:3], (x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr), needs, **how)
    *found, bias, by_w_hr = apply(LSTM_BACKWARD, *g[:3], c0, w_ih, w_hh, w_hr, out[3], **how, wants=(needs[0], True in needs[3:]))
    return *found, bias, bias, by_w_hr


LSTM_BACKWARD = Op("lstm_backward", kernel, lstm_backward, launches="strided")
# PyTorch names the history of the outputs by its kernel, or by what it joins the steps with.
LSTM = Op("lstm", kernel, lstm_forward, vjp=_lstm_grad, node_name="MkldnnRnnLayerBackward0", launches="strided")
LSTM_ALONE = Op("lstm_alone", kernel, lstm_alone, launches="strided")
LSTM_STACKED = LSTM.printed_as("StackBackward0")
LSTM_PACKED = LSTM.printed_as("CatBackward0")
