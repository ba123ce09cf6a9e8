"""Adafactor: Adam's second moment kept as one row and one column."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..core import recording
from ..core.apply import wrap
from ..core.inplace import bump
from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, scalar_state, zeros_state
from .update import Hyperparameters


class Adafactor(Optimizer):
    r"""p = p - alpha_t * u / max(1, rms(u) / d), u = g / sqrt(v), where v of a matrix is the product of its rows' and columns' averages of g^2.

    The step alpha_t = max(eps2, rms(p)) * min(lr, 1 / sqrt(t)) is relative to the parameter's size; the averages' rate is 1 - t^beta2_decay.
    `eps` = (eps1, eps2), eps1 None being the smallest number of the dtype that makes a difference to 1. Parameters with more than two
    dimensions are stacks of matrices, those with fewer keep a full `variance`.

    Source: Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
    """

    added_later = {"foreach": None}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-2, beta2_decay: float = -0.8, eps: tuple = (None, 1e-3), d: float = 1.0,
                 weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is")
        check(0.0 >= beta2_decay, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check(eps[0] is None or 0.0 <= eps[0], f"epsilon1 should be >= 0 but is: {eps[0]}")
        check(0.0 <= eps[1], f"epsilon2 should be >= 0 but is: {eps[1]}")
        check(1.0 <= d, f"Clipping threshold d should be >= 1 but is: {d}")
        check(0.0 <= weight_decay, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
                    "maximize": maximize}
        super().__init__(params, defaults)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        if p.dim() < 2:
            return {"step": scalar_state(0.0), "variance": zeros_state(p)}
        array = p._array
        return {"step": scalar_state(0.0), "row_var": wrap(np.zeros_like(array[..., :1])), "col_var": wrap(np.zeros_like(array[..., :1, :]))}

    def rule(self, group: dict[str, Any]) -> Hyperparameters:
        return RULE

    def update(self, p: Tensor, g: Tensor, group: dict[str, Any], rule: Hyperparameters, numbers: tuple) -> None:
        recording.reads("Adafactor.step()")
        lr, weight_decay, beta2_decay, d, eps2 = numbers
        state = self.state[p]
        if not state:
            state.update(self.init(p, group))
        step = state["step"]._array
        step += 1
        t = float(step)
        array = p._array
        gradient = -g._array if group["maximize"] else g._array
        eps1 = np.finfo(array.dtype).eps if group["eps"][0] is None else group["eps"][0]
        alpha = max(eps2, rms(array)) * min(lr, t ** -0.5)
        if weight_decay != 0:
            array *= 1 - lr * weight_decay
        step_of = gradient / np.sqrt(np.maximum(variance(state, gradient, t ** beta2_decay, eps1), eps1 * eps1))
        array -= alpha / max(1.0, rms(step_of) / d) * step_of
        bump(p)


#: the hyperparameters of an update
RULE = Hyperparameters("lr", "weight_decay", "beta2_decay", "d", "eps2")


def rms(a: Any) -> float:
    """The root of the mean square of an array."""
    return float(np.linalg.norm(a)) / a.size ** 0.5


def variance(state: dict[str, Tensor], g: Any, rate: float, eps1: float) -> Any:
    """The estimate of g^2 for each element, after its averages have moved to g^2 by a rate."""
    if "variance" in state:
        full = state["variance"]._array
        full += (g * g - full) * rate
        return full
    row, col = state["row_var"]._array, state["col_var"]._array
    row += ((g * g).mean(-1, keepdims=True) - row) * rate
    col += ((g * g).mean(-2, keepdims=True) - col) * rate
    return row @ col / np.maximum(row.mean(-2, keepdims=True), eps1)


Adafactor.__module__ = "torch.optim"
