"""Capture: a call of a function, run eagerly and recorded as a Graph.

The recorder stands among the watchers of `core.apply` and sees every operation of its thread, those of backward and of optimizers too. An array
that it has not seen before, and that the function does not reach, ends the recording, and so does a look at a tensor's value; the call itself
goes on as if nobody had listened.
"""
from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..core import apply as hot, memory, recording
from ..core.node import tick
from ..core.op import Op
from ..core.program import users_line
from ..core.wrap import wrap
from ..ops.definition import Unseen
from .graph import ARGUMENT, CONSTANT, COPY, LATE, LOCAL, STATE, WRITE, Equation, Graph, Storage, Value, mapped
from .outside import Watch, watched
from .reach import Reach
from .unrecorded import Unrecorded

#: how the arguments of these kinds of Op reach forward: as they are
AS_THEY_ARE = frozenset({"opaque", "joining", "view"})


#: one call is recorded at a time
ALONE = threading.Lock()


class Step:
    """An optimizer's group at work: where its numbers come from at each call."""

    __slots__ = ("optimizer", "group", "rule")

    def __init__(self, optimizer: Any, group: dict, rule: Any):
        self.optimizer = optimizer
        self.group = group
        self.rule = rule


class UpdateStep:
    """The stand-in for an Op in the equation of one parameter's update: p, g, then the states, then the states that are one number."""

    code = None

    def __init__(self, rule: Any, step: Step):
        self.name = "update"
        self.rule = rule
        self.step = step

    def run(self, p: Any, g: Any, *states: Any) -> None:
        """Update the arrays as the eager step does."""
        rule = self.rule
        names = (*rule.states, *rule.cells)
        numbers = self.step.optimizer.hyperparameters(self.step.group, self.step.rule)
        rule.run(wrap(p), wrap(g), dict(zip(names, map(wrap, states))), numbers)


class Repeat:
    """The stand-in for an Op in the equation of a call in Python: what it does is no tensor's work, and replays do it as it is written."""

    code = None

    def __init__(self, function: Callable, args: tuple, kwargs: dict):
        self.name = getattr(function, "__qualname__", "call")
        self.call = function, args, kwargs

    def run(self) -> None:
        """Call it."""
        function, args, kwargs = self.call
        function(*args, **kwargs)


class Recorder:
    """Listens to one call. `reason` says why a recording was given up, and `where` at which line of the program."""

    def __init__(self, reach: Reach):
        self.thread = threading.get_ident()
        self.reach = reach
        self.equations: list[Equation] = []
        self.inputs: list[Value] = []
        self.values: dict[int, Value] = {}      # by the identity of the array
        self.storages: dict[int, Storage] = {}  # by the identity of the memory's owner
        self.held: list[Any] = []               # arrays, or references to them: see `hold`
        self.count = 0                          # of all values
        self.bound: dict[Value, Any] = {}       # what reach knows of an input
        self.step: Step | None = None
        self.reason: str | None = None
        self.began = 0
        self.listens = False
        self.forgotten: list | None = None  # the tensors that lost their gradient before the first operation
        self.is_late = False  # whether another recording was under way
        self.looked = False  # whether the reason is a look at a value, which the next call takes too
        self.where = ""
        self.outside: Watch | None = None  # what sees the program act on the world
        for bound in reach.bound:
            self.take_in(bound.tensor._array, ARGUMENT if bound.is_argument else STATE, bound)
        self.late = {id(bound.had_grad._array): bound for bound in reach.bound if bound.had_grad is not None}

    # ---- values

    def take_in(self, array: Any, kind: str, bound: Any = None) -> Value:
        """The value of an array that exists before the call, or is the same at each."""
        known = self.values.get(id(array))
        if known is not None:
            return known
        value = self.new_value(array, kind)
        self.inputs.append(value)
        self.bound[value] = bound
        return value

    def new_value(self, array: Any, kind: str = LOCAL) -> Value:
        owner = memory.owner(array)
        storage = self.storages.get(id(owner))
        if storage is None:
            storage = self.storages[id(owner)] = Storage(kind, owner.nbytes, owner if kind in (STATE, CONSTANT) else None)
        value = Value(self.count, storage, memory.address(array) - memory.address(owner), array.shape, array.strides, array.dtype)
        self.values[id(array)] = value
        self.count += 1
        self.hold(array, self.values, kind)
        self.hold(owner, self.storages, kind)
        return value

    def hold(self, array: Any, known: dict, kind: str) -> None:
        """See to it that no other array is taken for this one: what the call makes is forgotten when it goes, and its memory is free as ever."""
        # No function of Python's: an interrupt that came while one forgets would be lost, and the array not forgotten.
        self.held.append(weakref.ref(array, partial(known.pop, id(array))) if kind == LOCAL else array)

    def value_of(self, array: Any) -> Value | None:
        """The value of an array, None if it is not known."""
        found = self.values.get(id(array))
        if found is None and id(array) in self.late:
            found = self.take_in(array, LATE, self.late[id(array)])
        return found

    # ---- operations

    def watch(self, op: Op, args: tuple, attrs: dict) -> Any:
        """Run an operation, and note it."""
        if threading.get_ident() != self.thread or self.reason is not None or not self.listens:
            return self.pass_on(op, args, attrs)
        # Others who look on at operations, such as classes of tensors, may be the program's.
        if self.outside is None or len(hot.watchers) > 1:
            return self.noted_down(op, args, attrs)
        return self.outside.look_away(self.noted_down, op, args, attrs)

    def noted_down(self, op: Op, args: tuple, attrs: dict) -> Any:
        """The result of an operation, which is noted."""
        given = self.given(args)
        noted = self.noted(attrs)
        result = self.pass_on(op, args, attrs)
        if self.reason is None and given is not None and noted is not None:
            self.note(op, args, given, noted, result)
        return result

    def pass_on(self, op: Op, args: tuple, attrs: dict) -> Any:
        if not self.listens and self.watch in hot.watchers:  # another thread put back a list from before the end
            hot.watchers.remove(self.watch)
        return hot.call_on(self.watch, op, args, attrs)

    def given(self, args: tuple) -> tuple | None:
        """The arguments with values for tensors; None where one is unknown."""
        found: tuple = ()
        for arg in args:
            array = getattr(arg, "_array", None)
            if array is not None:
                value = self.value_of(array)
                if value is None:
                    self.give_up("a tensor that was made in a way that is not recorded, or that the function does not reach by a plain path")
                    return None
                found += (value,)
            elif isinstance(arg, np.generic | np.ndarray):
                self.give_up("a NumPy number")
                return None
            else:
                found += (arg,)
        return found

    def noted(self, attrs: dict) -> dict | None:
        """The attributes with values for arrays and tensors; None where one is unknown."""
        unknown = []

        def change(leaf: Any) -> Any:
            array = leaf if isinstance(leaf, np.ndarray) else getattr(leaf, "_array", None)
            if array is None:
                return leaf
            value = self.value_of(array)
            if value is None:
                unknown.append(array)
            return value
        found = mapped(attrs, change)
        if unknown:
            self.give_up("an array in an operation's attributes")
            return None
        return found

    def note(self, op: Op, args: tuple, given: tuple, attrs: dict, result: Any) -> None:
        """Add the equation of an operation that has run."""
        arrays = results_of(op, result)
        outputs = tuple([None if array is None else self.values.get(id(array)) or self.new_value(array) for array in arrays])
        fresh = tuple([value if value is not None and value not in given else None for value in outputs])
        self.log(Equation(op, given, attrs, fresh, is_direct(op, args), several=result.__class__ is tuple, where=users_line()))

    def log(self, equation: Equation) -> None:
        """Add an equation. Which gradients the call forgot before the first is remembered."""
        if self.forgotten is None:
            self.forgotten = [bound for bound in self.late.values() if bound.tensor._grad is not bound.had_grad]
        self.equations.append(equation)

    # ---- what does not pass through apply

    def wrote(self, target: Any, source: Any) -> None:
        self.add(WRITE, (target, source), ())

    def copied(self, source: Any, copy: Any) -> None:
        self.add(COPY, (source,), (copy,))

    def constant(self, tensor: Any) -> None:
        if threading.get_ident() == self.thread and self.reason is None:
            self.take_in(tensor._array, CONSTANT)

    def steps(self, optimizer: Any, group: dict, rule: Any) -> None:
        if threading.get_ident() == self.thread:
            self.step = Step(optimizer, group, rule)
            if self.reason is None and any([hasattr(item, "_array") and id(item._array) in self.values for item in group.values()]):
                self.reads("a learning rate that the function computes")

    def updates(self, rule: Any, p: Any, g: Any, state: Any) -> None:
        tensors = (p, g, *[state[name] for name in (*rule.states, *rule.cells)])
        self.add(UpdateStep(rule, self.step), tensors, (), range(len(tensors)))  # type: ignore[arg-type]

    def repeats(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """function(*args, **kwargs), which every replay calls anew at the same place."""
        if threading.get_ident() != self.thread or self.reason is not None:
            return function(*args, **kwargs)
        if any([hasattr(item, "_array") for item in (*args, *kwargs.values())]):
            self.reads(f"{function.__qualname__}() of a tensor")
        else:
            self.log(Equation(Repeat(function, args, kwargs), (), {}, ()))
        with Unseen():
            return function(*args, **kwargs)

    def add(self, op: Any, inputs: tuple, outputs: tuple, writes: Any = (0,)) -> None:
        """Add an equation of tensors."""
        if threading.get_ident() != self.thread or self.reason is not None:
            return
        if self.outside is None:
            self.added(op, inputs, outputs, writes)
        else:
            self.outside.look_away(self.added, op, inputs, outputs, writes)

    def added(self, op: Any, inputs: tuple, outputs: tuple, writes: Any) -> None:
        """Add it, once it is sure that the call is recorded."""
        given = self.given(inputs)
        if given is not None:
            made = tuple([self.new_value(tensor._array) for tensor in outputs])
            written = tuple([given[i] for i in writes if not outputs and (i != 1 or op is WRITE)])
            self.log(Equation(op, given, {}, made, writes=written))

    def reads(self, what: str) -> None:
        if threading.get_ident() == self.thread and self.reason is None:
            self.looked = True
            self.give_up(what)

    def acts(self, what: str) -> None:
        """The program does something that a replay would not do, or not anew."""
        if self.reason is None:
            self.looked = True
            self.give_up(what)

    def give_up(self, reason: str) -> None:
        """End the recording; the call goes on."""
        if self.reason is None:
            self.reason, self.where = reason, users_line()
            self.equations.clear()
            self.held.clear()

    # ---- the whole call

    @contextmanager
    def listening(self) -> Iterator[None]:
        """What happens inside is recorded."""
        hot.watchers.append(self.watch)
        recording.recorder, self.listens = self, True
        try:
            yield
        finally:
            recording.recorder, self.listens = None, False
            if self.watch in hot.watchers:
                hot.watchers.remove(self.watch)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What happens inside is recorded, once no other recording is under way."""
        if not ALONE.acquire(timeout=10):
            raise Unrecorded("another thread's recording, which does not end")
        try:
            with self.listening():
                yield
        finally:
            ALONE.release()

    def listen(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """function(*args, **kwargs), recorded."""
        self.began = tick()
        if not ALONE.acquire(blocking=False):  # waiting could wait forever: the other call may wait for this thread
            self.reason, self.is_late = "another thread's recording", True
            return function(*args, **kwargs)
        try:
            return self.heard(function, args, kwargs)
        finally:
            ALONE.release()

    def heard(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        """function(*args, **kwargs), while this recorder alone listens."""
        with self.listening(), watched(self.acts, self.reach.sources) as self.outside:
            return function(*args, **kwargs)

    def graph(self, outputs: list[Value]) -> Graph:
        return Graph(self.equations, self.inputs, outputs)


def results_of(op: Op, result: Any) -> tuple:
    """The arrays of an operation's results, those that it keeps for its gradient alone among them."""
    if result.__class__ is tuple:
        return tuple([tensor._array for tensor in result])
    if op.hidden:
        kept = getattr(result._node, "out", None)
        return tuple(kept) if kept.__class__ is tuple else (result._array,)
    return (result._array,)


def is_direct(op: Op, args: tuple) -> bool:
    """Whether forward was given the very arrays of the arguments, and its results were not cast."""
    kind = op.kind.name
    if kind in AS_THEY_ARE:
        return True
    dtypes = {arg._array.dtype for arg in args if hasattr(arg, "_array")}
    if len(dtypes) != 1:
        return False
    [dtype] = dtypes
    return dtype.kind in "fc" and dtype.itemsize > 2 and not any([isinstance(arg, complex) for arg in args])
