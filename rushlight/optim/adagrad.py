"""Adagrad: gradients divided by the root of the sum of all their squares."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_fused, check_lr, full_state, scalar_state
from .update import Update


class Adagrad(Optimizer):
    r"""p = p - lr_t * g / (sqrt(s) + eps), where s is the sum of the squares of all gradients and lr_t = lr / (1 + (t - 1) * lr_decay).

    s begins with `initial_accumulator_value`. Unlike other optimizers it has its state from the start, before the first step.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
                 initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *, maximize: bool = False,
                 differentiable: bool = False, fused: bool | None = None) -> None:
        check_lr(lr)
        check(0.0 <= lr_decay, f"Invalid lr_decay value: {lr_decay}")
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        check(0.0 <= initial_accumulator_value, f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        defaults = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                    "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "fused": fused}
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p] = self.init(p, group)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        # The constructor's value, also for a group that is added later with another one: PyTorch's behaviour.
        return {"step": scalar_state(0.0), "sum": full_state(p, self.defaults["initial_accumulator_value"])}

    def rule(self, group: dict[str, Any]) -> Update:
        return adagrad_update(group["maximize"], group["weight_decay"] != 0)

    def share_memory(self) -> None:
        """Move the sums of squares to shared memory, for training in several processes."""
        for state in self.state.values():
            state["sum"].share_memory_()


@functools.cache
def adagrad_update(maximize: bool, decay: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{'d = d + weight_decay * p' if decay else ''}
sum = sum + d * d
p = p - lr / (1 + (step - 1) * lr_decay) * d / (sqrt(sum) + eps)
"""
    return Update(text, ["sum"], ["step"])


Adagrad.__module__ = "torch.optim.adagrad"
