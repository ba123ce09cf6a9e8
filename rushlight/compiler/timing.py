"""How long the parts of a replay take: its lines, and the kernels' calls inside its segments, each the median of several replays.

What replays change is put back afterwards: the numbers in the tensors that the recording reaches, gradients, and random streams.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from time import perf_counter as clock
from typing import Any

import numpy as np

from ..backends.parallel import pool
from ..core.generator import Generator
from ..random import default_generator
from ..tensor import Tensor
from .capture import Repeat
from .graph import Equation, found_in

#: replays that are timed, at least and at most, and the seconds after which they are enough
FEWEST, MOST, ENOUGH = 5, 50, 0.2


class Part:
    """A part of a replay: the equation it is for (None for what the plan does besides), in how many calls, of what kind, and its seconds."""

    def __init__(self, equation: Equation | None, kind: str, calls: int, seconds: float):
        self.equation, self.kind, self.calls, self.seconds = equation, kind, calls, seconds

    @property
    def bytes(self) -> int:
        """The bytes of the arrays that are read and written."""
        if self.equation is None:
            return 0
        values = {*self.equation.reads(), *[value for value in self.equation.outputs if value is not None]}
        return sum([value.size * value.dtype.itemsize for value in values])


def of_forward(recording: Any, args: tuple, kwargs: dict) -> tuple[Times, float]:
    """The times of a recording's replay, and the seconds of its conditions."""
    def source(lines: list[str]) -> str:
        return recording.reach.text("\n".join(["    " + line for line in lines]))
    with preserved(recording, args, kwargs), recording.lock, np.errstate(all="ignore"):
        conditions = median([seconds(recording.holds, (args, kwargs)) for _ in range(MOST)])
        return Times(recording.plan, recording.lines[:-1], recording.reach.scope, source, (args, kwargs)), conditions


def of_backward(recording: Any, args: tuple, kwargs: dict) -> Times | None:
    """The times of the way back from a recording's results; None if a replay gives none that can go backward."""
    from .backward import CompiledNode
    backward = recording.backward
    with preserved(recording, args, kwargs), np.errstate(all="ignore"):
        results = [tensor._node for tensor in found_in(recording.function(args, kwargs), Tensor)]
        node = next((each.parent for each in results if each is not None and isinstance(each.parent, CompiledNode)), None)
        if node is None:
            return None
        outer = [node.value(i)._array for i in range(len(node.saved))][:len(backward.outer)]
        gradients = [np.ones(shape, dtype) for shape, dtype in backward.shapes]
        recording.run_backward(gradients, node.arrays, outer)  # which builds it, if nobody has gone back yet

        def source(lines: list[str]) -> str:
            return "\n    ".join(["def replay(gradients, saved, outer):", *backward.unpack, *lines])
        with recording.lock:
            return Times(backward.plan, backward.plan.lines, backward.plan.scope, source, (gradients, node.arrays, outer))


class Times:
    """The parts of a plan's lines, with the seconds of all together; source(lines) is the text of the function `replay` of such lines."""

    def __init__(self, plan: Any, lines: list[str], scope: dict, source: Callable[[list[str]], str], call: tuple):
        self.plan, self.lines, self.source = plan, lines, source
        self.scope = {name: silent if getattr(thing, "__self__", None).__class__ is Repeat else thing for name, thing in scope.items()}
        self.scope["clock"] = clock
        whole = self.function([*lines, "return True"])
        self.total = median([seconds(whole, call) for _ in repeated()])
        by_line = self.function(self.timed_lines())
        rows = np.array([np.diff(by_line(*call)) for _ in repeated()]).reshape(-1, len(statements(lines)))
        self.parts = sorted(self.in_segments(call) + self.of_lines(np.median(rows, 0)), key=lambda part: -part.seconds)

    def function(self, lines: list[str], scope: dict | None = None) -> Callable:
        """The function of some lines."""
        scope = dict(self.scope) if scope is None else scope
        exec(compile(self.source(lines), "<rushlight explain>", "exec"), scope)
        return scope["replay"]

    def timed_lines(self) -> list[str]:
        """The lines with a look at the clock after each statement."""
        timed = ["T = [clock()]"]
        for statement in statements(self.lines):
            timed += [*statement, "T.append(clock())"]
        return [*timed, "return T"]

    def of_lines(self, medians: Any) -> list[Part]:
        """The parts that are Python's: for each equation, and for all the rest together."""
        parts: dict[int, Part] = {}
        for statement, taken in zip(statements(self.lines), medians, strict=True):
            if self.segment_of(statement[0]) is None:
                equation = getattr(self.plan, "origins", {}).get(statement[0])
                add(parts, equation, "NumPy", 1, float(taken))
        return list(parts.values())

    # ---- segments

    def segment_of(self, line: str) -> Any:
        """The segment that a line plays."""
        name, _, rest = line.partition("(")
        thing = self.scope.get(name)
        for segment in getattr(self.plan, "segments", ()):
            if getattr(thing, "__self__", None) is segment or rest == f"{segment.where!r})":
                return segment
        return None

    def in_segments(self, call: tuple) -> list[Part]:
        """The parts that are kernels: the calls of each segment one by one."""
        segments = getattr(self.plan, "segments", ())
        if not segments:
            return []
        taken: dict[bytes, list[list[float]]] = {segment.where: [] for segment in segments}
        by_place = {segment.where: segment for segment in segments}
        scope = dict(self.scope)
        for line in self.lines:
            segment = self.segment_of(line)
            if segment is not None:  # a line names the segment, or what plays it and where it begins
                scope[line.partition("(")[0]] = lambda where=segment.where: stepped(by_place[where], taken)
        step = self.function([*self.lines, "return True"], scope)
        for _ in repeated():
            step(*call)
        parts: dict[int, Part] = {}
        for segment in segments:
            medians = np.median(np.array(taken[segment.where]), 0)
            for equation, time in zip(self.plan.launched_by[segment.where], medians, strict=True):
                add(parts, equation, "kernel", 1, float(time))
        return list(parts.values())


def add(parts: dict[int, Part], equation: Equation | None, kind: str, calls: int, taken: float) -> None:
    """Add to the part of an equation."""
    part = parts.get(id(equation))
    if part is None:
        parts[id(equation)] = Part(equation, kind if equation is not None else "rest", calls, taken)
    else:
        part.calls += calls
        part.seconds += taken


def stepped(segment: Any, taken: dict[bytes, list[list[float]]]) -> None:
    """Make the calls of a segment one by one, and note how long each took."""
    from ..backends.llvm.tape import CALLS, COUNT, PATCH_COUNT, RUN_PIECES, SHARED
    from ..backends.llvm.workers import workers
    words = segment.words
    first, count, patches = words[CALLS], words[COUNT], words[PATCH_COUNT]
    is_shared = segment.is_shared and pool.is_free()
    with pool.owner if is_shared else nullcontext():
        try:
            words[SHARED] = 0
            if is_shared:
                threads = workers()
                threads.wake()
                words[SHARED], words[RUN_PIECES] = threads.address, threads.run_pieces
            words[COUNT] = 0
            play(segment)
            words[PATCH_COUNT] = 0
            nothing = min([play(segment) for _ in range(3)])
            times = []
            for number in range(count):
                words[CALLS], words[COUNT] = first + number * 4 * ctypes.sizeof(ctypes.c_int64), 1
                times.append(max(play(segment) - nothing, 0.0))
            taken[segment.where].append(times)
        finally:
            words[CALLS], words[COUNT], words[PATCH_COUNT] = first, count, patches


def play(segment: Any) -> float:
    """The seconds of a segment's calls."""
    before = clock()
    segment.play(segment.where)
    return clock() - before


def statements(lines: list[str]) -> list[list[str]]:
    """Lines that belong together: an `if` or a `with` and what is inside it, and its `else`."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith((" ", "else")):
            found[-1].append(line)
        else:
            found.append([line])
    return found


def silent() -> None:
    """In place of a call that a replay repeats, such as a schedule's step."""


def seconds(function: Callable, call: tuple) -> float:
    """How long a call takes."""
    before = clock()
    function(*call)
    return clock() - before


def repeated() -> Iterator[int]:
    """Numbers, until it is enough."""
    end = clock() + ENOUGH
    for number in range(MOST):
        if number >= FEWEST and clock() > end:
            return
        yield number


def median(times: list[float]) -> float:
    return float(np.median(times))


# ---- what replays change

@contextmanager
def preserved(recording: Any, args: tuple, kwargs: dict) -> Iterator[None]:
    """What replays change in the block is as before afterwards."""
    scope = dict(recording.reach.scope, args=args, kwargs=kwargs)
    places = [(text, eval(text, scope)) for _, _, text, _ in recording.reach.late_held]
    bound = [item.tensor for item in recording.recorder.bound.values() if item is not None and item.tensor is not None]
    tensors = {id(tensor): tensor for tensor in [*bound, *found_in([args, kwargs, [thing for _, thing in places]], Tensor)]}.values()
    arrays = {id(array): (array, array.copy()) for tensor in tensors for array in (tensor._array, getattr(tensor._grad, "_array", None))
              if array is not None}
    gradients = [(tensor, tensor._grad) for tensor in tensors]
    generators = [default_generator, *[thing for thing in recording.reach.scope.values() if isinstance(thing, Generator)]]
    states = [(generator, generator.get_state()) for generator in generators]
    try:
        yield
    finally:
        for array, copy in arrays.values():
            array[...] = copy
        for tensor, gradient in gradients:
            tensor._grad = gradient
        for text, thing in places:
            exec(f"{text} = thing", scope | {"thing": thing})
        for generator, state in states:
            generator.set_state(state)
