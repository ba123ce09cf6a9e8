"""The views once more, as copies: permute_copy, select_copy ...; and copies of a tensor with the numbers of one view replaced.

Nothing is said twice here: each function asks the view itself how it is made (its recipe) and runs that on other terms.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply, wrap
from ..core.copy_slices import COPY_SLICES, region
from ..core.memory import geometry_of, in_geometry
from ..core.op import Op, opaque
from . import complex_numbers, indexing, memory, pieces, regions, reorder, views

if TYPE_CHECKING:
    from ..tensor import Tensor


def recipe_of(view: Callable, input: Tensor, args: tuple, kwargs: dict) -> tuple:
    """How a view function makes its view: steps (operation, attributes, which result). Nothing is recorded."""
    made = view(wrap(input._array), *args, **kwargs)
    first = made[0] if made.__class__ is tuple else made
    steps = first._recipe
    return tuple([(op, attrs, None) for op, attrs, _ in steps]) if made.__class__ is tuple else steps


_copies: dict = {}


def copying(op: Op) -> Op:
    """The operation whose results are copies of a view operation's."""
    if op not in _copies:
        def forward(x: Any, **attrs: Any) -> Any:
            out = op.forward(x, **attrs)
            return tuple([np.array(o, order="C") for o in out]) if out.__class__ is tuple else np.array(out, order="C")
        _copies[op] = Op(op.name + "_copy", opaque, forward, op.grads, node_name=op.node_name + "_copy", arguments=op.arguments)
    return _copies[op]


def copy_form(view: Callable, name: str) -> Callable:
    """The function whose results are copies of a view function's."""
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        result: Any = input
        steps = recipe_of(view, input, args, kwargs)
        for op, attrs, _ in steps:
            result = apply(copying(op), result, **attrs)
        return result if steps else input.clone()
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As `{name.removesuffix('_copy')}`, as a copy."
    return function


def alias(input: Tensor) -> Tensor:
    """input as a view of itself."""
    return apply(indexing.ALIAS, input)


def slice_of(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """The view of the indices start, start + step ... below end of a dimension."""
    from .dims import one_dim
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return regions.slice_along(input, one_dim(dim, input._array.ndim), 0 if start is None else start, end, step)


alias_copy = copy_form(alias, "alias_copy")
as_strided_copy = copy_form(memory.as_strided, "as_strided_copy")
diagonal_copy = copy_form(regions.diagonal, "diagonal_copy")
expand_copy = copy_form(views.expand, "expand_copy")
permute_copy = copy_form(reorder.permute, "permute_copy")
select_copy = copy_form(regions.select, "select_copy")
slice_copy = copy_form(slice_of, "slice_copy")
split_copy = copy_form(pieces.split, "split_copy")
split_with_sizes_copy = copy_form(pieces.split_with_sizes, "split_with_sizes_copy")
squeeze_copy = copy_form(views.squeeze, "squeeze_copy")
t_copy = copy_form(reorder.t, "t_copy")
transpose_copy = copy_form(reorder.transpose, "transpose_copy")
unbind_copy = copy_form(pieces.unbind, "unbind_copy")
unfold_copy = copy_form(regions.unfold, "unfold_copy")
unsqueeze_copy = copy_form(views.unsqueeze, "unsqueeze_copy")
view_copy = copy_form(views.view, "view_copy")
view_as_real_copy = copy_form(complex_numbers.view_as_real, "view_as_real_copy")
view_as_complex_copy = copy_form(complex_numbers.view_as_complex, "view_as_complex_copy")


def detach_copy(input: Tensor) -> Tensor:
    """A copy without history."""
    return input.detach().clone()


# ---- a view's numbers replaced

def _replaced(x: Any, src: Any, *, recipe: tuple, geometry: tuple) -> Any:
    out = in_geometry(x, geometry)
    region(out, recipe)[...] = src
    return out


SELECT_SCATTER, SLICE_SCATTER, DIAGONAL_SCATTER, AS_STRIDED_SCATTER = [
    Op(name, opaque, _replaced, COPY_SLICES.grads) for name in ("select_scatter", "slice_scatter", "diagonal_scatter", "as_strided_scatter")]


def replaced(op: Op, view: Callable, input: Tensor, src: Tensor, args: tuple) -> Tensor:
    """A copy of input in which src stands in the place of a view."""
    steps = recipe_of(view, input, args, {})
    shape = region(input._array, steps).shape
    if src._array.shape != shape:
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src._array.shape)}, slice size = {list(shape)}")
    return apply(op, input, src, recipe=steps, geometry=geometry_of(input._array))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of input with src at one index of a dimension."""
    return replaced(SELECT_SCATTER, regions.select, input, src, (dim, index))


def slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of input with src at the indices start, start + step ... below end of a dimension."""
    return replaced(SLICE_SCATTER, slice_of, input, src, (dim, start, end, step))


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of input with src on a diagonal."""
    return replaced(DIAGONAL_SCATTER, regions.diagonal, input, src, (offset, dim1, dim2))


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A copy of input with src in the places that as_strided shows."""
    return replaced(AS_STRIDED_SCATTER, memory.as_strided, input, src, (size, stride, storage_offset))
