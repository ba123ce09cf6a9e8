"""LinearCrossEntropyOptions: how PyTorch cuts the batch of a LinearCrossEntropyLoss into pieces."""
from __future__ import annotations

from typing import Any

POLICIES = ("accurate", "balanced", "compact", "auto")


class LinearCrossEntropyOptions:
    """What PyTorch would save memory by; taken and shown, but without effect here: the logits are computed at once."""

    def __init__(self, allow_retain_graph: bool = False, batch_chunk_size: int | None = None, chunking_method: str | None = "auto",
                 acc_policy: str = "auto", acc_dtype: Any = None):
        if acc_policy not in POLICIES:
            raise ValueError(f"invalid acc_policy: {acc_policy!r}")
        self.allow_retain_graph = allow_retain_graph
        self.batch_chunk_size = batch_chunk_size
        self.chunking_method = chunking_method
        self.acc_policy = acc_policy
        self.acc_dtype = acc_dtype

    def __repr__(self) -> str:
        return f"LinearCrossEntropyOptions({', '.join([f'{name}={value!r}' for name, value in self.__dict__.items()])})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinearCrossEntropyOptions) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]
