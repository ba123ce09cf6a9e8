"""torch._dynamo.exc: the errors of `torch.compile`."""
from __future__ import annotations


class TorchDynamoException(RuntimeError):
    """An error of `torch.compile` itself."""


class InvalidBackend(TorchDynamoException):
    """There is no backend of this name."""

    def __init__(self, name: str, *names: str):
        super().__init__(f"Invalid backend: {name!r}, see `torch._dynamo.list_backends()` for available backends."
                         + (f"\n  Rushlight has {', '.join(names)}" if names else ""))


class Unsupported(TorchDynamoException):
    """The function cannot be recorded, and `fullgraph=True` asks that it be."""
