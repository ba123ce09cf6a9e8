"""Machine code from LLVM's text: modules are compiled for this processor, kept on disk, and their functions called through ctypes.

llvmlite (the `jit` extra) is loaded by the first kernel that was never compiled here before: what a module compiled to is kept in the user's
cache folder, and goes into memory without LLVM where the form of its files is known (elf.py).
"""
from __future__ import annotations

import ctypes
import os
import threading
from functools import cache
from typing import Any

from ..cpu import get_cpu_capability
from . import elf
from .compiler import PASSES, Compiler, keep_target, kept_target
from .kept import digest, keep, read_kept

#: LLVM's name of C's function type void (i64 start, i64 stop, ptr arguments), which all kernels have that threads may share, for ctypes
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


def brief(place: int, result: Any = None) -> Any:
    """The function at a place, of bytes, for work of microseconds: it keeps Python's lock, since giving that up and taking it back takes as long.

    Without a declaration of its argument ctypes passes bytes as they are: a call takes 0.1 us, and one of a `KERNEL` 0.5.
    """
    return ctypes.PYFUNCTYPE(result)(place)


def lasting(place: int) -> Any:
    """The function at a place, of bytes, for work that takes longer: other threads of the program have Python's lock meanwhile."""
    return ctypes.CFUNCTYPE(None)(place)


#: of those who compile or load
lock = threading.RLock()


@cache
def available() -> bool:
    """Whether kernels can be compiled here: llvmlite is installed, the processor has fused multiply-adds, and RUSHLIGHT_JIT is not 0."""
    if os.environ.get("RUSHLIGHT_JIT") == "0":
        return False
    import importlib.util
    import platform
    if importlib.util.find_spec("llvmlite") is None:
        return False
    # Without the instruction every multiply-add would be a call of the C library's.
    return platform.machine().lower() in ("arm64", "aarch64") or get_cpu_capability() != "DEFAULT"


class Engine:
    """What compiles modules for this processor and loads them."""

    def __init__(self) -> None:
        self._compiler: Compiler | None = None
        target = kept_target()
        if target is None:
            target = self.compiler().target
            keep_target(target)
        self.target = target
        #: the bytes of a vector register, and LLVM's name of the kind of machine
        self.width, self.triple = target.width, target.triple
        #: what holds the machine code of each module
        self.loaded: list[Any] = []

    def compiler(self) -> Compiler:
        """LLVM, loaded when it is first asked for."""
        if self._compiler is None:
            self._compiler = Compiler()
        return self._compiler

    def addresses(self, text: str, names: tuple[str, ...]) -> list[int]:
        """Where the functions of a module lie in memory; `text` is the module in LLVM's assembly."""
        with lock:
            code = self.object_code(text)
            try:
                loaded, places = elf.load(code, names)
            except elf.Unknown:
                loaded, places = self.compiler().load(code, names, len(self.loaded))
            self.loaded.append(loaded)
            return places

    def object_code(self, text: str) -> bytes:
        """The machine code of a module, from the disk if it was compiled before."""
        made_by = [self.target.cpu, self.target.features, self.target.version, *PASSES]
        name = digest("\n".join([text, *made_by]).encode()).hexdigest()
        found = read_kept(name)
        if found is None:
            found = self.compiler().compiled(text)
            keep(name, found)
        return found


#: the one engine, once a kernel was wanted
the_engine: Engine | None = None


def engine() -> Engine:
    """The one engine of this process."""
    global the_engine
    if the_engine is None:
        # Of two threads that come first at once, one makes it: a second engine would take its machine code with it when it goes.
        with lock:
            if the_engine is None:
                the_engine = Engine()
    return the_engine


def is_loaded() -> bool:
    """Whether a kernel was wanted before: another one then costs little, also for small work. Only for kernels whose results have the bits
    of what stands in for them, since results must not depend on what ran before."""
    return the_engine is not None


#: How often a kind of small work is NumPy's before a kernel is made for it: to compile one takes up to 0.02 s, and a short program has no use for it.
PATIENCE = 50


class Worthwhile:
    """Whether machine code is to do a kind of small work: it is loaded, and the work was wanted PATIENCE times before.

    For kernels as in `is_loaded`, whose results have NumPy's bits.
    """

    def __init__(self) -> None:
        self.wanted = 0

    def __call__(self) -> bool:
        if the_engine is None:
            return False
        self.wanted += 1
        return self.wanted > PATIENCE


def after_fork() -> None:
    """In a forked child the thread that holds the lock may not exist."""
    global lock
    lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
