"""A distribution whose draws went through transforms."""
from __future__ import annotations

from operator import attrgetter
from typing import Any

from ..core.grad_mode import no_grad
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transform import Transform, summed
from .transforms import ComposeTransform

__all__ = ["TransformedDistribution", "of_base"]


def of_base(name: str, doc: str) -> Any:
    """A property of a transformed distribution: its base's."""
    return property(attrgetter(f"base_dist.{name}"), doc=doc)


class TransformedDistribution(Distribution):
    """The distribution of t(x) for x of base_distribution: p(y) = p(x) |dx/dy|."""

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None):
        self.transforms = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list) or not all([isinstance(t, Transform) for t in self.transforms]):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}" if not isinstance(self.transforms, list) else
                             "transforms must be a Transform or a list of Transforms")
        whole = ComposeTransform(self.transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        if len(shape) < whole.domain.event_dim:
            raise ValueError(f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got {shape}.")
        forward = whole.forward_shape(shape)
        missing = whole.domain.event_dim - len(base_distribution.event_shape)
        self.base_dist = base_distribution.expand(whole.inverse_shape(forward)[:len(shape) - len(base_distribution.event_shape)])
        if missing > 0:
            self.base_dist = Independent(self.base_dist, missing)
        dims = max(whole.codomain.event_dim, len(base_distribution.event_shape) + whole.codomain.event_dim - whole.domain.event_dim)
        cut = len(forward) - dims
        super().__init__(forward[:cut], forward[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        whole = ComposeTransform(self.transforms)
        shape = whole.inverse_shape((*batch_shape, *self._event_shape))
        new.base_dist = self.base_dist.expand(shape[:len(shape) - len(self.base_dist.event_shape)])
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base's draws carry gradients."""
        return self.base_dist.has_rsample

    @constraints.dependent_property()
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        found = self.transforms[-1].codomain
        missing = len(self._event_shape) - found.event_dim
        return constraints.independent(found, missing) if missing > 0 else found

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            x = self.base_dist.sample(sample_shape)
            for transform in self.transforms:
                x = transform(x)
            return x

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = self.base_dist.rsample(sample_shape)
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        dims = len(self._event_shape)
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            total = total - summed(transform.log_abs_det_jacobian(x, y), dims - transform.domain.event_dim)
            y = x
        return total + summed(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))

    def _share(self, value: Tensor) -> Tensor:
        """value where the transforms increase, 1 - value where they decrease."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        return value if isinstance(sign, int) and sign == 1 else sign * (value - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._share(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        value = self.base_dist.icdf(self._share(value))
        for transform in self.transforms:
            value = transform(value)
        return value
