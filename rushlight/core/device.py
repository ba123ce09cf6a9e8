"""Where a tensor lives: the CPU, or a CUDA device by number."""
from __future__ import annotations

from typing import Any

TYPES = ("cpu", "cuda", "meta", "mps", "xpu", "ipu", "xla", "hip", "hpu", "mtia")


class device:
    """A device: `device("cpu")`, `device("cuda:1")`, `device("cuda", 1)`; also a context in which tensors are made there."""

    __slots__ = ("type", "index", "_outer")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            if type < 0:
                raise RuntimeError("Device index must not be negative")
            type, index = "cuda", type
        elif isinstance(type, str):
            type, index = _parse(type, index)
        else:
            raise TypeError(f"device(): argument 'type' (position 1) must be str, not {type.__class__.__name__}")
        self.type = type
        self.index = index
        self._outer: list = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + ("" if self.index is None else f", index={self.index}") + ")"

    def __reduce__(self) -> tuple:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        self._outer.append(_Default.device)
        _Default.device = self
        return self

    def __exit__(self, *exception: object) -> None:
        _Default.device = self._outer.pop()


device.__module__ = "rushlight"


def _parse(text: str, index: int | None) -> tuple[str, int | None]:
    kind, colon, number = text.partition(":")
    if kind not in TYPES:
        raise RuntimeError(f"Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, "
                           f"meta, hpu, mtia, privateuseone device type at start of device string: {kind}")
    if colon:
        if not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{text}'")
        if index is not None:
            raise RuntimeError(f"type (string) must not include an index because index was passed explicitly: {text}")
        index = int(number)
    return kind, index


CPU = device("cpu")


class _Default:
    """The device of new tensors, which `set_default_device` and `with device(...)` change."""

    device = CPU


def get_default_device() -> device:
    """The device on which new tensors are made."""
    return _Default.device


def set_default_device(where: object) -> None:
    """Make new tensors on that device."""
    _Default.device = CPU if where is None else as_device(where)


def as_device(where: object) -> device:
    """A device from a device, a string, a number, or None (the default device)."""
    if where is None:
        return _Default.device
    return where if isinstance(where, device) else device(where)


def require_cpu(where: object) -> None:
    """Raise PyTorch's error unless the device is one that this build can use."""
    kind = as_device(where).type
    if kind == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled\n"
                             "  no CUDA device serves this program: check torch.cuda.is_available() before asking for one")
    if kind != "cpu":
        raise NotImplementedError(f"Could not run 'aten::empty.memory_format' with arguments from the '{kind.upper()}' backend.\n"
                                  "  Rushlight runs on 'cpu' and 'cuda'")
