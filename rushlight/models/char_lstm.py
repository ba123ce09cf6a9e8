"""An LSTM that writes text one character at a time: the model of `examples/char_lstm.py`, and the file of weights in this package."""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight import nn
from rushlight.core import recording
from rushlight.core.grad_mode import no_grad
from rushlight.core.wrap import wrap
from rushlight.ops.rnn_row import row_steps
from rushlight.tensor import Tensor

from .drawing import draw

PRETRAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_library.pth")


class CharLSTM(nn.Module):
    """(the logits of the code that follows each place, the state from which to go on).

    The parts are embed, lstm and head, with dropout before the head and between the layers.
    *Shape*: codes `(B, T)` -> `(B, T, codes)` and a state (h, c) as of `nn.LSTM`.

    Example:
        >>> import rushlight as torch
        >>> logits, state = torch.models.CharLSTM(96)(torch.zeros(2, 10, dtype=torch.int64))
        >>> logits.shape
        torch.Size([2, 10, 96])
    """

    def __init__(self, codes: int, embedding: int = 64, hidden: int = 256, layers: int = 1, dropout: float = 0.2):
        super().__init__()
        self.embed = nn.Embedding(codes, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, codes)

    def forward(self, codes: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple:
        """(logits, state)."""
        out, state = self.lstm(self.embed(codes), state)
        return self.head(self.dropout(out)), state

    def generate(self, codes: list[int], length: int, temperature: float = 1.0, top_k: int = 0) -> Iterator[int]:
        """Yields `length` codes that follow the given ones, at least one; each is drawn as `drawing.draw` says. Nothing is dropped out."""
        recording.reads("generate()")
        reader = Reader(self)
        for code in codes:
            logits = reader.read(code)
        for _ in range(length):
            code = draw(wrap(logits), temperature, top_k)
            yield code
            logits = reader.read(code)


class Reader:
    """The state of a CharLSTM that reads a text code by code: on arrays, for a step takes little longer than its largest product."""

    def __init__(self, model: CharLSTM):
        self.layers = [[weight._array for weight in weights] for weights in model.lstm.all_weights]
        self.head, self.bias = model.head.weight._array, model.head.bias._array
        w_ih, _, b_ih, b_hh = self.layers[0]
        #: for each code what it adds to the gates of the first layer
        self.table = np.matmul(model.embed.weight._array, w_ih.T) + (b_ih + b_hh)
        self.h = np.zeros((len(self.layers), model.lstm.hidden_size), self.table.dtype)
        self.c = np.zeros_like(self.h)
        self.out = np.empty((1, model.lstm.hidden_size), self.table.dtype)

    def read(self, code: int) -> Any:
        """The logits of what follows, once the code is read."""
        inputs = self.table[code:code + 1]
        for number, (w_ih, w_hh, b_ih, b_hh) in enumerate(self.layers):
            if number:
                inputs = np.matmul(self.out, w_ih.T) + (b_ih + b_hh)
            row_steps(inputs, w_hh, self.h[number], self.c[number], self.out)
        return self.head.dot(self.out[0]) + self.bias


@no_grad()
def pretrained_char_lstm(path: str | os.PathLike = PRETRAINED) -> tuple[CharLSTM, str]:
    """(a model, the characters that its codes stand for) of a file that `examples/char_lstm.py` saved; by default the one in this package."""
    from rushlight.serialization import load
    content = load(path)
    model = CharLSTM(len(content["characters"]), **content["sizes"])
    model.load_state_dict(content["model"])
    return model.eval(), content["characters"]
