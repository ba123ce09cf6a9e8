"""Where storages go when they are loaded: the tags that files carry, `map_location`, and what other devices register."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..core.device import device

#: (priority, tag of a storage or None, storage moved to a tag's place or None)
_registry: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []


def register_package(priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]) -> None:
    """Asks tagger and deserializer, in the order of priorities, where a storage is and how to bring it to a place."""
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The tag that a file gets for the place of a storage, such as "cpu"."""
    for _, tagger, _ in _registry:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__module__}.{type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage, brought to the place that a tag names. Raises RuntimeError if there is no such place."""
    for _, _, deserializer in _registry:
        moved = deserializer(storage, location)
        if moved is not None:
            return moved
    raise RuntimeError(f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location})")


def restorer(map_location: Any) -> Callable[[Any, str], Any]:
    """The function (storage, tag) -> storage that a `map_location` of any form means."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, bytes):
        map_location = map_location.decode("ascii")
    if isinstance(map_location, (str, device)):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def restore(storage: Any, location: str) -> Any:
        moved = map_location(storage, location)
        return default_restore_location(storage, location) if moved is None else moved
    return restore


def validate_cuda_device(location: str) -> int:
    """The number of the CUDA device that a tag names. Raises RuntimeError if this machine does not have it."""
    from .. import cuda
    number = int(location.removeprefix("cuda").removeprefix(":") or 0)
    if not cuda.is_available():
        raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
                           "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU.")
    if number >= cuda.device_count():
        raise RuntimeError(f"Attempting to deserialize object on CUDA device {number} but torch.cuda.device_count() is {cuda.device_count()}. "
                           "Please use torch.load with map_location to map your storages to an existing device.")
    return number


def _to_cuda(storage: Any, location: str) -> Any:
    if not re.fullmatch(r"cuda(:\d{1,4})?", location):
        return None
    number = validate_cuda_device(location)
    return storage.cuda(number)


register_package(10, lambda storage: "cpu" if storage.device.type == "cpu" else None,
                 lambda storage, location: storage if location == "cpu" else None)
register_package(20, lambda storage: str(storage.device) if storage.device.type == "cuda" else None, _to_cuda)
