"""From a constraint to a transform of unconstrained numbers into it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A table of how to reach constraints: `registry(constraint)` is a transform into it."""

    def __init__(self) -> None:
        self._known: dict = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Any:
        """Let factory(constraint) make the transform for a class of constraints, or for that of an instance; also a decorator."""
        if factory is None:
            return lambda function: self.register(constraint, function)
        self._known[constraint if isinstance(constraint, type) else type(constraint)] = factory
        return factory

    def __call__(self, constraint: Any) -> transforms.Transform:
        factory = self._known.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


#: a bijection, for changes of variables; any transform, for parameters of an optimizer
biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _bounded(constraint: Any) -> transforms.Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if low == 0 and high == 1:
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _above(constraint: Any) -> transforms.Transform:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)])


def _below(constraint: Any) -> transforms.Transform:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)])


for _registry in (biject_to, transform_to):
    _registry.register(constraints.real, lambda constraint: transforms.identity_transform)
    _registry.register(constraints.positive, lambda constraint: transforms.ExpTransform() if constraint.lower_bound == 0 else _above(constraint))
    _registry.register(constraints.nonnegative, lambda constraint: transforms.ExpTransform() if constraint.lower_bound == 0 else _above(constraint))
    _registry.register(constraints.less_than, _below)
    _registry.register(constraints.interval, _bounded)
    _registry.register(constraints.half_open_interval, _bounded)
    _registry.register(constraints.independent, lambda constraint, registry=_registry: transforms.IndependentTransform(
        registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims))
transform_to.register(constraints.lower_cholesky, lambda constraint: transforms.LowerCholeskyTransform())
biject_to.register(constraints.simplex, lambda constraint: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda constraint: transforms.SoftmaxTransform())
