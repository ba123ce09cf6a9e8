"""Recurrent layers: RNN, LSTM and GRU over whole sequences, and the cells of one step."""
from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

from rushlight.ops import rnn as functions
from rushlight.ops.create import empty
from rushlight.tensor import Tensor

from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["RNNBase", "RNN", "LSTM", "GRU", "RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"]

#: how many parts the gates of each kind have, and the function that runs it
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: the parameters of all layers and directions, and the checks of what goes in.

    Parameters: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `weight_hr_l0` with proj_size, the same with the suffix
    `_reverse` for the second direction, then those of layer 1, and so on.
    First values: all uniform on (-k, k) with k = 1 / sqrt(hidden_size).
    """

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size"]
    __jit_unused_properties__ = ["all_weights"]

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0, device: Any = None, dtype: Any = None):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments(dropout)
        self._all_weights = self._make_parameters({"device": device, "dtype": dtype})
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _check_arguments(self, dropout: Any) -> None:
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):  # type: ignore[operator]
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and self.num_layers == 1:  # type: ignore[operator]
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than "
                          f"1, but got dropout={dropout} and num_layers={self.num_layers}", stacklevel=4)
        for name, kind in (("input_size", int), ("hidden_size", int), ("bias", bool), ("batch_first", bool)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(getattr(self, name)).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _make_parameters(self, kind: dict) -> list:
        """Registers the parameters of all layers; their names by layer and direction."""
        gates, names = GATES[self.mode] * self.hidden_size, []
        for layer in range(self.num_layers):
            width = self.input_size if layer == 0 else self._output_size * self._directions
            for suffix in ("", "_reverse")[:self._directions]:
                shapes: dict[str, tuple] = {"weight_ih": (gates, width), "weight_hh": (gates, self._output_size)}
                if self.bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if self.proj_size:
                    shapes["weight_hr"] = (self.proj_size, self.hidden_size)
                made = {f"{name}_l{layer}{suffix}": shape for name, shape in shapes.items()}
                for name, shape in made.items():
                    setattr(self, name, Parameter(empty(shape, **kind)))
                names.append(list(made))
        return names

    def reset_parameters(self) -> None:
        """Draws first values anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def _flat_weights(self) -> list:
        """The parameters of all layers in a row."""
        own = self._parameters
        try:
            return [own[name] for name in self._flat_weights_names]
        except KeyError:  # a weight that a parametrization computes
            return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing: cuDNN wants the parameters in one piece of memory, our kernels do not."""

    # ---- what goes in

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises ValueError or RuntimeError unless the input has the weights' dtype and input_size features."""
        weight = getattr(self, self._flat_weights_names[0])
        if input._array.dtype != weight._array.dtype:
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). Convert input: "
                             f"input.to({weight.dtype}), or convert model: model.to({input.dtype})")
        dims = 2 if batch_sizes is not None else 3
        shape = input._array.shape  # Tensor.size costs a microsecond a call, and a step that writes one character takes thirty
        if len(shape) != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {len(shape)}")
        if shape[-1] != self.input_size:
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {shape[-1]}")

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the first state must have."""
        batch = int(batch_sizes[0]) if batch_sizes is not None else input._array.shape[0 if self.batch_first else 1]
        return self.num_layers * self._directions, batch, self._output_size

    def check_hidden_size(self, hx: Tensor, expected_hidden_size: tuple, msg: str = "Expected hidden size {}, got {}") -> None:
        """Raises RuntimeError unless a state has that shape."""
        if hx._array.shape != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises unless the input and the first state fit the layer."""
        self.check_input(input, batch_sizes)
        if hidden is not None:
            self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states of the sequences in another order."""
        return hx if permutation is None or hx is None else hx.index_select(1, permutation)

    # ---- running

    def _run(self, function: Any, input: Any, hx: Any) -> tuple:
        """(outputs, state) by one of the functions in ops; the state is a tensor or, as in an LSTM, a tuple."""
        if isinstance(input, PackedSequence):
            return self._run_packed(function, input, hx)
        dims = input.dim()
        batched = dims == 3
        if not batched and dims != 2:
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {dims}D{self._tensor_word} instead")
        if hx is not None:
            self._check_dims(hx, batched)
        if not batched:
            input, hx = input.unsqueeze(0 if self.batch_first else 1), self._each(hx, lambda state: state.unsqueeze(1))
        self.check_forward_args(input, hx, None)
        out, *states = function(input, hx, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional,
                                self.batch_first)
        if not batched:
            out, states = out.squeeze(0 if self.batch_first else 1), [state.squeeze(1) for state in states]
        return out, self._state(states)

    def _run_packed(self, function: Any, input: PackedSequence, hx: Any) -> tuple:
        data, batch_sizes, order, back = input
        hx = self.permute_hidden(hx, order)
        self._check_packed(data, hx, batch_sizes)
        out, *states = function(data, batch_sizes, hx, self._flat_weights, self.bias, self.num_layers, self.dropout, self.training,
                                self.bidirectional)
        return PackedSequence(out, batch_sizes, order, back), self.permute_hidden(self._state(states), back)

    #: PyTorch's word in the error for a wrong number of dimensions, which RNN alone has
    _tensor_word = ""

    def _check_packed(self, data: Tensor, hx: Any, batch_sizes: Tensor) -> None:
        self.check_forward_args(data, hx, batch_sizes)

    def _state(self, states: list) -> Any:
        return states[0]

    def _each(self, hx: Any, function: Any) -> Any:
        return None if hx is None else function(hx)

    def _check_dims(self, hx: Any, batched: bool) -> None:
        """Raises RuntimeError unless the first state is batched as the input is."""
        dims = 3 if batched else 2
        if hx.dim() != dims:
            raise RuntimeError(f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx should also be {dims}-D but got {hx.dim()}-D "
                               "tensor")

    def extra_repr(self) -> str:
        """The sizes, and what is not as by default."""
        said = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        said += [f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default]
        return ", ".join(said)


class RNN(RNNBase):
    """Elman's recurrent network: h = tanh(W_ih x + b_ih + W_hh h' + b_hh) for each step, or relu in place of tanh.

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0, bidirectional=False)
    Shape: `(T, B, input_size)` -> outputs `(T, B, D * hidden_size)` and last states `(D * num_layers, B, hidden_size)`, D the directions;
    `(B, T, ...)` with batch_first, or without B. Dropout is between the layers, in training.

    Example:
        >>> import rushlight as torch
        >>> outputs, h_n = torch.nn.RNN(10, 20, num_layers=2)(torch.zeros(5, 3, 10))
        >>> outputs.shape, h_n.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    _tensor_word = " tensor"

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple:
        """(outputs, last states); the first states are zeros unless given."""
        return self._run(functions.rnn_tanh if self.mode == "RNN_TANH" else functions.rnn_relu, input, hx)


class GRU(RNNBase):
    """Gated recurrent units: h = (1 - z) n + z h' for each step.

    r = sigmoid(W_ir x + b_ir + W_hr h' + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h' + b_hn)); the weights hold r, z, n in turn.
    Shapes and arguments as for RNN, without nonlinearity.
    Source: Cho and others 2014, "Learning phrase representations using RNN encoder-decoder".
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple:
        """(outputs, last states); the first states are zeros unless given."""
        return self._run(functions.gru, input, hx)


class LSTM(RNNBase):
    """Long short-term memory: c = f c' + i g and h = o tanh(c) for each step.

    i, f and o are the sigmoids, g the tanh, of W x + b_i + W h' + b_h with weights of their own, which the parameters hold in the order
    i, f, g, o. With proj_size, h is that times weight_hr, which has proj_size rows.
    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0)
    Shape: as for RNN; the last states are a tuple (h_n, c_n).
    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory".

    Example:
        >>> import rushlight as torch
        >>> outputs, (h_n, c_n) = torch.nn.LSTM(1, 256, batch_first=True)(torch.zeros(2, 100, 1))
        >>> outputs.shape, c_n.shape
        (torch.Size([2, 100, 256]), torch.Size([1, 2, 256]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the first c must have."""
        return *self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raises unless the input and the first (h, c) fit the layer."""
        self.check_input(input, batch_sizes)
        if hidden is not None:
            self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}")
            self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """(h, c) of the sequences in another order."""
        return hx if permutation is None or hx is None else tuple([state.index_select(1, permutation) for state in hx])

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple:
        """(outputs, (h_n, c_n)); the first (h, c) are zeros unless given."""
        return self._run(functions.lstm, input, hx)

    def _check_packed(self, data: Tensor, hx: Any, batch_sizes: Tensor) -> None:
        pass  # PyTorch leaves it to the kernel here

    def _state(self, states: list) -> tuple:
        return tuple(states)

    def _each(self, hx: Any, function: Any) -> Any:
        return None if hx is None else tuple([function(state) for state in hx])

    def _check_dims(self, hx: Any, batched: bool) -> None:
        dims = 3 if batched else 2
        if hx[0].dim() != dims or hx[1].dim() != dims:
            raise RuntimeError(f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should also be {dims}-D but got "
                               f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors")


class RNNCellBase(Module):
    """What the cells share: weight_ih `(gates * hidden_size, input_size)`, weight_hh `(gates * hidden_size, hidden_size)`, two biases.

    First values: all uniform on (-k, k) with k = 1 / sqrt(hidden_size).
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((gates, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((gates, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(gates, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws first values anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and what is not as by default."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, cell: Any, input: Tensor, states: Any, called: tuple) -> tuple:
        """What cell(input, states, weights) gives, by lists of states; all is given a batch of 1 on the way if it has none."""
        for value, name in zip((input, *(states or ())), ("input", *called)):
            if value.dim() not in (1, 2):
                raise ValueError(f"{self._get_name()}: Expected {name} to be 1D or 2D, got {value.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input, states = input.unsqueeze(0), None if states is None else [state.unsqueeze(0) for state in states]
        if states is None:
            states = [input.new_zeros((input.shape[0], self.hidden_size))] * len(called)
        found = cell(input, states, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return found if batched else tuple([state.squeeze(0) for state in found])


def single(cell: Any) -> Any:
    """A cell with one state, by lists of states."""
    return lambda input, states, *weights: (cell(input, states[0], *weights),)


class RNNCell(RNNCellBase):
    """One step of an RNN: tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in place of tanh.

    Shape: `(B, input_size)` and h `(B, hidden_size)`, zeros if not given -> `(B, hidden_size)`; or all without B.
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: Any = None,
                 dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        cell = functions.rnn_tanh_cell if self.nonlinearity == "tanh" else functions.rnn_relu_cell
        return self._step(single(cell), input, None if hx is None else [hx], ("hidden",))[0]


class GRUCell(RNNCellBase):
    """One step of a GRU; shapes as for RNNCell."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """The next h."""
        return self._step(single(functions.gru_cell), input, None if hx is None else [hx], ("hidden",))[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h, c) from an input and (h, c), zeros if not given; shapes as for RNNCell."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        return self._step(functions.lstm_cell, input, hx, ("hx[0]", "hx[1]"))
