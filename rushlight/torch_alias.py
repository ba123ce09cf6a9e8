"""`import torch`, answered by Rushlight: one set of module objects under two names.

`install_as_torch()` puts a finder in front of Python's own. It answers `torch` with `rushlight` and `torch.x.y` with
`rushlight.x.y`, so `torch.nn is rushlight.nn` and no module is ever loaded twice. The text of a missing name lives here too.
"""
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import FrameType, ModuleType
from typing import Any

TORCH, RUSHLIGHT = "torch", __name__.partition(".")[0]

#: PyTorch's long import paths whose content lives elsewhere here; the longest prefix that fits decides.
MOVED = {"nn.modules.utils": "nn.tuples", "nn.modules": "nn", "_tensor_str": "printing"}


def rushlight_name(torch_name: str) -> str:
    """The Rushlight module that answers for `torch` or `torch.x.y`."""
    path = torch_name.partition(".")[2]
    for prefix, home in MOVED.items():
        if path == prefix or path.startswith(prefix + "."):
            path = home + path[len(prefix):]
            break
    return f"{RUSHLIGHT}.{path}" if path else RUSHLIGHT


def torch_name(rushlight_name: str) -> str:
    """The name under which PyTorch's users know a Rushlight module: `torch.nn` for `rushlight.nn`."""
    return TORCH + rushlight_name.removeprefix(RUSHLIGHT)


class TorchFinder:
    """A finder and loader (see `sys.meta_path`) that answers every `torch` name with Rushlight's own module."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """The spec of a `torch` module that Rushlight has, else None, and Python's own ModuleNotFoundError follows."""
        if name != TORCH and not name.startswith(TORCH + "."):
            return None
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec
        found = find_spec(rushlight_name(name))
        if found is None:
            return None
        spec = ModuleSpec(name, self, origin=found.origin)  # type: ignore[arg-type]  # a loader by protocol, not by class
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def create_module(self, spec: Any) -> None:
        """None: Python makes a blank module, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        """Puts Rushlight's module in the blank one's place: Python reads the result back from `sys.modules`."""
        # Returning Rushlight's module from create_module would let Python overwrite its `__spec__`.
        sys.modules[module.__name__] = explain_missing(importlib.import_module(rushlight_name(module.__name__)))


FINDER = TorchFinder()


def install_as_torch() -> None:
    """From here on `import torch`, in this process, is Rushlight, even where PyTorch is installed.

    Raises: RuntimeError if PyTorch itself was imported before; two libraries under one name would mix their tensors.
    """
    present = sys.modules.get(TORCH)
    if present is not None and present.__name__ != RUSHLIGHT:
        raise RuntimeError("PyTorch is already imported as torch in this process\n"
                           "call rushlight.install_as_torch() before the first `import torch`")
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)
    importlib.import_module(TORCH)


def missing(module: str, name: str) -> Exception:
    """The error for a name that a Rushlight module lacks: PyTorch's first line, then whose gap it is."""
    full = torch_name(module)
    gap = f"\nRushlight does not have {full}.{name} yet"
    if imports_from(sys._getframe(1)):
        # Python itself would make an AttributeError this ImportError, with the name that the module has in here.
        file = getattr(sys.modules.get(module), "__file__", None)
        return ImportError(f"cannot import name {name!r} from {full!r} ({file or 'unknown location'}){gap}", name=full, path=file)
    return AttributeError(f"module {full!r} has no attribute {name!r}{gap}")


def imports_from(frame: FrameType | None) -> bool:
    """Whether the program, which called us by way of this frame, is at `from module import name`."""
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == RUSHLIGHT:
        frame = frame.f_back
    if frame is None or frame.f_lasti < 0:
        return False
    import opcode
    return frame.f_code.co_code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"]


def explain_missing(module: ModuleType) -> ModuleType:
    """The module, which from now on calls a name that it lacks by its torch name, unless it has its own way with names."""
    vars(module).setdefault("__getattr__", module_getattr(module.__name__))
    return module


def submodule(module: str, name: str) -> ModuleType:
    """The module `name` inside a Rushlight package, loaded; AttributeError as for any name if Rushlight lacks it."""
    full = f"{module}.{name}"
    try:
        return explain_missing(importlib.import_module(full))
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
        raise missing(module, name) from None


def module_getattr(module: str, lazy: Mapping[str, str] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562): loads what is lazy on first use, and says what is missing.

    `lazy` maps a name to the submodule that defines it, or to itself if the name is a submodule.

    Example: `__getattr__ = module_getattr(__name__, {"functional": "functional", "Linear": "linear"})`
    """
    homes = lazy or {}

    def __getattr__(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise missing(module, name)
        value: Any = submodule(module, home)
        if home != name:
            value = getattr(value, name)
        setattr(sys.modules[module], name, value)  # the next access finds it without coming here
        return value

    return __getattr__
