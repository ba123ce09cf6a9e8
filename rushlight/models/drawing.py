"""The next code of a text, drawn from a model's logits."""
from __future__ import annotations

from rushlight.ops.random import multinomial
from rushlight.tensor import Tensor


def draw(logits: Tensor, temperature: float = 1.0, top_k: int = 0) -> int:
    """A code drawn by softmax(logits / temperature) from the top_k likeliest, from all if top_k is 0; with temperature 0 the likeliest."""
    if temperature == 0:
        return int(logits.argmax())
    if not top_k:
        return int(multinomial((logits / temperature).softmax(0), 1))
    logits, codes = logits.topk(min(top_k, len(logits)))
    return int(codes[multinomial((logits / temperature).softmax(0), 1)])
