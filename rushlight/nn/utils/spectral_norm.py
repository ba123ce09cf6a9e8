"""The weight of a layer divided by its largest singular value, by a hook; `parametrizations.spectral_norm` is the newer form."""
from __future__ import annotations

from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.tensor import Tensor

from .. import functional as F
from ..module import Module
from ..parameter import Parameter, UninitializedParameter
from .weight_norm import remove_hook


def output_dim(module: Module) -> int:
    """The dimension of a layer's weight that its outputs are in: 1 for transposed convolutions, else 0."""
    from ..conv import _ConvTransposeNd
    return 1 if isinstance(module, _ConvTransposeNd) else 0


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight as a matrix (size(dim), the rest)."""
    if dim != 0:
        weight = weight.permute(dim, *[d for d in range(weight.dim()) if d != dim])
    return weight.flatten(1) if weight.dim() > 1 else weight.unsqueeze(1)


def improve(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Steps of the power iteration: u and v, the first singular vectors, are overwritten by better ones."""
    for _ in range(steps):
        u.copy_(F.normalize(matrix.mv(v), dim=0, eps=eps))
        v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=eps))


def largest_singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """u . (matrix @ v)."""
    # Copies: the next forward overwrites u and v, which backward still needs.
    return u.clone().dot(matrix.mv(v.clone()))


class SpectralNorm:
    """The hook: before every forward it improves its estimate, if in training, and computes the weight anew."""

    _version = 1

    def __init__(self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight over its largest singular value."""
        weight, u, v = (getattr(module, self.name + end) for end in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                # v before u, as in the first of these hooks.
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
        return weight / largest_singular_value(matrix, u, v)

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Puts the hook, the parameter and its two buffers in the weight's place."""
        if any(isinstance(hook, SpectralNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if isinstance(weight, UninitializedParameter):
            raise ValueError("The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy forward before "
                             "applying spectral normalization")
        with no_grad():
            height, width = as_matrix(weight, dim).size()
            u = F.normalize(weight.new_empty(height).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(width).normal_(0, 1), dim=0, eps=eps)
        del module._parameters[name]
        module.register_parameter(name + "_orig", weight)
        # A plain attribute, so that `module.weight` works before the first forward; the hook replaces it.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Makes the weight an ordinary parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for name in (self.name, self.name + "_u", self.name + "_v", self.name + "_orig"):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Module:
    """The module, its weight from now on divided by its largest singular value, which is estimated by power iteration.

    Source: Miyato and others 2018, "Spectral normalization for generative adversarial networks".
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """The module with its weight an ordinary parameter again. Raises: ValueError if it has no spectral norm of that name."""
    return remove_hook(module, name, SpectralNorm, "spectral_norm")
