"""Householder's reflections, I - tau v v^H, which LAPACK keeps below the diagonal of R and from which it multiplies Q."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..core.apply import apply
from ..core.op import Op, opaque
from .create import eye
from .linalg_checks import has_kernel
from .masks import tril

if TYPE_CHECKING:
    from ..tensor import Tensor


def geqrf(input: Tensor) -> Any:
    """Named tuple (a, tau): R on and above the diagonal of a, the reflections' vectors below it, their factors in tau."""
    if input._array.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    has_kernel(input, "geqrf_cpu")
    return return_types.geqrf(*apply(GEQRF, input))


def _geqrf(x: Any) -> tuple:
    turned, tau = np.linalg.qr(x, "raw")
    return np.ascontiguousarray(turned.swapaxes(-1, -2)), tau


GEQRF = Op("geqrf", opaque, _geqrf)


def reflections(A: Any, tau: Any) -> list:
    """(v, tau v^H) of each reflection, v as a column (*, m, 1)."""
    count = tau._array.shape[-1]
    vectors = tril(A, -1) + eye(*A._array.shape[-2:], dtype=A.dtype)
    pairs = []
    for at in range(count):
        v = vectors[..., at].unsqueeze(-1)
        pairs.append((v, tau[..., at].unsqueeze(-1).unsqueeze(-1) * v.mH))
    return pairs


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of H1 H2 ... Hk: A (*, m, n) with the vectors below its diagonal, tau (*, k)."""
    check_product(A, tau)
    if not tau._array.shape[-1]:
        return apply(NO_REFLECTION, A)
    out = A.new_ones(A._array.shape[:-1]).diag_embed()[..., :A._array.shape[-1]]
    for v, scaled in reversed(reflections(A, tau)):
        out = out - v @ (scaled @ out)
    return out


#: the product of no reflections, which has a history, and no slope
NO_REFLECTION = Op("linalg_householder_product", opaque, lambda x: np.broadcast_to(np.eye(*x.shape[-2:], dtype=x.dtype), x.shape).copy(),
    arguments=("x",), grads=(lambda g: g.new_zeros(()),))


def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """The first columns of the product of reflections, as `linalg.householder_product`."""
    return householder_product(input, tau)


def check_product(A: Any, tau: Any) -> None:
    """Raise PyTorch's errors unless A and tau describe reflections."""
    name = "torch.linalg.householder_product"
    a, t = A._array, tau._array
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if a.shape[-2] < a.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if a.shape[-1] < t.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if a.ndim - t.ndim != 1:
        raise RuntimeError(f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {t.ndim} and input.ndim is "
                           f"equal to {a.ndim}")
    if a.shape[:-2] != t.shape[:-1]:
        raise RuntimeError(f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(t.shape[:-1])}")
    if a.dtype != t.dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype.kernel_name} does not match input dtype {A.dtype.kernel_name}")


def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q other, or other Q unless `left`, for the whole Q of the reflections; with Q^H in its place if `transpose`."""
    check_multiplied(input, tau, other, left)
    pairs = reflections(input, tau)
    out = other
    # Q = H1 H2 ... Hk: the reflection next to `other` comes first.
    for v, scaled in pairs if left == transpose else pairs[::-1]:
        if transpose:  # Q^H multiplies by the adjoints
            v, scaled = scaled.mH, v.mH
        out = out - v @ (scaled @ out) if left else out - (out @ v) @ scaled
    return out


def check_multiplied(A: Any, tau: Any, other: Any, left: bool) -> None:
    """Raise PyTorch's errors unless the reflections fit what they multiply."""
    for name, value in (("input", A), ("other", other)):
        if value._array.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    at = -2 if left else -1
    size = other._array.shape[at]
    if size < tau._array.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{at}] must be greater than or equal to tau.shape[-1]")
    if tau._array.shape[-1] != min(size, A._array.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{at}], input.shape[-1])")
    if size != A._array.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{at}] must be equal to input.shape[-2]")
