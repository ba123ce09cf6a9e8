"""Semaphores of the system on which native code sleeps and wakes others, without Python.

A thread of Python's that comes back from native code wants the interpreter's lock, and as long as it waits for that, every operation of the
program that lets go of the lock for a moment (a product, a conversion) pays a system call to wake it.
"""
from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

#: where Linux's semaphores lie, which are memory of the program's own; they must stay
memory: list[Any] = []


@cache
def calls() -> tuple[Any, int, int]:
    """(the function that makes a semaphore with a count of 0, the addresses of those that wait for one and count it up).

    Native code calls wait(semaphore, -1) and up(semaphore, 1, null): what a system's function does not take of these it does not look at.
    """
    if sys.platform == "win32":
        library = ctypes.WinDLL("kernel32")
        names, make = ("WaitForSingleObject", "ReleaseSemaphore"), library.CreateSemaphoreW
        make.argtypes, make.restype = [ctypes.c_void_p, ctypes.c_long, ctypes.c_long, ctypes.c_void_p], ctypes.c_void_p
        given: tuple = None, 0, 1 << 30, None
    elif sys.platform == "darwin":
        library = ctypes.CDLL(None)
        names, make = ("dispatch_semaphore_wait", "dispatch_semaphore_signal"), library.dispatch_semaphore_create
        make.argtypes, make.restype, given = [ctypes.c_ssize_t], ctypes.c_void_p, (0,)
    else:
        library = ctypes.CDLL(None)
        names, make, given = ("sem_wait", "sem_post"), posix_semaphore, (library.sem_init,)
    wait, up = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names]
    return lambda: make(*given), wait, up


def posix_semaphore(init: Any) -> int:
    """The address of a new semaphore; 64 bytes are more than any system's takes."""
    memory.append((ctypes.c_int64 * 8)())
    place = ctypes.addressof(memory[-1])
    init(ctypes.c_void_p(place), 0, 0)
    return place
