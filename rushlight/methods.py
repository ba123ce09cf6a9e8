"""Which operation each method of Tensor is: a plain list, by the file in `ops` that defines it.

A method loads its file on first use. A name that ends in "_" and that the file does not define is the in-place form of the name
without it.
"""
from __future__ import annotations

import importlib
from typing import Any

from .core.inplace import inplace

METHODS = {
    "arithmetic": """add add_ sub sub_ subtract subtract_ mul mul_ multiply multiply_ div div_ divide divide_ true_divide true_divide_
        floor_divide floor_divide_ remainder remainder_ fmod fmod_ neg neg_ negative negative_ pow pow_ square square_
        eq eq_ ne ne_ lt lt_ le le_ gt gt_ ge ge_ not_equal not_equal_ less less_ less_equal less_equal_ greater greater_
        greater_equal greater_equal_""",
    "reduce": "sum mean",
    "views": """view view_as reshape reshape_as flatten unflatten ravel squeeze squeeze_ unsqueeze unsqueeze_ expand expand_as broadcast_to""",
    "reorder": "transpose transpose_ swapaxes swapaxes_ swapdims swapdims_ t t_ permute movedim moveaxis adjoint",
    "regions": "narrow narrow_copy select diagonal diag diag_embed diagflat unfold",
    "copying": """clone contiguous is_contiguous to type_as float double half bfloat16 int long short char byte bool cfloat cdouble
        cpu cuda copy_ fill_ zero_""",
    "matmul": "mm",
    "activation": "relu relu_ prelu hardshrink",
    "create": "new_zeros",
}


#: attributes that are computed: functions of the tensor alone, by file
PROPERTIES = {
    "reorder": "T mT H mH",
}


class Late:
    """A method that is looked up in its file when it is first used, on the class or on a tensor."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module = module
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        method = find(self.module, self.name)
        for cls in owner.__mro__:
            if cls.__dict__.get(self.name) is self:
                setattr(cls, self.name, method)
        return getattr(owner if instance is None else instance, self.name)


class LateProperty:
    """A property whose function is looked up in its file when it is first used."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str):
        self.module = module
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        getter = property(find(self.module, self.name))
        for cls in owner.__mro__:
            if cls.__dict__.get(self.name) is self:
                setattr(cls, self.name, getter)
        return getattr(owner if instance is None else instance, self.name)


def find(module: str, name: str) -> Any:
    """The function that a method is."""
    home = importlib.import_module("rushlight.ops." + module)
    if name.endswith("_") and not hasattr(home, name):
        return inplace(getattr(home, name[:-1]), name)
    return getattr(home, name)


def install(cls: type) -> None:
    """Give a class all methods of the list."""
    for module, names in METHODS.items():
        for name in names.split():
            setattr(cls, name, Late(module, name))
    for module, names in PROPERTIES.items():
        for name in names.split():
            setattr(cls, name, LateProperty(module, name))
