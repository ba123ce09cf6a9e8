"""What a call leaves behind, as text that builds it anew at each replay: its result, and the tensors in it.

A tensor that the function reaches is returned itself. Others are new ones, with the history and the base that those of the recorded call have:
a view of a tensor that the program can see shares its memory, its version and its base.
"""
from __future__ import annotations

import types
from collections import OrderedDict
from typing import Any

from ..core.device import device
from ..core.inplace import INFERENCE, version_of
from ..core.node import FREED, AccumulateGrad, Node
from ..core.wrap import new
from ..tensor import Tensor
from .capture import Recorder
from .graph import LOCAL, Value
from .looks import PLAIN, is_outside
from .unrecorded import Unrecorded

#: what is the same object at each call, where the recorded call returned it
CONSTANTS = (*PLAIN, type, device, types.BuiltinFunctionType, types.ModuleType)


class Leaf:
    """A new tensor: `node` is the class of its history, `base` the text of the tensor that it views, `twin` that of one it was detached from."""

    __slots__ = ("name", "value", "tensor", "node", "base", "skipped", "twin", "is_live")

    def __init__(self, name: str, value: Value, tensor: Any):
        self.name = name
        self.value = value
        self.tensor = tensor
        self.node: type | None = None
        self.base: str | None = None
        self.skipped = 0
        self.twin: str | None = None
        self.is_live = False


class Results:
    """The result of a recorded call. `template` is its text; `leaves` are the new tensors that it is built of."""

    def __init__(self, recorder: Recorder, result: Any):
        self.recorder = recorder
        self.reach = recorder.reach
        self.places = {id(bound.tensor): bound.place for bound in self.reach.bound}
        self.places |= {id(bound.tensor._grad): f"{bound.place}._grad" for bound in self.reach.bound if bound.tensor._grad is not None}
        self.cells = {id(bound.tensor._cell): bound.place for bound in self.reach.bound if bound.tensor._cell is not None}
        self.leaves: list[Leaf] = []
        self.inside: set[int] = set()
        self.template = self.described(result)
        #: the places that hold something else after each call, and the text of it
        self.left = [(place, self.described(item)) for place, item in self.reach.left()]
        self.check()

    @property
    def live(self) -> list[Leaf]:
        """The tensors that can go backward."""
        return [leaf for leaf in self.leaves if leaf.is_live]

    # ---- text

    def described(self, item: Any) -> str:
        """The text that builds an item of the result."""
        if isinstance(item, Tensor):
            return self.tensor(item)
        if isinstance(item, CONSTANTS) or id(item) in self.reach.seen:
            return self.reach.name(item)
        if id(item) in self.inside:
            raise Unrecorded("a result that holds itself")
        self.inside.add(id(item))
        text = self.structure(item)
        self.inside.remove(id(item))
        return text

    def structure(self, item: Any) -> str:
        """The text of a container, or of an object that was made in the call."""
        cls = item.__class__
        if cls in (tuple, list):
            return f"({self.all(item)})" if cls is tuple else f"[{self.all(item)}]"
        if cls is dict or cls is OrderedDict:
            text = "{" + ", ".join([f"{self.described(key)}: {self.described(part)}" for key, part in item.items()]) + "}"
            return text if cls is dict else f"{self.reach.name(cls)}({text})"
        if isinstance(item, tuple) and hasattr(item, "_fields"):
            return f"{self.reach.name(cls)}({self.all(item)})"
        if isinstance(item, tuple) and all([isinstance(part, PLAIN) for part in item]):  # a Size
            return self.reach.name(item)
        if cls in (set, frozenset) and all([isinstance(part, PLAIN) for part in item]):
            return f"{cls.__name__}({self.reach.name(tuple(item))})"
        if not is_outside(cls.__module__) and cls.__mro__[1:] == (object,) and hasattr(item, "__dict__") and not hasattr(cls, "__slots__"):
            return f"{self.reach.name(rebuilt)}({self.reach.name(cls)}, {self.described(vars(item))})"
        raise Unrecorded(f"a result of class {cls.__name__}")

    def all(self, items: Any) -> str:
        return "".join([self.described(part) + ", " for part in items])

    # ---- tensors

    def tensor(self, item: Any) -> str:
        """The text of a tensor in the result: one that the function reaches, or a new one."""
        if id(item) in self.places:
            return self.places[id(item)]
        value = self.recorder.value_of(item._array)
        if value is None:
            raise Unrecorded("a result that was made in a way that is not recorded")
        if item.__class__ is not Tensor:
            raise Unrecorded(f"a result of class {item.__class__.__name__}")
        if item._grad is not None or isinstance(item._node, AccumulateGrad):
            raise Unrecorded("a result that is a leaf made in the call")
        node = item._node if item._base is None else item._node or item._base._node
        leaf = Leaf("", value, item)
        if node is not None and not is_spent(node, self.recorder.began):
            if item._base is not None and item._node is None:
                raise Unrecorded("a result that is a view without a history of its own")
            leaf.is_live = True
        elif item._base is not None:
            leaf.node = None if item._node is None else spent(item._node)
            leaf.base, leaf.skipped = self.source(item)
        else:
            leaf.node = None if node is None else spent(node)
        leaf.name = self.places[id(item)] = f"r{len(self.leaves)}"
        if item._cell is not None and leaf.base is None:
            leaf.twin = self.cells.setdefault(id(item._cell), leaf.name)
        self.leaves.append(leaf)
        return leaf.name

    def source(self, view: Any) -> tuple[str, int]:
        """The text of the tensor whose view this is, and how many steps of the view's recipe lead to that one: its base, or an argument that
        is a view of the same base.
        """
        base = view._base
        for bound in self.reach.bound:
            if bound.tensor._base is base:
                known = bound.tensor._recipe
                if len(known) <= len(view._recipe) and all([a is b for a, b in zip(known, view._recipe)]):
                    return bound.place, len(known)
        return self.tensor(base), 0

    def check(self) -> None:
        """Raise Unrecorded for results that can go backward and share memory with what else the program sees, by more than being detached."""
        for leaf in self.live:
            if leaf.value.storage.kind != LOCAL:
                raise Unrecorded("a result that can go backward and shows memory from before the call")
            for other in self.leaves:
                if other is not leaf and other.value.storage is leaf.value.storage and (other.is_live or other.base is None and other.twin is None):
                    raise Unrecorded("results that share memory and can go backward")

    def lines(self, names: Any) -> list[str]:
        """The lines that make the tensors; names(value) is the text of an array."""
        made = []
        for leaf in self.leaves:
            tensor, name = leaf.tensor, leaf.name
            made += [f"{name} = new(Tensor)", f"{name}._array = {names(leaf.value)}",
                     f"{name}._node = {'None' if leaf.node is None else f'new({self.reach.name(leaf.node)})'}"]
            if leaf.base is not None:
                recipe = self.reach.name((tensor._recipe[leaf.skipped:], tensor._created))
                made.append(f"{self.reach.name(linked)}({name}, {leaf.base}, *{recipe})")
            elif tensor._cell is INFERENCE:
                made.append(f"{name}._cell = {self.reach.name(INFERENCE)}")
            elif leaf.twin not in (None, name):
                made.append(f"{name}._cell = {self.reach.name(version_of)}({leaf.twin})")
        return made + [f"{place} = {text}" for place, text in self.left]

    def release(self) -> None:
        """Let go of the recorded call's tensors; what the lines need of them is kept."""
        for leaf in self.leaves:
            leaf.tensor = Kept(leaf.tensor)


class Kept:
    """What a recording keeps of a tensor in the result."""

    __slots__ = ("_recipe", "_created", "_cell")

    def __init__(self, tensor: Any):
        self._recipe = tensor._recipe if tensor._base is not None else ()
        self._created = tensor._created if tensor._base is not None else None
        self._cell = INFERENCE if tensor._cell is INFERENCE else None


def linked(view: Any, source: Any, recipe: tuple, created: str | None) -> None:
    """Make a tensor the view of another that a recipe tells, as `link_view` does."""
    view._base = source if source._base is None else source._base
    view._cell = cell = version_of(source)
    view._recipe = (*source._recipe, *recipe)
    view._seen = cell.count
    if created is not None:
        view._created = created


def rebuilt(cls: type, attributes: dict) -> Any:
    """An object with these attributes, made without a call of its class."""
    made = new(cls)
    made.__dict__.update(attributes)
    return made


def is_spent(root: Node, began: int) -> bool:
    """Whether the way back from a node leads to a freed one of the call's: one that saved nothing does not tell by itself."""
    seen, stack = set(), [root]
    while stack:
        node = stack.pop()
        if node.parent is not None:
            node = node.parent
        if node in seen or node.sequence < began:
            continue
        if node.saved is FREED:
            return True
        seen.add(node)
        stack += [edge for edge in node.edges if edge is not None]
    return False


def spent(node: Node) -> type:
    """The class of nodes like this one whose saved values are gone: a compiled step has gone backward through them."""
    if isinstance(node, AccumulateGrad):
        raise Unrecorded("a result that is a leaf made in the call")
    source = node if node.parent is None else node.parent  # of one of several results
    return type("Spent", (Node,), {"op": source.op, "edges": (), "saved": FREED, "attrs": {}, "shape": node.shape, "dtype": node.dtype, "sequence": 0,
                                   "alias": source.alias})
