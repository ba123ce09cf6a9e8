"""Results of kernels in the plan's buffers: each is written to memory that an earlier value has left, while the caches still hold it.

An operation's forward makes its results with NumPy as always, and its launches name their memory among their words. Here these words are
changed to name a buffer. A transformer's training step, whose results had memory of their own each before, became a sixth faster by it.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import memory
from .graph import found_in


def moved(launches: list[tuple], owners: list, buffer: Callable[[Any], Any]) -> tuple[list[tuple], dict[int, Any]]:
    """Launches with other memory in the place of some arrays', and by the identity of each array the buffer that it became.

    Memory that the words do not name by its address, or not by that alone, stays where it is.
    """
    words = [launch[3] for launch in launches]
    tables = [np.frombuffer(each[:len(each) // 8 * 8], np.int64).copy() for each in words]
    by_object = set(np.concatenate(tables).tolist()) & {id(array) for launch in launches for array in found_in(launch[4], np.ndarray)}
    held = {id(memory.owner(array)) for launch in launches for array in found_in(launch[4], np.ndarray) if id(array) in by_object}
    found: dict[int, Any] = {}
    for owner in owners:
        start = memory.address(owner)
        named = [(table >= start) & (table < start + owner.nbytes) for table in tables]
        if not owner.nbytes or id(owner) in held or not any([each.any() for each in named]):
            continue
        block = found[id(owner)] = buffer(owner)
        for table, which in zip(tables, named, strict=True):
            table[which] += memory.address(block) - start
    whole = [table.tobytes() + each[table.nbytes:] for table, each in zip(tables, words, strict=True)]
    return [(*launch[:3], text, (launch[4], *found.values())) for launch, text in zip(launches, whole, strict=True)], found


def moved_into(block: Any, array: Any) -> Any:
    """The array at the place in a buffer that another has in its own memory."""
    start = memory.address(block) + memory.address(array) - memory.address(memory.owner(array))
    return memory.array_at(block, start, array.shape, array.strides, array.dtype)
