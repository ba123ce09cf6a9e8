"""The largest and the smallest: of a tensor, along dimensions, with and without their places."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..backends.reduce_numpy import reduce
from ..core.apply import apply
from ..core.op import Op, opaque, reduction
from ..core.out import exact_out
from ..core.samples import over_dims
from . import choose
from .along import dim_with_size, selected_gradient
from .dims import some_dims
from .reduce import spread, sum

if TYPE_CHECKING:
    from ..tensor import Tensor


def share_ties(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """g divided evenly among the numbers that equal the result (all nan, if that is nan)."""
    out = spread(out, dim, keepdim)
    return _shared(spread(g, dim, keepdim), (x == out) | (x.isnan() & out.isnan()) if x.is_floating_point() else x == out, dim)


def share_equal(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """g divided evenly among the numbers that equal the result; all nan where that is nan, which equals nothing."""
    return _shared(spread(g, dim, keepdim), x == spread(out, dim, keepdim), dim)


def _shared(g: Any, tied: Any, dim: Any) -> Any:
    return g * tied / sum(tied, dim, True)


# ---- without places

_same_dtype = exact_out("Expected the dtype for input and out to match, but got {result} for input's dtype and {out} for out's dtype.")


@_same_dtype
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest number over dim; nan if there is one. Ties share the gradient, which is nan beside nan."""
    return apply(AMAX, input, dim=_checked_dims("amax", input, dim), keepdim=keepdim)


@_same_dtype
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest number over dim; nan if there is one. Ties share the gradient, which is nan beside nan."""
    return apply(AMIN, input, dim=_checked_dims("amin", input, dim), keepdim=keepdim)


def _checked_dims(name: str, input: Any, dim: Any) -> tuple | None:
    array = input._array
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"{'max' if name == 'amax' else 'min'}_values_cpu\" not implemented for '{input.dtype.kernel_name}'")
    dims = some_dims(dim, array.ndim) or None
    if not array.size:
        if dims is None:
            raise no_dim(name)
        for at in dims:
            dim_with_size(name, at, array)
    return dims


def no_dim(name: str) -> RuntimeError:
    """PyTorch's error for the extreme of nothing."""
    return RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
                        "'dim' argument.")


def _largest(x: Any, *, dim: Any, keepdim: bool) -> Any:
    return reduce(np.maximum, x, dim, None, keepdim)


def _smallest(x: Any, *, dim: Any, keepdim: bool) -> Any:
    return reduce(np.minimum, x, dim, None, keepdim)


AMAX = Op("amax", reduction, _largest, samples=over_dims(), grads=(share_equal,))
AMIN = Op("amin", reduction, _smallest, samples=over_dims(), grads=(share_equal,))
# max() and min() share the gradient among nan as among equals; PyTorch has two formulas.
MAX_ALL = Op("amax", reduction, _largest, samples=over_dims(), grads=(share_ties,), node_name="MaxBackward1")
MIN_ALL = Op("amin", reduction, _smallest, samples=over_dims(), grads=(share_ties,), node_name="MinBackward1")


@exact_out("Expected out tensor to have dtype {c_result}, but got {c_out} instead")
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Named tuple (min, max), over dim or over all."""
    array = input._array
    if dim is None and not array.size:
        raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    dims = None if dim is None else (dim_with_size("aminmax", dim, array, ""),) if array.ndim else None
    if dim is not None and not array.ndim:
        dim_with_size("aminmax", dim, array)
    return return_types.aminmax(*apply(AMINMAX, input, dim=dims, keepdim=keepdim))


def _aminmax(x: Any, *, dim: Any, keepdim: bool) -> tuple:
    return tuple([np.asarray(reduce(ufunc, x, dim, None, keepdim)) for ufunc in (np.minimum, np.maximum)])


AMINMAX = Op("aminmax", reduction, _aminmax, samples=over_dims(),
    grads=(lambda g, x, out, dim, keepdim: share_equal(g[0], x, out[0], dim, keepdim) + share_equal(g[1], x, out[1], dim, keepdim),))


# ---- with places

def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The largest number; with dim, a named tuple (values, indices) along it; with another tensor, the larger of the two elementwise."""
    return _extreme("max", input, dim if other is None else other, keepdim, choose.maximum, MAX_ALL, MAX_DIM, return_types.max)


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Tensor | None = None) -> Any:
    """The smallest number; with dim, a named tuple (values, indices) along it; with another tensor, the smaller of the two elementwise."""
    return _extreme("min", input, dim if other is None else other, keepdim, choose.minimum, MIN_ALL, MIN_DIM, return_types.min)


def _extreme(name: str, input: Any, dim: Any, keepdim: bool, of_two: Any, over_all: Op, along: Op, result: Any) -> Any:
    if hasattr(dim, "_array"):
        return of_two(input, dim)
    array = input._array
    if array.dtype.kind == "c":
        raise NotImplementedError(f"\"{name}{'_all' if dim is None else '_kernel_impl'}\" not implemented for '{input.dtype.kernel_name}'")
    if dim is None:
        if not array.size:
            raise no_dim(name)
        return apply(over_all, input, dim=None, keepdim=False)
    dim = dim_with_size(name, dim, array)
    return result(*apply(along, input, dim=dim, keepdim=keepdim, shape=array.shape))


def places(argument: Any, x: Any, dim: int, keepdim: bool) -> Any:
    """argmax or argmin along dim; the first of equals, and of nan."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if dim != x.ndim - 1 and x.size > 4096:
        index = places_down(argument, x, dim)
        return np.expand_dims(index, dim) if keepdim else index
    return np.asarray(argument(x, dim, keepdims=keepdim))


def places_down(argument: Any, x: Any, dim: int) -> Any:
    """The same row by row from the last to the first: NumPy would go down one column after the other, which is several times slower."""
    best = reduce(np.maximum if argument is np.argmax else np.minimum, x, (dim,))
    lines = np.moveaxis(x, dim, 0)
    if best.size < 64 or x.dtype.kind in "fV" and np.isnan(best).any():
        return argument(np.ascontiguousarray(np.moveaxis(x, dim, -1)), -1)
    index = np.empty(best.shape, np.int64)
    for step in range(len(lines) - 1, -1, -1):
        np.copyto(index, step, where=lines[step] == best)
    return index


def _with_places(argument: Any, ufunc: Any) -> Any:
    def forward(x: Any, *, dim: int, keepdim: bool, shape: tuple) -> tuple:
        if not x.ndim:
            return x.copy(), np.zeros((), np.int64)
        return np.asarray(reduce(ufunc, x, (dim,), None, keepdim)), places(argument, x, dim, keepdim)
    return forward


def _along_samples(random: Any, shape: tuple) -> list:
    return [((random.normal(size=shape),), {"dim": dim, "keepdim": keepdim, "shape": shape})
            for dim, keepdim in ((0, False), (len(shape) - 1, True)) if shape]


MAX_DIM = Op("max", opaque, _with_places(np.argmax, np.maximum), samples=_along_samples, arguments=("x",),
    grads=(lambda g, out, dim, keepdim, shape: selected_gradient(g[0], out[1], dim, keepdim, shape),))
MIN_DIM = Op("min", opaque, _with_places(np.argmin, np.minimum), samples=_along_samples, arguments=("x",),
    grads=(lambda g, out, dim, keepdim, shape: selected_gradient(g[0], out[1], dim, keepdim, shape),))


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest number, along dim or in the flattened tensor; the first of equals."""
    return _argument("argmax", input, dim, keepdim, ARGMAX)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest number, along dim or in the flattened tensor; the first of equals."""
    return _argument("argmin", input, dim, keepdim, ARGMIN)


def _argument(name: str, input: Any, dim: Any, keepdim: bool, op: Op) -> Any:
    array = input._array
    if array.dtype.kind in "bc":
        kind = "bool" if array.dtype.kind == "b" else "complex"
        raise RuntimeError(f"{name}(): does not support {kind} input")
    if dim is None:
        if not array.size:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    else:
        dim = dim_with_size(name, dim, array)
    return apply(op, input, dim=dim, keepdim=keepdim)


def _argument_of(argument: Any) -> Any:
    def forward(x: Any, *, dim: Any, keepdim: bool) -> Any:
        if dim is not None:
            return places(argument, x, dim, keepdim)
        index = np.asarray(argument(x))
        return index.reshape((1,) * x.ndim) if keepdim else index
    return forward


ARGMAX = Op("argmax", opaque, _argument_of(np.argmax))
ARGMIN = Op("argmin", opaque, _argument_of(np.argmin))
