"""RMSprop: gradients divided by their running root mean square."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, scalar_state, zeros_state
from .update import Update


class RMSprop(Optimizer):
    r"""p = p - lr * g / (sqrt(v) + eps), where v is the running average of g^2 with rate alpha.

    `centered` takes the square of the gradient's own running average off v. With momentum, the quotient goes into a buffer
    b = momentum * b + g / (sqrt(v) + eps), and p = p - lr * b. Note that eps is added after the root.

    Source: Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, "Generating sequences with recurrent neural networks", 2013.
    """

    added_later = {"momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
                 momentum: float = 0, centered: bool = False, capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
                 differentiable: bool = False) -> None:
        check_lr(lr)
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check(0.0 <= momentum, f"Invalid momentum value: {momentum}")
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        check(0.0 <= alpha, f"Invalid alpha value: {alpha}")
        defaults = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
                    "capturable": capturable, "foreach": foreach, "maximize": maximize, "differentiable": differentiable}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = {"step": scalar_state(0.0), "square_avg": zeros_state(p)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_state(p)
        if group["centered"]:
            state["grad_avg"] = zeros_state(p)
        return state

    def rule(self, group: dict[str, Any]) -> Update:
        return rmsprop_update(group["maximize"], group["weight_decay"] != 0, group["centered"], group["momentum"] > 0)


@functools.cache
def rmsprop_update(maximize: bool, decay: bool, centered: bool, momentum: bool) -> Update:
    """The update."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{'d = d + weight_decay * p' if decay else ''}
square_avg = square_avg * alpha + (1 - alpha) * d * d
{'grad_avg = grad_avg + (d - grad_avg) * (1 - alpha)' if centered else ''}
root = sqrt(square_avg{' - grad_avg * grad_avg' if centered else ''}) + eps
{'momentum_buffer = momentum_buffer * momentum + d / root' if momentum else ''}
p = p - lr * {'momentum_buffer' if momentum else 'd / root'}
"""
    states = ["square_avg", *(["grad_avg"] if centered else []), *(["momentum_buffer"] if momentum else [])]
    return Update(text, states, ["step"])


RMSprop.__module__ = "torch.optim.rmsprop"
