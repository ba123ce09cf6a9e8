"""torch.cuda on a build without CUDA: what can be asked is answered truly, what needs a device raises PyTorch's error."""
from __future__ import annotations

from typing import Any

from ..torch_alias import module_getattr

NOT_COMPILED = ("Torch not compiled with CUDA enabled\n"
                "  no CUDA device serves this program: ask torch.cuda.is_available() first")


def is_available() -> bool:
    """Whether tensors can be put on a CUDA device."""
    return False


def is_initialized() -> bool:
    """Whether a CUDA device was used yet."""
    return False


def device_count() -> int:
    """The number of CUDA devices."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the device computes in bfloat16."""
    return False


def _needs_device(name: str, doc: str) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(NOT_COMPILED)
    function.__name__ = name
    function.__doc__ = f"{doc}. Raises AssertionError: this build has no CUDA."
    return function


def _nothing_to_do(name: str, doc: str, value: Any = None) -> Any:
    def function(*args: Any, **kwargs: Any) -> Any:
        return value
    function.__name__ = name
    function.__doc__ = f"{doc}; without a device there is nothing to do."
    return function


for _name, _doc in {"current_device": "The current device's number", "get_device_name": "A device's name", "init": "Start CUDA",
                    "get_device_properties": "What a device can do", "get_device_capability": "A device's compute capability",
                    "synchronize": "Wait until the device is done", "current_stream": "The current stream", "set_device": "Choose a device",
                    "get_rng_state": "The device's random state", "set_rng_state": "Set the device's random state",
                    "mem_get_info": "Free and total memory", "memory_summary": "A table of memory use", "seed": "Seed from the system",
                    "default_stream": "The default stream", "initial_seed": "The device's seed"}.items():
    globals()[_name] = _needs_device(_name, _doc)

for _name, _doc, _value in (("manual_seed", "Seed the current device", None), ("manual_seed_all", "Seed all devices", None),
                            ("empty_cache", "Free cached memory", None), ("memory_allocated", "Bytes in use", 0),
                            ("max_memory_allocated", "Most bytes ever in use", 0), ("memory_reserved", "Bytes held", 0),
                            ("max_memory_reserved", "Most bytes ever held", 0), ("reset_peak_memory_stats", "Forget the peak", None),
                            ("get_arch_list", "Architectures of the build", []), ("ipc_collect", "Free shared memory", None),
                            ("get_rng_state_all", "All devices' random states", []), ("set_rng_state_all", "Set all random states", None),
                            ("memory_cached", "Bytes held", 0), ("max_memory_cached", "Most bytes ever held", 0)):
    globals()[_name] = _nothing_to_do(_name, _doc, _value)


class device:
    """A context in which a CUDA device is current; without one it changes nothing until something is put there."""

    def __init__(self, device: Any):
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None and self.idx != -1:
            raise AssertionError(NOT_COMPILED)

    def __exit__(self, *exception: object) -> None:
        pass


class Stream:
    """A queue of work on a device. Raises RuntimeError: this build has no CUDA."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class Event:
    """A mark in a stream, for timing. Raises RuntimeError: this build has no CUDA."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise RuntimeError("torch.cuda.Event requires CUDA support")


__getattr__ = module_getattr(__name__, dict.fromkeys(
    """BoolTensor ByteTensor CharTensor ShortTensor IntTensor LongTensor HalfTensor BFloat16Tensor FloatTensor DoubleTensor""".split(),
    "tensor_types"))
