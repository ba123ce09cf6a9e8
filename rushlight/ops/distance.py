"""Distances and angles between rows; rows scaled to length 1."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Op, opaque
from .activation import not_implemented
from .choose import zero_where
from .create import triu_indices

if TYPE_CHECKING:
    from ..tensor import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x1 and x2 along dim; each length counts as at least eps."""
    common = x1.dtype
    if x2.dtype is not common:
        from ..core.dtypes import promote_types
        common = promote_types(common, x2.dtype)
    if not common.is_floating_point and not common.is_complex:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {common.kernel_name}")
    if x1._array.shape != x2._array.shape:
        from .views import broadcast_tensors
        x1, x2 = broadcast_tensors(x1, x2)
    return (unit(x1.to(common), dim, eps) * unit(x2.to(common), dim, eps)).sum(dim)


def unit(x: Tensor, dim: int, eps: float) -> Tensor:
    """x divided by its length along dim, or by eps where it is shorter."""
    # The bound is put in without history, so that a row of zeros has the gradient 0, and not nan, through its length.
    length = x.norm(2, dim, True)
    bounded = length.detach().clamp_min(eps)
    return x / (length + (bounded - length.detach()))


def cosine_terms(x1: Tensor, x2: Tensor) -> Tensor:
    """The cosine along the last dimension, as the embedding loss computes it: lengths that are never 0."""
    eps = 1e-12
    product = (x1 * x2).sum(-1)
    lengths = (x1.square().sum(-1) + eps) * (x2.square().sum(-1) + eps)
    return product / lengths.sqrt()


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """input divided by its p-norm along dim, or by eps where that is smaller."""
    if input._array.dtype.kind in "biu":
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.kernel_name}")
    lengths = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    if out is None:
        return input / lengths
    from ..core.out import write_out
    from .arithmetic import div
    return write_out("div", div(input, lengths), out)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of every two rows of a matrix, the upper triangle of `cdist(input, input)` in one row."""
    if input._array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._array.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if input._array.dtype.kind != "f" or input._array.dtype.itemsize == 2:
        raise not_implemented("pdist", input)
    return apply(PDIST, input, p=p)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm of the difference of every row of x1 and every row of x2.

    *Shape*: (..., P, M) and (..., R, M) -> (..., P, R); leading dimensions broadcast. *Gradient*: 0 where the distance is 0.
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    check_rows(x1, x2, p)
    a, b = x1._array, x2._array
    many = a.shape[-2] > 25 or b.shape[-2] > 25
    by_product = p == 2 and (compute_mode == modes[1] or compute_mode == modes[0] and many)
    return apply(CDIST, x1, x2, p=p, by_product=by_product)


def check_rows(x1: Any, x2: Any, p: float) -> None:
    """Raise PyTorch's error for what cdist does not take."""
    for name, value in (("X1", x1), ("X2", x2)):
        if value._array.dtype.kind not in "fV":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {value.dtype.kernel_name}")
    if x1._array.dtype.itemsize == 2:
        raise not_implemented("cdist", x1)
    for name, value in (("X1", x1), ("X2", x2)):
        if value._array.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {value._array.ndim}D")
    if x1._array.shape[-1] != x2._array.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1._array.shape[-1]} X2: {x2._array.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x1.dtype is not x2.dtype:
        raise RuntimeError(f"expected scalar type {x1.dtype.kernel_name} but found {x2.dtype.kernel_name}")


def norm_of(d: Any, p: float) -> Any:
    """The p-norm of an array along its last dimension."""
    if not d.shape[-1]:
        return np.zeros(d.shape[:-1], d.dtype)
    if p == 0:
        return (d != 0).sum(-1).astype(d.dtype)
    size = np.abs(d)
    if p == 1:
        return size.sum(-1)
    if p == np.inf:
        return size.max(-1)
    if p == 2:
        return np.sqrt(np.multiply(d, d).sum(-1))
    return (size ** p).sum(-1) ** d.dtype.type(1 / p)


def _cdist(x1: Any, x2: Any, *, p: float, by_product: bool) -> Any:
    if not by_product:
        return norm_of(x1[..., :, None, :] - x2[..., None, :, :], p)
    # |a - b|^2 = |a|^2 - 2 ab + |b|^2
    squares = (x1 * x1).sum(-1)[..., :, None] + (x2 * x2).sum(-1)[..., None, :]
    return np.sqrt(np.maximum(squares - 2 * (x1 @ x2.swapaxes(-1, -2)), 0))


def slopes_of(d: Any, norm: Any, p: float) -> Any:
    """The derivative of the p-norm along the last dimension of a tensor d, given the norm; 0 where the norm is 0."""
    norm = norm.unsqueeze(-1)
    if p == 0:
        return d * 0
    if p == 1:
        return d.sign()
    if p == np.inf:
        return d.sign() * (d.abs() == norm)
    ratio = zero_where(norm == 0, d.abs() / norm)
    return d.sign() * (ratio if p == 2 else zero_where(d == 0, ratio ** (p - 1)))


def _cdist_slopes(x1: Any, x2: Any, out: Any, p: float) -> Any:
    return slopes_of(x1.unsqueeze(-2) - x2.unsqueeze(-3), out, p)


def _by_first(g: Any, x1: Any, x2: Any, out: Any, p: float) -> Any:
    if p != 2:
        return (g.unsqueeze(-1) * _cdist_slopes(x1, x2, out, p)).sum(-2)
    # The sum over r of g (a - b_r) / distance, without a table of all differences.
    share = zero_where(out == 0, g / out)
    return x1 * share.sum(-1, True) - share.matmul(x2)


def _by_second(g: Any, x1: Any, x2: Any, out: Any, p: float) -> Any:
    return _by_first(g.transpose(-1, -2), x2, x1, out.transpose(-1, -2), p)


CDIST = Op("cdist", opaque, _cdist,
    grads=(_by_first, _by_second), samples=lambda random, shape: [
        ((random.normal(size=(*shape, 3, 4)), random.normal(size=(*shape, 2, 4))), {"p": p, "by_product": p == 2.0}) for p in (1.5, 2.0, 3.0)])


def _pdist(x: Any, *, p: float) -> Any:
    first, second = np.triu_indices(len(x), 1)
    return norm_of(x[first] - x[second], p)


def _pdist_gradient(g: Any, x: Any, out: Any, p: float) -> Any:
    first, second = triu_indices(len(x._array), len(x._array), 1)
    slopes = g.unsqueeze(-1) * slopes_of(x.index_select(0, first) - x.index_select(0, second), out, p)
    return x.new_zeros(x._array.shape).index_add(0, first, slopes).index_add(0, second, -slopes)


PDIST = Op("pdist", opaque, _pdist, grads=(_pdist_gradient,))
