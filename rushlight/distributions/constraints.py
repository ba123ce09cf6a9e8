"""Which values a parameter or a sample may have. `constraint.check(value)` says so for each."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor

__all__ = ["Constraint", "MixtureSameFamilyConstraint", "boolean", "corr_cholesky", "dependent", "dependent_property", "greater_than",
           "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
           "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
           "positive_semidefinite", "real", "real_vector", "simplex", "square", "symmetric", "unit_interval"]


class Constraint:
    """A region of values; `event_dim` is the number of dimensions that together are one value."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """Whether each value lies in the region."""
        raise NotImplementedError

    def __repr__(self) -> str:
        bounds = ", ".join([f"{name}={bound}" for name, bound in vars(self).items()])
        return f"{type(self).__name__.lstrip('_')}({bounds})"


def simple(name: str, check: Callable, event_dim: int = 0, is_discrete: bool = False, base: type = Constraint) -> Any:
    """The constraint of that name, without parameters."""
    kind = type(f"_{name}", (base,), {"check": lambda self, value: check(value), "event_dim": event_dim, "is_discrete": is_discrete,
                                      "__repr__": lambda self: f"{name}()", "__module__": __name__})
    globals()[kind.__name__] = kind  # where pickle looks for it
    return kind()


class _Dependent(Constraint):
    """Depends on other parameters; checked where they are known."""

    def check(self, value: Tensor) -> Tensor:
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether a constraint depends on other parameters."""
    return isinstance(constraint, (_Dependent, dependent_property))


class dependent_property(property):
    """A property of a distribution's class that is a constraint of its instances."""

    def __init__(self, fn: Any = None, *, is_discrete: Any = None, event_dim: Any = None):
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable) -> dependent_property:
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)


class independent(Constraint):
    """A constraint of which several values are one: all of them must satisfy it."""

    def __init__(self, base_constraint: Any, reinterpreted_batch_ndims: int):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        result = self.base_constraint.check(value)
        dims = self.reinterpreted_batch_ndims
        if result.dim() < dims:
            expected = self.base_constraint.event_dim + dims
            raise ValueError(f"Expected value.dim() >= {expected} but got {value.dim()}")
        return result.reshape((*result.shape[:result.dim() - dims], -1)).all(-1)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """A value that every component of a mixture could have drawn."""

    def __init__(self, base_constraint: Any):
        self.base_constraint = base_constraint
        self.is_discrete, self.event_dim = base_constraint.is_discrete, base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        return self.base_constraint.check(value.unsqueeze(-1 - self.event_dim)).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _GreaterThan(Constraint):
    """Numbers above a bound."""

    def __init__(self, lower_bound: Any):
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound < value


class _GreaterThanEq(_GreaterThan):
    """Numbers from a bound on."""

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound <= value


class _LessThan(Constraint):
    """Numbers below a bound."""

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(Constraint):
    """Numbers from one bound to the other, with both."""

    def __init__(self, lower_bound: Any, upper_bound: Any):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Interval):
    """Numbers from one bound on, below the other."""

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _IntegerInterval(_Interval):
    """Integers from one bound to the other, with both."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & super().check(value)


class _IntegerGreaterThan(_GreaterThanEq):
    """Integers from a bound on."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & super().check(value)


class _Multinomial(Constraint):
    """Counts that are not negative and whose sum is at most the bound."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)

    def __repr__(self) -> str:
        return "Multinomial()"


greater_than, greater_than_eq, less_than = _GreaterThan, _GreaterThanEq, _LessThan
interval, half_open_interval, integer_interval = _Interval, _HalfOpenInterval, _IntegerInterval
multinomial = _Multinomial


# ---- vectors and matrices

def _is_simplex(value: Tensor) -> Tensor:
    return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


def _is_lower(value: Tensor) -> Tensor:
    return (value.tril() == value).flatten(-2).all(-1)


def _is_lower_cholesky(value: Tensor) -> Tensor:
    return _is_lower(value) & (value.diagonal(0, -2, -1) > 0).all(-1)


def _is_corr_cholesky(value: Tensor) -> Tensor:
    lengths = value.detach().norm(dim=-1)
    from .. import finfo
    tolerance = finfo(value.dtype).eps * value.shape[-1] * 10  # a row of that many numbers, each rounded
    return _is_lower_cholesky(value) & ((lengths - 1).abs() < tolerance).all(-1)


def _is_square(value: Tensor) -> Tensor:
    return value.new_full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=bool)


def _is_symmetric(value: Tensor) -> Tensor:
    if not _is_square(value).all():
        return _is_square(value)
    return value.isclose(value.mT, atol=1e-6).all(-2).all(-1)


def _is_definite(value: Tensor) -> Tensor:
    from ..linalg import cholesky_ex
    symmetric = _is_symmetric(value)
    return cholesky_ex(value).info.eq(0) if symmetric.all() else symmetric


def _is_semidefinite(value: Tensor) -> Tensor:
    from ..linalg import eigvalsh
    symmetric = _is_symmetric(value)
    return eigvalsh(value).ge(0).all(-1) if symmetric.all() else symmetric


dependent = _Dependent()
real = simple("Real", lambda value: value == value)  # nan is not equal to itself
boolean = simple("Boolean", lambda value: (value == 0) | (value == 1), is_discrete=True)
one_hot = simple("OneHot", lambda value: ((value == 0) | (value == 1)).all(-1) & value.sum(-1).eq(1), 1, is_discrete=True)
simplex = simple("Simplex", _is_simplex, 1)
square, symmetric = simple("Square", _is_square, 2), simple("Symmetric", _is_symmetric, 2)
lower_triangular, lower_cholesky = simple("LowerTriangular", _is_lower, 2), simple("LowerCholesky", _is_lower_cholesky, 2)
corr_cholesky = simple("CorrCholesky", _is_corr_cholesky, 2)
positive_definite, positive_semidefinite = simple("PositiveDefinite", _is_definite, 2), simple("PositiveSemidefinite", _is_semidefinite, 2)
nonnegative_integer, positive_integer = _IntegerGreaterThan(0), _IntegerGreaterThan(1)
nonnegative, positive, unit_interval = greater_than_eq(0.0), greater_than(0.0), interval(0.0, 1.0)
real_vector = independent(real, 1)
