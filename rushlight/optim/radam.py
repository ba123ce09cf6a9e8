"""RAdam: Adam that waits for its second moment to be trustworthy."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .adam import DECAY
from .optimizer import Optimizer, ParamsT, check, check_betas, check_lr, scalar_state, zeros_state
from .update import Update


class RAdam(Optimizer):
    r"""p = p - lr * r_t * m / (sqrt(v) + eps), bias-corrected as in Adam, once the variance of v is finite; before, p = p - lr * m.

    rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t) with rho_inf = 2 / (1 - beta2) - 1 is the number of gradients that v averages. Above 5 the
    rectification r_t = sqrt((rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho_t)) holds.

    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", 2019.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "decoupled_weight_decay": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
                 capturable: bool = False, differentiable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
                    "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay, "differentiable": differentiable}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "exp_avg": zeros_state(p), "exp_avg_sq": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Update:
        return radam_update(group["maximize"], "" if group["weight_decay"] == 0 else "decoupled" if group["decoupled_weight_decay"] else "added")


@functools.cache
def radam_update(maximize: bool, decay: str) -> Update:
    """The update; `decay` is a key of DECAY."""
    # Below 5 the rectification is the root of a negative number, which the choice by rho leaves out.
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{DECAY[decay]}
exp_avg = exp_avg + (d - exp_avg) * (1 - beta1)
exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * d * d
rho_inf = 2 / (1 - beta2) - 1
rho = rho_inf - 2 * step * beta2 ** step / (1 - beta2 ** step)
rectification = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
rate = where(rho > 5, rectification * sqrt(1 - beta2 ** step) / (sqrt(exp_avg_sq) + eps), 1)
p = p - exp_avg * (lr / (1 - beta1 ** step)) * rate
"""
    return Update(text, ["exp_avg", "exp_avg_sq"], ["step"])


RAdam.__module__ = "torch.optim.radam"
