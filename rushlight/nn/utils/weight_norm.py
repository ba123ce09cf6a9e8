"""The weight of a layer as a length times a direction, by a hook before forward; `parametrizations.weight_norm` is the newer form."""
from __future__ import annotations

import warnings
from typing import Any

from rushlight.tensor import Tensor

from ..module import Module
from ..parameter import Parameter, UninitializedParameter


def norm_except(v: Tensor, dim: int | None) -> Tensor:
    """The 2-norms of v over all dimensions but dim, which are kept with size 1; of all of v, as a scalar, for None or -1."""
    from rushlight.ops.norms import vector_norm
    if dim is None or dim == -1:
        return vector_norm(v)
    others = [d for d in range(v.dim()) if d != dim]
    return vector_norm(v, 2, others, keepdim=True) if others else v.abs()


def weight_of(v: Tensor, g: Tensor, dim: int | None) -> Tensor:
    """g * v / |v|."""
    return v * (g / norm_except(v, dim))


class WeightNorm:
    """The hook: it computes the weight anew before every forward."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight from its length and direction."""
        return weight_of(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Puts the hook and its two parameters in the weight's place."""
        if any(isinstance(hook, WeightNorm) and hook.name == name for hook in module._forward_pre_hooks.values()):
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if isinstance(weight, UninitializedParameter):
            raise ValueError("The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy forward before "
                             "applying weight normalization")
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except(weight, dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Makes the weight an ordinary parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """The module, its weight from now on g * v / |v| with the parameters `weight_g` and `weight_v`; the norm is over all but `dim`.

    Source: Salimans and Kingma 2016, "Weight normalization".
    """
    warnings.warn("`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.", FutureWarning,
                  stacklevel=2)
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """The module with its weight an ordinary parameter again. Raises: ValueError if it has no weight norm of that name."""
    return remove_hook(module, name, WeightNorm, "weight_norm")


def remove_hook(module: Module, name: str, kind: type, what: str) -> Module:
    """The module without its hook of a kind for the weight of that name. Raises: ValueError if it has none."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:  # type: ignore[attr-defined]
            hook.remove(module)  # type: ignore[attr-defined]
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"{what} of '{name}' not found in {module}")
