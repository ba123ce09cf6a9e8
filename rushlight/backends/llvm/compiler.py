"""LLVM itself, through llvmlite: it compiles what is not kept yet, and tells what this machine is.

To load it takes longer than to load all kernels of a training step, so nothing here is asked as long as the kept files have the answer.
"""
from __future__ import annotations

import os
from typing import Any, NamedTuple

from ..cpu import get_cpu_capability
from .kept import digest, keep, read_kept

#: What LLVM makes of a module before it writes machine code. Kernels are written in vectors, with their loops as they are to be, and keep their
#: variables in memory until `sroa` puts them in registers. LLVM's own list ("O2") takes six times as long, for kernels at most 3 % faster.
PASSES = ("always_inliner", "sroa", "instruction_combine", "simplify_cfg", "loop_simplify", "loop_rotate", "instruction_combine", "simplify_cfg")


class Target(NamedTuple):
    """What machine code is made for, and by which version of LLVM; `width` is the bytes of a vector register."""

    cpu: str
    features: str
    triple: str
    version: str
    width: int


class Compiler:
    """LLVM, made ready for this processor."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm
        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        features = llvm.get_host_cpu_features()
        width = 64 if features.get("avx512f") and features.get("avx512vl") else 32 if features.get("avx2") and features.get("fma") else 16
        self.target = Target(llvm.get_host_cpu_name(), features.flatten(), llvm.get_process_triple(), str(llvm.llvm_version_info), width)
        self.machine = self.target_machine()
        self.loader: Any = None

    def target_machine(self) -> Any:
        return self.llvm.Target.from_triple(self.target.triple).create_target_machine(
            cpu=self.target.cpu, features=self.target.features, opt=3, reloc="pic", codemodel="jitdefault", jit=True)

    def compiled(self, text: str) -> bytes:
        """The machine code of a module. Bad text raises RuntimeError here; passes would end the process."""
        module = self.llvm.parse_assembly(text)
        module.triple = self.target.triple
        module.data_layout = str(self.machine.target_data)
        module.verify()
        manager = self.llvm.create_new_module_pass_manager()
        for name in PASSES:
            getattr(manager, f"add_{name}_pass")()
        manager.run(module, self.llvm.create_pass_builder(self.machine, self.llvm.create_pipeline_tuning_options()))
        return self.machine.emit_object(module)

    def load(self, code: bytes, names: tuple[str, ...], number: int) -> tuple[Any, list[int]]:
        """What holds a module's machine code in memory, and the addresses of its functions."""
        if self.loader is None:
            self.loader = self.llvm.create_lljit_compiler(self.target_machine())
        # Each module is a library of its own: all have functions of the same names.
        library = self.llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in names:
            library.export_symbol(name)
        loaded = library.link(self.loader, f"module {number}")
        return loaded, [loaded[name] for name in names]


def processor() -> str | None:
    """What the system says of the first processor; None if it does not say all that LLVM would find out by itself."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = file.read().partition("\n\n")[0].splitlines()
    except OSError:
        return None
    facts = [line for line in lines if line.startswith(("vendor_id", "cpu family", "model", "stepping", "flags"))]
    return "\n".join(facts) if len(facts) >= 5 else None


def name_of_target() -> str | None:
    """The name of the file that tells the target: a hash of the processor and of the installed LLVM. None where these are not known.

    NumPy's word counts too: it asks the processor itself, which an emulator such as Valgrind answers otherwise than the system's file does.
    """
    import importlib.util
    import platform
    facts, package = processor(), importlib.util.find_spec("llvmlite")
    if facts is None or package is None or package.origin is None:
        return None
    try:
        found = os.stat(package.origin)
    except OSError:
        return None
    made_by = [facts, platform.machine(), get_cpu_capability(), package.origin, str(found.st_mtime_ns), str(found.st_size)]
    return "target-" + digest("\n".join(made_by).encode()).hexdigest()


def kept_target() -> Target | None:
    """The target as an earlier process found it; None if none did."""
    name = name_of_target()
    kept = None if name is None else read_kept(name)
    if kept is None:
        return None
    cpu, features, triple, version, width = kept.decode().split("\n")
    return Target(cpu, features, triple, version, int(width))


def keep_target(target: Target) -> None:
    """Spare later processes the question."""
    name = name_of_target()
    if name is not None:
        keep(name, "\n".join(map(str, target)).encode())
