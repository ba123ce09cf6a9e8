"""Optimizer updates as launches: the kernels of eager steps, whose numbers are computed anew at each call."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.scalar_native import launch_of, numbers_of
from ..optim.update import number
from .capture import UpdateStep


class NativeUpdates:
    """The updates that one step makes by one rule: `room` parameters at most, each with its hyperparameters and the states that are one number.

    Where a rule has such states, as Adam has a count of steps, each parameter's numbers are a row of a table; else all share one row.
    """

    def __init__(self, op: UpdateStep, room: int):
        self.op = op
        self.program = op.rule.kernel.program
        self.parameters, self.numbers = numbers_of(self.program)
        self.table = np.zeros((room if op.rule.cells else 1, max(len(self.parameters), 1)))
        #: the texts of each parameter's states that are one number
        self.cells: list[Sequence[str]] = []
        self.last: tuple | None = None

    def launches(self, arrays: Sequence[Any], cells: Sequence[str]) -> list[tuple]:
        """The launch for one parameter's arrays."""
        row = self.table[len(self.cells) if self.op.rule.cells else 0]
        self.cells.append(cells)
        given = (ctypes.c_double * len(row)).from_buffer(row)
        return [launch_of(self.program, tuple(self.parameters), arrays, given)]

    def lines(self, constant: Callable[[Any], str]) -> list[str]:
        """The lines that compute the numbers of a call, and note the new states."""
        if not self.parameters:
            return []
        group = constant(self.op.step.group)
        read = "".join([f"{group}[{key!r}]" + ("" if position is None else f"[{position}]") + ", " for key, position in self.op.step.rule.sources])
        if not self.op.rule.cells:
            return [f"h = ({read})", f"if h != {constant(self)}.last: {constant(self.set)}(h)"]
        cells = "".join([f"({''.join([name + ', ' for name in names])}), " for names in self.cells])
        return [f"{constant(self.count)}(({read}), ({cells}))"]

    def set(self, hyperparameters: tuple) -> None:
        """Write the numbers for these hyperparameters where the kernels read them."""
        plain = all([value.__class__ is float for value in hyperparameters])
        self.table[0, :len(self.parameters)] = self.numbers(*(hyperparameters if plain else map(number, hyperparameters)))[0]
        # A tensor may hold another number at the next call.
        self.last = hyperparameters if plain else None

    def count(self, hyperparameters: tuple, cells: tuple) -> None:
        """Write the numbers for these hyperparameters and states, the arrays `cells`, which take their new values."""
        given = [value if value.__class__ is float else number(value) for value in hyperparameters]
        values = [tuple([cell.item() for cell in each]) for each in cells]
        rows, width = self.table[:len(cells)], len(self.parameters)
        if values.count(values[0]) == len(values):  # all have taken as many steps: their numbers are the same
            rows[:, :width], results = self.numbers(*given, *values[0])
            made = [results] * len(values)
        else:
            both = [self.numbers(*given, *each) for each in values]
            rows[:, :width], made = [numbers for numbers, _ in both], [results for _, results in both]
        for each, results in zip(cells, made, strict=True):
            for cell, result in zip(each, results, strict=True):
                cell.fill(result)
