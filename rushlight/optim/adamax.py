"""Adamax: Adam with the infinity norm in place of the second moment."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_betas, check_lr, scalar_state, zeros_state
from .update import Update


class Adamax(Optimizer):
    r"""p = p - lr / (1 - beta1^t) * m / u, where m is the running average of g and u = max(beta2 * u, |g| + eps).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2014, section 7.1.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
                 capturable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "capturable": capturable}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "exp_avg": zeros_state(p), "exp_inf": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Update:
        return adamax_update(group["maximize"], group["weight_decay"] != 0)


@functools.cache
def adamax_update(maximize: bool, decay: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{'d = d + weight_decay * p' if decay else ''}
exp_avg = exp_avg + (d - exp_avg) * (1 - beta1)
exp_inf = maximum(exp_inf * beta2, abs(d) + eps)
p = p - lr / (1 - beta1 ** step) * exp_avg / exp_inf
"""
    return Update(text, ["exp_avg", "exp_inf"], ["step"])


Adamax.__module__ = "torch.optim.adamax"
