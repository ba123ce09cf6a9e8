"""The von Mises distribution of angles."""
from __future__ import annotations

import math
from typing import Any

from ..core.grad_mode import no_grad
from ..ops.choose import where
from ..ops.random import rand
from ..tensor import Tensor
from . import constraints
from .location_scale import Located
from .utils import broadcast_all

__all__ = ["VonMises"]


class VonMises(Located):
    """exp(concentration cos(x - loc)) / (2 pi I0(concentration)) for angles x, which are drawn from -pi to pi."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    expanded = {"loc": 0, "concentration": 0}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def variance(self) -> Tensor:
        """1 - I1 / I0, the circular variance."""
        from ..special import i0e, i1e
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return wrapped_cauchy_rejection(self.loc.double().expand(shape), self.concentration.double().expand(shape)).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        from ..special import i0e
        k = self.concentration
        return k * (value - self.loc).cos() - math.log(2 * math.pi) - (i0e(k).log() + k)


def wrapped_cauchy_rejection(loc: Tensor, k: Tensor) -> Tensor:
    """Angles of the von Mises distribution. Source: Best and Fisher, "Efficient Simulation of the von Mises Distribution", 1979."""
    tau = 1 + (1 + 4 * k ** 2).sqrt()
    rho = (tau - (2 * tau).sqrt()) / (2 * k)
    r = where(k < 1e-5, 1 / k + k, (1 + rho ** 2) / (2 * rho))  # the formula cancels for small k
    x, done = loc.new_empty(loc.shape), (loc != loc)
    while not done.all():
        u1, u2, u3 = rand((3, *loc.shape), dtype=loc.dtype, device=loc.device).unbind()
        z = (math.pi * u1).cos()
        f = (1 + r * z) / (r + z)
        c = k * (r - f)
        accepted = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
        x = where(accepted, (u3 - 0.5).sign() * f.acos(), x)
        done = done | accepted
    return (x + math.pi + loc) % (2 * math.pi) - math.pi
