"""Pruning: some elements of a parameter are held at zero by a mask, through a hook before forward."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.tensor import Tensor

from ..module import Module
from .convert_parameters import parameters_to_vector


class BasePruningMethod(ABC):
    """A way to choose what is pruned: subclasses say how in `compute_mask`. An instance is the hook that applies the mask."""

    _tensor_name: str
    PRUNING_TYPE = "unstructured"

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask: 0 where t, or default_mask, is pruned, else 1."""

    def apply_mask(self, module: Module) -> Tensor:
        """The parameter with what is pruned set to zero."""
        original, mask = getattr(module, self._tensor_name + "_orig"), getattr(module, self._tensor_name + "_mask")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any) -> BasePruningMethod:
        """The hook, after it was put in the place of the parameter of that name; after earlier ones, if it was pruned before.

        Raises: what the method raises for bad arguments; the module is then as before.
        """
        old = _hook_of(module, name)
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        tensor = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != tensor.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}")
        scores = tensor if importance_scores is None else importance_scores
        if old is not None:
            method = _after(old, method)
            before = getattr(module, name + "_mask").detach().clone()
        else:
            before = tensor.detach().new_ones(tensor.shape)
        with no_grad():
            mask = method.compute_mask(scores.detach(), default_mask=before)
        # Only now is anything changed: what could fail has not.
        if old is None:
            module.register_parameter(name + "_orig", tensor)
            del module._parameters[name]
        else:
            _remove_hook(module, old)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """t with what is pruned set to zero; nothing is registered."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        mask = t.new_ones(t.shape) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Module) -> None:
        """Makes the pruned parameter an ordinary one again; what is zero stays zero."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if name in module.__dict__:
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _hook_of(module: Module, name: str) -> BasePruningMethod | None:
    found = [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, BasePruningMethod) and hook._tensor_name == name]
    return found[0] if found else None


def _remove_hook(module: Module, hook: BasePruningMethod) -> None:
    for key, value in list(module._forward_pre_hooks.items()):
        if value is hook:
            del module._forward_pre_hooks[key]


def _after(old: BasePruningMethod, new: BasePruningMethod) -> PruningContainer:
    earlier = list(old) if isinstance(old, PruningContainer) else [old]
    return PruningContainer(*earlier, new)


class PruningContainer(BasePruningMethod):
    """Several methods on one parameter, each pruning what the earlier ones have left."""

    def __init__(self, *args: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Adds a method for the same parameter. Raises: TypeError, ValueError."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name != method._tensor_name:
            raise ValueError(f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer {self}. "
                             f"Found '{method._tensor_name}'")
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method on what default_mask has left."""
        method = self._pruning_methods[-1]
        left = self._left(method, default_mask)
        mask = default_mask.clone()
        mask[left] = method.compute_mask(t[left], default_mask=mask[left])
        return mask

    @staticmethod
    def _left(method: Any, mask: Tensor) -> Any:
        """The index of what is left for a method to prune: elements, or whole channels."""
        if method.PRUNING_TYPE == "unstructured":
            return mask == 1
        if method.PRUNING_TYPE == "structured":
            dim = method.dim % mask.dim()
            others = [d for d in range(mask.dim()) if d != dim]
            return (slice(None),) * dim + (mask.sum(dim=others) != 0,)
        if method.PRUNING_TYPE == "global":
            return (slice(None),) * mask.dim()
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


class Identity(BasePruningMethod):
    """Prunes nothing, but makes the mask."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask as it was."""
        return default_mask


class _Amount(BasePruningMethod):
    """A method that prunes a number, or a share between 0 and 1, of what there is."""

    def __init__(self, amount: Any):
        if not isinstance(amount, Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if float(amount) < 0 or (not isinstance(amount, Integral) and float(amount) > 1.0):
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount: Any = amount

    def _number(self, size: int) -> int:
        """How many of `size` to prune. Raises: ValueError if there are not so many."""
        if not isinstance(self.amount, Integral):
            return round(self.amount * size)
        if int(self.amount) > size:
            raise ValueError(f"amount={self.amount} should be smaller than the number of parameters to prune={size}")
        return int(self.amount)


class RandomUnstructured(_Amount):
    """Prunes elements at random."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, without the elements drawn."""
        from rushlight import rand_like
        n, mask = self._number(t.nelement()), default_mask.clone()
        if n:
            mask.view(-1)[rand_like(t).view(-1).topk(n).indices] = 0
        return mask


class L1Unstructured(_Amount):
    """Prunes the elements that are smallest in magnitude."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, without the smallest elements."""
        n, mask = self._number(t.nelement()), default_mask.clone()
        if n:
            mask.view(-1)[t.abs().view(-1).topk(n, largest=False).indices] = 0
        return mask


class _Structured(_Amount):
    """A method that prunes whole channels along a dimension."""

    PRUNING_TYPE = "structured"
    dim: int

    def _channels(self, t: Tensor) -> tuple[int, int]:
        """(number of channels, how many of them to prune). Raises: ValueError, IndexError."""
        if t.dim() <= 1:
            raise ValueError("Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                             f"{t.shape} with {t.dim()} dims")
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        channels = t.shape[self.dim]
        return channels, self._number(channels)

    def _keep(self, t: Tensor, default_mask: Tensor, kept: Tensor) -> Tensor:
        """The mask, without the channels that are not kept."""
        mask = default_mask.new_zeros(t.shape)
        mask[(slice(None),) * (self.dim % t.dim()) + (kept,)] = 1
        return mask * default_mask


class RandomStructured(_Structured):
    """Prunes channels at random."""

    def __init__(self, amount: float, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, without the channels drawn."""
        from rushlight import rand
        channels, n = self._channels(t)
        if not n:
            return default_mask
        drawn = rand(channels)
        return self._keep(t, default_mask, drawn > drawn.kthvalue(n).values)


class LnStructured(_Structured):
    """Prunes the channels whose n-norm is smallest."""

    def __init__(self, amount: float, n: Any, dim: int = -1):
        super().__init__(amount)
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask, without the smallest channels."""
        channels, n = self._channels(t)
        if not n:
            return default_mask
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = t.norm(p=self.n, dim=others)
        return self._keep(t, default_mask, norms.topk(channels - n).indices)


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The two masks together."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"the mask has shape {self.mask.shape}, the parameter {default_mask.shape}")
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """The module, made ready for pruning but not pruned."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """The module with `amount` elements of a parameter pruned at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """The module with the `amount` smallest elements of a parameter pruned."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """The module with `amount` channels of a parameter along dim pruned at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None) -> Module:
    """The module with the `amount` channels of a parameter along dim pruned whose n-norm is smallest."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """The module with a parameter pruned where the mask is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters: Any, pruning_method: Any, importance_scores: dict | None = None, **kwargs: Any) -> None:
    """Prunes (module, name) pairs together, as if all were one parameter. Raises: TypeError."""
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    from rushlight import ones_like
    pairs, scores = list(parameters), importance_scores or {}
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError('Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
                        f"{pruning_method} of type {method.PRUNING_TYPE}")
    method._tensor_name = "all"
    tensors = [getattr(module, name) for module, name in pairs]
    masks = [getattr(module, name + "_mask", ones_like(tensor)) for (module, name), tensor in zip(pairs, tensors)]
    flat = parameters_to_vector([scores.get(pair, tensor) for pair, tensor in zip(pairs, tensors)]).detach()
    mask = PruningContainer(method).compute_mask(flat, parameters_to_vector(masks))
    start = 0
    for (module, name), tensor in zip(pairs, tensors):
        custom_from_mask(module, name, mask[start:start + tensor.numel()].view_as(tensor))
        start += tensor.numel()


def is_pruned(module: Module) -> bool:
    """Whether the module, or one below it, is pruned."""
    return any(isinstance(hook, BasePruningMethod) for below in module.modules() for hook in below._forward_pre_hooks.values())


def remove(module: Module, name: str) -> Module:
    """The module with a pruned parameter made an ordinary one again. Raises: ValueError if it is not pruned."""
    hook = _hook_of(module, name)
    if hook is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    hook.remove(module)
    _remove_hook(module, hook)
    return module
