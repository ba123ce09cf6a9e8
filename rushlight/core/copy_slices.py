"""The gradient of a write through a view: the base's gradient falls into the region that was written and all the rest.

The base's gradient is brought into the base's own strides first, since a recipe may say that a region is every third number in memory.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .apply import apply
from .memory import in_geometry
from .op import Op, opaque


def region(array: Any, recipe: tuple) -> Any:
    """The view of an array that a recipe describes."""
    for op, attrs, which in recipe:
        array = op.forward(array, **attrs)
        if which is not None:
            array = array[which]
    return array


def _outside(g: Any, *, recipe: tuple, geometry: tuple) -> Any:
    out = in_geometry(g, geometry)
    region(out, recipe)[...] = 0
    return out


def _inside(g: Any, *, recipe: tuple, geometry: tuple) -> Any:
    return region(in_geometry(g, geometry), recipe)


def _placed(g: Any, *, recipe: tuple, geometry: tuple) -> Any:
    out = in_geometry(np.zeros(geometry[0], g.dtype), geometry)
    region(out, recipe)[...] = g
    return out


#: zeros in the region, the rest as it is; the region alone; zeros with the region
OUTSIDE = Op("outside", opaque, _outside,
    grads=(lambda g, recipe, geometry: apply(OUTSIDE, g, recipe=recipe, geometry=geometry),))
INSIDE = Op("inside", opaque, _inside,
    grads=(lambda g, recipe, geometry: apply(PLACED, g, recipe=recipe, geometry=geometry),))
PLACED = Op("placed", opaque, _placed,
    grads=(lambda g, recipe, geometry: apply(INSIDE, g, recipe=recipe, geometry=geometry),))


def _copy_slices(base: Any, written: Any, *, recipe: tuple, geometry: tuple) -> Any:
    raise NotImplementedError("a write through a view is recorded, never run as an operation")


COPY_SLICES = Op("copy_slices", opaque, _copy_slices, node_name="CopySlices",
    grads=(lambda g, recipe, geometry: apply(OUTSIDE, g, recipe=recipe, geometry=geometry),
           lambda g, recipe, geometry: apply(INSIDE, g, recipe=recipe, geometry=geometry)))
