"""Averages of a model's weights over its training: stochastic weight averaging (SWA) and exponential moving averages (EMA).

Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ..core.dtypes import int64
from ..core.grad_mode import no_grad
from ..nn.module import Module
from ..ops.create import tensor
from ..tensor import Tensor
from .lr_scheduler.scheduler import LRScheduler, per_group
from .optimizer import Optimizer, check

__all__ = ["AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn"]


def check_decay(decay: float) -> None:
    """Raise PyTorch's error for a rate of decay outside [0, 1]."""
    check(0.0 <= decay <= 1.0, f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """A function for AveragedModel: decay * average + (1 - decay) * weight."""
    check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param
    return ema_update


def get_swa_avg_fn() -> Callable:
    """A function for AveragedModel: the mean of all weights so far."""
    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)
    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """As `get_ema_avg_fn`, on lists of weights, in place."""
    return over_lists(get_ema_avg_fn(decay), "ema_update")


def get_swa_multi_avg_fn() -> Callable:
    """As `get_swa_avg_fn`, on lists of weights, in place."""
    return over_lists(get_swa_avg_fn(), "swa_update")


def over_lists(average: Callable, name: str) -> Callable:
    """The function that applies an average to each pair of two lists and writes it into the first."""
    @no_grad()
    def update(averaged_params: list[Tensor], current_params: list[Tensor], num_averaged: Any) -> None:
        for mean, current in zip(averaged_params, current_params):
            mean.copy_(average(mean, current, num_averaged))
    update.__name__ = update.__qualname__ = name
    return update


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's: `update_parameters(model)` takes its present weights in.

    The average is their mean, or what `avg_fn(average, weight, number_so_far)` returns, or what `multi_avg_fn` makes of lists of them.
    Buffers are copied, or averaged too with `use_buffers`. `n_averaged` counts the updates; the first one copies.
    """

    n_averaged: Tensor

    def __init__(self, model: Module, device: Any = None, avg_fn: Callable | None = None, multi_avg_fn: Callable | None = None,
                 use_buffers: bool = False) -> None:
        from copy import deepcopy
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present weights of a model into the average."""
        pairs = list(zip(self.module.parameters(), model.parameters()))
        buffers = list(zip(self.module.buffers(), model.buffers()))
        if self.use_buffers:
            pairs, buffers = pairs + buffers, []
        means = [mean.detach() for mean, _ in pairs]
        weights = [weight.detach().to(mean.device) for mean, weight in pairs]
        if self.n_averaged == 0:
            for mean, weight in zip(means, weights):
                mean.copy_(weight)
        else:
            self._average(means, weights)
        for mine, theirs in buffers:
            mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged.add_(1)

    def _average(self, means: list[Tensor], weights: list[Tensor]) -> None:
        """Move the means by the weights. `multi_avg_fn` gets lists of one dtype and device, as in PyTorch."""
        update = self.multi_avg_fn or over_lists(self.avg_fn or get_swa_avg_fn(), "update")
        groups: dict[tuple, tuple[list, list]] = {}
        for mean, weight in zip(means, weights):
            of_mean, of_weight = groups.setdefault((str(mean.device), mean.dtype), ([], []))
            of_mean.append(mean)
            of_weight.append(weight)
        for of_mean, of_weight in groups.values():
            update(of_mean, of_weight, self.n_averaged.to(of_mean[0].device))


@no_grad()
def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisation anew from the data of a loader: averaged weights need their own.

    Where the loader gives tuples, their first item is the input.
    """
    from ..nn.batchnorm import _BatchNorm
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
    for batch in loader:
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(input if device is None else input.to(device))
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    model.train(was_training)


#: how far the rate has come on the way to swa_lr, at a part t of the time
ANNEAL: dict[str, Callable[[float], float]] = {"cos": lambda t: (1 - math.cos(math.pi * t)) / 2, "linear": lambda t: t}


class SWALR(LRScheduler):
    """lr goes to swa_lr in anneal_epochs steps, along a cosine or a straight line, and stays there."""

    def __init__(self, optimizer: Optimizer, swa_lr: float | list[float], anneal_epochs: int = 10, anneal_strategy: str = "cos",
                 last_epoch: int = -1) -> None:
        for value, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = value
        check(anneal_strategy in ANNEAL, f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        check(isinstance(anneal_epochs, int) and anneal_epochs >= 0, f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        """The rates of this step: the part `before` of the way that the last one had come is undone first, because no rate is kept."""
        self._check_within_step()
        anneal = ANNEAL[self._anneal_strategy]
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        epochs = max(1, self.anneal_epochs)
        before = anneal(max(0, min(1, (step - 1) / epochs)))
        now = anneal(max(0, min(1, step / epochs)))
        rates = []
        for group in self.optimizer.param_groups:
            aim = group["swa_lr"]
            start = aim if before == 1 else (group["lr"] - before * aim) / (1 - before)
            rates.append(aim * now + start * (1 - now))
        return rates


for _item in (AveragedModel, SWALR, update_bn):
    _item.__module__ = "torch.optim.swa_utils"
