"""Adadelta: steps in the units of the parameter, from the running averages of squared gradients and squared steps."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, scalar_state, zeros_state
from .update import Update


class Adadelta(Optimizer):
    r"""p = p - lr * s, s = g * sqrt(u + eps) / sqrt(v + eps), where v and u are running averages of g^2 and of s^2 with rate rho.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
                 foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= rho <= 1.0, f"Invalid rho value: {rho}")
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable,
                    "foreach": foreach, "differentiable": differentiable}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "square_avg": zeros_state(p), "acc_delta": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Update:
        return adadelta_update(group["maximize"], group["weight_decay"] != 0)


@functools.cache
def adadelta_update(maximize: bool, decay: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{'d = d + weight_decay * p' if decay else ''}
square_avg = square_avg * rho + (1 - rho) * d * d
delta = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * d
acc_delta = acc_delta * rho + (1 - rho) * delta * delta
p = p - lr * delta
"""
    return Update(text, ["square_avg", "acc_delta"], ["step"])


Adadelta.__module__ = "torch.optim.adadelta"
