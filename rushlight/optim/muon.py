"""Muon: momentum whose matrix is made orthogonal before the step."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import recording
from ..core.dtypes import bfloat16
from ..core.inplace import bump
from ..tensor import Tensor
from .optimizer import Optimizer, ParamsT, check, check_lr, zeros_state
from .update import Hyperparameters


class Muon(Optimizer):
    r"""P = P - lr' * O(B), where B is the running average of the gradient matrix and O(B) the orthogonal matrix nearest to it, nearly.

    For the weight matrices of hidden layers; embeddings, biases and the last layer are better left to AdamW. O is found by `ns_steps` steps
    of a Newton-Schulz iteration in bfloat16. lr' is lr * sqrt(max(1, rows / columns)) or, with `adjust_lr_fn="match_rms_adamw"`, lr * 0.2 *
    sqrt(max(rows, columns)), which lets one learning rate serve Muon and AdamW.

    Source: Jordan, "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
    """

    def __init__(self, params: ParamsT, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
                 ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315), eps: float = 1e-7, ns_steps: int = 5,
                 adjust_lr_fn: str | None = None) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is")
        check(0.0 <= momentum, f"momentum should be >= 0 but is: {momentum}")
        check(0.0 <= weight_decay, f"weight decay should be >= 0 but is: {weight_decay}")
        check(adjust_lr_fn in (None, "original", "match_rms_adamw"), f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov, "ns_coefficients": ns_coefficients,
                    "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                check(p.ndim == 2, f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")

    def init(self, p: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        return {"momentum_buffer": zeros_state(p)}

    def rule(self, group: dict[str, Any]) -> Hyperparameters:
        return RULE

    def update(self, p: Tensor, g: Tensor, group: dict[str, Any], rule: Hyperparameters, numbers: tuple) -> None:
        recording.reads("Muon.step()")
        lr, weight_decay, momentum = numbers
        state = self.state[p]
        if not state:
            state.update(self.init(p, group))
        buffer, gradient, array = state["momentum_buffer"]._array, g._array, p._array
        buffer += (gradient - buffer) * (1 - momentum)
        update = gradient + (buffer - gradient) * momentum if group["nesterov"] else buffer
        update = orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        array *= 1 - lr * weight_decay
        array -= lr * scale(array.shape, group["adjust_lr_fn"]) * update.astype(array.dtype)
        bump(p)


#: the hyperparameters of an update
RULE = Hyperparameters("lr", "weight_decay", "momentum")


def scale(shape: tuple[int, int], adjust_lr_fn: str | None) -> float:
    """What the learning rate of a matrix is multiplied by."""
    rows, columns = shape
    return 0.2 * math.sqrt(max(rows, columns)) if adjust_lr_fn == "match_rms_adamw" else math.sqrt(max(1, rows / columns))


def orthogonal(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """U S' V^T for the matrix U S V^T, with singular values S' somewhere near 1.

    Each step maps every singular value s of X to a s + b s^3 + c s^5: X = a X + (b A + c A A) X with A = X X^T. The values of X are rounded
    to bfloat16, as PyTorch's are, after each product; the products themselves are computed in float32.
    """
    check(steps < 100, "Number of steps must be less than 100 for computational efficiency")
    check(len(coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    rounded = bfloat16.numpy
    x = matrix.astype(rounded).astype(np.float32)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    norm = np.linalg.norm(x).astype(rounded)
    x = (x / max(norm, np.asarray(eps, rounded)).astype(np.float32)).astype(rounded).astype(np.float32)
    for _ in range(steps):
        gram = (x @ x.T).astype(rounded).astype(np.float32)
        polynomial = (b * gram + c * (gram @ gram)).astype(rounded).astype(np.float32)
        x = (a * x + polynomial @ x).astype(rounded).astype(np.float32)
    return x.T if tall else x


Muon.__module__ = "torch.optim"
