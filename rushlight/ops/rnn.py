"""Recurrent networks of several layers, in one or both directions: what `nn.RNN`, `nn.LSTM` and `nn.GRU` call.

The input is a tensor (T, B, I), with batch_first (B, T, I), or packed: (rows, I) and the number of sequences in each step. The parameters
are a flat list: for each layer, and each of its directions, w_ih and w_hh, then b_ih and b_hh if there are biases, and w_hr in an LSTM with
projections.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core import recording
from ..core.apply import apply
from ..core.grad_mode import mode
from .dropout_forms import dropout as dropped
from .join import cat, stack
from .matmul import cannot_multiply
from .rnn_cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from .rnn_elman import RNN, RNN_PACKED
from .rnn_gru import GRU, GRU_PACKED
from .rnn_lstm import LSTM, LSTM_ALONE, LSTM_PACKED, LSTM_STACKED
from .rnn_row import lstm_row

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]

PLAIN = ("hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
PACKED = ("batch_sizes", *PLAIN[:-1])


def lstm(input: Tensor, *args: Any, **kwargs: Any) -> tuple:
    """(outputs, h_n, c_n) of an LSTM: `lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional, batch_first)`.

    Or packed: `lstm(data, batch_sizes, (h, c), params, has_biases, num_layers, dropout, train, bidirectional)`.
    *Shape*: h (layers * directions, B, H or the projection's size), c (layers * directions, B, H); either may be None, for zeros.
    """
    if not mode.grad and not kwargs and len(args) == len(PLAIN):  # writing text, where naming the arguments takes as long as a step
        found = lstm_row(input, *args)
        if found is not None:
            return found
    return layers(lstm_layer, 2, input, **named(args, kwargs))


def gru(input: Tensor, *args: Any, **kwargs: Any) -> tuple:
    """(outputs, h_n) of a GRU; arguments as for `lstm`, with one state h in place of (h, c)."""
    return layers(gru_layer, 1, input, **named(args, kwargs))


def rnn_tanh(input: Tensor, *args: Any, **kwargs: Any) -> tuple:
    """(outputs, h_n) of an Elman network with tanh; arguments as for `gru`."""
    return layers(rnn_layer, 1, input, **named(args, kwargs), relu=False)


def rnn_relu(input: Tensor, *args: Any, **kwargs: Any) -> tuple:
    """(outputs, h_n) of an Elman network with relu; arguments as for `gru`."""
    return layers(rnn_layer, 1, input, **named(args, kwargs), relu=True)


def named(args: tuple, kwargs: dict) -> dict:
    """The arguments by name: those for packed sequences have the parameters, a list, one place later."""
    packed = "batch_sizes" in kwargs or len(args) > 2 and isinstance(args[2], (list, tuple))
    return {**dict(zip(PACKED if packed else PLAIN, args)), **kwargs}


def layers(layer: Callable, kinds: int, input: Tensor, *, hx: Any, params: Any, has_biases: bool, num_layers: int, dropout: float,
           train: bool, bidirectional: bool, batch_first: bool = False, batch_sizes: Any = None, **how: Any) -> tuple:
    """(outputs, *last states) of a stack of layers: layer(x, states, weights, biased, sizes=, reverse=) runs one in one direction."""
    sizes = None if batch_sizes is None else tuple(batch_sizes.tolist())
    directions = 2 if bidirectional else 1
    each = len(params) // (num_layers * directions)
    states = first_states(hx, kinds, num_layers * directions)
    x = input.transpose(0, 1) if batch_first else input
    ends: list = []
    for number in range(num_layers):
        if number and dropout and train:
            x = dropped(x, dropout)
        outs = []
        for direction in range(directions):
            place = number * directions + direction
            weights = params[place * each:(place + 1) * each]
            check(x, sizes, states[place], weights)
            out, *last = layer(x, states[place], weights, has_biases, sizes=sizes, reverse=direction == 1, **how)
            outs.append(out)
            ends.append(last)
        x = outs[0] if directions == 1 else cat(outs, -1)
    if batch_first:
        # The history's name is PyTorch's, which turns the outputs in place but for those of its LSTM kernel.
        plain = recording.recorder is not None or x.grad_fn is None or x.grad_fn.name().startswith("Mkldnn")
        x = x.transpose(0, 1) if plain else x.transpose_(0, 1)
    return x, *[stack(last) for last in zip(*ends)]


def first_states(hx: Any, kinds: int, count: int) -> list:
    """For each layer and direction its first states, None for zeros."""
    hx = (hx,) if kinds == 1 else (None, None) if hx is None else hx
    return list(zip(*[[None] * count if state is None else state.unbind(0) for state in hx]))


def check(x: Any, sizes: tuple | None, states: tuple, weights: Any) -> None:
    """Raise PyTorch's error where an input, a state and a weight do not go together."""
    array, weight = x._array, weights[0]._array
    if array.ndim != (3 if sizes is None else 2):
        raise RuntimeError(f"input must have {3 if sizes is None else 2} dimensions, got {array.ndim}")
    if not array.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if array.shape[-1] != weight.shape[1]:
        raise cannot_multiply((math.prod(array.shape[:-1]), array.shape[-1]), weight.shape[::-1])
    batch = array.shape[1] if sizes is None else max(sizes)
    for state in [x, *[state for state in states if state is not None]]:
        if state._array.dtype != weight.dtype:
            raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {state.dtype.kernel_name} and {weights[0].dtype.kernel_name}")
        if state is not x and state._array.shape[0] != batch:
            raise RuntimeError(f"The size of tensor a ({state._array.shape[0]}) must match the size of tensor b ({batch}) at non-singleton "
                               "dimension 0")


def lstm_layer(x: Tensor, states: tuple, weights: Any, biased: bool, **how: Any) -> tuple:
    """(outputs, h, c) of one layer in one direction."""
    biases = weights[2:4] if biased else (None, None)
    projection = weights[-1] if len(weights) % 2 else None
    op = LSTM_ALONE if not mode.grad else LSTM_PACKED if how["sizes"] is not None else LSTM
    if op is LSTM and (projection is not None or x.dtype.name not in ("float32", "bfloat16")):
        op = LSTM_STACKED
    return apply(op, x, *states, *weights[:2], *biases, projection, **how)[:3]


def gru_layer(x: Tensor, states: tuple, weights: Any, biased: bool, **how: Any) -> tuple:
    """(outputs, h) of one layer in one direction."""
    op = GRU if how["sizes"] is None else GRU_PACKED
    return apply(op, x, *states, *weights[:2], *(weights[2:4] if biased else (None, None)), **how)[:2]


def rnn_layer(x: Tensor, states: tuple, weights: Any, biased: bool, **how: Any) -> tuple:
    """(outputs, h) of one layer in one direction."""
    op = RNN if how["sizes"] is None else RNN_PACKED
    return apply(op, x, *states, *weights[:2], *(weights[2:4] if biased else (None, None)), **how)[:2]
