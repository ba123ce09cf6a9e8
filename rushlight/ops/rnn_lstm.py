"""One layer of LSTM over a whole sequence in one direction: one operation with a fused kernel each way.

For each step, with i, f, o the sigmoids and g the tanh of their parts of z = W_ih x + b_ih + W_hh h + b_hh:
    c = f c' + i g        h = o tanh(c)        or, with a projection, h = W_hr (o tanh(c))

*Source*: Hochreiter and Schmidhuber 1997, "Long short-term memory"; Sak, Senior and Beaufays 2014 for the projection.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.products import prepared, product
from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel
from .definition import gradient_by
from .matmul import linear
from .rnn_cells import plain_lstm_step, unrolled, zeros_for
from .rnn_steps import Steps, WeightGradients, added, carry, continued, input_products, joined, operands, worth_joining, zeros_unless

# A step's gates lie one after the other in a block (4, size, H), so that all that follows runs over memory without gaps. The order is
# o, i, f, g: the three sigmoids adjoin, and so do the three parts to which the cell's gradient passes.


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
    """(outputs, last h, last c), and for the gradient as bytes: the gates of all steps, c, and the operands of the weights."""
    steps, dtype, hidden, width = Steps(x, sizes, reverse), x.dtype, len(w_hh) // 4, w_hh.shape[1]
    table = operands(x, steps, width)
    gates, cells = (np.empty((*steps.shape, n), dtype) for n in (4 * hidden, hidden))
    found = run_steps(steps, table, steps.blocks(gates, 4), steps.of(cells), h0, c0, w_ih, w_hh, added(b_ih, b_hh), w_hr)
    return *found, gates.view(np.uint8), cells.view(np.uint8), table.view(np.uint8)


def lstm_alone(x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: tuple | None,
               reverse: bool) -> tuple:
    """(outputs, last h, last c) where no gradient follows: all steps write their gates and c to the same memory, which stays in the cache."""
    steps, dtype, hidden = Steps(x, sizes, reverse), x.dtype, len(w_hh) // 4
    gates, cells = np.empty(4 * steps.widest * hidden, dtype), np.empty((steps.widest, hidden), dtype)
    blocks = [gates[:4 * size * hidden].reshape(4, size, hidden) for size in steps.sizes]
    return run_steps(steps, operands(x, steps, w_hh.shape[1]), blocks, [cells[:size] for size in steps.sizes], h0, c0, w_ih, w_hh,
                     added(b_ih, b_hh), w_hr)


def run_steps(steps: Steps, table: Any, blocks: list, cs: list, h0: Any, c0: Any, w_ih: Any, w_hh: Any, bias: Any, w_hr: Any) -> tuple:
    """(outputs, last h, last c); each step's gates go into its block, its c into cs, and the h before it into its rows of the operands."""
    dtype, hidden, width = table.dtype, len(w_hh) // 4, w_hh.shape[1]
    first = zeros_unless(h0, steps, width, dtype), zeros_unless(c0, steps, hidden, dtype)
    last = tuple([np.empty(state.shape, dtype) for state in first])
    out, memory = np.empty((*steps.shape, width), dtype), np.empty((steps.widest, hidden), dtype)
    outs, rows = steps.of(out), steps.of(table)
    native = in_machine_code("lstm_step", hidden, dtype)
    run = native or lstm_step
    products = gate_products(steps, table, w_ih, w_hh, bias, None if native else halves(hidden, dtype))

    def step(k: int, h: Any, c: Any) -> tuple:
        rows[k][:, :width] = h
        target = outs[k] if w_hr is None else memory[:len(h)]
        run(products(k, h), blocks[k], c, cs[k], target)
        if w_hr is not None:
            np.matmul(target, w_hr.T, outs[k])
        return outs[k], cs[k]
    carry(steps.sizes, first, last, step)
    return out, *last


def in_machine_code(name: str, hidden: int, dtype: Any) -> Callable | None:
    """A function of rnn_lstm_native.py for a layer of so many units; None where LLVM is not there or has no kernel for it."""
    if dtype != np.float32:
        return None
    from ..backends.llvm.engine import available
    if not available():
        return None
    from . import rnn_lstm_native
    return getattr(rnn_lstm_native, name)(hidden)


def gate_products(steps: Steps, table: Any, w_ih: Any, w_hh: Any, bias: Any, scales: Any) -> Any:
    """The function of a step's number and h that gives z, its parts times scales."""
    rows = steps.of(table)
    if worth_joining(steps):
        joint = joined(w_hh, w_ih, bias).T
        by_weight = prepared(joint if scales is None else np.multiply(joint, scales, order="C"), steps.widest)
        return lambda k, h: by_weight(rows[k])
    inputs = steps.of(input_products(table[:, w_hh.shape[1]:], w_ih, bias))

    def sum_of_two(k: int, h: Any) -> Any:
        z = product(h, w_hh.T)
        z += inputs[k]
        if scales is not None:
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


def lstm_backward(g_out: Any, g_h: Any, g_c: Any, c0: Any, w_ih: Any, w_hh: Any, w_hr: Any, gates: Any, cells: Any, table: Any, *,
                  sizes: tuple | None, reverse: bool, wants: tuple) -> tuple:
    """The gradients by x, h0, c0, w_ih, w_hh, the biases and w_hr; those by x, and by the weights, are empty unless they are wanted."""
    steps, dtype, hidden, width = Steps(g_out, sizes, reverse), g_out.dtype, len(w_hh) // 4, w_hh.shape[1]
    c0 = zeros_unless(c0, steps, hidden, dtype)
    by_first = np.empty((steps.widest, width), dtype), np.empty((steps.widest, hidden), dtype)
    by_weights, by_w_hr = WeightGradients(steps, table.view(dtype), w_ih, wants), np.zeros(0 if w_hr is None else w_hr.shape, dtype)
    blocks, cs, grads = steps.blocks(gates.view(dtype), 4), steps.of(cells.view(dtype)), steps.of(g_out)
    work = np.empty(6 * steps.widest * hidden, dtype)
    native = None if w_hr is not None else in_machine_code("lstm_step_backward", hidden, dtype)
    by_w_hh = prepared(w_hh, steps.widest)

    def step(number: int, dh: Any, dc: Any) -> tuple:
        k = steps.count - 1 - number
        dh += grads[k]
        c_before = continued(cs[k - 1] if k else c0[:0], len(dh), c0)
        dz = by_weights.rows(k)
        if native is None:
            t, slope, *_ = d = work[:6 * dc.size].reshape(6, *dc.shape)
            np.tanh(cs[k], t)
            if w_hr is not None:
                by_w_hr[...] += dh.T @ np.multiply(blocks[k][0], t, slope)
                dh = dh @ w_hr
            lstm_step_backward(blocks[k], c_before, t, slope, d[2:], dh, dc, dz)
        else:
            native(blocks[k], c_before, cs[k], dh, dc, dz)
        by_weights.done(k)
        return by_w_hh(dz), dc
    carry(steps.sizes[::-1], (g_h, g_c), by_first, step)
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
    *found, bias, by_w_hr = apply(LSTM_BACKWARD, *g[:3], c0, w_ih, w_hh, w_hr, *out[3:], **how, wants=(needs[0], True in needs[3:]))
    return *found, bias, bias, by_w_hr


LSTM_BACKWARD = Op("lstm_backward", kernel, lstm_backward)
# PyTorch names the history of the outputs by its kernel, or by what it joins the steps with.
LSTM = Op("lstm", kernel, lstm_forward, vjp=_lstm_grad, node_name="MkldnnRnnLayerBackward0")
LSTM_ALONE = Op("lstm_alone", kernel, lstm_alone)
LSTM_STACKED = LSTM.printed_as("StackBackward0")
LSTM_PACKED = LSTM.printed_as("CatBackward0")
