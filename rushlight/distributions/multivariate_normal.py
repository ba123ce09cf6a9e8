"""The normal distribution of vectors."""
from __future__ import annotations

import math
from typing import Any

from ..linalg import cholesky, solve_triangular
from ..ops.create import eye
from ..tensor import Tensor
from . import constraints
from .location_scale import Located
from .utils import lazy_property

__all__ = ["MultivariateNormal"]


class MultivariateNormal(Located):
    """exp(-(x - m)^T C^-1 (x - m) / 2) / sqrt((2 pi)^n det C), with C given as it is, by its inverse, or by its Cholesky factor (scale_tril)."""

    arg_constraints = {"loc": constraints.real_vector, "covariance_matrix": constraints.positive_definite,
                       "precision_matrix": constraints.positive_definite, "scale_tril": constraints.lower_cholesky}
    expanded = {"loc": 1, "covariance_matrix": 2, "precision_matrix": 2, "scale_tril": 2, "_unbroadcasted_scale_tril": 2}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, covariance_matrix: Tensor | None = None, precision_matrix: Tensor | None = None,
                 scale_tril: Tensor | None = None, validate_args: bool | None = None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = [(name, value) for name, value in (("covariance_matrix", covariance_matrix), ("scale_tril", scale_tril),
                                                   ("precision_matrix", precision_matrix)) if value is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given[0]
        if matrix.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        from .. import broadcast_shapes
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(*batch, -1, -1))
        self.loc = loc.expand(*batch, -1)
        super().__init__(batch, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = matrix if name == "scale_tril" else cholesky(matrix) if name == "covariance_matrix" else \
            factor_of_inverse(matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The lower triangular L with C = L L^T."""
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + self._event_shape * 2)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """C."""
        return (self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT).expand(self._batch_shape + self._event_shape * 2)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of C."""
        from .. import cholesky_inverse
        return cholesky_inverse(self._unbroadcasted_scale_tril).expand(self._batch_shape + self._event_shape * 2)

    @property
    def variance(self) -> Tensor:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        numbers = self.loc.new_empty(self._extended_shape(sample_shape)).normal_()
        return self.loc + (self._unbroadcasted_scale_tril @ numbers.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = squared_distance(self._unbroadcasted_scale_tril, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        result = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det(self._unbroadcasted_scale_tril)
        return result.expand(self._batch_shape)


def half_log_det(scale_tril: Tensor) -> Tensor:
    """log sqrt(det L L^T)."""
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squared_distance(scale_tril: Tensor, difference: Tensor) -> Tensor:
    """d^T (L L^T)^-1 d, the squared length of L^-1 d."""
    return solve_triangular(scale_tril, difference.unsqueeze(-1), upper=False).squeeze(-1).pow(2).sum(-1)


def factor_of_inverse(matrix: Tensor) -> Tensor:
    """The lower triangular L with L L^T the inverse of a matrix.

    The factor of the matrix with its rows and columns turned round, turned round again, is upper triangular, and so is its inverse's transpose.
    """
    turned = cholesky(matrix.flip((-2, -1))).flip((-2, -1)).mT
    return solve_triangular(turned, eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device), upper=False)
