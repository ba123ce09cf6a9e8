"""A module's state as a dictionary, and back: `state_dict` and `load_state_dict`."""
from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.core.node import RemovableHandle
from rushlight.tensor import Tensor

EXTRA_STATE = "_extra_state"
NO_EXTRA_STATE = ("Reached a code path in Module.{}() that should never be called. Please file an issue at "
                  "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug.")


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` did not find, and what it found too much."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"

    __str__ = __repr__


class ModuleState:
    """The part of Module that saves and loads."""

    _version: int
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _modules: dict[str, Any]
    _state_dict_hooks: OrderedDict
    _state_dict_pre_hooks: OrderedDict
    _load_state_dict_pre_hooks: OrderedDict
    _load_state_dict_post_hooks: OrderedDict

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """{path: tensor} of all parameters and persistent buffers of this module and those below it, in order of registration.

        The tensors share memory with the module's, without history unless `keep_vars`. Versions are kept in the attribute `_metadata`.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead. Refer to "
                          "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                          FutureWarning, stacklevel=2)
            given: tuple = (*args, *(destination, prefix, keep_vars)[len(args):])
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is not None and getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = destination if result is None else result
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Puts this module's own state, not that of the modules below it, into destination."""
        for name, tensor in self._own_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> Iterator[tuple[str, Any]]:
        persistent = ((name, buffer) for name, buffer in self._buffers.items() if name not in self._non_persistent_buffers_set)
        return ((name, tensor) for name, tensor in chain(self._parameters.items(), persistent) if tensor is not None)

    def get_extra_state(self) -> Any:
        """What else belongs into the state_dict: for subclasses to define, together with `set_extra_state`."""
        raise RuntimeError(NO_EXTRA_STATE.format("get_extra_state"))

    def set_extra_state(self, state: Any) -> None:
        """Takes back what `get_extra_state` gave: for subclasses to define."""
        raise RuntimeError(NO_EXTRA_STATE.format("set_extra_state"))

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> _IncompatibleKeys:
        """(missing_keys, unexpected_keys), after the values of a state_dict were copied into this module and those below it.

        With `strict` every key must match; with `assign` the given tensors themselves take the places of the old ones.
        Raises: RuntimeError that lists every key that is missing, unexpected or of another shape. The module is then as it was before:
        tensors that were already copied get their old values back.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        loading = _Loading(state_dict, assign)
        try:
            loading.load(self, loading.state_dict, "")
            loading.check(self, strict)
        except BaseException:
            loading.undo()
            raise
        return _IncompatibleKeys(loading.missing, loading.unexpected)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, strict: bool, missing_keys: list,
                              unexpected_keys: list, error_msgs: list) -> None:
        """Takes this module's own state, not that of the modules below it, out of state_dict; what is wrong goes into the three lists."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = dict(self._own_state())
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                _load_tensor(self, name, tensor, key, state_dict[key], local_metadata, error_msgs)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix + EXTRA_STATE, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys.extend(_unexpected(state_dict, prefix, own, self._modules))

    def _load_extra_state(self, state_dict: dict, key: str, strict: bool, missing_keys: list, unexpected_keys: list) -> None:
        expected = _overrides(self, "set_extra_state")
        if expected and key in state_dict:
            self.set_extra_state(state_dict[key])
        elif strict and expected != (key in state_dict):
            (missing_keys if expected else unexpected_keys).append(key)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """A handle; `hook(module, prefix, keep_vars)` now runs before the module's state is collected."""
        return _add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """A handle; `hook(module, state_dict, prefix, local_metadata)` now runs after it, and may change the state_dict in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _add(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """The older form of `register_state_dict_post_hook`: the hook may also return another state_dict."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was previously registered via "
                               "register_state_dict_post_hook")
        return _add(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """A handle; `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)` now runs first
        when this module is loaded, and may change the state_dict and the lists in place."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        """The older form of `register_load_state_dict_pre_hook`: without `with_module` the hook is not given the module."""
        return _add(self._load_state_dict_pre_hooks, _WrappedHook(hook, self if with_module else None))

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """A handle; `hook(module, incompatible_keys)` now runs once this module and those below it are loaded; it may change the lists
        of keys in place, and with them what a strict load complains about."""
        return _add(self._load_state_dict_post_hooks, hook)


class _WrappedHook:
    """A hook that is given its module as well. It holds the module weakly: the module holds the hook."""

    def __init__(self, hook: Callable, module: Any = None):
        from functools import update_wrapper
        from weakref import ref
        self.hook = hook
        update_wrapper(self, hook)
        self.with_module = module is not None
        self.module = ref(module) if self.with_module else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict:
        # A weak reference cannot be pickled.
        return {"hook": self.hook, "with_module": self.with_module, "module": None if self.module is None else self.module()}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["hook"], state.get("module"))  # type: ignore[misc]


class _Loading:
    """One `load_state_dict`: what it has found wrong, and how to take back what it has done."""

    def __init__(self, state_dict: Mapping[str, Any], assign: bool):
        self.state_dict = OrderedDict(state_dict)
        self.metadata = getattr(state_dict, "_metadata", None) or {}
        if self.metadata:
            self.state_dict._metadata = self.metadata  # type: ignore[attr-defined]
        self.assign = assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []
        self.done: list[Callable[[], Any]] = []

    def load(self, module: Any, state_dict: dict, prefix: str) -> None:
        """Loads a module and, with the part of state_dict that is theirs, those below it."""
        local_metadata = {**self.metadata.get(prefix[:-1], {}), "undo": self.done}
        if self.assign:
            local_metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(state_dict, prefix, local_metadata, True, self.missing, self.unexpected, self.errors)
        parts = _by_child(state_dict, prefix)
        for name, child in module._modules.items():
            if child is not None:
                self.load(child, parts.get(name, {}), f"{prefix}{name}.")
        keys = _IncompatibleKeys(self.missing, self.unexpected)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, keys) is not None:
                raise AssertionError("Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, if "
                                     "incompatible_keys need to be modified, it should be done inplace.")

    def check(self, module: Any, strict: bool) -> None:
        """Raises RuntimeError if something was wrong: one line for each thing."""
        lines = list(self.errors)
        if strict:
            for what, keys in (("Unexpected", self.unexpected), ("Missing", self.missing)):  # each goes before the last
                if keys:
                    names = ", ".join(f'"{key}"' for key in keys)
                    lines.insert(0, f"{what} key(s) in state_dict: {names}. ")
        if lines:
            raise RuntimeError("Error(s) in loading state_dict for {}:\n\t{}".format(module.__class__.__name__, "\n\t".join(lines)))

    def undo(self) -> None:
        """Gives every tensor that was loaded its old value back, the last one first."""
        with no_grad():
            while self.done:
                self.done.pop()()


def _load_tensor(module: Any, name: str, tensor: Any, key: str, value: Any, local_metadata: dict, error_msgs: list) -> None:
    """Copies a value into a parameter or buffer, or puts it in its place; an error message if it does not fit."""
    from .parameter import is_lazy
    if not _is_tensor_like(value):
        error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but received '
                          f"{type(value)}")
        return
    if is_lazy(tensor) and is_lazy(value):
        return
    if not is_lazy(tensor):
        # Files of PyTorch 0.3 and before hold 0-dimensional values as one-element vectors.
        if len(tensor.shape) == 0 and len(value.shape) == 1:
            value = value[0]
        if value.shape != tensor.shape:
            error_msgs.append(f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current model is "
                              f"{tensor.shape}.")
            return
    try:
        with no_grad():
            _put(module, name, tensor, value, local_metadata)
    except Exception as error:
        error_msgs.append(f'While copying the parameter named "{key}", whose dimensions in the model are {tensor.size()} and whose dimensions in '
                          f"the checkpoint are {value.size()}, an exception occurred : {error.args}.")


def _put(module: Any, name: str, tensor: Any, value: Any, local_metadata: dict) -> None:
    from .parameter import Parameter
    undo = local_metadata.get("undo")
    if not local_metadata.get("assign_to_params_buffers", False):
        old = tensor.detach().clone()
        if undo is not None:
            undo.append(lambda: tensor.copy_(old))
        tensor.copy_(value)
        return
    if isinstance(tensor, Parameter):
        if isinstance(value, Parameter):
            value.requires_grad_(tensor.requires_grad)
        else:
            value = Parameter(value, requires_grad=tensor.requires_grad)
    if undo is not None:
        undo.append(lambda: setattr(module, name, tensor))
    setattr(module, name, value)


def _is_tensor_like(value: Any) -> bool:
    return isinstance(value, Tensor) or hasattr(type(value), "__torch_function__")


def _unexpected(state_dict: dict, prefix: str, own: dict, modules: dict) -> list[str]:
    """The keys below prefix that belong to nothing in the module."""
    found = []
    for key in state_dict:
        if key.startswith(prefix) and key != prefix + EXTRA_STATE:
            head, dot, _ = key[len(prefix):].partition(".")
            if head not in (modules if dot else own):
                found.append(key)
    return found


def _by_child(state_dict: dict, prefix: str) -> dict[str, dict]:
    """{child's name: its part of state_dict}. One pass: a filter per child would be quadratic for a list of 10,000."""
    parts: dict[str, dict] = {}
    for key, value in state_dict.items():
        if key.startswith(prefix):
            head, dot, _ = key[len(prefix):].partition(".")
            if dot:
                parts.setdefault(head, {})[key] = value
    return parts


def _overrides(module: Any, method: str) -> bool:
    return getattr(type(module), method) is not getattr(ModuleState, method)


def _add(hooks: OrderedDict, hook: Any) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
