"""Elements in other places, as copies: flip, roll, rot90, repeat, tile, and grids of several vectors."""
from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Op, joining, opaque
from ..core.samples import several, shaped
from ..core.warn import warn_once
from .dims import one_dim, sizes_of, some_dims
from .join import alike, listed, stack

if TYPE_CHECKING:
    from ..tensor import Tensor


def flip(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """A copy with the order along the given dimensions reversed."""
    if dims is None and not args:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    dims = some_dims(sizes_of(args if dims is None else (dims,)), input._array.ndim)
    return apply(FLIP, input, dims=dims)


def _flip(x: Any, *, dims: tuple) -> Any:
    return x[(*[BACKWARDS if d in dims else ALL for d in range(x.ndim)], ...)].copy()


BACKWARDS, ALL = slice(None, None, -1), slice(None)

FLIP = Op("flip", opaque, _flip,
    grads=(lambda g, dims: g.flip(dims),),
    samples=shaped(lambda shape: {"dims": tuple(range(len(shape)))}))


def fliplr(input: Tensor) -> Tensor:
    """A copy with the columns reversed."""
    if input._array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """A copy with the rows reversed."""
    if input._array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """A copy with the elements moved along dims, round the end to the beginning; without dims, of the flattened tensor."""
    shifts = sizes_of((shifts,))
    dims = () if dims is None else sizes_of((dims,))
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return apply(ROLL, input, shifts=shifts[0], dims=None)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not input._array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return apply(ROLL, input, shifts=shifts, dims=tuple([one_dim(d, input._array.ndim) for d in dims]))


def _roll(x: Any, *, shifts: Any, dims: Any) -> Any:
    if dims is None:
        return _rolled(x.reshape(-1), shifts, 0).reshape(x.shape)
    for shift, dim in zip(shifts, dims):
        x = _rolled(x, shift, dim)
    return x


def _rolled(x: Any, shift: int, dim: int) -> Any:
    """The last `shift` indices of a dimension put in front."""
    cut = x.shape[dim] - shift % max(x.shape[dim], 1)
    before = (ALL,) * dim
    return np.concatenate([x[(*before, slice(cut, None))], x[(*before, slice(0, cut))]], axis=dim)


ROLL = Op("roll", opaque, _roll,
    grads=(lambda g, shifts, dims: apply(ROLL, g, shifts=-shifts if dims is None else tuple([-s for s in shifts]), dims=dims),),
    samples=shaped(lambda shape: {"shifts": (1,), "dims": (0,)} if shape else {"shifts": 1, "dims": None}))


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A copy turned k times by 90 degrees in the plane of dims, from the first towards the second."""
    ndim = input._array.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return apply(ROT90, input, k=k, dims=tuple([one_dim(d, ndim) for d in dims]))


ROT90 = Op("rot90", opaque, lambda x, *, k, dims: np.rot90(x, k, dims).copy(order="K"),
    grads=(lambda g, k, dims: rot90(g, -k, dims),),
    samples=shaped(lambda shape: {"k": 1, "dims": (0, 1)} if len(shape) > 1 else None))


# ---- repeating

def repeat(input: Tensor, *args: Any, repeats: Any = None) -> Tensor:
    """input repeated along each dimension; more repeats than dimensions add leading ones."""
    repeats = sizes_of(args if repeats is None else (repeats,))
    array = input._array
    if len(repeats) < array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    padded = (1,) * (len(repeats) - array.ndim) + array.shape
    if any([n < 0 for n in repeats]):
        sizes = [n * r for n, r in zip(padded, repeats)]
        raise RuntimeError(f"Trying to create tensor with negative dimension {next(n for n in sizes if n < 0)}: {sizes}")
    return apply(REPEAT, input, repeats=repeats, padded=padded)


def _repeat(x: Any, *, repeats: tuple, padded: tuple) -> Any:
    return np.tile(x.reshape(padded), repeats)


def _unrepeat(g: Any, repeats: tuple, padded: tuple) -> Any:
    """The sum over all repeats."""
    pairs = [n for pair in zip(repeats, padded) for n in pair]
    if not pairs:
        return g
    return g.reshape(pairs).sum(tuple(range(0, len(pairs), 2)))


REPEAT = Op("repeat", opaque, _repeat,
    grads=(lambda g, repeats, padded: _unrepeat(g, repeats, padded),),
    samples=shaped(lambda shape: {"repeats": (2,) * (len(shape) + 1), "padded": (1, *shape)}))


def tile(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """input repeated along each dimension; fewer repeats than dimensions leave the leading ones alone."""
    dims = sizes_of(args if dims is None else (dims,))
    return repeat(input, (1,) * (input._array.ndim - len(dims)) + dims)


def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Each index of a dimension repeated, `repeats` times or each its own number of times; without dim, of the flattened tensor.

    With one argument, the index of each number repeated that number of times.
    """
    if repeats is None:
        return _repeated_indices(input, output_size)
    if dim is None:
        input, dim = input.reshape(-1), 0
    dim = one_dim(dim, input._array.ndim)
    counts = getattr(repeats, "_array", None)
    length = (input._array.shape or (1,))[dim]
    if counts is None:
        return _repeat_each(input, repeats.__index__(), dim, length, output_size)
    check_counts(counts)
    if counts.ndim and counts.size not in (1, length):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
                           f"input.size({dim}) = {length}")
    numbers = np.broadcast_to(counts.reshape(-1), (length,))
    check_output_size(int(numbers.sum()), output_size)
    from .exchange import from_numpy
    return input.index_select(dim, from_numpy(np.repeat(np.arange(length), numbers)))


def _repeated_indices(repeats: Tensor, output_size: int | None) -> Tensor:
    counts = repeats._array
    if counts.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    check_counts(counts)
    check_output_size(int(counts.sum()), output_size)
    from .exchange import from_numpy
    return from_numpy(np.repeat(np.arange(counts.size), counts).astype(counts.dtype))


def check_counts(counts: Any) -> None:
    """Raise RuntimeError unless numbers of repeats are integers and not negative."""
    if counts.dtype not in (np.int64, np.int32):
        raise RuntimeError("repeats has to be Long or Int tensor")
    if counts.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    recording.reads("repeat_interleave()")
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")


def check_output_size(found: int, expected: int | None) -> None:
    """Raise RuntimeError unless the result has the size that the caller expects."""
    if expected is not None and found != expected:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {found} but got {expected}")


def _repeat_each(input: Tensor, count: int, dim: int, length: int, output_size: int | None) -> Tensor:
    """Every index the same number of times: a view expanded and copied."""
    if count < 0:
        raise RuntimeError("Repeats must be non-negative")
    check_output_size(length * count, output_size)
    if not input._array.ndim:
        return input.reshape(1).expand(count).clone()
    shape = input._array.shape
    expanded = input.unsqueeze(dim + 1).expand(*shape[:dim + 1], count, *shape[dim + 1:])
    return expanded.contiguous().view(*shape[:dim], shape[dim] * count, *shape[dim + 1:])


# ---- several tensors

def block_diag(*tensors: Any) -> Tensor:
    """The matrix with the tensors as blocks on its diagonal, zero elsewhere; vectors are rows."""
    if not tensors:
        from .create import empty
        return empty(1, 0)
    for at, t in enumerate(tensors):
        if not hasattr(t, "_array"):
            raise TypeError(f"expected Tensor as element {at} in argument 0, but got {type(t).__name__}")
        if t._array.ndim > 2:
            raise RuntimeError("torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                               f"{at} has {t._array.ndim} dimensions")
    return apply(BLOCK_DIAG, *tensors, shapes=tuple([t._array.shape for t in tensors]))


def _corners(shapes: tuple) -> list:
    """For each block its rows and columns."""
    corners, row, column = [], 0, 0
    for shape in shapes:
        height, width = ((1, 1) + shape)[-2:]
        corners.append((slice(row, row + height), slice(column, column + width)))
        row, column = row + height, column + width
    return corners


def _block_diag(*arrays: Any, shapes: tuple) -> Any:
    arrays, corners = alike(arrays), _corners(shapes)
    out = np.zeros((corners[-1][0].stop, corners[-1][1].stop), arrays[0].dtype)
    for a, corner in zip(arrays, corners):
        out[corner] = a
    return out


BLOCK_DIAG = Op("block_diag", joining, _block_diag,
    vjp=lambda g, shapes, needs: [g[corner].reshape(shape) if wanted else None for corner, shape, wanted in zip(_corners(shapes), shapes, needs)],
    samples=several(lambda shape: {"shapes": (shape,) * 3}))


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple:
    """One grid per vector, each in the common shape: grid k changes along dimension k only. `indexing="xy"` exchanges the first two."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing is None:
        warn_once("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.")
        indexing = "ij"
    tensors = _checked_vectors("torch.meshgrid", tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swaps = indexing == "xy" and len(tensors) > 1
    if swaps:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = [t._array.size for t in tensors]
    grids = [t.reshape([-1 if at == d else 1 for at in range(len(shape))]).expand(shape) for d, t in enumerate(tensors)]
    if swaps:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def _checked_vectors(name: str, tensors: tuple) -> tuple:
    listed("meshgrid", tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t._array.ndim > 1:
            raise RuntimeError(f"{name}: Expected 0D or 1D tensor in the tensor list but got: {t._array.ndim}D")
        if t._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(f"{name} expects all tensors to have the same dtype")
    return tensors


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, as rows."""
    for t in tensors:
        if t._array.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._array.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([grid.reshape(-1) for grid in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, as rows."""
    if input._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._array.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty((0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input._array.size), r)), np.int64).reshape(-1, r)
    return stack([input[recording.constant(wrap(np.ascontiguousarray(column)))] for column in rows.T], 1)
