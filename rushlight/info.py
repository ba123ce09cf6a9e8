"""What `rushlight info` prints: all that a bug report needs to know of a machine and an installation."""
from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from .extras import EXTRAS, install_command
from .version import PYTORCH, RUSHLIGHT


def installed(distribution: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def blas() -> str:
    """The library that NumPy multiplies matrices with, as NumPy was built."""
    library = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()


def threads() -> str:
    """How many cores this process may use, and what the environment says to the contrary."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
              if name in os.environ]
    return ", ".join([f"{usable} cores", *limits])


def machine_code() -> str:
    """Whether kernels are compiled, and where their code is kept."""
    from .backends.llvm.engine import available
    from .backends.llvm.kept import folder
    if available():
        from .backends.llvm import amx
        return f"on, kept in {folder()}{', with tiles (AMX)' if amx.available() else ''}"
    return "off (RUSHLIGHT_JIT=0)" if os.environ.get("RUSHLIGHT_JIT") == "0" else "off"


def extra(name: str) -> str:
    """Which of an extra's modules are here, or the command that brings them."""
    modules = EXTRAS[name]
    if all(importlib.util.find_spec(module) for module in modules):
        return ", ".join(f"{module} {installed(module) or ''}".strip() for module in modules)
    return f"not installed ({install_command(name)})"


def devices() -> str:
    """The devices that tensors can live on."""
    import rushlight
    count = rushlight.cuda.device_count() if rushlight.cuda.is_available() else 0
    return ", ".join([f"cpu ({platform.machine()})", *(f"cuda:{i} ({rushlight.cuda.get_device_name(i)})" for i in range(count))])


def report() -> str:
    """The whole text, one fact a line."""
    rows = [
        ("rushlight", f"{RUSHLIGHT} at {os.path.dirname(os.path.abspath(__file__))}"),
        ("interface", f"PyTorch {PYTORCH}"),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("system", platform.platform()),
        ("numpy", np.__version__),
        ("ml_dtypes", installed("ml_dtypes") or "not installed (pip install ml_dtypes)"),
        ("BLAS", blas()),
        ("threads", threads()),
        ("devices", devices()),
        ("machine code", machine_code()),
        *((f"extra {name}", extra(name)) for name in EXTRAS),
    ]
    return "\n".join(f"{name:<18}{value}" for name, value in rows)
