"""Sorting, and what is found by sorting: the largest few, the k-th, the distinct, and places in a sorted sequence."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import return_types
from ..backends import sort_numpy
from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, opaque
from .along import put_along, selected_gradient
from .dims import one_dim

if TYPE_CHECKING:
    from ..tensor import Tensor


def along_last(function: Any, x: Any, dim: int, *args: Any) -> Any:
    """An index function of the last dimension, run along another one."""
    if dim == x.ndim - 1:
        return function(x, *args)
    return np.moveaxis(function(np.ascontiguousarray(np.moveaxis(x, dim, -1)), *args), -1, dim)


def line_samples(**attributes: Any) -> Any:
    """Samples of an operation along one dimension that has its argument's shape as an attribute."""
    def samples(random: Any, shape: tuple) -> list:
        return [((random.normal(size=shape),), {"dim": dim, "shape": shape, **attributes}) for dim in sorted({0, len(shape) - 1}) if shape]
    return samples


# ---- sort

def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Named tuple (values, indices): the numbers along dim in order. nan counts as the largest; equal numbers keep their order."""
    array = input._array
    if array.dtype.kind == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if isinstance(dim, bool):  # the form sort(stable, dim, descending) has no place here; PyTorch takes dim first
        raise TypeError(f"sort(): argument 'dim' must be int, not {type(dim).__name__}")
    dim = one_dim(dim, array.ndim)
    return return_types.sort(*apply(SORT, input, dim=dim, descending=descending, shape=array.shape))


def _sort(x: Any, *, dim: int, descending: bool, shape: tuple) -> tuple:
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    index = along_last(sort_numpy.order, x, dim, descending)
    return np.take_along_axis(x, index, dim), index


def _line_gradient(g: Any, out: Any, dim: int, shape: tuple) -> Any:
    return put_along(g[0], out[1], dim, shape)


SORT = Op("sort", opaque, _sort, arguments=("x",), samples=line_samples(descending=False),
    grads=(_line_gradient,))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort input along dim."""
    return sort(input.detach(), dim, descending)[1]


def msort(input: Tensor) -> Tensor:
    """input sorted along its first dimension."""
    return sort(input, 0)[0]


# ---- selection

def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Named tuple (values, indices): the k largest (or smallest) numbers along dim, in order."""
    array = input._array
    if array.dtype.kind in "bc":
        kind = "bool" if array.dtype.kind == "b" else "complex"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU")
    dim = one_dim(dim, array.ndim)
    if not 0 <= k <= (array.shape[dim] if array.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return return_types.topk(*apply(TOPK, input, k=int(k), dim=dim, largest=largest, shape=array.shape))


def _topk(x: Any, *, k: int, dim: int, largest: bool, shape: tuple) -> tuple:
    if not x.ndim:
        return (x.copy(), np.zeros((), np.int64)) if k else (x.reshape(1)[:0], np.zeros(0, np.int64))
    index = along_last(sort_numpy.first, x, dim, k, largest) if k else np.zeros((*x.shape[:dim], 0, *x.shape[dim + 1:]), np.int64)
    return np.take_along_axis(x, index, dim), index


TOPK = Op("topk", opaque, _topk, arguments=("x",), samples=line_samples(k=1, largest=True),
    grads=(_line_gradient,))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Named tuple (values, indices): the k-th smallest number along dim, counted from 1."""
    array = input._array
    dim = one_dim(dim, array.ndim)
    if array.dtype.kind in "bc":
        raise NotImplementedError(f"\"kthvalue_cpu\" not implemented for '{input.dtype.kernel_name}'")
    size = array.shape[dim] if array.ndim else 1
    if array.ndim and size == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    return return_types.kthvalue(*apply(KTHVALUE, input, k=k, dim=dim, keepdim=keepdim, shape=array.shape))


def chosen(x: Any, index: Any, dim: int, keepdim: bool) -> tuple:
    """The numbers of x at one index of each line, with the indices."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    values = np.take_along_axis(x, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def _kthvalue(x: Any, *, k: int, dim: int, keepdim: bool, shape: tuple) -> tuple:
    return chosen(x, along_last(sort_numpy.at, x, dim, k - 1) if x.ndim else None, dim, keepdim)


def chosen_gradient(g: Any, out: Any, dim: int, keepdim: bool, shape: tuple) -> Any:
    """The gradient of choosing one number of each line."""
    return selected_gradient(g[0], out[1], dim, keepdim, shape)


KTHVALUE = Op("kthvalue", opaque, _kthvalue, arguments=("x",), samples=line_samples(k=1, keepdim=False),
    grads=(chosen_gradient,))


# ---- distinct values

def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The distinct values in order, or the distinct slices along dim; with the place of each in them, and how often each occurs."""
    recording.reads("unique()")
    if dim is not None:
        dim = one_dim(dim, input._array.ndim)
    values, inverse, counts = distinct(input._array, dim)
    return _flagged(wrap(values), wrap(inverse) if return_inverse else None, wrap(counts) if return_counts else None)


def distinct(x: Any, dim: int | None) -> tuple:
    """The distinct values (or slices), the inverse, the counts."""
    if dim is not None and not x.size:
        if 0 in x.shape[:dim] + x.shape[dim + 1:] and x.shape[dim]:
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
        return x.copy(), np.zeros(0, np.int64), np.zeros(0, np.int64)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    return values, inverse.reshape(x.shape if dim is None else -1).astype(np.int64, copy=False), counts.astype(np.int64, copy=False)


def _flagged(values: Any, inverse: Any, counts: Any) -> Any:
    given = tuple([part for part in (values, inverse, counts) if part is not None])
    return given if len(given) > 1 else values


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """input without repeats of the value (or slice along dim) just before."""
    recording.reads("unique_consecutive()")
    x = input._array
    lines = x.reshape(-1) if dim is None else np.moveaxis(x, one_dim(dim, x.ndim), 0)
    if len(lines):
        differs = lines[1:] != lines[:-1]
        starts = np.concatenate([[True], differs.any(tuple(range(1, lines.ndim)))])
    else:
        starts = np.zeros(0, np.bool_)
    values = lines[starts]
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(lines)))
    if dim is None:
        inverse = inverse.reshape(x.shape)
    else:
        values = np.ascontiguousarray(np.moveaxis(values, 0, one_dim(dim, x.ndim)))
    return _flagged(wrap(values), wrap(inverse.astype(np.int64)) if return_inverse else None,
                    wrap(counts.astype(np.int64)) if return_counts else None)


# ---- places in a sorted sequence

def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
                 sorter: Tensor | None = None) -> Tensor:
    """The index at which each number would have to be put into the sorted sequence (along its last dimension) to keep it sorted."""
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True")
    values = _numbers_like(sorted_sequence, input)
    _check_search(sorted_sequence._array, values._array)
    return apply(SEARCHSORTED, sorted_sequence, values, sorter, side="right" if right or side == "right" else "left", short=out_int32)


def _numbers_like(sequence: Any, input: Any) -> Any:
    if hasattr(input, "_array"):
        return input
    return recording.constant(wrap(np.asarray(input, sequence._array.dtype if isinstance(input, int) else None)))


def _check_search(sequence: Any, values: Any) -> None:
    if not sequence.ndim:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
                           f"boundaries tensor dim(0) and input value's dim({values.ndim}) numel({values.size})")
    if not values.ndim and sequence.ndim != 1:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
                           f"boundaries tensor dim({sequence.ndim}) and input value's dim(0) numel(1)")
    if sequence.ndim > 1 and (sequence.ndim != values.ndim or sequence.shape[:-1] != values.shape[:-1]):
        raise RuntimeError("torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor "
                           f"and input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input value tensor "
                           f"{list(values.shape)}")


def _check_sorter(sequence: Any, sorter: Any) -> None:
    if sorter.shape != sequence.shape:
        raise RuntimeError("torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                           f"{list(sequence.shape)} and got sorter tensor {list(sorter.shape)}")
    if sorter.dtype != np.int64:
        from ..core.dtypes import of_numpy
        raise RuntimeError(f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {of_numpy(sorter.dtype).kernel_name}")
    if sorter.size and not 0 <= sorter.min() <= sorter.max() < sorter.shape[-1]:
        raise RuntimeError("torch.searchsorted(): sorter index out of range")


def _search(sequence: Any, values: Any, sorter: Any, *, side: str, short: bool) -> Any:
    if sorter is not None:
        _check_sorter(sequence, sorter)
        sequence = np.take_along_axis(sequence, sorter, -1)
    return _places(sequence, values, side).astype(np.int32 if short else np.int64, copy=False)


def _places(sequence: Any, values: Any, side: Any) -> Any:
    sequence, values = sort_numpy.sortable(sequence), sort_numpy.sortable(values)
    if sequence.ndim == 1:
        return np.asarray(np.searchsorted(sequence, values, side))
    found = np.empty(values.shape, np.int64)
    for place in np.ndindex(sequence.shape[:-1]):
        found[place] = np.searchsorted(sequence[place], values[place], side)
    return found


SEARCHSORTED = Op("searchsorted", opaque, _search)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The index of the bucket between sorted boundaries into which each number falls."""
    edges = boundaries._array
    if edges.ndim != 1:
        raise RuntimeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({edges.ndim})")
    return apply(SEARCHSORTED, boundaries, _numbers_like(boundaries, input), None, side="right" if right else "left", short=out_int32)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element occurs among the test elements."""
    return apply(ISIN, elements, test_elements, invert=invert)


def _isin(elements: Any, others: Any, *, invert: bool) -> Any:
    a, b = (sort_numpy.sortable(v) if hasattr(v, "dtype") else np.asarray(v) for v in (elements, others))
    return np.asarray(np.isin(a, b, invert=invert))


ISIN = Op("isin", opaque, _isin)


# ---- what is not zero

def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of all numbers that are not 0, a row for each `(count, ndim)`; as_tuple: a tensor for each dimension."""
    recording.reads("nonzero()")
    x = input._array
    if as_tuple:
        return tuple([wrap(np.ascontiguousarray(index)) for index in np.nonzero(x if x.ndim else x.reshape(1))])
    return wrap(np.argwhere(x).astype(np.int64, copy=False))


def argwhere(input: Tensor) -> Tensor:
    """The indices of all numbers that are not 0, a row for each."""
    return nonzero(input)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of nonzero, filled up with fill_value."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    return apply(NONZERO_STATIC, input, size=size, fill_value=fill_value)


def _first_places(x: Any, *, size: int, fill_value: int) -> Any:
    found = np.argwhere(x)[:size]
    out = np.full((size, x.ndim), fill_value, np.int64)
    out[:len(found)] = found
    return out


NONZERO_STATIC = Op("nonzero_static", opaque, _first_places)
