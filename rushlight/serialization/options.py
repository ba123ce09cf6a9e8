"""Settings of saving and loading that hold for the whole program, by PyTorch's names."""
from __future__ import annotations

import enum
from typing import Any


class LoadEndianness(enum.Enum):
    """The byte order that a file without a note of it is taken to have."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """What old versions warn of when a module's source is no longer what it was when saved. Never raised here; programs name it to ignore it."""


class _Settings:
    """The settings as they stand."""

    crc32 = True
    endianness: LoadEndianness | None = None
    shared_mapping = False


def get_crc32_options() -> bool:
    """Whether `save` computes checksums."""
    return _Settings.crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Compute checksums in `save`, or write 0 for them, which is faster; `load` does not look at them."""
    _Settings.crc32 = compute_crc32


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order of files that do not say theirs; None, which means little, unless set."""
    return _Settings.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Take files that do not say their byte order to have this one."""
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _Settings.endianness = endianness


def get_default_mmap_options() -> int:
    """MAP_PRIVATE (writes to a mapped tensor stay in memory) or MAP_SHARED (they go to the file)."""
    import mmap
    return mmap.MAP_SHARED if _Settings.shared_mapping else mmap.MAP_PRIVATE


class set_default_mmap_options:
    """Map files with these flags from now on, or inside a with-statement."""

    def __init__(self, flags: int):
        import mmap
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError("Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, "
                             f"but got {flags}")
        self._before = _Settings.shared_mapping
        _Settings.shared_mapping = flags == mmap.MAP_SHARED

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        _Settings.shared_mapping = self._before
