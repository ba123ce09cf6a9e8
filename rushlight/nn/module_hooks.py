"""Hooks of modules: how they are registered, for one module or for all of them, and the call that runs them.

A module without hooks never comes here (see `Module.__call__`).
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from rushlight.core.node import RemovableHandle
from rushlight.tensor import Tensor

from ..core.program import warn_user

_global_forward_pre_hooks: OrderedDict = OrderedDict()
_global_forward_hooks: OrderedDict = OrderedDict()
_global_forward_hooks_with_kwargs: dict = {}
_global_forward_hooks_always_called: dict = {}
_global_backward_pre_hooks: OrderedDict = OrderedDict()
_global_backward_hooks: OrderedDict = OrderedDict()
_global_parameter_registration_hooks: OrderedDict = OrderedDict()
_global_buffer_registration_hooks: OrderedDict = OrderedDict()
_global_module_registration_hooks: OrderedDict = OrderedDict()


#: why calls of modules must look further than at the module's own hooks: empty in most programs
special_calls: set[str] = set()
#: the reason that stands there once a module was compiled in place
COMPILED = frozenset({"compiled modules"})


class _GlobalHooks:
    """What kind of backward hooks on all modules there are: full ones, those of the old kind, or none yet."""

    backward_is_full: bool | None = None


class _GlobalHandle(RemovableHandle):
    """The handle of a hook on all modules."""

    def remove(self) -> None:
        super().remove()
        _note_global_hooks()


def _note_global_hooks() -> None:
    if _global_forward_pre_hooks or _global_forward_hooks or _global_backward_pre_hooks or _global_backward_hooks:
        special_calls.add("global hooks")
    else:
        special_calls.discard("global hooks")


def _register_global(hooks: OrderedDict, hook: Callable, *flags: tuple[dict, bool]) -> RemovableHandle:
    handle = _GlobalHandle(hooks, extra_dict=[marks for marks, _ in flags])
    _add(handle, hooks, hook, flags)
    _note_global_hooks()
    return handle


def _add(handle: RemovableHandle, hooks: OrderedDict, hook: Callable, flags: tuple[tuple[dict, bool], ...], prepend: bool = False) -> RemovableHandle:
    hooks[handle.id] = hook
    for marks, wanted in flags:
        if wanted:
            marks[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, args)` now runs before the forward of every module and may return new arguments."""
    return _register_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook: Callable, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """A handle; `hook(module, args, output)` now runs after the forward of every module and may return a new output."""
    return _register_global(_global_forward_hooks, hook, (_global_forward_hooks_with_kwargs, with_kwargs),
                            (_global_forward_hooks_always_called, always_call))


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, grad_output)` now runs before the gradients of every module are computed."""
    return _register_global(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, grad_input, grad_output)` now runs once the gradients by every module's inputs are known.

    Raises: RuntimeError if a hook of the old kind (`register_module_backward_hook`) is there.
    """
    if _GlobalHooks.backward_is_full is False:
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them.")
    _GlobalHooks.backward_is_full = True
    return _register_global(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """A handle for a backward hook of the old kind, on the last operation of every module alone.

    Raises: RuntimeError if a full backward hook is there.
    """
    if _GlobalHooks.backward_is_full is True:
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of them.")
    _GlobalHooks.backward_is_full = False
    return _register_global(_global_backward_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, name, parameter)` now sees every parameter that is registered and may return another in its place."""
    return _register_global(_global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, name, buffer)` now sees every buffer that is registered and may return another in its place."""
    return _register_global(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """A handle; `hook(module, name, child)` now sees every child that is registered and may return another in its place."""
    return _register_global(_global_module_registration_hooks, hook)


def filtered(hooks: OrderedDict, module: Any, name: str, value: Any) -> Any:
    """What the registration hooks make of a value; a hook that returns None leaves it as it is."""
    for hook in hooks.values():
        instead = hook(module, name, value)
        if instead is not None:
            value = instead
    return value


class ModuleHooks:
    """The part of Module that adds hooks to one module."""

    _forward_pre_hooks: OrderedDict
    _forward_pre_hooks_with_kwargs: OrderedDict
    _forward_hooks: OrderedDict
    _forward_hooks_with_kwargs: OrderedDict
    _forward_hooks_always_called: OrderedDict
    _backward_pre_hooks: OrderedDict
    _backward_hooks: OrderedDict
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """A handle; `hook(module, args)` now runs before every forward and may return new arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)` and returns None or `(args, kwargs)`. `prepend` puts it before the others.
        """
        handle = RemovableHandle(self._forward_pre_hooks, extra_dict=self._forward_pre_hooks_with_kwargs)
        return _add(handle, self._forward_pre_hooks, hook, ((self._forward_pre_hooks_with_kwargs, with_kwargs),), prepend)

    def register_forward_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> RemovableHandle:
        """A handle; `hook(module, args, output)` now runs after every forward and may return a new output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it runs even if the forward fails.
        """
        flags = (self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)
        handle = RemovableHandle(self._forward_hooks, extra_dict=[marks for marks, _ in flags])
        return _add(handle, self._forward_hooks, hook, flags, prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """A handle; `hook(module, grad_output)` now runs before the module's gradients are computed and may return a new grad_output."""
        return _add(RemovableHandle(self._backward_pre_hooks), self._backward_pre_hooks, hook, (), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """A handle; `hook(module, grad_input, grad_output)` now runs once the gradients by the module's inputs are known.

        It may return a new grad_input. Both are tuples with one entry per positional input or output, None for what is not a tensor.
        Raises: RuntimeError if the module has a hook of the old kind (`register_backward_hook`).
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them.")
        self._is_full_backward_hook = True
        return _add(RemovableHandle(self._backward_hooks), self._backward_hooks, hook, (), prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """A handle for a backward hook of the old kind: it sees the last operation of the forward alone. Prefer register_full_backward_hook.

        Raises: RuntimeError if the module has a full backward hook.
        """
        if self._is_full_backward_hook is True:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them.")
        self._is_full_backward_hook = False
        return _add(RemovableHandle(self._backward_hooks), self._backward_hooks, hook, ())

    def _get_backward_hooks(self) -> tuple[list, list]:
        """The full backward hooks that apply here, and those of the old kind."""
        full: list = []
        old: list = []
        for is_full, hooks in ((_GlobalHooks.backward_is_full, _global_backward_hooks), (self._is_full_backward_hook, self._backward_hooks)):
            (full if is_full is True else old).extend(hooks.values())
        return full, old


class HookedCall:
    """One call of a module, with every hook run around its forward."""

    def __init__(self, module: Any, args: tuple, kwargs: dict):
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        """The module's output, as the hooks leave it."""
        try:
            return self._run()
        except Exception:
            self._run_always_called()
            raise

    def _run(self) -> Any:
        self._run_pre_hooks()
        full, old = self.module._get_backward_hooks()
        pre = [*_global_backward_pre_hooks.values(), *self.module._backward_pre_hooks.values()]
        backward = None
        if full or pre:
            from .module_backward import BackwardHook
            backward = BackwardHook(self.module, full, pre)
            self.args = backward.watch_inputs(self.args)
        self.result = self.module.forward(*self.args, **self.kwargs)
        for key, hook, with_kwargs in self._forward_hooks():
            self.called.add(key)
            self._run_forward_hook(hook, with_kwargs)
        if backward is not None:
            self.result = backward.watch_outputs(self.result)
        if old:
            _hook_last_operation(self.module, old, self.args, self.result)
        return self.result

    def _run_pre_hooks(self) -> None:
        for hook in list(_global_forward_pre_hooks.values()):
            self._take_arguments(hook(self.module, self.args))
        for key, hook in list(self.module._forward_pre_hooks.items()):
            if key in self.module._forward_pre_hooks_with_kwargs:
                self._take_arguments_and_kwargs(hook(self.module, self.args, self.kwargs))
            else:
                self._take_arguments(hook(self.module, self.args))

    def _take_arguments(self, changed: Any) -> None:
        if changed is not None:
            self.args = changed if isinstance(changed, tuple) else (changed,)

    def _take_arguments_and_kwargs(self, changed: Any) -> None:
        if changed is None:
            return
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
        self.args, self.kwargs = changed

    def _forward_hooks(self) -> list[tuple[int, Callable, bool]]:
        """(id, hook, whether it takes kwargs) of every forward hook: those on all modules first."""
        own = self.module
        return ([(key, hook, key in _global_forward_hooks_with_kwargs) for key, hook in _global_forward_hooks.items()]
                + [(key, hook, key in own._forward_hooks_with_kwargs) for key, hook in own._forward_hooks.items()])

    def _run_forward_hook(self, hook: Callable, with_kwargs: bool) -> None:
        extra = (self.kwargs,) if with_kwargs else ()
        changed = hook(self.module, self.args, *extra, self.result)
        if changed is not None:
            self.result = changed

    def _run_always_called(self) -> None:
        """After a failure: the hooks that asked to be called even then and were not yet. Their own failures become warnings."""
        always = {*_global_forward_hooks_always_called, *self.module._forward_hooks_always_called} - self.called
        for key, hook, with_kwargs in self._forward_hooks():
            if key not in always:
                continue
            try:
                self._run_forward_hook(hook, with_kwargs)
            except Exception as error:
                whose = "global module" if key in _global_forward_hooks else "module"
                warn_user(f"{whose} forward hook with ``always_call=True`` raised an exception that was silenced as another error was "
                          f"raised in forward: {error}")


def _hook_last_operation(module: Any, hooks: list, args: tuple, result: Any) -> None:
    """Puts hooks of the old kind on the operation that made the result, or the first tensor in it."""
    value = result
    while not hasattr(value, "grad_fn"):
        if not isinstance(value, (dict, list, tuple)) or not value:
            return
        value = next((v for v in value.values() if hasattr(v, "grad_fn")), None) if isinstance(value, dict) else value[0]
    node = value.grad_fn
    if node is None:
        return
    _warn_of_old_hook(args, result, node)
    for hook in hooks:
        node.register_hook(partial(hook, module))


def _warn_of_old_hook(args: tuple, result: Any, node: Any) -> None:
    """Warns where a hook of the old kind does not see what it seems to."""
    outputs = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(value, Tensor) for value in outputs):
        case, missing = "non-full backward hooks on a Module that does not return a single Tensor or a tuple of Tensors", "some of the grad_output"
    elif not all(isinstance(value, Tensor) for value in args):
        case = "non-full backward hooks on a Module that does not take as input a single Tensor or a tuple of Tensors"
        missing = "some of the grad_input"
    elif isinstance(result, tuple):
        case, missing = "a non-full backward hook when outputs are generated by different autograd Nodes", "some grad_output"
        if len({value.grad_fn for value in outputs}) == 1:
            return
    else:
        case, missing = "a non-full backward hook when the forward contains multiple autograd Nodes", "some grad_input"
        if {value.grad_fn for value in args} == {edge[0] for edge in node.next_functions}:
            return
    warn_user(f"Using {case} is deprecated and will be removed in future versions. This hook will be missing {missing}. Please use "
              "register_full_backward_hook to get the documented behavior.", FutureWarning)
