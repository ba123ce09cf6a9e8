"""Module: the base class of everything with parameters. Its parts stand in the files module_*.py."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from rushlight.names import Portable, call_as_torch, typename
from rushlight.tensor import Tensor

from .failure import ERRORS, add_module_path
from .module_convert import ModuleConversion
from .module_hooks import (
    COMPILED,
    HookedCall,
    ModuleHooks,
    _global_buffer_registration_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    filtered,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    special_calls,
)
from .module_state import ModuleState, _IncompatibleKeys
from .module_tree import ModuleTree
from .parameter import Buffer, Parameter

__all__ = ["Module", "register_module_backward_hook", "register_module_buffer_registration_hook", "register_module_forward_hook",
           "register_module_forward_pre_hook", "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
           "register_module_module_registration_hook", "register_module_parameter_registration_hook", "_IncompatibleKeys"]


def _fresh_state() -> dict[str, Any]:
    """What every module starts with."""
    hooks = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
             "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_state_dict_hooks", "_state_dict_pre_hooks",
             "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")
    return {"training": True, "_parameters": {}, "_buffers": {}, "_non_persistent_buffers_set": set(), "_modules": {},
            "_is_full_backward_hook": None, **{name: OrderedDict() for name in hooks}}


class Module(ModuleTree, ModuleState, ModuleConversion, ModuleHooks, Portable):
    """A layer or a whole network: its parameters, buffers and the modules it is made of, and `forward`, which computes the output.

    A subclass calls `super().__init__()`, assigns parameters and modules to attributes, and defines `forward`. To call the module
    is to call `forward`, with the hooks around it.

    Example:
        >>> import rushlight as torch
        >>> class Double(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
        ...     def forward(self, x):
        ...         return self.factor * x
        >>> Double()(torch.tensor(4.0))
        tensor(8., grad_fn=<MulBackward0>)
    """

    dump_patches = False
    _version = 1
    training: bool
    call_super_init = False
    _compiled_call_impl: Callable | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        if not self.call_super_init:
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            if args:
                raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        # Not by assignment: __setattr__ looks into these very dictionaries.
        self.__dict__.update(_fresh_state())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        call_as_torch(cls)

    # ---- calling

    def forward(self, *input: Any) -> Any:
        """The output: for subclasses to define."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            own = self.__dict__  # one look-up instead of four: attributes of a class with __getattr__ are slow
            if (own["_forward_hooks"] or own["_forward_pre_hooks"] or own["_backward_hooks"] or own["_backward_pre_hooks"]
                    or special_calls):
                return self._special_call(args, kwargs)
            return self.forward(*args, **kwargs)
        except ERRORS as error:
            add_module_path(error, self, args)
            raise
        except KeyError:
            self._backward_hooks  # noqa: B018  # AttributeError, if Module.__init__ was never called
            raise

    def _special_call(self, args: tuple, kwargs: dict) -> Any:
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        if special_calls == COMPILED and not (self._forward_hooks or self._forward_pre_hooks or self._backward_hooks or self._backward_pre_hooks):
            return self.forward(*args, **kwargs)  # some other module is compiled
        return HookedCall(self, args, kwargs).run()

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        """The output with the hooks around it, whether or not the module is compiled."""
        return HookedCall(self, args, kwargs).run()

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compiles calls of this module from now on, in place; the arguments are those of `torch.compile`."""
        import rushlight
        self._compiled_call_impl = rushlight.compile(self._call_impl, *args, **kwargs)
        special_calls.update(COMPILED)

    # ---- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Makes a tensor the module's parameter of that name; None keeps the name free for one.

        Raises: TypeError or KeyError for a name that will not do, TypeError for what is no parameter, ValueError for a computed one.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
            if param.grad_fn is not None:
                raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express "
                                 f"'{name}' as a function of another Tensor, compute the value in the forward() method.")
            param = filtered(_global_parameter_registration_hooks, self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Makes a tensor the module's buffer of that name: it moves with the module but is not trained.

        A buffer that is not `persistent` is left out of the state_dict. Raises: TypeError or KeyError, as register_parameter.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
            tensor = filtered(_global_buffer_registration_hooks, self, name, tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Makes a module the child of that name. Raises: TypeError or KeyError, as register_parameter."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = filtered(_global_module_registration_hooks, self, name, module) if module is not None else None

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: Any, mine: dict[str, Any]) -> None:
        """Raises unless something of that kind may be registered as `name`; `mine` holds the names that may be taken again."""
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        taken = name not in mine and hasattr(self, name)
        if "." in name and not (taken and kind == "module"):
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if taken:
            raise KeyError(f"attribute '{name}' already exists")

    # ---- attributes

    def __getattr__(self, name: str) -> Any:
        # Python comes here only for what is not an ordinary attribute.
        own = self.__dict__
        if "_parameters" in own:
            if name in own["_parameters"]:
                return own["_parameters"][name]
            if name in own["_buffers"]:
                return own["_buffers"][name]
            if name in own["_modules"]:
                return own["_modules"][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_parameters" not in own:
            self._refuse_before_init(value)
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._replace(name, self._parameters, lambda: self.register_parameter(name, value))
        elif name in own["_parameters"]:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._replace(name, self._modules, lambda: self._set_child(name, value))
        elif name in own["_modules"]:
            if value is not None:
                raise TypeError(f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)")
            self._set_child(name, value)
        elif name in own["_buffers"] or getattr(value, "_is_buffer", False):
            self._set_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _refuse_before_init(self, value: Any) -> None:
        for kind, what in ((Parameter, "parameters"), (Module, "module"), (Buffer, "buffer")):
            if isinstance(value, kind):
                raise AttributeError(f"cannot assign {what} before Module.__init__() call")

    def _replace(self, name: str, mine: dict[str, Any], register: Callable[[], None]) -> None:
        """Registers something under a name that something of another kind may have; if that fails, all is as before."""
        taken = [place for place in (self.__dict__, self._parameters, self._buffers, self._modules) if place is not mine and name in place]
        before = [dict(place) for place in taken]
        for place in taken:
            del place[name]
        try:
            register()
        except BaseException:
            for place, content in zip(taken, before):
                place.clear()
                place.update(content)
            raise
        self._non_persistent_buffers_set.discard(name)

    def _set_child(self, name: str, module: Module | None) -> None:
        self._modules[name] = filtered(_global_module_registration_hooks, self, name, module)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)")
        persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
        self.register_buffer(name, value, persistent)

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        # "0", "1" of a Sequential cannot be written after a dot.
        return sorted(name for name in names if not name[0].isdigit())

    # ---- pickling and printing

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state: dict) -> None:
        # What the version that pickled it did not have is filled in.
        self.__dict__.update({**_fresh_state(), **state})

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr: for subclasses to define."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) < 2 and not self._modules:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


call_as_torch(Module)


class Registered:
    """A class attribute that leads to the module's parameter of that name, or to a buffer: `weight = Registered()`.

    Without it Python looks everywhere else first and ends in `Module.__getattr__`, which takes four times as long. An attribute of the
    module itself comes before it; where there is no such parameter, `__getattr__` has the word.
    """

    def __init__(self, registry: str = "_parameters"):
        self.registry = registry

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        if module is not None:
            held = module.__dict__.get(self.registry)
            if held is not None and self.name in held:
                return held[self.name]
        raise AttributeError(f"type object '{owner.__name__}' has no attribute '{self.name}'")


def _addindent(text: str, spaces: int) -> str:
    """The text with every line but the first indented."""
    return text.replace("\n", "\n" + " " * spaces)
