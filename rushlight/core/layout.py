"""Names of memory layouts and formats, as PyTorch prints them."""
from __future__ import annotations


class _Named:
    """A constant that prints as torch.NAME."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return "torch." + self.name

    def __reduce__(self) -> tuple:
        return _named, (self.name,)


class layout(_Named):
    """How a tensor's elements are stored."""

    __slots__ = ()


class memory_format(_Named):
    """The order of a tensor's dimensions in memory."""

    __slots__ = ()


layout.__module__ = memory_format.__module__ = "rushlight"
strided, sparse_coo = layout("strided"), layout("sparse_coo")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
ALL = {c.name: c for c in (strided, sparse_coo, contiguous_format, preserve_format, channels_last, channels_last_3d)}


def _named(name: str) -> _Named:
    return ALL[name]
