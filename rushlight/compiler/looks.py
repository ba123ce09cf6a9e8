"""How a walk looks at each kind of thing that a function reaches: which conditions it writes, and where it goes on.

Each function takes the walk (a `Reach`), the name of the thing in its scope, and the thing. `LOOKS` tells which is for what.
"""
from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.device import device
from ..core.generator import Generator
from ..nn.module import Module
from ..optim.lr_scheduler.scheduler import LRScheduler
from ..optim.optimizer import Optimizer, _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from ..optim.sgd import SGD
from ..tensor import Tensor
from .unrecorded import Unrecorded

#: plain values, which are compared
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), slice, range, dtypes.dtype, device, np.generic)
#: modules whose functions and classes are taken to stay as they are
LIBRARY = ("rushlight", "torch", "numpy", "builtins", "math", "functools", "itertools", "operator", "collections", "typing")
#: the bytes up to which NumPy's arrays are compared
SMALL = 1024
REGISTRIES = ("_parameters", "_buffers", "_modules")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
#: the attributes that every module has
OWN = frozenset(vars(Module()))

#: names by which a program reads what changes in a step
GROUPS, LAST = frozenset({"param_groups", "state_dict"}), frozenset({"get_last_lr", "get_lr", "state_dict"})


def tensor(reach: Any, name: str, thing: Any) -> None:
    reach.require(f"{name}._array is {reach.name(thing._array)}", f"{name}._node is {reach.name(thing._node)}")
    reach.bind(name, thing, False)


def sequence(reach: Any, name: str, thing: Any) -> None:
    reach.same_items(name, thing)
    reach.inside(thing)


def mapping(reach: Any, name: str, thing: Any) -> None:
    reach.same_items(name, thing)
    reach.inside([key for key in thing if not isinstance(key, PLAIN)])
    reach.inside(thing.values())


def group(reach: Any, name: str, thing: Any) -> None:
    """A set."""
    reach.require(f"{name} == {reach.name(set(thing))}")


def array(reach: Any, name: str, thing: Any) -> None:
    """A NumPy array of the program's, from which it may take numbers."""
    if thing.dtype.hasobject:
        reach.inside(thing.ravel().tolist())
    elif thing.nbytes > SMALL:
        reach.large.append((None, thing))
    else:
        reach.require(f"{name}.tobytes() == {reach.name(thing.tobytes())}")


def module(reach: Any, name: str, thing: Any) -> None:
    """The same attributes, parameters, buffers and children, and no hooks."""
    own = thing.__dict__
    # All modules have the same attributes but for these; of the others only the number is looked at.
    held = reach.name(own)
    reach.require(f"len({held}) == {len(own)}")
    for key in ["training", *[key for key in REGISTRIES if own[key]], *[key for key in own if key not in OWN]]:
        if not reach.is_late(own, key, f"{held}[{key!r}]", own[key]):
            reach.item(f"{held}[{key!r}]", own[key])
    for key in REGISTRIES:
        if own[key]:
            mapping(reach, reach.name(own[key]), own[key])
    if any([own[key] for key in HOOKS]):
        raise Unrecorded(f"hooks of a module ({type(thing).__name__})")
    empty = [*HOOKS, *[key for key in REGISTRIES if not own[key]]]
    reach.require(f"not ({' or '.join([reach.name(own[key]) for key in empty])})")
    attributes(reach, {key: value for key, value in own.items() if key not in OWN})
    reach.todo.append((reach.name(type(thing)), type(thing)))


def optimizer(reach: Any, name: str, thing: Any) -> None:
    """The same groups with the same parameters, updated by the same rule, and the same state. The numbers of the rule are read at each call."""
    hooks = thing._optimizer_step_pre_hooks, thing._optimizer_step_post_hooks, _global_optimizer_pre_hooks, _global_optimizer_post_hooks
    if not is_library(type(thing)) or any(hooks):
        raise Unrecorded("an optimizer with hooks, or of the program's own")
    reach.require(f"not ({' or '.join([reach.name(held) for held in hooks])})")
    own = vars(thing)  # a schedule puts a `step` of its own there
    reach.require(f"{reach.name(own)}['step'] is {reach.name(own['step'])}" if "step" in own else f"'step' not in {reach.name(own)}")
    reach.same_items(f"{name}.param_groups", thing.param_groups)
    for group in thing.param_groups:
        held = reach.name(group)
        numbers(reach, group, GROUPS)
        reach.same_items(f"{held}['params']", group["params"])
        for p in group["params"]:
            reach.todo.append((reach.name(p), p))
        read, settings = settings_of(thing, group)
        for key in read:
            reach.require(f"({held}[{key!r}] == 0) is {bool(group[key] == 0)}")
        for key in settings:
            reach.require(f"{held}[{key!r}] is {reach.name(group[key])}")
    reach.same_items(f"{name}.state", thing.state)
    for state in thing.state.values():
        mapping(reach, reach.name(state), state)


def numbers(reach: Any, items: dict, users: Any) -> None:
    """What a step reads anew at each call: a condition only if the program itself reads it, by one of some names."""
    held = reach.name(items)
    conditions = [f"{held}[{key!r}] is {reach.name(value)}" for key, value in items.items() if key not in ("params", "optimizer")]
    reach.named.append((frozenset(users), conditions))


def schedule(reach: Any, name: str, thing: Any) -> None:
    """A schedule, whose step is repeated at each replay."""
    numbers(reach, vars(thing), (vars(thing).keys() | LAST) - {"optimizer"})
    reach.todo.append((reach.name(type(thing)), type(thing)))


def function(reach: Any, name: str, thing: Any) -> None:
    """What a function of the program names: globals, cells, defaults."""
    thing = unwrapped(thing)
    if isinstance(thing, functools.partial):
        reach.inside([thing.func, thing.args, thing.keywords])
    elif isinstance(thing, types.MethodType):
        reach.inside([thing.__self__, thing.__func__])
    elif not isinstance(thing, types.FunctionType):
        reach.todo.append((reach.name(thing), thing))
    elif not is_outside(thing.__module__ or ""):
        python_function(reach, thing)


def python_function(reach: Any, thing: Any) -> None:
    for cell in thing.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not set yet
            raise Unrecorded("a variable that has no value yet") from None
        place = f"{reach.name(cell)}.cell_contents"
        if not reach.is_late(cell, "cell_contents", place, content):
            reach.todo.append((place, content))
    name = reach.name(thing)
    reach.require(f"{name}.__code__ is {reach.name(thing.__code__)}")
    if thing.__defaults__:
        reach.require(f"{name}.__defaults__ is {reach.name(thing.__defaults__)}")
        reach.inside(thing.__defaults__)
    mapping(reach, reach.name(thing.__dict__), thing.__dict__)
    if thing.__kwdefaults__:
        reach.todo.append((f"{name}.__kwdefaults__", thing.__kwdefaults__))
    names = set(names_in(thing.__code__))
    reach.names |= names
    seen: set[int] = set()
    namespace(reach, thing.__globals__, names, seen)
    for name in sorted(names & sys.modules.keys()):  # imported in the function
        if not is_outside(name) and id(vars(sys.modules[name])) not in seen:
            namespace(reach, vars(sys.modules[name]), names, seen)


def namespace(reach: Any, outer: dict, names: set, seen: set) -> None:
    """The globals of a function, or of a module that it names: what it may name in them."""
    seen.add(id(outer))
    for key in sorted(names & outer.keys()):
        value = outer[key]
        if not isinstance(value, types.ModuleType):
            place = f"{reach.name(outer)}[{key!r}]"
            if not is_library(value) and not reach.is_late(outer, key, place, value):
                reach.todo.append((place, value))
        elif not is_outside(value.__name__):
            reach.require(f"{reach.name(outer)}[{key!r}] is {reach.name(value)}")
            if id(vars(value)) not in seen:
                namespace(reach, vars(value), names, seen)


def a_class(reach: Any, name: str, thing: Any) -> None:
    """A class of the program: its functions and its plain attributes."""
    if is_outside(thing.__module__):
        return
    for cls in thing.__mro__:
        if is_outside(cls.__module__):
            continue
        for key, value in vars(cls).items():
            if isinstance(value, (types.FunctionType, staticmethod, classmethod, property)):
                reach.todo.append((f"{reach.name(cls)}.__dict__[{key!r}]", value))
            elif not key.startswith("__") and not hasattr(value, "__get__"):
                reach.todo.append((f"{reach.name(cls)}.__dict__[{key!r}]", value))


def wrapped_function(reach: Any, name: str, thing: Any) -> None:
    reach.inside([thing.fget, thing.fset] if isinstance(thing, property) else [thing.__func__])


def instance(reach: Any, name: str, thing: Any) -> None:
    """Any other object: its attributes, and its class if that is the program's."""
    cls = type(thing)
    if hasattr(thing, "__wrapped__"):  # a function with a cache
        reach.inside([thing.__wrapped__])
    if is_library(cls):
        if hasattr(cls, "__next__"):
            raise Unrecorded(f"what goes on from call to call ({cls.__name__})")
        if cls.__module__.startswith("numpy.random"):
            reach.sources.append(thing)
        return
    reach.todo.append((reach.name(cls), cls))
    own = getattr(thing, "__dict__", None)
    if own is not None:
        reach.same_items(reach.name(own), own)
        attributes(reach, own)
    for slot in slots_of(cls):
        if hasattr(thing, slot) and not reach.is_late(thing, slot, f"{name}.{slot}", getattr(thing, slot)):
            reach.todo.append((f"{name}.{slot}", getattr(thing, slot)))


def attributes(reach: Any, items: dict) -> None:
    """What an object's dict holds, which is known to be the same objects. A large array counts only if its name is used."""
    for key, value in items.items():
        if isinstance(value, np.ndarray) and value.nbytes > SMALL:
            reach.large.append((key, value))
        elif not isinstance(value, PLAIN) and id(value) not in reach.taken:
            reach.todo.append((reach.name(value), value))


def nothing(reach: Any, name: str, thing: Any) -> None:
    """Nothing in it can change what the program does."""


class Looked(dict):
    """A parameter group that notes which of its settings are read."""

    def __init__(self, group: dict):
        super().__init__(group)
        self.keys_read: dict[str, None] = {}

    def __getitem__(self, key: str) -> Any:
        self.keys_read[key] = None
        return super().__getitem__(key)


def settings_of(optimizer: Optimizer, group: dict) -> tuple[list[str], list[str]]:
    """The settings that choose an optimizer's rule: first the numbers that the rule reads at each call, of which it is asked here whether
    they are zero; then the others.
    """
    if type(optimizer).update not in (Optimizer.update, SGD.update):
        return [], [key for key in group if key != "params"]
    looked = Looked(group)
    try:
        read = {key for key, _ in optimizer.rule(looked).sources}
    except NotImplementedError:
        raise Unrecorded(f"{type(optimizer).__name__}.step()") from None
    return [key for key in looked.keys_read if key in read], [key for key in looked.keys_read if key not in read]


def unwrapped(thing: Any) -> Any:
    """The function inside a compiled one."""
    while hasattr(thing, "_rushlight_compiled"):
        thing = thing._rushlight_compiled
    return thing


def names_in(code: Any) -> Iterator[str]:
    """The names in a function's code and in that of the functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_in(constant)


def is_library(thing: Any) -> bool:
    """Whether a function or class is of a library."""
    module = getattr(thing, "__module__", None)
    return isinstance(module, str) and isinstance(thing, (type, types.FunctionType, types.BuiltinFunctionType)) and is_library_name(module)


def is_library_name(module: str) -> bool:
    return module.partition(".")[0] in LIBRARY


def is_outside(module: str) -> bool:
    """Whether a module is none of the program's, so that its attributes are taken to stay as they are."""
    return is_library_name(module) or module.partition(".")[0] in sys.stdlib_module_names


def slots_of(cls: type) -> list[str]:
    """The names of a class's slots."""
    found: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        found += [slots] if isinstance(slots, str) else [slot for slot in slots if slot not in ("__dict__", "__weakref__")]
    return found


#: how each kind of thing is looked at; the first that fits
LOOKS: list[tuple[Any, Callable]] = [
    (Tensor, tensor),
    (Module, module),
    (Optimizer, optimizer),
    (LRScheduler, schedule),
    ((Generator, types.ModuleType, types.BuiltinFunctionType), nothing),
    (np.ndarray, array),
    ((tuple, list, deque), sequence),
    (dict, mapping),
    ((set, frozenset), group),
    ((types.FunctionType, types.MethodType, functools.partial), function),
    (type, a_class),
    ((staticmethod, classmethod, property), wrapped_function),
    (object, instance),
]
