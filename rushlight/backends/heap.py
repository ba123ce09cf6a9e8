"""The C library's heap: freed memory is kept for the next array.

A step of training frees its arrays and the next step asks for the same sizes. glibc gives large blocks back to the system at once, so
every step pays a page fault per 4 KiB to get them again: 6 of the 15 ms that the written-out GELU of four million numbers took.

NumPy asks the system for pages of 2 MiB where an array has 4 MiB or more, so that large arrays cost fewer faults. Where memory is kept that is
no matter after the first step; before, on a machine that is a guest of another, such a page takes milliseconds to find and to clear: of the
0.4 s to a character LSTM's third step they took 0.13. So NumPy is told not to ask. What is larger than KEPT pays for it at every step: adding
1 to 75 million numbers takes half as long again.
"""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: The bytes of freed memory that are kept at most; on a small machine a sixteenth of its memory.
KEPT = 256 << 20
#: mallopt's names of what is set, from glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
#: The bytes from which on a block is mapped by itself where memory is to stay `unwritten`.
APART = 4 << 20


class _Heap:
    """How malloc is told, where it listens, and the largest block that it keeps."""

    mallopt: Any = None
    largest = 0


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
    if not (mallopt(M_TRIM_THRESHOLD, kept) and mallopt(M_MMAP_THRESHOLD, kept)):
        return False
    _Heap.mallopt, _Heap.largest = mallopt, kept
    ask_for_small_pages()
    return True


def ask_for_small_pages() -> None:
    """Tell NumPy not to ask for pages of 2 MiB, unless the environment says that it shall."""
    if "NUMPY_MADVISE_HUGEPAGE" in os.environ:
        return
    from numpy._core import multiarray
    # NumPy has no public name for what its variable in the environment says.
    tell = getattr(multiarray, "_set_madvise_hugepage", None)
    if tell is not None:
        tell(False)


@contextmanager
def unwritten(sizes: list[int]) -> Iterator[None]:
    """A context in which arrays of these sizes in bytes are made that nobody will write to.

    They would lie in memory that was freed and is at hand, and what is written to next would need new pages. So this memory is held
    meanwhile, and what is asked for is mapped, block by block, to pages that never come to be.
    """
    if _Heap.mallopt is None:
        yield
        return
    import numpy as np
    _Heap.mallopt(M_MMAP_THRESHOLD, APART)
    held: list = []
    try:
        held += [np.empty(size, np.uint8) for size in sizes if size >= APART]
        yield
    finally:
        held.clear()
        _Heap.mallopt(M_MMAP_THRESHOLD, _Heap.largest)
