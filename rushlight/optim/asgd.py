"""Averaged stochastic gradient descent."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, scalar_state, zeros_state
from .update import Update, number


class ASGD(Optimizer):
    r"""p = (1 - lambd * eta) p - eta * g, with a falling rate eta = lr / (1 + lambd * lr * t)^alpha; the state `ax` averages p from step t0 on.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
                 weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
                 capturable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        defaults = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "capturable": capturable}
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for own in self.state.values():
            for name in ("eta", "mu"):
                if name in own and not isinstance(own[name], Tensor):
                    own[name] = scalar_state(own[name])

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "eta": scalar_state(number(group["lr"])), "mu": scalar_state(1.0), "ax": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Update:
        return asgd_update(group["maximize"], group["weight_decay"] != 0)


@functools.cache
def asgd_update(maximize: bool, decay: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{'d = d + weight_decay * p' if decay else ''}
p = p * (1 - lambd * eta) - eta * d
ax = where(mu == 1, p, ax + (p - ax) * mu)
eta = lr / (1 + lambd * lr * step) ** alpha
mu = 1 / maximum(1, step - t0)
"""
    return Update(text, ["ax"], ["step", "eta", "mu"])


ASGD.__module__ = "torch.optim.asgd"
