"""Optimizer updates as launches: the kernels of eager steps, whose numbers are computed anew at each call."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from ..core.scalar_native import launch_of, numbers_of
from ..optim.update import number
from .capture import UpdateStep


class NativeUpdate:
    """The update of parameters that share a rule, its hyperparameters, and the states that are one number."""

    def __init__(self, op: UpdateStep, cells: Sequence[str]):
        self.op = op
        self.cells = cells
        self.program = op.rule.kernel.program
        self.parameters, self.numbers = numbers_of(self.program)
        self.last: tuple | None = None
        self.given = (ctypes.c_double * max(len(self.parameters), 1))()

    def lines(self, constant: Callable[[Any], str]) -> list[str]:
        """The lines that compute the numbers of a call, and note the new states."""
        if not self.parameters:
            return []
        group = constant(self.op.step.group)
        read = "".join([f"{group}[{key!r}]" + ("" if position is None else f"[{position}]") + ", " for key, position in self.op.step.rule.sources])
        if not self.cells:
            return [f"h = ({read})", f"if h != {constant(self)}.last: {constant(self.set)}(h)"]
        cells = ", ".join([f"{cell}.item()" for cell in self.cells])
        return [f"s = {constant(self.set)}(({read}), {cells})", *[f"{cell}.fill(s[{i}])" for i, cell in enumerate(self.cells)]]

    def set(self, hyperparameters: tuple, *cells: float) -> tuple:
        """Write the numbers for these hyperparameters and states where the kernels read them; the new states."""
        plain = all([value.__class__ is float for value in hyperparameters])
        numbers, results = self.numbers(*(hyperparameters if plain else map(number, hyperparameters)), *cells)
        self.given[:] = numbers
        # A tensor may hold another number at the next call.
        self.last = hyperparameters if plain else None
        return results

    def launches(self, arrays: Sequence[Any]) -> list[tuple]:
        """The launch for one parameter's arrays."""
        return [launch_of(self.program, tuple(self.parameters), arrays, self.given)]
