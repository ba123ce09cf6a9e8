"""Parametrizations: a module computes a tensor from another one that is trained in its place."""
from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.tensor import Tensor

from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = ["cached", "ParametrizationList", "register_parametrization", "is_parametrized", "remove_parametrizations",
           "type_before_parametrizations", "transfer_parametrizations_and_params"]


class _Cache:
    """What `cached` has computed, and how many of them are active."""

    depth = 0
    values: dict[tuple[int, str], Tensor | None] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within it, every parametrized tensor is computed once, when it is first used."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind)


def _put(held: Tensor, value: Tensor) -> None:
    """Makes value the content of a tensor that stays the same object: an optimizer may hold it."""
    if held is not value:
        held.data = value.detach()


class ParametrizationList(ModuleList):
    """The modules that compute one tensor, in order; it holds the original, or the originals if the first one needs several.

    To call it is to compute the tensor. Raises: ValueError if what they compute, or what `right_inverse` gives, does not fit.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                try:
                    new = module.right_inverse(new) if hasattr(module, "right_inverse") else new
                except NotImplementedError:
                    pass
        self.is_tensor = _is(new, Tensor)
        if not self.is_tensor and not _is(new, Sequence):
            raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                             f"Got {type(new).__name__}")
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._check_original(original, new)
            _put(original, new)
            _register(self, "original", original)
        else:
            self._register_originals(original, new)
        if not unsafe:
            _check_result(self(), original)

    def _check_original(self, original: Tensor, new: Tensor) -> None:
        if original.dtype != new.dtype:
            raise ValueError("When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                             f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}")

    def _register_originals(self, original: Tensor, new: Sequence) -> None:
        for i, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError("'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                                 f"Got element {i} of the sequence with type {type(part).__name__}.")
        for i, part in enumerate(new):
            part = Parameter(part, requires_grad=original.requires_grad) if isinstance(original, Parameter) else part
            _register(self, f"original{i}", part.requires_grad_(original.requires_grad))

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """The tensor."""
        first, *rest = self._modules.values()
        result = first(*self._originals())
        for module in rest:
            result = module(result)
        return result

    def right_inverse(self, value: Any) -> None:
        """Changes the originals so that the tensor becomes `value`. Raises: RuntimeError if a module has no right_inverse."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor and not isinstance(value, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
            if not self.is_tensor and (not isinstance(value, Sequence) or len(value) != self.ntensors):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}."
                                 if not isinstance(value, Sequence) else
                                 f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length "
                                 f"{len(value)}.")
            for held, new in zip(self._originals(), [value] if self.is_tensor else value):
                if held.dtype != new.dtype:
                    raise ValueError(f"The tensor returned by `right_inverse` has dtype {new.dtype} while `original` has dtype {held.dtype}")
                _put(held, new)


def _check_result(result: Any, original: Tensor) -> None:
    """Raises unless what a parametrization computes can stand for the original."""
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    for what, old, new in (("dtype", original.dtype, result.dtype), ("shape", original.shape, result.shape)):
        if old != new:
            raise ValueError(f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
                             f"unparametrized {what}: {old}\nparametrized {what}: {new}")


def _make_parametrized_class(module: Module) -> None:
    """Gives the module a class of its own, a subclass of its class, for the properties to come."""
    cls = type(module)

    def __deepcopy__(self: Any, memo: dict) -> Any:
        if id(self) not in memo:
            twin = memo[id(self)] = self.__new__(type(self))
            twin.__dict__ = copy.deepcopy(self.__dict__, memo)
        return memo[id(self)]

    def __getstate__(self: Any) -> Any:
        raise RuntimeError("Serialization of parametrized modules is only supported through state_dict(). See:\n"
                           "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
                           "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training")

    own = {"__getstate__": __getstate__, **({} if hasattr(cls, "__deepcopy__") else {"__deepcopy__": __deepcopy__})}
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), own)


def _add_property(module: Module, name: str) -> None:
    def get(self: Any) -> Tensor:
        if not _Cache.depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _Cache.values:
            _Cache.values[key] = self.parametrizations[name]()
        return _Cache.values[key]  # type: ignore[return-value]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, put))


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Module:
    """The module, its tensor of that name from now on computed by `parametrization` from the original.

    If that has a `right_inverse`, the original is changed so that the tensor stays what it was, and it can be assigned to.
    Several on one tensor run one after the other. The shape and dtype must stay, unless `unsafe`.
    Raises: ValueError if they do not, or if there is no such tensor; the module is then as before.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _append(module, tensor_name, parametrization, unsafe)
    elif tensor_name in module._parameters or tensor_name in module._buffers:
        chain = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _make_parametrized_class(module)
            module.parametrizations = ModuleDict()
        _add_property(module, tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'")
    return module


def _append(module: Module, tensor_name: str, parametrization: Any, unsafe: bool) -> None:
    chain = module.parametrizations[tensor_name]
    if not unsafe:
        tensor = getattr(module, tensor_name)
        _check_result(parametrization(tensor), tensor)
    if hasattr(parametrization, "right_inverse"):
        with no_grad():
            chain.right_inverse(parametrization.right_inverse(getattr(module, tensor_name)))
    chain.append(parametrization)
    chain.unsafe |= unsafe


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrized tensor, or whether the one of that name is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """The module with an ordinary tensor of that name again: as it is now, or, without leave_parametrized, the original.

    Raises: ValueError if there is none, or no one original to leave.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        tensor = chain.original
        if leave_parametrized:
            with no_grad():
                _put(tensor, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        tensor = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of "
                         "tensors.")
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, tensor)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Module, to_module: Module, tensor_name: str | None = None) -> Module:
    """to_module, with copies of the parametrizations of from_module and of their originals, of one tensor or of all."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        chain = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in chain:
            register_parametrization(to_module, name, parametrization, unsafe=chain.unsafe)
        if chain.is_tensor:
            to_module.parametrizations[name].original = Parameter(chain.original.detach().clone())
    return to_module
