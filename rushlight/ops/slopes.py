"""Slopes of sampled functions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dims import one_dim, some_dims
from .join import cat

if TYPE_CHECKING:
    from ..tensor import Tensor


def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple:
    """The slope of samples along each dim, from their two neighbours: a tuple of tensors of input's shape.

    spacing: the distance of samples (1), one for each dim, or tensors with the samples' places. edge_order: 1 takes two samples at each
    end, 2 takes three.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = _dims(range(input._array.ndim) if dim is None else dim, input._array.ndim)
    places = _places(input, spacing, dims)
    for at in dims:
        if input._array.shape[at] <= edge_order:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple([_slope(input, at, place, edge_order) for at, place in zip(dims, places)])


def _dims(dim: Any, ndim: int) -> tuple:
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    some_dims(dims, ndim)
    return tuple([one_dim(at, ndim) for at in dims])


def _places(input: Any, spacing: Any, dims: tuple) -> list:
    """The spacing of each dim: a number or a vector of places."""
    if not isinstance(spacing, (tuple, list)):
        return [1 if spacing is None else spacing] * len(dims)
    if len(spacing) != len(dims):
        raise RuntimeError("torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
                           f"length, but got a spacing argument of length {len(spacing)} and a dim argument of length {len(dims)}.")
    for at, place in zip(dims, spacing):
        array = getattr(place, "_array", None)
        if array is not None and (array.ndim != 1 or array.shape[0] != input._array.shape[at]):
            raise RuntimeError("torch.gradient expected each element of spacing to have one dimension, and the size of input along its dim")
    return list(spacing)


def _slope(f: Any, dim: int, place: Any, edge_order: int) -> Any:
    size = f._array.shape[dim]

    def part(start: int, count: int) -> Any:
        return f.narrow(dim, start, count)
    if not hasattr(place, "_array"):
        if f._array.dtype.kind in "biu":
            f = f * 1.0
        inner = (part(2, size - 2) - part(0, size - 2)) / (2 * place)
        steps: Any = [place] * 4
    else:
        shape = [-1 if at == dim else 1 for at in range(f._array.ndim)]
        widths = place.narrow(0, 1, size - 1) - place.narrow(0, 0, size - 1)
        before, after = (widths.narrow(0, start, size - 2).reshape(shape) for start in (0, 1))
        inner = (part(0, size - 2) * (-after / (before * (before + after))) + part(1, size - 2) * ((after - before) / (before * after))
                 + part(2, size - 2) * (before / (after * (before + after))))
        steps = [widths[0], widths[min(1, size - 2)], widths[-1], widths[max(size - 3, 0)]]
    if edge_order == 1:
        first, last = (part(1, 1) - part(0, 1)) / steps[0], (part(size - 1, 1) - part(size - 2, 1)) / steps[2]
    else:
        first = _edge(part(0, 1), part(1, 1), part(2, 1), steps[0], steps[1])
        last = -_edge(part(size - 1, 1), part(size - 2, 1), part(size - 3, 1), steps[2], steps[3])
    return cat([first, inner, last], dim)


def _edge(f0: Any, f1: Any, f2: Any, near: Any, far: Any) -> Any:
    """The slope at the first of three samples, of the parabola through them."""
    total = near + far
    return f0 * (-(near + total) / (near * total)) + f1 * (total / (near * far)) - f2 * (near / (far * total))
