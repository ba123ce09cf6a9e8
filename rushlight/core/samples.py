"""Example arguments of operations, for the generic tests in tests/ops/test_all_ops.py.

An Op's `samples(random, shape)` returns a list of cases; a case is the operation's arguments (float64 arrays drawn from `random`, a
NumPy generator, or numbers) and its attributes. Only tests call it.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def between(*ranges: tuple, **attributes: Any) -> Callable:
    """Samples of an elementwise operation: one array per range (low, high), with these attributes."""
    def samples(random: Any, shape: tuple) -> list:
        return [(tuple([random.uniform(low, high, shape) for low, high in ranges]), attributes)]
    return samples


#: the usual ranges: an argument of any sign, two of them, and arguments above zero
one = between((-2, 2))
pair = between((-2, 2), (-2, 2))
positive = between((0.1, 3))
positive_pair = between((0.1, 3), (0.1, 3))


def over_dims(low: float = -2, high: float = 2, shaped: bool = False, one: bool = False, **attributes: Any) -> Callable:
    """Samples of a reduction: over all dimensions, and over the first and the last (unless `one`: each alone), kept and dropped.

    shaped: the operation has the argument's shape as an attribute.
    """
    def samples(random: Any, shape: tuple) -> list:
        last = len(shape) - 1
        dims = [(None, False)] + ([((0,), True), ((last,), False)] if shape else []) + ([((0, last), False)] if last > 0 and not one else [])
        more = {**attributes, "shape": shape} if shaped else attributes
        return [((random.uniform(low, high, shape),), {"dim": dim, "keepdim": keepdim, **more}) for dim, keepdim in dims]
    return samples


def along(low: float = -2, high: float = 2, **attributes: Any) -> Callable:
    """Samples of an operation along one dimension: the first, and the last."""
    def samples(random: Any, shape: tuple) -> list:
        return [((random.uniform(low, high, shape),), {"dim": dim, **attributes}) for dim in sorted({0, max(len(shape) - 1, 0)})]
    return samples


def shaped(attributes: Callable) -> Callable:
    """Samples of an operation on one array whose attributes follow from its shape; none where `attributes(shape)` is None."""
    def samples(random: Any, shape: tuple) -> list:
        found = attributes(shape)
        return [] if found is None else [((random.uniform(-2, 2, shape),), found)]
    return samples


def several(attributes: Callable) -> Callable:
    """Samples of an operation on three arrays of one shape with at least one dimension."""
    def samples(random: Any, shape: tuple) -> list:
        return [(tuple([random.uniform(-2, 2, shape) for _ in range(3)]), attributes(shape))] if shape else []
    return samples


def indexed(whole: bool, sources: int = 0, with_shape: bool = False, **attributes: Any) -> Callable:
    """Samples of an operation on an array and an index along its first dimension in which a number occurs twice.

    whole: the index is a vector and names whole slices; else it has the array's dimensions and names elements.
    sources: how many more arrays it takes, of the size of what the index names.
    """
    def samples(random: Any, shape: tuple) -> list:
        if 0 in shape or not shape:
            return []
        named = (3, *shape[1:])
        index = random.integers(0, shape[0], 3 if whole else named)
        index[2] = index[0]
        more = {"shape": shape, **attributes} if with_shape else attributes
        return [((random.uniform(0.5, 2, shape), index, *[random.uniform(0.5, 2, named) for _ in range(sources)]), more)]
    return samples
