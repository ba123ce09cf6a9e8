"""One layer of GRU over a whole sequence in one direction: one operation with a fused kernel each way.

For each step, with r and z the sigmoids of their parts of W_ih x + b_ih + W_hh h' + b_hh:
    n = tanh(W_in x + b_in + r (W_hn h' + b_hn))        h = n + z (h' - n)

*Source*: Cho and others 2014, "Learning phrase representations using RNN encoder-decoder"; as in cuDNN, r is applied after the product.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel
from .definition import gradient_by
from .rnn_cells import gru_cell, unrolled, zeros_for
from .rnn_steps import Steps, WeightGradients, added, carry, input_products, joined, operands, worth_joining, zeros_unless


def gru_forward(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: tuple | None, reverse: bool) -> tuple:
    """(outputs, last h), and for the gradient as bytes: r, z, n and W_hn h' + b_hn of all steps, and the operands of the weights."""
    steps, dtype, hidden = Steps(x, sizes, reverse), x.dtype, w_hh.shape[1]
    first, last = zeros_unless(h0, steps, hidden, dtype), np.empty((steps.widest, hidden), dtype)
    out, gates, table = np.empty((*steps.shape, hidden), dtype), np.empty((*steps.shape, 4 * hidden), dtype), operands(x, steps, hidden)
    outs, blocks, rows = steps.of(out), steps.blocks(gates, 4), steps.of(table)
    products = gru_products(steps, table, w_ih, w_hh, b_ih, b_hh)

    def step(k: int, h: Any) -> tuple:
        rows[k][:, :hidden] = h
        product, new = products(k, h)
        gru_step(product, new, blocks[k], h, outs[k])
        return (outs[k],)
    carry(steps.sizes, (first,), (last,), step)
    return out, last, gates.view(np.uint8), table.view(np.uint8)


def gru_products(steps: Steps, table: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """The function of a step's number and h that gives the halves of r's and z's arguments with W_hn h + b_hn, and W_in x + b_in."""
    hidden, rows = w_hh.shape[1], steps.of(table)
    scales = np.repeat(np.array([0.5, 0.5, 1], table.dtype), hidden)
    memory = np.empty((steps.widest, 3 * hidden), table.dtype)
    if worth_joining(steps):
        weight = joined(w_hh, w_ih, added(b_ih, b_hh))
        weight[2 * hidden:, hidden:-1] = 0
        weight[2 * hidden:, -1] = 0 if b_hh is None else b_hh[2 * hidden:]
        weight = np.multiply(weight.T, scales, order="C")
        new = steps.of(input_products(table[:, hidden:], w_ih[2 * hidden:], None if b_ih is None else b_ih[2 * hidden:]))
        return lambda k, h: (np.matmul(rows[k], weight, memory[:len(h)]), new[k])
    inputs = steps.of(input_products(table[:, hidden:], w_ih, b_ih))

    def product(k: int, h: Any) -> Any:
        z = np.matmul(h, w_hh.T, memory[:len(h)])
        if b_hh is not None:
            z += b_hh
        z[:, :2 * hidden] += inputs[k][:, :2 * hidden]
        z *= scales
        return z, inputs[k][:, 2 * hidden:]
    return product


def as_parts(z: Any, parts: int) -> Any:
    """A table (size, parts H) as its parts (parts, size, H)."""
    return z.reshape(len(z), parts, z.shape[1] // parts).transpose(1, 0, 2)


def gru_step(product: Any, new: Any, block: Any, h: Any, out: Any) -> None:
    """A step's r, z, n and W_hn h + b_hn, and its output."""
    parts = as_parts(product, 3)
    r, z, n, recurrent = block
    sigmoids = block[:2]
    np.tanh(parts[:2], sigmoids)
    sigmoids *= 0.5
    sigmoids += 0.5
    recurrent[...] = parts[2]
    np.multiply(r, recurrent, n)
    n += new
    np.tanh(n, n)
    np.subtract(h, n, out)
    out *= z
    out += n


def gru_backward(g_out: Any, g_h: Any, w_ih: Any, w_hh: Any, gates: Any, table: Any, *, sizes: tuple | None, reverse: bool,
                     wants: tuple) -> tuple:
    """The gradients by x, h0, w_ih, w_hh, b_ih and b_hh; those by x, and by the weights, are empty unless they are wanted."""
    steps, dtype, hidden = Steps(g_out, sizes, reverse), g_out.dtype, w_hh.shape[1]
    by_h = np.empty((steps.widest, hidden), dtype)
    table = table.view(dtype)
    # The gradients by the arguments of r and z, by W_hn h + b_hn, and by W_in x + b_in: the weights of x have no part in the third.
    w_x = np.concatenate((w_ih[:2 * hidden], np.zeros_like(w_ih[2 * hidden:]), w_ih[2 * hidden:]))
    by_weights = WeightGradients(steps, table, w_x, wants)
    blocks, rows, grads = steps.blocks(gates.view(dtype), 4), steps.of(table), steps.of(g_out)
    memory, work = np.empty((steps.widest, hidden), dtype), np.empty((2, steps.widest, hidden), dtype)

    def step(number: int, dh: Any) -> tuple:
        k = steps.count - 1 - number
        dh += grads[k]
        d = by_weights.rows(k)
        gru_step_backward(blocks[k], rows[k][:, :hidden], dh, as_parts(d, 4), work[:, :len(dh)])
        by_weights.done(k)
        dh += np.matmul(d[:, :3 * hidden], w_hh, memory[:len(dh)])
        return (dh,)
    carry(steps.sizes[::-1], (g_h,), (by_h,), step)
    return by_weights.by_x, by_h, *gru_weight_gradients(by_weights.sum, hidden)


def gru_step_backward(block: Any, h: Any, dh: Any, d: Any, work: Any) -> None:
    """A step's four gradients d, and dh made the direct part of the gradient by h, the state before; work is scratch."""
    r, z, n, recurrent = block
    dr, dz, d_recurrent, dn = d
    a, b = work
    np.subtract(h, n, a)  # dz = dh (h - n) z (1 - z)
    a *= dh
    a *= z
    np.subtract(1, z, b)
    np.multiply(a, b, dz)
    np.multiply(n, n, a)  # dn = dh (1 - z) (1 - n^2)
    np.subtract(1, a, a)
    a *= b
    a *= dh
    dn[...] = a
    np.multiply(a, r, d_recurrent)
    a *= recurrent  # dr = dn (W_hn h + b_hn) r (1 - r)
    a *= r
    np.subtract(1, r, b)
    np.multiply(a, b, dr)
    dh *= z


def gru_weight_gradients(total: Any, hidden: int) -> tuple:
    """Of w_ih, w_hh, b_ih and b_hh, from the sums for all four gradients and all operands."""
    of_x = np.concatenate((total[:2 * hidden, hidden:], total[3 * hidden:, hidden:]))
    return of_x[:, :-1].copy(), total[:3 * hidden, :hidden].copy(), of_x[:, -1].copy(), total[:3 * hidden, -1].copy()


def gru_definition(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: tuple | None, reverse: bool) -> tuple:
    """The layer in plain operations."""
    h0 = zeros_for(x, sizes, w_hh.shape[1]) if h0 is None else h0
    return unrolled(lambda x, h: (gru_cell(x, h, w_ih, w_hh, b_ih, b_hh),), x, (h0,), sizes, reverse)


def _gru_grad(g: tuple, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, out: tuple, sizes: tuple | None, reverse: bool,
              needs: tuple) -> tuple:
    how: dict[str, Any] = {"sizes": sizes, "reverse": reverse}
    if mode.grad:
        return gradient_by(gru_definition, g[:2], (x, h0, w_ih, w_hh, b_ih, b_hh), needs, **how)
    return apply(GRU_BACKWARD, g[0], g[1], w_ih, w_hh, out[2], out[3], **how, wants=(needs[0], True in needs[2:]))


GRU_BACKWARD = Op("gru_backward", kernel, gru_backward)
# PyTorch names the history of the outputs by what it joins the steps with.
GRU = Op("gru", kernel, gru_forward, vjp=_gru_grad, node_name="StackBackward0")
GRU_PACKED = GRU.printed_as("CatBackward0")
