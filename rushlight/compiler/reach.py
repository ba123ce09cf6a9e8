"""What a function can see: the tensors that it reaches, and the conditions under which a recording of it may be replayed.

A walk goes from the function, its arguments, closure, and the globals that it names, through modules, optimizers, containers and objects. Every
tensor on the way is bound by reference, every plain value becomes a condition of the text that `Reach.text` writes: whether the same things are
still in the same places. A recording depends on nothing else, since operations on tensors from elsewhere end it.
"""
from __future__ import annotations

import operator
import os
import re
import types
from collections.abc import Callable
from typing import Any

from ..core import dtypes, engine, memory, recording
from ..core.apply import watchers
from ..core.grad_mode import mode
from ..core.inplace import INFERENCE
from ..core.node import AccumulateGrad, LeafHooks
from ..core.size import Size
from ..nn.module_hooks import special_calls
from ..tensor import Tensor
from .looks import LOOKS, PLAIN
from .unrecorded import Unrecorded

#: the folder of the library's files
HOME = os.path.dirname(os.path.dirname(__file__)) + os.sep
#: the items that are compared one by one; more are in a loop
FEW = 12
#: the most objects that a walk looks at
MOST = 100_000


class Bound:
    """A tensor that the function reaches: `place` is the text by which the check finds it."""

    __slots__ = ("tensor", "place", "is_argument", "had_grad")

    def __init__(self, tensor: Any, place: str, is_argument: bool):
        self.tensor = tensor
        self.place = place
        self.is_argument = is_argument
        self.had_grad = tensor._grad


class Reach:
    """The walk. `bound` are the tensors; `conditions` lines of text over `args`, `kwargs` and the names of `scope`."""

    def __init__(self, function: Callable, args: tuple, kwargs: dict, late: Any = (), fixed: Any = ()):
        self.function = function
        self.late = late    # places whose tensor is another one at each call: (identity of what holds it, key)
        self.fixed = fixed  # arguments that are tensors which the function reaches: the same ones at each call
        #: what lay where: (what holds it, key, text, thing), of tensors and structures of tensors that the function reaches, of late places, and of
        #: containers among the arguments
        self.held: list[tuple] = []
        self.late_held: list[tuple] = []
        self.argument_held: list[tuple] = []
        self.taken: set[int] = set()  # things at late places, at which nobody looks further
        # Under the library's name NumPy's warnings of infinities stay silent, as they do in its modules.
        self.scope: dict[str, Any] = {"__name__": __name__, "every": all, "map": map, "same": operator.is_, "len": len, "mode": mode,
                                      "watchers": watchers, "special_calls": special_calls, "recording": recording, "defaults": dtypes.Default}
        self.conditions: list[str] = []
        self.bound: list[Bound] = []
        self.seen: dict[int, str] = {}
        self.known: dict[int, str] = {}  # names in the scope, by the identity of what they hold
        self.todo: list[tuple[str, Any]] = []
        self.locals = 0
        self.owners: list[tuple[str, Any, str, Any]] = []  # of the arguments' memory: its place and itself, the array's place and itself
        self.states: dict[int, Any] = {}  # the owners of the memory of tensors that are no arguments, by their identity
        self.names: set[str] = set()  # that the program's functions use
        self.large: list[tuple[str | None, Any]] = []  # arrays of NumPy that are too large to compare, and the attributes that hold them
        self.hooked = False  # whether tensors have hooks
        self.hook_conditions: set[str] = set()
        self.named: list[tuple[frozenset, list[str]]] = []  # conditions that hold where the program uses one of some names
        self.sources: list[Any] = []  # of NumPy's random numbers
        self.global_conditions()
        self.arguments(args, kwargs)
        self.todo.append((self.name(function), function))
        self.walk()

    # ---- names and conditions

    def name(self, thing: Any) -> str:
        """The name of a thing in the scope."""
        found = self.known.get(id(thing))
        if found is None:
            found = self.known[id(thing)] = f"k{len(self.scope)}"
            self.scope[found] = thing
        return found

    def require(self, *conditions: str) -> None:
        """Note conditions, each of which can be told as what does not hold."""
        self.conditions += conditions

    def local(self, text: str) -> str:
        """A local variable of the check, set on the way: the text to read it by is its name from then on."""
        self.locals += 1
        name = f"v{self.locals}"
        self.conditions.append(f"{name} = {text}")
        return name

    def global_conditions(self) -> None:
        self.require(f"mode.grad is {mode.grad}")
        if not mode.grad:
            self.require(f"mode.inference is {mode.inference}")
        # The classes of tensors that the program defines may look on, as they did.
        self.require(f"watchers == {self.name(list(watchers))}" if watchers else "not watchers")
        self.require(f"defaults.dtype is {self.name(dtypes.get_default_dtype())}")
        self.require(f"special_calls == {self.name(set(special_calls))}" if special_calls else "not special_calls")

    # ---- the arguments of the call

    def arguments(self, args: tuple, kwargs: dict) -> None:
        self.require(f"len(args) == {len(args)}", f"kwargs.keys() == {self.name(kwargs.keys())}" if kwargs else "not kwargs")
        for i, value in enumerate(args):
            self.argument(f"args[{i}]", value)
        for key, value in kwargs.items():
            self.argument(f"kwargs[{key!r}]", value)

    def argument(self, place: str, value: Any) -> None:
        """A tensor is another one at each call, of the same form; what else there is must be as it was."""
        if isinstance(value, Tensor) and id(value) not in self.fixed:
            self.tensor_argument(self.local(place), value)
        elif value.__class__ in (tuple, list, Size) or isinstance(value, tuple) and hasattr(value, "_fields"):
            here = self.local(place)
            self.require(f"{here}.__class__ is {self.name(value.__class__)}", f"len({here}) == {len(value)}")
            for i, part in enumerate(value):
                self.argument_held.append((value, i, "", part))
                self.argument(f"{here}[{i}]", part)
        elif value.__class__ is dict and all([key.__class__ in (str, int) for key in value]):
            here = self.local(place)
            self.require(f"{here}.__class__ is dict", f"[*{here}] == {list(value)!r}")
            for key, part in value.items():
                self.argument_held.append((value, key, "", part))
                self.argument(f"{here}[{key!r}]", part)
        else:
            self.todo.append((place, value))

    def tensor_argument(self, place: str, tensor: Any) -> None:
        known = next((bound for bound in self.bound if bound.tensor is tensor), None)
        if known is not None:
            self.require(f"{place} is {known.place}")
            return
        array = tensor._array
        self.require(f"{place}.__class__ is {self.name(tensor.__class__)}")
        a = self.local(f"{place}._array")
        self.require(f"{a}.shape == {array.shape}", f"{a}.dtype is {self.name(array.dtype)}", f"{a}.strides == {array.strides}",
                     nothing(f"{place}._node", tensor._node), nothing(f"{place}._base", tensor._base))
        self.memory_of_argument(a, array)
        self.bind(place, tensor, True)

    def memory_of_argument(self, a: str, array: Any) -> None:
        """An argument shares its memory with the same other arguments as now, at the same distance, and with nothing else that is reached."""
        held = memory.owner(array)
        if array.base is None:
            self.require(f"{a}.base is None")
            place = a
        else:
            place = self.local(f"{self.name(memory.owner)}({a})")
        for other, other_owner, b, other_array in self.owners:
            if other_owner is held:
                distance = memory.address(array) - memory.address(other_array)
                self.require(f"{place} is {other}", f"{self.name(memory.address)}({a}) - {self.name(memory.address)}({b}) == {distance}")
            else:
                self.require(f"{place} is not {other}")
        self.owners.append((place, held, a, array))

    # ---- places whose tensor changes from call to call

    def is_late(self, owner: Any, key: Any, text: str, thing: Any) -> bool:
        """Note what lies at a place. If a call puts another tensor there each time, it is taken like an argument."""
        if (id(owner), key) in self.late:
            self.late_held.append((owner, key, text, thing))
            self.taken.add(id(thing))
            self.argument(text, thing)
            return True
        if isinstance(thing, Tensor) or thing.__class__ in (tuple, list, dict) and holds_tensor(thing):
            self.held.append((owner, key, text, thing))
        return False

    def moved(self) -> dict | None:
        """The places at which the call left other tensors than it found; None where a place holds something else altogether."""
        found = {}
        for owner, key, _, thing in self.held:
            now = at_place(owner, key)
            if now is not thing:
                if now.__class__ is not thing.__class__:
                    return None
                found[id(owner), key] = owner
        return found

    def left(self) -> list[tuple[str, Any]]:
        """The late places, as text, with what the call left there."""
        found = [(text, thing, at_place(owner, key)) for owner, key, text, thing in self.late_held]
        return [(text, now) for text, thing, now in found if now is not thing]

    def changes_arguments(self) -> bool:
        """Whether the call put something else into a list or a dict among its arguments."""
        return any([at_place(owner, key) is not thing for owner, key, _, thing in self.argument_held])

    def release(self) -> None:
        """Let go of the tensors of the recorded call that later ones do not look at: its arguments, and earlier gradients."""
        for held in (self.held, self.late_held, self.argument_held, self.owners):
            held.clear()
        for bound in self.bound:
            bound.had_grad = None if bound.had_grad is None else True
            if bound.is_argument:
                bound.tensor = None

    # ---- the walk

    def walk(self) -> None:
        steps = 0
        while self.todo:
            place, thing = self.todo.pop()
            steps += 1
            if steps > MOST:
                raise Unrecorded("the function reaches too many objects")
            self.see(place, thing)
        self.keep_apart()

    def keep_apart(self) -> None:
        """Arguments share no memory with tensors that are none."""
        if any([id(owner) in self.states for _, owner, _, _ in self.owners]):
            reached = {id(bound.tensor) for bound in self.bound if not bound.is_argument}
            same = {id(bound.tensor) for bound in self.bound if bound.is_argument} & reached
            raise Shared(same) if same else Unrecorded("an argument that shares memory with a tensor which the function reaches")
        for place, _, _, _ in self.owners:
            if len(self.states) > FEW:
                self.require(f"{self.name(id)}({place}) not in {self.name(self.states)}")
            elif self.states:
                self.require(*[f"{place} is not {self.name(owner)}" for owner in self.states.values()])

    def settle(self, codes: set | None) -> None:
        """Take in what is a condition only if the program used it, by the functions that ran; None stands for all."""
        names = self.names if codes is None else {name for code in codes if not code.co_filename.startswith(HOME) for name in code.co_names}
        if codes is None or engine.run.__code__ in codes:  # the call goes backward: hooks outside are a matter of later
            if self.hooked:
                raise Unrecorded("hooks on a tensor")
            self.conditions += sorted(self.hook_conditions)
        if any([key is None or key in names for key, _ in self.large]):
            raise Unrecorded("a large NumPy array, which may hold something else at each call")
        for users, conditions in self.named:
            if names & users:
                self.conditions += conditions

    def see(self, place: str, thing: Any) -> None:
        """Write the conditions for what lies at a place."""
        if isinstance(thing, PLAIN):
            self.plain(place, thing)
            return
        name = self.name(thing)
        if place != name:
            self.require(f"{place} is {name}")
        if id(thing) in self.seen:
            return
        self.seen[id(thing)] = name
        for kinds, look in LOOKS:
            if isinstance(thing, kinds):
                look(self, name, thing)
                return

    def plain(self, place: str, value: Any) -> None:
        name = self.name(value)
        if isinstance(value, (bool, type(None), type(Ellipsis), dtypes.dtype)):
            self.require(f"{place} is {name}")
        elif value != value:  # nan
            self.require(f"{place} is {name}")
        else:
            here = self.local(place)
            alike = f"{here} == {name}" if value else f"repr({here}) == {repr(value)!r}"  # 0.0 equals -0.0
            self.require(f"({here} is {name} or {here}.__class__ is {self.name(value.__class__)} and {alike})")

    def same_items(self, place: str, items: Any) -> None:
        """The very same objects are in a dict, or a sequence."""
        self.require(f"len({place}) == {len(items)}" if items else f"not {place}")
        is_dict = isinstance(items, dict)
        held = dict(items) if is_dict else dict(enumerate(items))
        fixed = {key: value for key, value in held.items() if not self.is_late(items, key, f"{place}[{self.key(key)}]", value)}
        if len(fixed) == len(held) and (is_dict and not all([isinstance(key, str) for key in items]) or len(items) > FEW):
            self.require(f"every(map(same, {place}{'.values()' if is_dict else ''}, {self.name(tuple(held.values()))}))")
            if is_dict and all([isinstance(key, (str, int)) for key in items]):
                self.require(f"[*{place}] == {self.name([*items])}")
            return
        for key, value in fixed.items():
            self.item(f"{place}[{key!r}]", value)

    def key(self, key: Any) -> str:
        """The text of a dict's key. Tensors are such keys too: to print one takes as long as to look at a hundred."""
        return repr(key) if key.__class__ in (str, int) else self.name(key)

    def item(self, place: str, value: Any) -> None:
        """The very same object lies at a place, or an equal plain value."""
        name = self.name(value)
        if value.__class__ in (int, float, str) and value:  # 0.0 equals -0.0
            self.require(f"({place} is {name} or {place}.__class__ is {self.name(value.__class__)} and {place} == {name})")
        else:
            self.require(f"{place} is {name}")

    def inside(self, parts: Any) -> None:
        """What is in a container whose items are known to be the same objects: plain ones need no further look."""
        for part in parts:
            if not isinstance(part, PLAIN) and id(part) not in self.taken:
                self.todo.append((self.name(part), part))

    def bind(self, place: str, tensor: Any, is_argument: bool) -> None:
        if tensor._cell is INFERENCE and not mode.inference:
            raise Unrecorded("a tensor made in inference mode")
        self.bound.append(Bound(tensor, place, is_argument))
        if not is_argument:
            owner = memory.owner(tensor._array)
            self.states[id(owner)] = owner
        node = tensor._node
        if node is not None:
            self.require(nothing(f"{place}._grad", tensor._grad))
            is_leaf = isinstance(node, AccumulateGrad)
            self.hooked |= bool(node.pre_hooks or is_leaf and (node.post_hooks or node.hooks))
            self.hook_conditions.add(f"{self.name(LeafHooks)}.added == {LeafHooks.added}" if is_leaf else f"not {place}._node.pre_hooks")

    def text(self, replay: str) -> str:
        """The source of the function `replay(args, kwargs)`: None unless all conditions hold, then the lines of `replay`."""
        lines = ["def replay(args, kwargs):", "    try:"]
        tests: list[str] = []

        def close() -> None:
            if tests:
                lines.append(f"        if not ({' and '.join(tests)}): return None")
                tests.clear()
        for condition in self.conditions:
            if ASSIGNMENT.match(condition):
                close()
                lines.append("        " + condition)
            else:
                tests.append(condition)
        close()
        # What is not there any more: an attribute, a key, the content of a cell.
        return "\n".join([*lines, "    except (LookupError, AttributeError, ValueError): return None", replay])


class Shared(Exception):
    """Tensors are arguments and reached as well: `args[0]` are their identities."""


def holds_tensor(structure: Any) -> bool:
    """Whether a tuple, list or dict has tensors in it."""
    return any([isinstance(part, Tensor) for part in (structure.values() if structure.__class__ is dict else structure)])


def at_place(owner: Any, key: Any) -> Any:
    """What lies at a place now; None where nothing does."""
    if isinstance(owner, types.CellType):
        return owner.cell_contents
    if isinstance(owner, dict):
        return owner.get(key)
    if isinstance(key, int):
        return owner[key] if key < len(owner) else None
    return getattr(owner, key, None)


#: a condition that is a line of its own
ASSIGNMENT = re.compile(r"v\d+ = ")


def nothing(place: str, value: Any) -> str:
    """The condition that there is something at a place, or nothing, as now."""
    return f"{place} is None" if value is None else f"{place} is not None"
