"""Pickles read without trust: a stack machine for the instructions that data needs, which calls what a list allows and nothing else.

What each object costs is counted as it is made, so that a short file cannot ask for more memory or time than its budget.
"""
from __future__ import annotations

import struct
import time
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from ..nn.parameter import Parameter
from ..tensor import Tensor
from .allowed import BLOCKED, Entry, all_allowed, hashable
from .errors import Malformed, Refused, not_allowed
from .limits import Budgets, over
from .rebuild import Rebuilder

#: what damaged instructions do to the machine; all of it becomes an UnpicklingError
CONFUSION = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError, MemoryError, RecursionError, struct.error, EOFError)
#: bytes that objects take in CPython, with their place in a container
LIST, DICT, SET, TUPLE, NUMBER, MEMO, MADE, ENTRY, FIRST_ENTRY = 72, 72, 224, 100, 40, 100, 640, 72, 120
#: instructions between two looks at the budgets
STRIDE = 256
Step = Callable[["Machine"], None]


class Stop(Exception):
    """The end of the pickle."""


class Machine:
    """Unpickles one object from `data`, from `at` on. `persistent` makes storages of their names; the file has `room` bytes."""

    def __init__(self, data: Any, at: int, rebuilder: Rebuilder, persistent: Callable[[Any], Any], budgets: Budgets, room: int,
                 encoding: str = "utf-8"):
        self.data = data
        self.at = self.first = at
        self.end = len(data)
        self.began = time.thread_time()
        self.allowed = all_allowed(rebuilder, self.check)
        rebuilder.spend = self.spend
        self.persistent = persistent
        self.budgets = budgets
        self.encoding = encoding
        self.spent = 0
        self.room = budgets.memory + 2 * room
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.called: dict[int, Entry] = {}  # by the id of the value that stands on the stack

    def load(self) -> Any:
        """The object. Raises Refused for what a file may not ask for, Malformed for what is damaged or too much."""
        try:
            self._run()
            result = self.stack.pop()
            self.memo.clear()
        except UnpicklingError:
            raise
        except CONFUSION as error:
            raise Malformed(f"the pickle is damaged near byte {self.at} ({type(error).__name__}: {str(error)[:200]})") from error
        check_depth(result, self.budgets.depth)
        return result

    def _run(self) -> None:
        data, steps = self.data, STEPS
        try:
            for _ in range(self.budgets.opcodes // STRIDE + 1):
                for _ in range(STRIDE):
                    if self.at >= self.end:
                        raise Malformed("the pickle ends in the middle")
                    code = data[self.at]
                    self.at += 1
                    steps[code](self)
                self.check()
        except Stop:
            return
        raise Malformed(over("opcodes", self.budgets.opcodes, "the pickle has too many instructions"))

    def check(self) -> None:
        """Raises Malformed if what has been done is more than the budgets allow."""
        self.spend(0)
        if len(self.memo) > self.budgets.memo:
            raise Malformed(over("memo", self.budgets.memo, "the pickle keeps too many objects"))
        if time.thread_time() - self.began > self.budgets.seconds + 0.5e-6 * (self.at - self.first):
            raise Malformed(over("seconds", self.budgets.seconds, "the pickle takes too long"))

    def spend(self, size: int) -> None:
        """Counts memory before it is taken. Raises Malformed if there is not so much left."""
        self.spent += size
        if self.spent > self.room:
            raise Malformed(over("memory", self.budgets.memory, f"the pickle makes {self.spent} bytes of objects"))

    # ---- bytes and stack

    def take(self, count: int) -> bytes:
        """The next bytes. Raises Malformed if there are not so many."""
        at = self.at
        self.at += count
        if self.at > self.end:
            raise Malformed("the pickle ends in the middle")
        return self.data[at:self.at]

    def number(self, code: str, count: int) -> int:
        """The next bytes as a number."""
        return struct.unpack(code, self.take(count))[0]

    def line(self) -> str:
        """Text up to the end of the line."""
        end = self.data.find(b"\n", self.at, self.at + 4096)
        if end < 0:
            raise Malformed("a name in the pickle does not end")
        text = self.take(end - self.at).decode("utf-8")
        self.at += 1
        return text

    def push(self, value: Any, size: int) -> None:
        """Puts a new object on the stack, and counts its bytes."""
        self.spent += size
        self.stack.append(value)

    def pop_mark(self) -> list[Any]:
        """All that was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    # ---- what a pickle may do beyond making data

    def find(self, module: str, name: str) -> None:
        """Pushes what a name of the list stands for. Raises NotAllowed for every other name."""
        module, name = modern(module, name)
        full = f"{module}.{name}"
        if module in BLOCKED:
            raise Refused(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
        entry = self.allowed.get(full)
        if entry is None:
            raise not_allowed(full)
        self.called[id(entry[0])] = entry
        self.push(entry[0], 8)

    def call(self, function: Any, args: Any) -> Any:
        """What a function of the list returns."""
        entry = self.called.get(id(function))
        if entry is None or entry[1] is None or type(args) is not tuple:
            raise Refused(f"Trying to call reduce for unrecognized function {describe(function)}")
        self.spent += MADE
        for arg in args:
            if type(arg) in (list, dict, str, bytes, tuple):
                self.spent += 64 * len(arg) if type(arg) in (list, dict) else len(arg)
        self.check()
        return entry[1](*args)

    def make(self, cls: Any, args: Any) -> Any:
        """An object of a class of the list, before its state is set."""
        if cls is Parameter and type(args) is tuple and args and isinstance(args[0], Tensor):
            return Parameter(*args)
        entry = self.called.get(id(cls))
        if entry is None or entry[2] is None:
            raise Refused(f"Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got {describe(cls)}")
        self.spend(MADE)
        return entry[2].__new__(entry[2], *args)

    def build(self, made: Any, state: Any) -> None:
        """Gives an object the state that the pickle has for it."""
        kind = type(made)
        if kind is OrderedDict:
            set_notes(made, state)
        elif self.is_listed(kind):
            set_state(made, state)
        else:
            raise Refused(f"Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got {kind}")

    def is_listed(self, kind: type) -> bool:
        """Whether the program itself has put a class on the list."""
        return any([entry[2] is kind and entry[1] is kind for entry in self.allowed.values()])

    def list_on_top(self) -> list[Any]:
        """The list on top of the stack, to append to."""
        target = self.stack[-1]
        if type(target) is not list:
            raise Refused(f"Can only append to lists, but got {type(target)}")
        return target

    def set_items(self, items: list[Any]) -> None:
        """Puts keys and values into the dict on top of the stack."""
        target = self.stack[-1]
        kind = type(target)
        if kind is not dict and kind is not OrderedDict and kind is not Counter and not self.is_listed(kind):
            raise Refused(f"Can only SETITEMS for dict, collections.OrderedDict, collections.Counter, but got {kind}")
        self.spend(ENTRY // 2 * len(items) + (0 if target else FIRST_ENTRY))
        if len(items) % 2:
            raise Malformed("a key has no value")
        for key, value in zip(hashable(items[::2], self.check), items[1::2]):
            target[key] = value


def modern(module: str, name: str) -> tuple[str, str]:
    """Python 3's name for what may be Python 2's."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def describe(value: Any) -> str:
    """A few words for an object that the file brought: its own repr could be endless."""
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else f"an object of {type(value)}"


def set_notes(made: OrderedDict, state: Any) -> None:
    """Gives an OrderedDict its attributes, such as `_metadata`, but none in the place of what the class defines."""
    if type(state) is not dict or not all([type(name) is str and not hasattr(OrderedDict, name) for name in state]):
        raise Malformed("an OrderedDict cannot have such attributes")
    made.__dict__.update(state)


def set_state(made: Any, state: Any) -> None:
    """Gives an object of a class that the program listed its state, as pickle does."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if plain:
        made.__dict__.update(plain)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def check_depth(root: Any, limit: int) -> None:
    """Raises Malformed if containers stand within containers deeper than the limit: to print or copy them would exhaust Python's stack."""
    level, seen = [root], set()
    for _ in range(limit):
        following: list[Any] = []
        for value in level:
            if isinstance(value, (list, tuple, dict, set)) and id(value) not in seen:
                seen.add(id(value))
                following.extend(value.values() if isinstance(value, dict) else value)
        if not following:
            return
        level = following
    raise Malformed(over("depth", limit, "containers within containers"))


# ---- the instructions

def _unsupported(code: int) -> Step:
    def step(m: Machine) -> None:
        raise Refused(f"Unsupported operand {code}")
    return step


STEPS: list[Step] = [_unsupported(code) for code in range(256)]


def instruction(*codes: bytes) -> Callable[[Step], Step]:
    """Makes a function the machine's answer to these codes."""
    def note(step: Step) -> Step:
        for code in codes:
            STEPS[code[0]] = step
        return step
    return note
