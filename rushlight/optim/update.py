"""Updates: how one parameter and its state change in a step, as a scalar program."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from ..backends.llvm.engine import available
from ..core import recording
from ..core.inplace import bump
from ..core.scalar import parse
from ..core.scalar_numpy import kernel

#: where a number of an update's text is found in a parameter group: the key, and the position in it
PLACES = {"beta1": ("betas", 0), "beta2": ("betas", 1), "eta_minus": ("etas", 0), "eta_plus": ("etas", 1),
          "eps2": ("eps", 1), "step_size_min": ("step_sizes", 0), "step_size_max": ("step_sizes", 1)}


class Hyperparameters:
    """The numbers that an update reads, by name; `sources` says for each its key in a parameter group, and its place if it is one of a pair."""

    __slots__ = ("sources", "is_native")

    def __init__(self, *names: str):
        self.is_native = False
        self.sources = tuple([PLACES.get(name, (name, None)) for name in names])

    def in_machine_code(self) -> Hyperparameters:
        """The same rule; an update's own is in machine code."""
        return self


class Update(Hyperparameters):
    """The text of an update, compiled, and where its inputs come from.

    In the text `p` is the parameter, `g` its gradient, a name of `states` the state of that name and of the parameter's shape; `cells` are
    states that are one number, such as `step`, and that the text assigns. Every other name is a hyperparameter.
    """

    __slots__ = ("text", "states", "cells", "kernel", "run", "native")

    def __init__(self, text: str, states: Sequence[str] = (), cells: Sequence[str] = ()):
        program = parse(text)
        elements = ("p", "g", *states)
        numbers = [name for name in program.elements if name not in elements and name not in cells]
        super().__init__(*numbers)
        self.text = text
        self.states = tuple(states)
        self.cells = tuple([name for name in program.outputs if name in cells])
        self.kernel = kernel(text, elements, (*numbers, *self.cells))
        self.run = self.compiled(self.kernel.entry)
        self.native: Update | None = None

    def __call__(self, p: Any, g: Any, state: dict, numbers: tuple) -> None:
        """Update a parameter and its state; `numbers` are the hyperparameters of `sources`."""
        if recording.recorder is not None:
            recording.recorder.updates(self, p, g, state)
        self.run(p, g, state, numbers)

    def in_machine_code(self) -> Update:
        """This update for parameters of all sizes in machine code, where that can be had: the same bits for the small ones as for the large."""
        if self.native is None:
            self.native = copy(self)
            self.native.run = self.compiled(self.kernel.native_entry)
            self.native.is_native = available()
        return self.native

    def compiled(self, entry: Callable) -> Callable:
        """What `__call__` does, written out for these states: a third of a small parameter's time would go into loops over their names."""
        states = "".join([f", state['{name}']._array" for name in self.states])
        cells = "".join([f", {name}.item()" for name in self.cells])
        lines = ["def update(p, g, state, numbers):",
                 "p_array = p._array",
                 *[f"{name} = state['{name}']._array" for name in self.cells],
                 f"results = entries[p_array.dtype](p_array, g._array{states}, *numbers{cells})",
                 *[f"{name}.fill(results[{i}])" for i, name in enumerate(self.cells)],
                 "bump(p)"]
        scope: dict[str, Any] = {"entries": Entries(entry, 2 + len(self.states)), "bump": bump}
        exec("\n    ".join(lines), scope)
        return scope["update"]


class Entries(dict):
    """The kernel's function for parameters of a dtype, made on first use."""

    def __init__(self, entry: Callable, count: int):
        super().__init__()
        self.entry = entry
        self.count = count

    def __missing__(self, dtype: Any) -> Callable:
        found = self[dtype] = self.of_complex(dtype) if dtype.kind == "c" else self.entry(*[dtype] * self.count)
        return found

    def of_complex(self, dtype: Any) -> Callable:
        """Real and imaginary parts are two parameters."""
        count = self.count
        real = self.entry(*[dtype.type(0).real.dtype] * count)

        def entry(*arguments: Any) -> Any:
            real(*[a.real for a in arguments[:count]], *arguments[count:])
            return real(*[a.imag for a in arguments[:count]], *arguments[count:])
        return entry


def number(value: Any) -> float:
    """A hyperparameter as a Python number: schedules may keep it in a tensor of one element."""
    # Not by item(): a compiled step reads the number anew at each call, so that it was looked at ends no recording.
    return value if isinstance(value, (int, float)) else getattr(value, "_array", value).item()
