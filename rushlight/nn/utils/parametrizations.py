"""Ready-made parametrizations: orthogonal matrices, weight norm and spectral norm."""
from __future__ import annotations

from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.core.limits import finfo
from rushlight.ops.choose import where
from rushlight.ops.create import eye
from rushlight.ops.join import cat
from rushlight.ops.linalg_product import matrix_exp
from rushlight.ops.linalg_reflect import geqrf, householder_product
from rushlight.ops.linalg_solve import solve
from rushlight.tensor import Tensor

from .. import functional as F
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, improve, largest_singular_value, output_dim
from .weight_norm import norm_except, weight_of

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

MAPS = ("matrix_exp", "cayley", "householder")


def _identity_of(a: Any) -> Any:
    return eye(a.size(-1), dtype=a.dtype)


def _is_orthogonal(q: Any) -> bool:
    tolerance = 10 * q.size(-2) * finfo(q.dtype).eps
    return bool(((q.mH @ q - _identity_of(q)).abs() <= tolerance + 1e-5 * _identity_of(q).abs()).all())


def _made_orthogonal(a: Any) -> Any:
    """The Q of a, with the signs that make R's diagonal positive."""
    packed, tau = geqrf(a)
    return householder_product(packed, tau) * packed.diagonal(0, -2, -1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """An orthogonal matrix, or one with orthonormal rows or columns, for any matrix of its shape; times `base` where there is one."""
        rows, columns = X.size(-2), X.size(-1)
        wide = rows < columns
        if wide:
            X, rows, columns = X.mT, columns, rows
        Q = self.reflected(X) if self.orthogonal_map == "householder" else self.turned(X)[..., :columns]
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    def reflected(self, X: Any) -> Any:
        """The product of the reflections whose vectors are below X's diagonal, with the signs on it."""
        below = X.tril(-1)
        tau = 2 / (1 + (below * below).sum(-2))
        return householder_product(below, tau) * X.diagonal(0, -2, -1).int().unsqueeze(-2)

    def turned(self, X: Any) -> Any:
        """The rotation that a skew matrix generates: its exponential, or Cayley's (I - A / 2)^-1 (I + A / 2)."""
        rows, columns = X.size(-2), X.size(-1)
        X = X.tril()
        if rows != columns:
            X = cat([X, X.new_zeros((*X.shape[:-1], rows - columns))], -1)
        skew = X - X.mH
        if self.orthogonal_map == "matrix_exp":
            return matrix_exp(skew)
        one = _identity_of(skew)
        return solve(one - 0.5 * skew, one + 0.5 * skew)

    def right_inverse(self, Q: Tensor) -> Tensor:
        """The matrix that gives Q; with a base, Q becomes the base, and the matrix is minus the identity."""
        first = Q
        rows, columns = Q.size(-2), Q.size(-1)
        wide = rows < columns
        if wide:
            Q, rows, columns = Q.mT, columns, rows
        if not hasattr(self, "base"):
            return self.unreflected(Q, wide)
        if rows != columns:
            Q = _made_orthogonal(cat([Q, Q.new_empty((*Q.shape[:-1], rows - columns)).normal_()], -1))
        else:
            Q = Q.clone() if _is_orthogonal(Q) else _made_orthogonal(Q)
        self.base = Q
        negative = first.new_zeros(first.shape)
        negative.diagonal(0, -2, -1).fill_(-1)
        return negative

    def unreflected(self, Q: Any, wide: bool) -> Any:
        """The reflections of Q, and the signs on the diagonal."""
        if self.orthogonal_map != "householder":
            raise NotImplementedError("It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                                      "use_trivialization=False.")
        packed, tau = geqrf(Q)
        diagonal = packed.diagonal(0, -2, -1)
        # Where LAPACK needed no reflection (tau is 0) this one would turn the sign.
        diagonal.copy_(where(tau == 0, -diagonal.sign(), diagonal.sign()))
        return packed.mT if wide else packed


def orthogonal(module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True) -> Module:
    """The module, its weight from now on orthogonal (or with orthonormal rows or columns), made of a matrix that is trained freely.

    orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for a square or complex weight, else the last.
    use_trivialization: multiply by the weight as it was, so that training starts there.
    Source: Lezcano-Casado 2019, "Trivializations for gradient-based optimization on manifolds".
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}')
    if orthogonal_map == "householder" and weight.is_complex():
        raise ValueError("The householder parametrization does not support complex tensors.")
    return register_parametrization(module, name, _Orthogonal(orthogonal_map, use_trivialization=use_trivialization), unsafe=True)


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """g * v / |v|."""
        return weight_of(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """(length, direction)."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int = 0) -> Module:
    """The module, its weight from now on g * v / |v|, with g and v trained; the norm is over all dimensions but dim.

    It also loads the state of the older `torch.nn.utils.weight_norm`.
    Source: Salimans and Kingma 2016, "Weight normalization".
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old_keys(state_dict: dict, prefix: str, *_: Any) -> None:
        for old, new in (("_g", "original0"), ("_v", "original1")):
            if prefix + name + old in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(prefix + name + old)

    module._register_load_state_dict_pre_hook(rename_old_keys)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}")
        self.dim = dim if dim >= 0 else dim + ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            height, width = matrix.size()
            with no_grad():
                u, v = (matrix.new_empty(size).normal_(0, 1) for size in (height, width))
                self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
                self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
                improve(matrix, self._u, self._v, 15, eps)  # a good first estimate

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value; a vector over its norm."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            with no_grad():
                improve(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        return weight / largest_singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: it may be assigned to, and is then normalised."""
        return value


def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Module:
    """The module, its weight from now on divided by its largest singular value, which every forward in training estimates better.

    Source: Miyato and others 2018, "Spectral normalization for generative adversarial networks".
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = output_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))

