"""A GPT whose state_dict is that of the public GPT-2 files.

*Source*: Radford and others 2019, "Language models are unsupervised multitask learners"; Hendrycks and Gimpel 2016 for the tanh form of
GELU. Norm comes before attention and before the two layers of each block; the last layer shares its weight with the embedding.
"""
from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from rushlight import nn
from rushlight.core.grad_mode import no_grad
from rushlight.nn import functional as F
from rushlight.ops.counted import arange
from rushlight.ops.create import empty, zeros
from rushlight.tensor import Tensor

from .drawing import draw

#: masks that older files hold: they follow from the sizes, and no values of theirs are learnt
MASKS = re.compile(r"\.attn\.(bias|masked_bias)$")


class Conv1D(nn.Module):
    """x @ weight + bias: a linear layer whose weight is `(before, after)`, as GPT-2's files have it."""

    def __init__(self, after: int, before: int):
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(empty(before, after), std=0.02))
        self.bias = nn.Parameter(zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        """The output."""
        return x @ self.weight + self.bias


class Attention(nn.Module):
    """Each place looks at itself and at those before it, in several heads."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)
        self.resid_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """*Shape*: `(B, T, width) -> (B, T, width)`."""
        rows, length, width = x.shape
        query, key, value = [part.reshape(rows, length, self.heads, width // self.heads).transpose(1, 2) for part in self.c_attn(x).chunk(3, -1)]
        out = F.scaled_dot_product_attention(query, key, value, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
        return self.resid_dropout(self.c_proj(out.transpose(1, 2).reshape(rows, length, width)))


class FeedForward(nn.Module):
    """Two linear layers with GELU between them, four times as wide inside."""

    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.c_fc = Conv1D(4 * width, width)
        self.c_proj = Conv1D(width, 4 * width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """*Shape*: `(..., width) -> (..., width)`."""
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """x + attention, and then that + the feed-forward layers, each of a layer norm of what it reads."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """*Shape*: `(B, T, width) -> (B, T, width)`."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class CharGPT(nn.Module):
    """The logits of the code that follows each place: a GPT-2, by default a small one for characters.

    CharGPT(50257, 1024, 768, 12, 12) takes the public file of the smallest GPT-2; names with and without `transformer.` are read.
    *Shape*: codes `(B, T)` with T up to n_positions -> `(B, T, vocab_size)`.

    Example:
        >>> import rushlight as torch
        >>> torch.models.CharGPT(96)(torch.zeros(2, 10, dtype=torch.int64)).shape
        torch.Size([2, 10, 96])
    """

    def __init__(self, vocab_size: int, n_positions: int = 128, n_embd: int = 128, n_layer: int = 4, n_head: int = 4, dropout: float = 0.1):
        super().__init__()
        self.n_positions = n_positions
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(vocab_size, n_embd),
            "wpe": nn.Embedding(n_positions, n_embd),
            "drop": nn.Dropout(dropout),
            "h": nn.ModuleList([Block(n_embd, n_head, dropout) for _ in range(n_layer)]),
            "ln_f": nn.LayerNorm(n_embd),
        })
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self._first_values(n_layer)
        self.lm_head.weight = self.transformer["wte"].weight

    def _first_values(self, n_layer: int) -> None:
        for name in ("wte", "wpe"):
            nn.init.normal_(self.transformer[name].weight, std=0.02)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):  # 2 n_layer of them add up along the way
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * n_layer))

    def forward(self, codes: Tensor) -> Tensor:
        """The logits."""
        if codes.shape[1] > self.n_positions:
            raise ValueError(f"{codes.shape[1]} codes in a row, and the model has {self.n_positions} positions")
        parts = self.transformer
        x = parts["drop"](parts["wte"](codes) + parts["wpe"](arange(codes.shape[1], device=codes.device)))
        for block in parts["h"]:
            x = block(x)
        return self.lm_head(parts["ln_f"](x))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As Module's; names without `transformer.`, and files without `lm_head.weight` or with attention masks, are understood."""
        return super().load_state_dict(published(state_dict), strict, assign)

    @no_grad()
    def generate(self, codes: list[int], length: int, temperature: float = 1.0, top_k: int = 0) -> list[int]:
        """`length` codes that follow the given ones; each is drawn as `drawing.draw` says, from what the last n_positions codes suggest."""
        training, found = self.training, list(codes)
        self.eval()
        for _ in range(length):
            window = Tensor([found[-self.n_positions:]]).long()
            found.append(draw(self(window)[0, -1], temperature, top_k))
        self.train(training)
        return found[len(codes):]


def published(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """A state_dict with this file's names, of one with those that any public GPT-2 file has."""
    found = {name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}": value
             for name, value in state_dict.items() if not MASKS.search(name)}
    if "transformer.wte.weight" in found:
        found.setdefault("lm_head.weight", found["transformer.wte.weight"])
    return found
