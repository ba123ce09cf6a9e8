"""The names by which files call things: PyTorch's for what it has too, so that PyTorch can read them; and the way back."""
from __future__ import annotations

import functools
from types import BuiltinFunctionType, FunctionType
from typing import Any

from ..core.dtypes import dtype
from ..core.layout import memory_format
from ..names import PLACES

#: what PyTorch has in a module where nobody would look for it here: its name -> ours
MOVED = {("torch._C", "Generator"): ("rushlight.core.generator", "Generator"),
         ("torch.utils.hooks", "RemovableHandle"): ("rushlight.core.node", "RemovableHandle"),
         ("torch.nn.modules.module", "_WrappedHook"): ("rushlight.nn.module_state", "_WrappedHook")}
MOVED_BACK = {name: torch_name for torch_name, (_, name) in MOVED.items()}

#: where PyTorch's users find functions, in the order in which they are looked for
FUNCTION_HOMES = ("nn.functional", "", "special", "linalg", "fft", "nn.init")


class TorchGlobal:
    """A name that a file calls: `torch_global("torch._utils", "_rebuild_tensor_v2")`. One object for each name."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module = module
        self.name = name

    def __call__(self, *args: Any) -> Any:
        """Not to be called: pickle wants what it writes down for a call to look callable."""
        raise TypeError(f"{self.module}.{self.name} is a name in a file")


torch_global = functools.cache(TorchGlobal)


def name_of(value: Any) -> tuple[str, str] | None:
    """(module, name) of a class, function or constant of ours as PyTorch knows it; None for what is not ours."""
    if isinstance(value, (dtype, memory_format)):
        return "torch", value.name
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or not (module + ".").startswith(("torch.", "rushlight.")):
        return None
    if getattr(value, "__name__", None) in MOVED_BACK:
        return MOVED_BACK[value.__name__]
    if isinstance(value, (FunctionType, BuiltinFunctionType)):
        return _function_name(value)
    for ours, torchs in PLACES:
        if module.startswith(ours):
            return torchs + module.removeprefix(ours), value.__qualname__
    return module, value.__qualname__


def _function_name(function: Any) -> tuple[str, str] | None:
    """The public name under which PyTorch has a function of that name too, if what we have under it is this function."""
    from importlib import import_module
    for home in FUNCTION_HOMES:
        try:
            found = getattr(import_module(f"rushlight.{home}".rstrip(".")), function.__name__, None)
        except ModuleNotFoundError:
            continue
        if found is not None and function in (found, getattr(found, "__wrapped__", None)):
            return f"torch.{home}".rstrip("."), function.__name__
    return None


def resolve(module: str, name: str) -> Any:
    """What a file of PyTorch's means by a name: the class, function or constant of ours. Raises AttributeError if there is none.

    Only for files that are trusted: it imports modules, though none but Rushlight's.
    """
    module, name = MOVED.get((module, name), (module, name))
    found = _module(module)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise AttributeError(f"Can't get attribute {name!r} on {module!r}\nRushlight does not have {module}.{name} yet") from None
    return found


def _module(torch_name: str) -> Any:
    """Our module for one of PyTorch's; where we have divided a package otherwise, the nearest one around it."""
    from importlib import import_module

    from ..torch_alias import rushlight_name
    ours = rushlight_name(torch_name)
    while True:
        try:
            return import_module(ours)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("rushlight.") or "." not in ours:
                raise
            ours, _, last = ours.rpartition(".")
            inside = getattr(import_module(ours), last, None) if last.startswith("_") else None
            if inside is not None:
                return inside
