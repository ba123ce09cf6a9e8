"""Norms of vectors: how large a tensor is."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.reduce_numpy import reduce
from ..core import dtypes
from ..core.apply import apply
from ..core.op import Op, reduction
from ..core.samples import over_dims
from .choose import where, zero_where
from .dims import one_dim, some_dims
from .reduce import spread, sum

if TYPE_CHECKING:
    from ..tensor import Tensor


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The p-norm over dim, (sum |x|^p)^(1/p); p "fro" is 2, inf the largest |x|, 0 the count of nonzeros, "nuc" the sum of singular values."""
    if p == "nuc" or isinstance(p, str) and p != "fro":
        from ..linalg import matrix_norm
        if not isinstance(p, str) or p != "nuc":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        return matrix_norm(input, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, 2.0 if p is None or p == "fro" else p, dim, keepdim, dtype=dtype)


def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of order `ord` over dim, or of all numbers as one vector. Real, also for complex input."""
    array = x._array
    if array.dtype.kind in "biu":
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype.kernel_name}")
    if dtype is not None:
        x = _converted(x, dtype)
    dims = some_dims(dim, array.ndim) or None
    if not array.size and (ord < 0 or ord == math.inf):
        _check_not_empty(array.shape, dim, dims, ord)
    return apply(VECTOR_NORM, x, ord=float(ord), dim=dims, keepdim=keepdim)


def _converted(x: Any, dtype: Any) -> Any:
    if dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"linalg.vector_norm: dtype should be floating point or complex. Got {dtype}")
    if dtype.is_complex != x.is_complex():
        kinds = ("complex", "real") if x.is_complex() else ("real", "complex")
        raise RuntimeError(f"linalg.vector_norm: dtype should be {kinds[0]} for {kinds[0]} inputs. Got {dtype}")
    if dtypes.promote_types(x.dtype, dtype) is not dtype:
        raise RuntimeError(f"linalg.vector_norm: the dtype of the input ({x.dtype.kernel_name}) should be convertible without narrowing to "
                           f"the specified dtype ({dtype.kernel_name})")
    return x.to(dtype)


def _check_not_empty(shape: tuple, dim: Any, dims: Any, ord: Any) -> None:
    if dims is None:
        raise RuntimeError(f"linalg.vector_norm cannot compute the {float(ord):g} norm on an empty tensor because the operation does not "
                           "have an identity")
    for at in dims:
        if shape[at] == 0:
            raise RuntimeError(f"linalg.vector_norm cannot compute the {float(ord):g} norm on the dimension {at} because this dimension is "
                               "empty and the operation does not have an identity")


def _vector_norm(x: Any, *, ord: float, dim: Any, keepdim: bool) -> Any:
    if ord == 0:
        return reduce(np.add, (x != 0).astype(x.real.dtype), dim, None, keepdim)
    if ord == 2 and x.dtype.kind == "c":
        return np.sqrt(reduce(np.add, np.square(x.real) + np.square(x.imag), dim, None, keepdim))
    if ord == 2:
        return np.sqrt(_sum_of_squares(x, dim, keepdim))
    size = np.asarray(np.absolute(x))
    if ord in (math.inf, -math.inf):
        return reduce(np.maximum if ord > 0 else np.minimum, size, dim, None, keepdim)
    if ord == 1:
        return reduce(np.add, size, dim, None, keepdim)
    return np.power(reduce(np.add, np.power(size, size.dtype.type(ord)), dim, None, keepdim), size.dtype.type(1 / ord))


def _sum_of_squares(x: Any, dim: Any, keepdim: bool) -> Any:
    # A product of each row with itself reads memory once and writes none.
    if x.flags.c_contiguous and x.dtype.kind == "f" and x.size:
        if dim is None and x.size > 4096:
            rows = x.reshape(-1)[:x.size // 1024 * 1024].reshape(-1, 1024)  # short rows keep the sums exact
            rest = x.reshape(-1)[rows.size:]
            total = np.add.reduce(np.vecdot(rows, rows)) + np.add.reduce(rest * rest)
            return np.reshape(total, (1,) * x.ndim) if keepdim else total
        if dim == (x.ndim - 1,):
            total = np.vecdot(x, x)
            return total[..., None] if keepdim else total
    return reduce(np.add, np.square(x), dim, None, keepdim)


def _gradient(g: Any, x: Any, out: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    """g times d norm / d x; 0 where the norm is 0, which has no derivative there."""
    g, out = spread(g, dim, keepdim), spread(out, dim, keepdim)
    if ord == 0:
        return x.new_zeros(()).expand(x._array.shape)
    if ord == 1:
        return x.sgn() * g
    if ord == 2:
        return x * zero_where(out == 0, g / out)
    size = x.abs()
    if ord in (math.inf, -math.inf):
        top = (size == out) | size.isnan()
        return x.sgn() * (g * top / sum(top, dim, True))
    if ord < 1:
        scaled = zero_where(x == 0, x.sgn() * size ** (ord - 1))
        return scaled * (g * out ** (1 - ord))
    if ord < 2:
        return x.sgn() * size ** (ord - 1) * zero_where(out == 0, g / out ** (ord - 1))
    return x * zero_where(x == 0, size ** (ord - 2)) * zero_where(out == 0, g / out ** (ord - 1))


def _norm_samples(random: Any, shape: tuple) -> list:
    return [case for ord in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.inf, -math.inf) for case in over_dims(ord=ord)(random, shape)]


VECTOR_NORM = Op("linalg_vector_norm", reduction, _vector_norm, samples=_norm_samples,
    grads=(_gradient,))


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return apply(DIST_NORM, input - other, ord=float(p), dim=None, keepdim=False)


DIST_NORM = VECTOR_NORM.printed_as("DistBackward0")


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """input with every slice along dim whose p-norm is above maxnorm scaled down to it."""
    array = input._array
    if array.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {array.ndim} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    dim = one_dim(dim, array.ndim)
    size = vector_norm(input, p, [at for at in range(array.ndim) if at != dim], True)
    return input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
