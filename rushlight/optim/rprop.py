"""Rprop: a step size for each element, grown while the gradient keeps its sign and shrunk when it turns."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, full_state, scalar_state, zeros_state
from .update import Update, number


class Rprop(Optimizer):
    r"""p = p - sign(g) * s, where s grows by etas[1] while g keeps its sign and shrinks by etas[0], without a step, when the sign turns.

    `step_sizes` are the smallest and largest s. Meant for gradients of the whole data set, not for minibatches.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm", 1993.
    """

    added_later = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
                 step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
                 maximize: bool = False, differentiable: bool = False) -> None:
        check_lr(lr)
        check(0.0 < etas[0] < 1.0 < etas[1], f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "capturable": capturable}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"step": scalar_state(0.0), "prev": zeros_state(p), "step_size": full_state(p, number(group["lr"]))}

    def rule(self, group: dict[str, Any]) -> Update:
        return rprop_update(group["maximize"])


@functools.cache
def rprop_update(maximize: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
turn = sign(d * prev)
grown = step_size * where(turn > 0, eta_plus, where(turn < 0, eta_minus, 1))
step_size = minimum(maximum(grown, step_size_min), step_size_max)
d = where(turn < 0, 0, d)
p = p - sign(d) * step_size
prev = d
"""
    return Update(text, ["prev", "step_size"], ["step"])


Rprop.__module__ = "torch.optim.rprop"
