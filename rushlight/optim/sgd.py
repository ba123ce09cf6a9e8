"""Stochastic gradient descent, with momentum."""
from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.apply import wrap
from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_fused, check_one
from .update import Update


class SGD(Optimizer):
    r"""p = p - lr * g; with momentum, p = p - lr * b where b = momentum * b + (1 - dampening) * g, and b = g at first.

    Note that the learning rate multiplies the finished buffer, not the gradient that goes into it: where lr changes, this differs from the
    form of some papers. Nesterov momentum takes g + momentum * b in place of b. `weight_decay` adds weight_decay * p to the gradient;
    `maximize` goes up instead of down. `foreach`, `fused` and `differentiable` are accepted; there is one implementation.

    Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
    """

    added_later = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float | Tensor = 0,
                 nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
                 fused: bool | None = None) -> None:
        # PyTorch asks this optimizer's numbers whether they are negative, and all others' whether they are not: so nan passes here alone.
        check_one(lr)
        for name, value in (("learning rate", lr), ("momentum value", momentum), ("weight_decay value", weight_decay)):
            check(not value < 0.0, f"Invalid {name}: {value}")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                    "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}
        check(not nesterov or momentum > 0 and dampening == 0, "Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    updates_together = True  # once the buffers of momentum are there

    def rule(self, group: dict[str, Any]) -> Update:
        if group["momentum"] == 0:
            return sgd_update(group["maximize"], group["weight_decay"] != 0)
        return sgd_update(group["maximize"], group["weight_decay"] != 0, "next", group["nesterov"], group["dampening"] != 0)

    def update(self, p: Tensor, g: Tensor, group: dict[str, Any], rule: Update, numbers: tuple) -> None:
        state: Any = None
        if rule.states:
            state = self.state[p]
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = wrap(np.empty_like(p._array))
                rule = sgd_update(group["maximize"], group["weight_decay"] != 0, "first", group["nesterov"])
                if self._is_large:
                    rule = rule.in_machine_code()
                numbers = self.hyperparameters(group, rule)
        rule(p, g, state, numbers)


@functools.cache
def sgd_update(maximize: bool, decay: bool, momentum: str = "", nesterov: bool = False, dampening: bool = False) -> Update:
    """The update; `momentum` is "", or "first" or "next" for the first and the later steps with momentum."""
    text = ["d = -g" if maximize else "d = g"]
    if decay:
        text.append("d = d + weight_decay * p")
    if momentum == "first":
        text.append("momentum_buffer = d")
    elif momentum:
        text.append(f"momentum_buffer = momentum_buffer * momentum + d{' * (1 - dampening)' if dampening else ''}")
    if momentum:
        text.append("d = d + momentum * momentum_buffer" if nesterov else "d = momentum_buffer")
    return Update("\n".join([*text, "p = p - lr * d"]), ("momentum_buffer",) if momentum else ())


SGD.__module__ = "torch.optim.sgd"
