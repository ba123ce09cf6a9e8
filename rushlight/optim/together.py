"""Many parameters updated by one native call: the kernels of their updates in a table, run one after the other.

A step of a model with fifty parameters would otherwise go fifty times through Python into a kernel and back.
"""
from __future__ import annotations

import ctypes
import struct
from typing import Any

from ..backends.llvm.tape import Calls
from ..backends.native import FLOAT
from ..core.inplace import note_writes
from ..core.scalar_native import machine_code, numbers_of, piece
from .update import Update


class Together:
    """The update of parameters of these sizes by one rule.

    An argument's words are the addresses of array objects, in which kernels find the data, and that of the numbers which all share.
    """

    def __init__(self, rule: Update, sizes: tuple):
        program = rule.kernel.program
        parameters, self.numbers = numbers_of(program)
        self.given = (ctypes.c_double * max(len(parameters), 1))()
        self.last: tuple | None = None
        self.results: tuple = ()
        self.rule, self.sizes = rule, sizes
        width = len(program.elements) + 1
        self.width = width
        self.words = (ctypes.c_int64 * (width * len(sizes)))()
        self.pack = struct.Struct(f"{len(self.words)}q").pack_into
        start, kernel = ctypes.addressof(self.words), machine_code(program, tuple(parameters))[1]
        self.calls = Calls([(kernel, size, piece(size), start + 8 * width * i) for i, size in enumerate(sizes)], width * sum(sizes))

    def run(self, words: list[int], numbers: tuple) -> tuple:
        """Update the arrays whose identities these are; the new values of the states that are one number."""
        if numbers != self.last:
            self.given[:], self.results = self.numbers(*numbers)
            self.last = numbers
        words[self.width - 1::self.width] = [ctypes.addressof(self.given)] * len(self.sizes)
        self.pack(self.words, 0, *words)
        self.calls.run()
        return self.results


def update_together(optimizer: Any, group: dict, rule: Update, numbers: tuple) -> bool:
    """Update all parameters of a group that have a gradient; False, and nothing is done, where they are not all of one plain kind."""
    found = gathered(optimizer.state, group["params"], rule)
    if found is None:
        return False
    params, words, sizes, cells = found
    if cells:
        values = [cell.item() for cell in cells]
        if values.count(values[0]) != len(values):  # parameters that have taken different numbers of steps
            return False
        numbers += (values[0],)
    held = optimizer.__dict__.setdefault("_together", {})
    kept = held.get(id(group))
    if kept is None or kept.rule is not rule or kept.sizes != sizes:
        kept = held[id(group)] = Together(rule, sizes)
    results = kept.run(words, numbers)
    for cell in cells:
        cell.fill(results[0])
    note_writes(params)
    return True


def gathered(states: dict, group: list, rule: Update) -> tuple | None:
    """The parameters that have a gradient; the identities of their arrays, gradients and states, each list with a place for the numbers' address
    behind it; their sizes; and the arrays of their counts of steps. None unless all are float32 in C order and have their states."""
    names = (*rule.states, *rule.cells)
    count = len(rule.states)
    params: list = []
    words: list[int] = []
    sizes: list[int] = []
    cells: list = []
    for p in group:
        if p._grad is None:
            continue
        a, g = p._array, p._grad._array
        size = a.size
        if a.dtype is not FLOAT or g.dtype is not FLOAT or g.size != size or not (a.flags.c_contiguous and g.flags.c_contiguous):
            return None
        words += (id(a), id(g))
        if names:
            own = states.get(p)
            if not own:
                return None
            arrays = [own[name]._array for name in names if own.get(name) is not None]
            if len(arrays) != len(names) or any([s.dtype is not FLOAT or s.size != size or not s.flags.c_contiguous for s in arrays[:count]]):
                return None
            words += map(id, arrays[:count])
            cells += arrays[count:]
        words.append(0)
        sizes.append(size)
        params.append(p)
    return (params, words, tuple(sizes), cells) if params and len(rule.cells) < 2 else None
