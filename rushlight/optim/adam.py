"""Adam: steps scaled by running averages of the gradient and of its square."""
from __future__ import annotations

import functools
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_betas, check_fused, check_lr, scalar_state, zeros_state
from .update import Update


class Adam(Optimizer):
    r"""p = p - lr * m / (sqrt(v) + eps), where m and v are running averages of g and g^2 with rates beta1 and beta2, freed of their bias.

    `amsgrad` uses the largest v so far. `weight_decay` adds weight_decay * p to the gradient or, with `decoupled_weight_decay`, shrinks p by
    lr * weight_decay first (AdamW). `foreach`, `fused`, `capturable` and `differentiable` are accepted; there is one implementation.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2014; amsgrad: Reddi et al., "On the convergence of Adam and
    beyond", 2018; decoupled weight decay: Loshchilov and Hutter, "Decoupled weight decay regularization", 2017.
    """

    added_later = {"amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
                   "decoupled_weight_decay": False, "fused": None}

    def __init__(self, params: ParamsT, lr: float | Tensor = 1e-3, betas: tuple = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
                 amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
                 differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        check(0.0 <= eps, f"Invalid epsilon value: {eps}")
        check_betas(betas)
        check(0.0 <= weight_decay, f"Invalid weight_decay value: {weight_decay}")
        check_tensor_betas(betas, bool(foreach), capturable)
        betas = tuple([beta.squeeze() if isinstance(beta, Tensor) and beta.dim() != 0 else beta for beta in betas])
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
                    "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
                    "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        state = {"step": scalar_state(0.0), "exp_avg": zeros_state(p), "exp_avg_sq": zeros_state(p)}
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_state(p)
        return state

    def rule(self, group: dict[str, Any]) -> Update:
        decay = "" if group["weight_decay"] == 0 else "decoupled" if group["decoupled_weight_decay"] else "added"
        return adam_update(group["maximize"], decay, group["amsgrad"])


def check_tensor_betas(betas: tuple, foreach: bool, capturable: bool) -> None:
    """Raise PyTorch's errors for decay rates given as tensors."""
    kinds = [type(beta) if isinstance(beta, float) else Tensor if isinstance(beta, Tensor) else None for beta in betas]
    check(kinds[0] is not None and (kinds[0] is Tensor) == (kinds[1] is Tensor) and kinds[1] is not None,
          "betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            check(capturable or not foreach, f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            check(beta.numel() == 1, f"Tensor betas[{i}] must be 1-element")


DECAY = {"": "", "added": "d = d + weight_decay * p", "decoupled": "p = p * (1 - lr * weight_decay)"}


@functools.cache
def adam_update(maximize: bool, decay: str, amsgrad: bool) -> Update:
    """The update; `decay` is a key of DECAY."""
    text = f"""
step = step + 1
d = {'-g' if maximize else 'g'}
{DECAY[decay]}
exp_avg = exp_avg + (d - exp_avg) * (1 - beta1)
exp_avg_sq = exp_avg_sq * beta2 + (1 - beta2) * d * d
{'max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)' if amsgrad else ''}
p = p - lr / (1 - beta1 ** step) * exp_avg / (sqrt({'max_' if amsgrad else ''}exp_avg_sq) / sqrt(1 - beta2 ** step) + eps)
"""
    return Update(text, ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else [])), ["step"])


Adam.__module__ = "torch.optim.adam"
