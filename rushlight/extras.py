"""The optional libraries, and the one sentence that a user reads when one is missing."""
from __future__ import annotations

import importlib
from types import ModuleType

#: extra of pyproject.toml -> the modules that it brings
EXTRAS = {
    "jit": ("llvmlite",),
    "scipy": ("scipy",),
    "cuda": ("cupy",),
    "mpi": ("mpi4py",),
    "safetensors": ("safetensors",),
    "tensorboard": ("tensorboard",),
    "demo": ("matplotlib", "tqdm"),
}


def install_command(extra: str) -> str:
    """The command that brings an extra."""
    return f"pip install 'rushlight[{extra}]'"


def need(module: str, purpose: str) -> ModuleType:
    """The optional module, imported.

    Raises: ImportError, one sentence that says what it is needed for and how to install it.
    """
    extra = next(extra for extra, modules in EXTRAS.items() if module.partition(".")[0] in modules)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ModuleNotFoundError(f"{purpose} needs {error.name}: {install_command(extra)}", name=error.name) from None
