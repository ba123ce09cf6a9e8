"""One step of a recurrent network in plain operations, and a layer as a loop over such steps.

These are the cells that programs call one by one, and the definition of the fused layers: their second gradients are taken here, and
tests compare their kernels with it.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .join import cat, stack
from .matmul import linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tensor import Tensor


def rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """tanh(w_ih input + b_ih + w_hh hx + b_hh): one step of an Elman network.

    *Shape*: input (B, I), hx (B, H), w_ih (H, I), w_hh (H, H), biases (H) -> (B, H).
    """
    check_cell(input, (hx,), w_ih, w_hh)
    return (linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh)).tanh()


def rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """relu(w_ih input + b_ih + w_hh hx + b_hh); shapes as in rnn_tanh_cell."""
    check_cell(input, (hx,), w_ih, w_hh)
    return (linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh)).relu()


def lstm_cell(input: Tensor, hx: Any, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> tuple:
    """(h, c) after one step of an LSTM from (h, c) = hx: c = f c + i g and h = o tanh(c).

    i, f and o are the sigmoids, g the tanh, of the four parts of w_ih input + b_ih + w_hh h + b_hh.
    *Shape*: input (B, I), h and c (B, H), w_ih (4 H, I), w_hh (4 H, H), biases (4 H) -> (B, H) twice.
    """
    check_cell(input, hx, w_ih, w_hh)
    h, c = hx
    return plain_lstm_step(input, h, c, w_ih, w_hh, b_ih, b_hh)


def plain_lstm_step(input: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> tuple:
    """lstm_cell without its checks, which a layer with projections does not pass: its h is narrower than c."""
    i, f, g, o = (linear(h, w_hh, b_hh) + linear(input, w_ih, b_ih)).unsafe_chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None) -> Tensor:
    """(1 - z) n + z hx: one step of a GRU.

    r and z are the sigmoids of the sums of the first two parts of w_ih input + b_ih and of w_hh hx + b_hh; n is the tanh of the third part
    of the one and r times that of the other. *Shape*: input (B, I), hx (B, H), w_ih (3 H, I), w_hh (3 H, H), biases (3 H) -> (B, H).
    """
    check_cell(input, (hx,), w_ih, w_hh)
    from_x, from_h = linear(input, w_ih, b_ih).unsafe_chunk(3, -1), linear(hx, w_hh, b_hh).unsafe_chunk(3, -1)
    r, z = (from_h[0] + from_x[0]).sigmoid(), (from_h[1] + from_x[1]).sigmoid()
    n = (from_x[2] + from_h[2] * r).tanh()
    return (hx - n) * z + n


def check_cell(input: Any, states: Any, w_ih: Any, w_hh: Any) -> None:
    """Raise PyTorch's error where the input or a state does not fit the weights."""
    rows, width = input.shape
    if width != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {width} expected {w_ih.shape[1]}")
    for number, state in enumerate(states):
        if state.shape[0] != rows:
            raise RuntimeError(f"Input batch size {rows} doesn't match hidden{number} batch size {state.shape[0]}")
        if state.shape[1] != w_hh.shape[1]:
            raise RuntimeError(f"hidden{number} has inconsistent hidden_size: got {state.shape[1]}, expected {w_hh.shape[1]}")


def unrolled(cell: Callable, x: Tensor, first: tuple, sizes: tuple | None, reverse: bool) -> tuple:
    """(outputs, *last states) of a layer: cell(input of a step, *states) returns the states after it, whose first is the output."""
    inputs = list(x.unbind(0) if sizes is None else x.split(list(sizes), 0))
    order = range(len(inputs))[::-1] if reverse else range(len(inputs))
    outs, ended, states = [x] * len(inputs), [], first
    for k in order:
        known, size = states[0].shape[0], inputs[k].shape[0]
        if k == order[0] or size < known:
            ended.append(tuple([state[size:] for state in states]))
            states = tuple([state[:size] for state in states])
        elif size > known:
            states = tuple([cat((state, start[known:size])) for state, start in zip(states, first)])
        states = cell(inputs[k], *states)
        outs[k] = states[0]
    ended.append(states)
    last = [cat([part[number] for part in reversed(ended[1:])]) for number in range(len(states))]
    return (stack(outs) if sizes is None else cat(outs)), *last


def zeros_for(x: Tensor, sizes: tuple | None, width: int) -> Tensor:
    """The first state of a layer where none is given."""
    return x.new_zeros((x.shape[1] if sizes is None else max(sizes), width))
