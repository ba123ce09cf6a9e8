"""The C library's heap: freed memory is kept for the next array.

A step of training frees its arrays and the next step asks for the same sizes. glibc gives large blocks back to the system at once, so
every step pays a page fault per 4 KiB to get them again: 6 of the 15 ms that the written-out GELU of four million numbers took.
"""
from __future__ import annotations

import os
import sys

#: The bytes of freed memory that are kept at most; on a small machine a sixteenth of its memory.
KEPT = 256 << 20
#: mallopt's names of what is set, from glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Let malloc keep freed blocks for reuse; whether it could be told so. What the environment says of malloc goes first."""
    if sys.platform != "linux" or any([name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ]):
        return False
    import ctypes  # NumPy has loaded it
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    kept = min(KEPT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 16)
    # Blocks beyond the second limit are mapped each on its own, and given back when freed.
    return bool(mallopt(M_TRIM_THRESHOLD, kept) and mallopt(M_MMAP_THRESHOLD, kept // 4))
