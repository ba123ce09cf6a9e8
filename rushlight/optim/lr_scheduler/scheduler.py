"""The base of all schedules: what one is, and how it stands beside its optimizer."""
from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...core import recording
from ...core.program import warn_user
from ...names import Portable
from ...tensor import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use `scheduler.step()` to step "
    "the scheduler. During the deprecation, if epoch is different from None, the closed form is used instead of the new chainable form, where "
    "available. Please open an issue if you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose."
)
SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
STEP_OVERRIDDEN = ("Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure to call "
                   "`optimizer.step()` before `lr_scheduler.step()`. " + SEE)
STEP_TOO_EARLY = ("Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them in the "
                  "opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the "
                  "first value of the learning rate schedule. " + SEE)
NO_INITIAL_LR = ("param 'initial_lr' is not specified in param_groups[{}] when resuming scheduler with last_epoch >= 0.\n"
                 "This typically happens when:\n"
                 "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n"
                 "2. You're using last_epoch >= 0 for a fresh training run (not recommended)")


def repeated(step: Callable) -> Callable:
    """A class's `step`, which a replay of the program's recorded step calls anew."""
    @functools.wraps(step)
    def repeating(self: Any, *args: Any, **kwargs: Any) -> Any:
        return recording.repeats(step, self, *args, **kwargs) if recording.recorder is not None else step(self, *args, **kwargs)
    return repeating


class LRScheduler(Portable):
    """Sets the learning rate of each parameter group at every `step`.

    A schedule defines `get_lr`, the new rates; those that can tell the rate of any epoch directly also `_get_closed_form_lr`. Making a
    scheduler sets the rates of epoch 0. `last_epoch` is the epoch to go on from: then the groups must have an "initial_lr", which a loaded
    optimizer state brings.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    optimizer: Optimizer
    _step_count: int
    _last_lr: list

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = repeated(cls.step)  # type: ignore[method-assign]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(NO_INITIAL_LR.format(i))
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        with flag(self, "_is_initial"):
            self.step()

    def get_lr(self) -> list:
        """The learning rates of the groups for this epoch; `step` calls it. To ask for the present rates, call `get_last_lr`."""
        raise NotImplementedError

    def get_last_lr(self) -> list:
        """The present learning rates of the groups."""
        return self._last_lr

    @repeated
    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, after the optimizer's `step`; to a given `epoch` is deprecated."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warn_user(STEP_OVERRIDDEN)
            elif not getattr(self.optimizer, "_opt_called", False):
                warn_user(STEP_TOO_EARLY)
        self._step_count += 1
        if epoch is not None:
            warn_user(EPOCH_DEPRECATION_WARNING)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with flag(self, "_get_lr_called_within_step"):
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            direct = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
            values = self.get_lr() if direct is None else direct()
        self._set_lr(values)

    def _set_lr(self, values: list) -> None:
        for group, value in zip(self.optimizer.param_groups, values):
            set_value(group, "lr", value)
        self._last_lr = values_of(self.optimizer, "lr")

    def _check_within_step(self) -> None:
        if not self._get_lr_called_within_step:
            warn_user("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.")

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, for saving."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The older name of LRScheduler, for programs that derive from it."""


class FactorLR(LRScheduler):
    """A schedule that multiplies all rates alike: by `_factor` in this epoch, by `_total_factor` since the beginning."""

    def _factor(self) -> float | None:
        """What the rates are multiplied by in this epoch; None leaves them."""
        raise NotImplementedError

    def _total_factor(self) -> float:
        """What the initial rates are multiplied by in this epoch."""
        raise NotImplementedError

    def get_lr(self) -> list:
        self._check_within_step()
        factor = self._factor()
        if factor is None:
            return values_of(self.optimizer, "lr")
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list:
        factor = self._total_factor()
        return [base_lr * factor for base_lr in self.base_lrs]


def check_optimizer(optimizer: Any) -> None:
    """Raise PyTorch's error for what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def watch_steps(optimizer: Any) -> None:
    """Make `optimizer.step` note on the optimizer that it was called: the first step of a schedule should come after it."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function = optimizer.step.__func__
    reference = weakref.ref(optimizer)  # the wrapper is an attribute of the optimizer: a reference would be a cycle

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        optimizer: Any = reference()
        optimizer._opt_called = True
        return function(optimizer, *args, **kwargs)
    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step


@contextmanager
def flag(scheduler: LRScheduler, name: str) -> Iterator[None]:
    """An attribute that is True inside."""
    setattr(scheduler, name, True)
    try:
        yield
    finally:
        setattr(scheduler, name, False)


def copied(value: Any) -> Any:
    """A rate that does not change with its group: tensors are changed in place."""
    return value.clone() if isinstance(value, Tensor) else value


def values_of(optimizer: Any, key: str) -> list:
    """The groups' values of a key."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_value(group: dict, key: str, value: Any) -> None:
    """Set a group's value; a tensor keeps its place, because compiled steps and the user may hold it."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.squeeze() if isinstance(value, Tensor) and value.dim() != 0 else value)
    else:
        group[key] = value


def per_group(name: str, optimizer: Any, value: Any) -> list:
    """A value for each group: one for all, or a list of as many."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(groups)]
    if len(value) != groups:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, param_groups has {groups}.")
    return [copied(v) for v in value]
