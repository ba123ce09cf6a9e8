"""Machine code from LLVM's text: modules are compiled for this processor, kept on disk, and their functions called through ctypes.

llvmlite (the `jit` extra) is loaded by the first kernel that is wanted. What a module compiled to is kept in the user's cache folder under a
name that hashes all that it depends on; a folder that cannot be written or a file that is damaged only means that LLVM compiles again.
"""
from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from functools import cache
from typing import Any

from ..cpu import get_cpu_capability

#: LLVM's name of C's function type void (i64 start, i64 stop, ptr arguments), which all kernels have, for ctypes
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
#: where the machine code is kept, from the user's cache folder on; the number changes when the files' form does
FOLDER = os.path.join("rushlight", "kernels-1")
#: What LLVM makes of a module before it writes machine code. Kernels are written in vectors, with their loops as they are to be, and keep their
#: variables in memory until `sroa` puts them in registers. LLVM's own list ("O2") takes six times as long, for kernels at most 3 % faster.
PASSES = ("always_inliner", "sroa", "instruction_combine", "simplify_cfg", "loop_simplify", "loop_rotate", "instruction_combine", "simplify_cfg")
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
    """LLVM, made ready for this processor."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm
        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        features = llvm.get_host_cpu_features()
        self.cpu, self.features = llvm.get_host_cpu_name(), features.flatten()
        self.triple = llvm.get_process_triple()
        #: the bytes of a vector register
        self.width = 64 if features.get("avx512f") and features.get("avx512vl") else 32 if features.get("avx2") and features.get("fma") else 16
        self.machine = self.target_machine()
        #: what puts machine code into memory, and what holds that of each module
        self.loader = llvm.create_lljit_compiler(self.target_machine())
        self.loaded: list[Any] = []

    def target_machine(self) -> Any:
        return self.llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=3, reloc="pic", codemodel="jitdefault", jit=True)

    def addresses(self, text: str, names: tuple[str, ...]) -> list[int]:
        """Where the functions of a module lie in memory; `text` is the module in LLVM's assembly."""
        with lock:
            # Each module is a library of its own: all have functions of the same names.
            library = self.llvm.JITLibraryBuilder().add_object_img(self.object_code(text)).add_current_process()
            for name in names:
                library.export_symbol(name)
            self.loaded.append(library.link(self.loader, f"module {len(self.loaded)}"))
            return [self.loaded[-1][name] for name in names]

    def object_code(self, text: str) -> bytes:
        """The machine code of a module, from the disk if it was compiled before."""
        made_by = [self.cpu, self.features, str(self.llvm.llvm_version_info), *PASSES]
        name = digest("\n".join([text, *made_by]).encode()).hexdigest()
        found = read_kept(name)
        if found is None:
            found = self.compiled(text)
            keep(name, found)
        return found

    def compiled(self, text: str) -> bytes:
        """The machine code of a module. Bad text raises RuntimeError here; passes would end the process."""
        module = self.llvm.parse_assembly(text)
        module.triple = self.triple
        module.data_layout = str(self.machine.target_data)
        module.verify()
        manager = self.llvm.create_new_module_pass_manager()
        for name in PASSES:
            getattr(manager, f"add_{name}_pass")()
        manager.run(module, self.llvm.create_pass_builder(self.machine, self.llvm.create_pipeline_tuning_options()))
        return self.machine.emit_object(module)


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


def after_fork() -> None:
    """In a forked child the thread that holds the lock may not exist."""
    global lock
    lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)


def digest(data: bytes) -> Any:
    """The SHA-256 of some bytes. The library is loaded by the first kernel, since it brings four megabytes of others with it."""
    import hashlib
    return hashlib.sha256(data)


def folder() -> str:
    """The folder of kept machine code."""
    root = os.environ.get("RUSHLIGHT_CACHE") or os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, FOLDER)


def read_kept(name: str) -> bytes | None:
    """The machine code kept under a name; None if there is none, or if it is not whole, or not this user's own."""
    try:
        with open(os.path.join(folder(), name), "rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            data = file.read()
    except OSError:
        return None
    return data[32:] if digest(data[32:]).digest() == data[:32] else None


def keep(name: str, code: bytes) -> None:
    """Keep machine code under a name. Two processes may do so at once: each writes a file of its own, then renames it."""
    path = os.path.join(folder(), name)
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
    try:
        os.makedirs(folder(), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(digest(code).digest() + code)
        os.replace(temporary, path)
    except OSError:  # a home that cannot be written, or a full disk: compiling anew costs time and nothing else
        with contextlib.suppress(OSError):
            os.unlink(temporary)
