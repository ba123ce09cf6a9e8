"""Running sums, products and extremes along a dimension, differences, and areas under a curve."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..backends.reduce_numpy import accumulate
from ..core.apply import apply
from ..core.op import Op, kernel, opaque
from ..core.samples import along
from .along import add_along
from .choose import where, zero_where
from .dims import one_dim
from .exponential import logaddexp_arrays

if TYPE_CHECKING:
    from ..tensor import Tensor


def _whole(x: Any) -> Any:
    return np.int64 if x.dtype.kind in "biu" else None


# ---- sums

def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The running sum along dim. Integers and bools sum to int64."""
    if dtype is not None:
        return cumsum(input.to(dtype), dim).to(dtype)
    return apply(CUMSUM, input, dim=one_dim(dim, input._array.ndim))


def _cumsum(x: Any, *, dim: int) -> Any:
    return accumulate(np.add, x, dim, _whole(x)) if x.ndim else x.astype(_whole(x) or x.dtype)


def _rest_sum(x: Any, *, dim: int) -> Any:
    """The sum of this and all later numbers along dim."""
    return np.flip(accumulate(np.add, np.flip(x, dim), dim), dim) if x.ndim else x.copy()


CUMSUM = Op("cumsum", kernel, _cumsum, samples=along(), arguments=("x",),
    grads=(lambda g, dim: apply(REST_SUM, g, dim=dim),))
REST_SUM = Op("rest_sum", kernel, _rest_sum, samples=along(), arguments=("x",), node_name="FlipBackward0",
    grads=(lambda g, dim: apply(CUMSUM, g, dim=dim),))


# ---- products

def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The running product along dim. Integers and bools multiply to int64."""
    if dtype is not None:
        return cumprod(input.to(dtype), dim).to(dtype)
    return apply(CUMPROD, input, dim=one_dim(dim, input._array.ndim))


def _cumprod(x: Any, *, dim: int) -> Any:
    return accumulate(np.multiply, x, dim, _whole(x)) if x.ndim else x.astype(_whole(x) or x.dtype)


def _cumprod_gradient(g: Any, x: Any, out: Any, dim: int) -> Any:
    """Before the first zero of a line the rest sum of g * out / x; at it the same with the zero left out; after it nothing."""
    nought = x == 0
    seen = cumsum(nought, dim)
    first = nought & (seen == 1)
    without = cumprod(where(first, 1, x), dim)
    before = zero_where(seen > 0, apply(REST_SUM, g * out, dim=dim) / where(nought, 1, x))
    return where(first, apply(REST_SUM, g * without, dim=dim), before)


CUMPROD = Op("cumprod", kernel, _cumprod, samples=along(0.5, 2), arguments=("x",), holomorphic=True,
    grads=(_cumprod_gradient,))


# ---- extremes

def cummax(input: Tensor, dim: int) -> Any:
    """Named tuple (values, indices): the largest number so far along dim, and where it was last met."""
    return return_types.cummax(*_running("cummax", input, dim, CUMMAX))


def cummin(input: Tensor, dim: int) -> Any:
    """Named tuple (values, indices): the smallest number so far along dim, and where it was last met."""
    return return_types.cummin(*_running("cummin", input, dim, CUMMIN))


def _running(name: str, input: Any, dim: int, op: Op) -> tuple:
    array = input._array
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(op, input, dim=one_dim(dim, array.ndim), shape=array.shape)


def _running_extreme(ufunc: Any) -> Any:
    def forward(x: Any, *, dim: int, shape: tuple) -> tuple:
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        values = accumulate(ufunc, x, dim)
        met = x == values
        if x.dtype.kind in "fV":
            met |= np.isnan(x)
        steps = np.arange(x.shape[dim]).reshape([-1 if at == dim else 1 for at in range(x.ndim)])
        return values, accumulate(np.maximum, np.where(met, steps, 0), dim)
    return forward


def _running_samples(random: Any, shape: tuple) -> list:
    return [((random.normal(size=shape),), {"dim": max(len(shape) - 1, 0), "shape": shape})]


CUMMAX = Op("cummax", opaque, _running_extreme(np.maximum), arguments=("x",), samples=_running_samples,
    grads=(lambda g, out, dim, shape: add_along(g[0], out[1], dim, shape),))
CUMMIN = Op("cummin", opaque, _running_extreme(np.minimum), arguments=("x",), samples=_running_samples,
    grads=(lambda g, out, dim, shape: add_along(g[0], out[1], dim, shape),))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The log of the running sum of exp(input) along dim, without overflow."""
    dim = one_dim(dim, input._array.ndim)
    if input._array.dtype.kind in "biu":
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{input.dtype.kernel_name}'")
    return apply(LOGCUMSUMEXP, input, dim=dim)


def _logcumsumexp(x: Any, *, dim: int) -> Any:
    if not x.ndim or not x.size:
        return x.copy()
    if x.dtype.kind != "c":
        return accumulate(np.logaddexp, x, dim)
    # Step by step, so that the angle goes on beyond pi as PyTorch's does.
    out = np.moveaxis(x.copy(), dim, 0)
    for step in range(1, len(out)):
        out[step] = logaddexp_arrays(out[step - 1], out[step])
    return np.moveaxis(out, 0, dim)


LOGCUMSUMEXP = Op("logcumsumexp", kernel, _logcumsumexp, samples=along(), arguments=("x",),
    grads=(lambda g, x, out, dim: apply(LOGCUMSUMEXP_BACKWARD, g, x, out, dim=dim),))


def _logcumsumexp_backward(g: Any, x: Any, y: Any, *, dim: int) -> Any:
    """The sum over later j of g_j exp(x - y_j), in logarithms, so that no exponential overflows; apart for positive and negative g."""
    if not g.ndim:
        return np.asarray(g * np.exp(np.conjugate(x - y)))
    x, y = np.conjugate(x), np.conjugate(y)
    if g.dtype.kind == "c":
        return np.exp(_later(np.log(g) - y, dim) + x)
    size = np.log(np.absolute(g))
    parts = [_later(np.where(sign, size, -np.inf) - y, dim) for sign in (g > 0, g < 0)]
    return np.exp(parts[0] + x) - np.exp(parts[1] + x)


def _later(x: Any, dim: int) -> Any:
    return np.flip(_logcumsumexp(np.flip(x, dim), dim=dim), dim)


def _earlier(g: Any, x: Any, y: Any, dim: int) -> Any:
    """The sum over earlier k of g_k exp(x_k - y): how the backward kernel's result moves with its cotangent."""
    top = y.detach().amax(dim, True)
    return cumsum(g * (x - top).exp(), dim) * (top - y).exp()


LOGCUMSUMEXP_BACKWARD = Op("logcumsumexp_backward", kernel, _logcumsumexp_backward, arguments=("x", "y", "z"),
    samples=lambda random, shape: [(tuple([random.normal(size=shape) for _ in "xyz"]), {"dim": max(len(shape) - 1, 0)})],
    grads=(lambda g, y, z, dim: _earlier(g, y, z, dim),
           lambda g, out: g * out,
           lambda g, x, y, z, dim: -x * _earlier(g, y, z, dim)))


# ---- differences and areas

def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """The differences of neighbours along dim, taken n times; for bools whether they differ."""
    from .join import cat
    if not input._array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input.clone()
    dim = one_dim(dim, input._array.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    for part in parts:
        if part._array.ndim != input._array.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    joined = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, joined._array.shape[dim])):
        size = joined._array.shape[dim]
        later, earlier = joined.narrow(dim, 1, size - 1), joined.narrow(dim, 0, size - 1)
        joined = later.logical_xor(earlier) if joined._array.dtype.kind == "b" else later - earlier
    return joined


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The area under y along dim by the trapezoidal rule, at the points x or at distance dx (1)."""
    heights, width = _trapezoids("trapezoid", y, x, dx, dim)
    if x is None:
        return heights.sum(dim) * (width / 2)
    return (heights * width).sum(dim) / 2


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The running area under y along dim by the trapezoidal rule."""
    heights, width = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(heights * (width / 2), dim)


def _trapezoids(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple:
    """The sum of each two neighbours, and their distance."""
    at = one_dim(dim, y._array.ndim)
    size = y._array.shape[at]
    if y._array.dtype.kind == "b" or x is not None and x._array.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `{'y' if y._array.dtype.kind == 'b' else 'x'}`, but bool is not supported")
    width: Any = (1 if dx is None else dx) if x is None else _widths(name, y, x, at)
    if size < 2:
        return y.narrow(at, 0, 0), 1
    return y.narrow(at, 1, size - 1) + y.narrow(at, 0, size - 1), width


def _widths(name: str, y: Any, x: Any, dim: int) -> Any:
    """The distances of neighbouring points, with the dimensions of y."""
    array = x._array
    if array.ndim == 1:
        if array.shape[0] != y._array.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        shape = [-1 if at == dim else 1 for at in range(y._array.ndim)]
        return diff(x).reshape(shape)
    while x._array.ndim < y._array.ndim:
        x = x.unsqueeze(0)
    at = dim + x._array.ndim - y._array.ndim
    if x._array.shape[at] not in (1, y._array.shape[dim]):
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    return diff(x, dim=at) if x._array.shape[at] > 1 else x.narrow(at, 0, 0)
