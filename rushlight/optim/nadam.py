"""NAdam: Adam with Nesterov momentum."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .adam import DECAY
from .optimizer import Optimizer, ParamsT, check, check_betas, check_lr, scalar_state, zeros_state
from .update import Update


class NAdam(Optimizer):
    r"""p = p - lr * ((1 - mu_t) / (1 - M_t) * g + mu_{t+1} / (1 - M_t mu_{t+1}) * m) / (sqrt(v) + eps), m and v being Adam's averages.

    The momentum grows: mu_t = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay)); M_t is the product of mu_1 to mu_t, the state `mu_product`.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    added_later = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False, "decoupled_weight_decay": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
                 maximize: bool = False, capturable: bool = False, differentiable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        check(0.0 <= momentum_decay, f"Invalid momentum_decay value: {momentum_decay}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
                    "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach, "capturable": capturable,
                    "differentiable": differentiable}
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for own in self.state.values():
            if not isinstance(own.get("mu_product", None), (Tensor, type(None))):
                own["mu_product"] = scalar_state(own["mu_product"])

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "mu_product": scalar_state(1.0), "exp_avg": zeros_state(p), "exp_avg_sq": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Update:
        return nadam_update(group["maximize"], "" if group["weight_decay"] == 0 else "decoupled" if group["decoupled_weight_decay"] else "added")


@functools.cache
def nadam_update(maximize: bool, decay: str) -> Update:
    """The update; `decay` is a key of DECAY."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{DECAY[decay]}
mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
mu_product = mu_product * mu
exp_avg = exp_avg + (d - exp_avg) * (1 - beta1)
exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * d * d
root = sqrt(exp_avg_sq / (1 - beta2 ** step)) + eps
p = p - lr * (1 - mu) / (1 - mu_product) * d / root
p = p - lr * mu_next / (1 - mu_product * mu_next) * exp_avg / root
"""
    return Update(text, ["exp_avg", "exp_avg_sq"], ["step", "mu_product"])


NAdam.__module__ = "torch.optim.nadam"
