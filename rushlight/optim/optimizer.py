"""Optimizer: parameter groups, state and its saving, hooks, and the loop of a step, for every method of this package.

A method says two things: `init`, the state of one parameter before its first step, and `rule`, the `Update` for a group's settings.
"""
from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np

from ..backends.native import MANY
from ..core import recording
from ..core.apply import wrap
from ..core.grad_mode import enable_grad, is_grad_enabled, set_grad_enabled
from ..core.node import RemovableHandle
from ..core.program import warn_user
from ..names import Portable, typename
from ..tensor import Tensor
from .update import Hyperparameters, number

ParamsT = Iterable  # of tensors, of dicts, or of pairs of a name and a tensor

_global_optimizer_pre_hooks: dict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: dict[int, Callable] = OrderedDict()


class _RequiredParameter:
    """The default of an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before every step of every optimizer; it may return new (args, kwargs)."""
    return add(hook, _global_optimizer_pre_hooks)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after every step of every optimizer."""
    return add(hook, _global_optimizer_post_hooks)


def add(hook: Callable, hooks: dict[int, Callable], prepend: bool = False) -> RemovableHandle:
    """Put a hook at the end, or the beginning, of an ordered dictionary of hooks."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)  # type: ignore[attr-defined]
    return handle


def is_large(groups: list[dict[str, Any]]) -> bool:
    """Whether the groups have as many numbers as make machine code pay."""
    return sum([p._array.size for group in groups for p in group["params"]]) > MANY


@functools.cache
def together() -> Callable:
    """The function `together.update_together`, which loads the compiler's engine."""
    from .together import update_together
    return update_together


def hooked(step: Callable) -> Callable:
    """A class's `step` with the hooks around it; a `step` that it calls of its base class does not run them again."""
    if hasattr(step, "hooked"):
        return step

    @functools.wraps(step)
    def with_hooks(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _global_optimizer_pre_hooks
                or _global_optimizer_post_hooks) or self._inside_step:
            return step(self, *args, **kwargs)
        self._inside_step = True
        try:
            return run_with_hooks(self, step, args, kwargs)
        finally:
            self._inside_step = False
    with_hooks.hooked = True  # type: ignore[attr-defined]
    return with_hooks


def run_with_hooks(self: Any, step: Callable, args: tuple, kwargs: dict) -> Any:
    """Pre-hooks, the step, post-hooks. Hooks receive the optimizer both by itself and as the first of `args`, as PyTorch's do."""
    arguments: tuple = (self, *args)
    for hook in [*_global_optimizer_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()]:
        result = hook(self, arguments, kwargs)
        if result is not None:
            if not isinstance(result, tuple) or len(result) != 2:
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
            arguments, kwargs = result
    out = step(*arguments, **kwargs)
    for hook in [*self._optimizer_step_post_hooks.values(), *_global_optimizer_post_hooks.values()]:
        hook(self, arguments, kwargs)
    return out


class Optimizer(Portable):
    """Base class of all optimizers.

    params: tensors, or (name, tensor) pairs, or dictionaries with "params" and options of their own (parameter groups)
    defaults: the options of groups that do not give them

    A method of your own: call `super().__init__(params, defaults)` and write `step`; or write `init` and `rule` (see `SGD`).
    """

    #: options that files written by earlier versions lack
    added_later: dict[str, Any] = {}
    _inside_step = False
    HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks", "_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks",
             "_optimizer_load_state_dict_pre_hooks", "_optimizer_load_state_dict_post_hooks")
    _optimizer_step_pre_hooks: OrderedDict
    _optimizer_step_post_hooks: OrderedDict
    _optimizer_state_dict_pre_hooks: OrderedDict
    _optimizer_state_dict_post_hooks: OrderedDict
    _optimizer_load_state_dict_pre_hooks: OrderedDict
    _optimizer_load_state_dict_post_hooks: OrderedDict

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "update" in cls.__dict__:
            cls.updates_together = cls.__dict__.get("updates_together", False)
        if "step" in cls.__dict__:
            cls.step = hooked(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for name in self.HOOKS:
            setattr(self, name, OrderedDict())
        if isinstance(params, Tensor):
            raise TypeError(f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {typename(params)}")
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ---- a step

    #: whether `update` does no more than the rule, where states are there already
    updates_together = True
    #: whether the parameters are worth machine code; None where nobody has looked since the groups changed
    _is_large: bool | None = None

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """The state of one parameter before its first step."""
        raise NotImplementedError

    def rule(self, group: dict[str, Any]) -> Hyperparameters:
        """The update that the settings of a group ask for: an `Update`, unless the method has an `update` of its own."""
        raise NotImplementedError

    def update(self, p: Tensor, g: Tensor, group: dict[str, Any], rule: Any, numbers: tuple) -> None:
        """Update one parameter and its state."""
        state = self.state[p]
        if not state:
            state.update(self.init(p, group))
        rule(p, g, state, numbers)

    def hyperparameters(self, group: dict[str, Any], rule: Hyperparameters) -> tuple:
        """The numbers of a group that its update reads. Methods read hyperparameters here and nowhere else during a step."""
        values: tuple = ()
        for key, position in rule.sources:
            value = group[key] if position is None else group[key][position]
            values += (value if value.__class__ is float else number(value),)
        return values

    @hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient. `closure` clears the gradients, computes the loss with its gradients and returns it."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if self._is_large is None:
            self._is_large = is_large(self.param_groups)
        for group in self.param_groups:
            rule = self.rule(group)
            if self._is_large:
                rule = rule.in_machine_code()
            numbers = self.hyperparameters(group, rule)
            if recording.recorder is not None:
                recording.recorder.steps(self, group, rule)
            elif self._is_large and self.updates_together and rule.is_native and together()(self, group, rule, numbers):
                continue
            for p in group["params"]:
                g = p._grad
                if g is not None:
                    self.update(p, g, group, rule, numbers)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with `set_to_none=False`, fill them with zeros.

        Without a gradient a parameter is skipped by `step`; with one of zeros it is updated, by weight decay and momentum for example.
        """
        if set_to_none:
            for group in self.param_groups:
                for p in group["params"]:
                    p._grad = None
            return
        for p in chain.from_iterable([group["params"] for group in self.param_groups]):
            if p.grad is not None:
                if p.grad.grad_fn is not None:
                    p.grad.detach_()
                else:
                    p.grad.requires_grad_(False)
                p.grad.zero_()

    # ---- parameter groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, with options of its own; those it does not give are the optimizer's defaults.

        The group is checked before anything of it is kept: after an error the optimizer is as it was.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        take_params(param_group)
        for p in param_group["params"]:
            self.check_parameter(p)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self.check_group(param_group)
        self.param_groups.append(param_group)
        self._is_large = None

    def check_parameter(self, p: Any) -> None:
        """Raise PyTorch's error for what cannot be optimized."""
        if not isinstance(p, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(p)}")
        if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def check_group(self, param_group: dict[str, Any]) -> None:
        """Raise PyTorch's errors for a group that does not fit beside the others."""
        params = set(param_group["params"])
        if len(params) != len(param_group["params"]):
            warn_user("optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                      "see github.com/pytorch/pytorch/issues/40967 for more information")
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                kind = "with names" if "param_names" in param_group else "without names"
                raise ValueError("all optimizer param groups should be with/without names. "
                                 f"cannot add param group {kind} to the optimizer")
        if any([not params.isdisjoint(group["params"]) for group in self.param_groups]):
            raise ValueError("some parameters appear in more than one parameter group")

    def __repr__(self) -> str:
        text = self.__class__.__name__ + " ("
        for i, group in enumerate(self.param_groups):
            options = "".join([f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"])
            text += f"\nParameter Group {i}\n{options}"
        return text + ")"

    # ---- saving

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in self.HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for name, default in self.added_later.items():
                group.setdefault(name, default)
        for own in self.state.values():
            # Files of old versions have the count of steps as a Python number.
            if isinstance(own, dict) and "step" in own and not isinstance(own["step"], Tensor) and self.added_later:
                own["step"] = scalar_state(float(own["step"]))

    def state_dict(self) -> dict[str, Any]:
        """The state for saving: `{"state": {0: ...}, "param_groups": [...]}`, where numbers stand for parameters in their order."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups, start = [], 0
        for group in self.param_groups:
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        result: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state, in the order of parameters; tensors are converted to their parameter's dtype and device."""
        from copy import deepcopy
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = deepcopy(state_dict["param_groups"])
        check_same_groups(self.param_groups, groups)
        params = dict(zip(chain.from_iterable([g["params"] for g in groups]), chain.from_iterable([g["params"] for g in self.param_groups])))
        state: defaultdict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = converted(value, params[key], options_of(key, state_dict["param_groups"]))
            else:
                state[key] = value
        for group, saved in zip(self.param_groups, groups):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # ---- hooks

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step; it may return new (args, kwargs)."""
        return add(hook, self._optimizer_step_pre_hooks)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return add(hook, self._optimizer_step_post_hooks)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before `state_dict`."""
        return add(hook, self._optimizer_state_dict_pre_hooks, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after `state_dict`; it may return another one."""
        return add(hook, self._optimizer_state_dict_post_hooks, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before `load_state_dict` with a shallow copy; it may return another one."""
        return add(hook, self._optimizer_load_state_dict_pre_hooks, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after `load_state_dict`."""
        return add(hook, self._optimizer_load_state_dict_post_hooks, prepend)


def take_params(param_group: dict[str, Any]) -> None:
    """Make a group's "params" a list of tensors, and keep their names, if they have any, in "param_names"."""
    params = param_group["params"]
    if isinstance(params, set):
        raise TypeError("optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                        "between runs. Please use a list instead.")
    params = [params] if isinstance(params, Tensor) else list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    param_group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if names:
        if len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        param_group["param_names"] = names


def check_same_groups(groups: list[dict], saved: list[dict]) -> None:
    """Raise PyTorch's error unless saved groups have the sizes of an optimizer's."""
    if len(groups) != len(saved):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if any([len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved)]):
        raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")


def options_of(number: Any, groups: list[dict]) -> dict:
    """The saved group of a saved parameter."""
    return next((group for group in groups if number in group["params"]), {})


def converted(value: Any, p: Tensor, options: dict, name: Any = None) -> Any:
    """Saved state for a parameter: tensors in its dtype and on its device, but for `step`, whose dtype is its own."""
    if isinstance(value, Tensor):
        if name == "step":
            if options.get("capturable") or options.get("fused"):
                from ..core.dtypes import float32
                return value.to(dtype=float32, device=p.device)
            return value
        return value.to(dtype=p.dtype, device=p.device) if p.is_floating_point() else value.to(device=p.device)
    if isinstance(value, dict):
        return {key: converted(v, p, options, key) for key, v in value.items()}
    if isinstance(value, Iterable):
        return type(value)(converted(v, p, options) for v in value)  # type: ignore[call-arg]
    return value


def scalar_state(value: float) -> Tensor:
    """A number of an optimizer's state, such as `step`: a float32 tensor without dimensions."""
    return wrap(np.array(value, np.float32))


def zeros_state(p: Tensor) -> Tensor:
    """State of a parameter's shape and dtype, and of its memory order, filled with zeros."""
    return wrap(np.zeros_like(p._array))


def full_state(p: Tensor, value: float) -> Tensor:
    """State of a parameter's shape and dtype filled with a number; if it is complex, in the real and in the imaginary part."""
    return wrap(np.full_like(p._array, complex(value, value) if p.is_complex() else value))


def check_lr(lr: Any, message: str = "Invalid learning rate") -> None:
    """Raise PyTorch's error for a learning rate that is negative or a tensor of more than one element."""
    check_one(lr)
    check(0.0 <= lr, f"{message}: {lr}")


def check_one(lr: Any) -> None:
    """Raise PyTorch's error for a learning rate that is a tensor of more than one element."""
    check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")


def check(holds: Any, message: str) -> None:
    """Raise ValueError with a message unless something holds."""
    if not holds:
        raise ValueError(message)


def check_fused(fused: bool | None, foreach: bool | None, differentiable: bool) -> None:
    """Raise PyTorch's errors for implementations that exclude each other there."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_betas(betas: Any) -> None:
    """Raise PyTorch's error for decay rates outside [0, 1)."""
    for i in (0, 1):
        check(0.0 <= betas[i] < 1.0, f"Invalid beta parameter at index {i}: {betas[i]}")


def _use_grad_for_differentiable(step: Callable) -> Callable:
    """A user's `step` run without recording, unless the optimizer was made with `differentiable=True`."""
    @functools.wraps(step)
    def inside(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = is_grad_enabled()
        try:
            set_grad_enabled(self.defaults["differentiable"])
            return step(self, *args, **kwargs)
        finally:
            set_grad_enabled(before)
    return inside


Optimizer.__module__ = "torch.optim.optimizer"
