"""The names by which PyTorch's users know the library's classes, and the way back from such a name to the class."""
from __future__ import annotations

from types import ModuleType
from typing import Any

#: where classes are, and where PyTorch's users know them; the first that fits decides
PLACES = (("rushlight.nn.utils.", "torch.nn.utils."), ("rushlight.nn.parameter", "torch.nn.parameter"), ("rushlight.nn.", "torch.nn.modules."),
          ("rushlight", "torch"))


def typename(obj: Any) -> str:
    """`torch.FloatTensor` for a tensor, else the name of the object's class with its module: `torch.nn.modules.linear.Linear`, `int`.

    A class, function or module is called by its own name.
    """
    from .tensor import Tensor
    if isinstance(obj, Tensor):
        return f"torch.{'cuda.' if obj.is_cuda else ''}{obj.dtype.kernel_name}Tensor"
    if isinstance(obj, ModuleType):
        return obj.__name__
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"


def call_as_torch(cls: type) -> None:
    """Lets the class say that it comes from PyTorch's module: so `print(type(layer))` prints what PyTorch prints."""
    for ours, torchs in PLACES:
        if cls.__module__.startswith(ours):
            cls.__module__ = torchs + cls.__module__.removeprefix(ours)
            return


def portable(cls: type) -> Any:
    """What pickling keeps of a class: a class of ours that bears PyTorch's name becomes (our module, its name).

    A program that does not say `import torch` could not import it by PyTorch's name, or would get PyTorch's own class.
    """
    for ours, torchs in PLACES:
        if cls.__module__.startswith(torchs):
            return ours + cls.__module__.removeprefix(torchs), cls.__qualname__
    return cls


def from_portable(kept: Any) -> Any:
    """The class that `portable` was given."""
    if not isinstance(kept, tuple):
        return kept
    from importlib import import_module
    return getattr(import_module(kept[0]), kept[1])


class Portable:
    """A base of classes that bear PyTorch's names: objects are pickled by our names, and attributes as by `__getstate__`."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        how = super().__reduce_ex__(protocol)
        kept = portable(type(self))
        return how if kept is type(self) else (_blank, kept, *how[2:])


def _blank(module: str, name: str) -> Any:
    """An object of our class before its state is set: what unpickling begins with."""
    cls = from_portable((module, name))
    return cls.__new__(cls)
