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
