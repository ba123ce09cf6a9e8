"""One layer of the simplest recurrent network over a whole sequence in one direction: one operation with a fused kernel each way.

For each step h = tanh(W_ih x + b_ih + W_hh h' + b_hh), or relu in place of tanh.

*Source*: Elman 1990, "Finding structure in time".
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel
from .definition import gradient_by
from .rnn_cells import rnn_relu_cell, rnn_tanh_cell, unrolled, zeros_for
from .rnn_steps import Steps, WeightGradients, added, carry, input_products, joined, operands, worth_joining, zeros_unless


def rnn_forward(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: tuple | None, reverse: bool, relu: bool) -> tuple:
    """(outputs, last h), and for the gradient as bytes: the outputs again, which the user may overwrite, and the operands of the weights."""
    steps, dtype, hidden = Steps(x, sizes, reverse), x.dtype, len(w_hh)
    first, last = zeros_unless(h0, steps, hidden, dtype), np.empty((steps.widest, hidden), dtype)
    out, table = np.empty((*steps.shape, hidden), dtype), operands(x, steps, hidden)
    outs, rows = steps.of(out), steps.of(table)
    products = rnn_products(steps, table, w_ih, w_hh, added(b_ih, b_hh))

    def step(k: int, h: Any) -> tuple:
        rows[k][:, :hidden] = h
        z = products(k, h, outs[k])
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, z)
        return (z,)
    carry(steps.sizes, (first,), (last,), step)
    return out, last, out.copy().view(np.uint8), table.view(np.uint8)


def rnn_products(steps: Steps, table: Any, w_ih: Any, w_hh: Any, bias: Any) -> Any:
    """The function of a step's number and h that puts W_ih x + W_hh h + the biases into an array."""
    rows = steps.of(table)
    if worth_joining(steps):
        weight = np.ascontiguousarray(joined(w_hh, w_ih, bias).T)
        return lambda k, h, z: np.matmul(rows[k], weight, z)
    inputs = steps.of(input_products(table[:, len(w_hh):], w_ih, bias))
    return lambda k, h, z: np.add(np.matmul(h, w_hh.T, z), inputs[k], z)


def rnn_backward(g_out: Any, g_h: Any, w_ih: Any, w_hh: Any, states: Any, table: Any, *, sizes: tuple | None, reverse: bool, relu: bool,
                 wants: tuple) -> tuple:
    """The gradients by x, h0, w_ih, w_hh and the biases; those by x, and by the weights, are empty unless they are wanted."""
    steps, dtype, hidden = Steps(g_out, sizes, reverse), g_out.dtype, len(w_hh)
    by_h, memory = np.empty((steps.widest, hidden), dtype), np.empty((steps.widest, hidden), dtype)
    by_weights = WeightGradients(steps, table.view(dtype), w_ih, wants)
    grads, hs = steps.of(g_out), steps.of(states.view(dtype))

    def step(number: int, dh: Any) -> tuple:
        k = steps.count - 1 - number
        dz, h = by_weights.rows(k), hs[k]
        dh += grads[k]
        if relu:
            np.multiply(dh, h > 0, dz)
        else:
            np.multiply(h, h, dz)
            np.subtract(1, dz, dz)
            dz *= dh
        by_weights.done(k)
        return (np.matmul(dz, w_hh, memory[:len(dh)]),)
    carry(steps.sizes[::-1], (g_h,), (by_h,), step)
    return by_weights.by_x, by_h, *by_weights.parts(hidden)


def rnn_definition(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: tuple | None, reverse: bool, relu: bool) -> tuple:
    """The layer in plain operations."""
    cell = rnn_relu_cell if relu else rnn_tanh_cell
    h0 = zeros_for(x, sizes, len(w_hh)) if h0 is None else h0
    return unrolled(lambda x, h: (cell(x, h, w_ih, w_hh, b_ih, b_hh),), x, (h0,), sizes, reverse)


def _rnn_grad(g: tuple, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, out: tuple, sizes: tuple | None, reverse: bool,
              relu: bool, needs: tuple) -> tuple:
    how: dict[str, Any] = {"sizes": sizes, "reverse": reverse, "relu": relu}
    if mode.grad:
        return gradient_by(rnn_definition, g[:2], (x, h0, w_ih, w_hh, b_ih, b_hh), needs, **how)
    *found, bias = apply(RNN_BACKWARD, g[0], g[1], w_ih, w_hh, out[2], out[3], **how, wants=(needs[0], True in needs[2:]))
    return *found, bias, bias


RNN_BACKWARD = Op("rnn_backward", kernel, rnn_backward)
# PyTorch names the history of the outputs by what it joins the steps with.
RNN = Op("rnn", kernel, rnn_forward, vjp=_rnn_grad, node_name="StackBackward0")
RNN_PACKED = RNN.printed_as("CatBackward0")
