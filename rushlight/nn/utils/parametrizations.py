"""Ready-made parametrizations: weight norm, spectral norm, orthogonal matrices."""
from __future__ import annotations

from typing import Any

from rushlight.core.grad_mode import no_grad
from rushlight.tensor import Tensor

from .. import functional as F
from ..module import Module
from .parametrize import register_parametrization
from .spectral_norm import TRANSPOSED, as_matrix, improve, largest_singular_value
from .weight_norm import norm_except, weight_of

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


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
    if dim is None:
        dim = 1 if isinstance(module, TRANSPOSED) else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def _is_orthogonal(q: Tensor) -> bool:
    from rushlight import eye, finfo
    n = q.size(-1)
    error = q.mT @ q - eye(n, dtype=q.dtype, device=q.device)
    return bool((error.abs().amax(dim=(-2, -1)) < 10.0 * n * finfo(q.dtype).eps).all())


class _Orthogonal(Module):
    """A matrix, or a batch of them, made orthogonal: columns orthonormal if tall, rows if wide."""

    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool):
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        """The orthogonal matrix."""
        from rushlight import eye
        from rushlight.linalg import householder_product, matrix_exp, solve
        n, k = x.size(-2), x.size(-1)
        transposed = n < k
        if transposed:
            x, n, k = x.mT, k, n
        if self.orthogonal_map == "householder":
            a = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
            q = householder_product(a, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            a = x.tril()
            if n != k:
                a = F.pad(a, (0, n - k))
            a = a - a.mH
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(a)
            else:  # Cayley: (I - A / 2)^-1 (I + A / 2)
                identity = eye(n, dtype=a.dtype, device=a.device)
                q = solve(identity - a * 0.5, identity + a * 0.5)
            q = q[..., :k]
        base = getattr(self, "base", None)
        if base is not None:
            q = base @ q
        return q.mT if transposed else q

    @no_grad()
    def right_inverse(self, q: Tensor) -> Tensor:
        """A matrix whose orthogonal matrix is q, or the one nearest to it in spirit. Raises: NotImplementedError, ValueError."""
        from rushlight import geqrf, zeros_like
        from rushlight.linalg import qr
        if q.shape != self.shape:
            raise ValueError(f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}.")
        transposed = q.size(-2) < q.size(-1)
        q = q.mT if transposed else q
        n, k = q.size(-2), q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map != "householder":
                raise NotImplementedError("It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                                          "use_trivialization=False.")
            a, _ = geqrf(q)
            a.diagonal(dim1=-2, dim2=-1).sign_()
            a.diagonal(dim1=-2, dim2=-1)[a.diagonal(dim1=-2, dim2=-1) == 0] = 1
            return a.mT if transposed else a
        base = q.clone() if _is_orthogonal(q) else _made_orthogonal(q)
        if n != k:
            # Columns of random numbers, made orthogonal to those that are there, complete the basis.
            from rushlight import cat, randn
            extra = randn(*q.size()[:-2], n, n - k, dtype=q.dtype, device=q.device)
            completed, r = qr(cat([base, extra], dim=-1))
            base = completed * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        self.base = base
        # Minus the identity: all three maps make it the identity, so the orthogonal matrix is the base.
        start = zeros_like(q)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start.mT if transposed else start


def _made_orthogonal(matrix: Tensor) -> Tensor:
    from rushlight.linalg import qr
    q, r = qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)


MAPS = ("matrix_exp", "cayley", "householder")


def orthogonal(module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True) -> Module:
    """The module, its matrix from now on orthogonal, by the matrix exponential, the Cayley map or Householder reflections.

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
    return register_parametrization(module, name, _Orthogonal(weight, orthogonal_map, use_trivialization), unsafe=True)
