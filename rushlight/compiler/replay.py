"""A recording: a graph with the conditions under which it stands for a call, and the function that replays it."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..backends.llvm.engine import available
from ..core.inplace import bump
from ..core.node import FREED, AccumulateGrad, Node, tick
from ..core.wrap import new
from ..tensor import Tensor
from .backward import Backward, CompiledNode, slots
from .capture import Recorder
from .graph import ARGUMENT, LATE, STATE, Graph, Value
from .passes.copies import without_copies
from .plan import Plan
from .reach import Bound
from .unrecorded import Unrecorded


class Recording:
    """What one recorded call became. `replay(args, kwargs)` is (result,), or None where the conditions do not hold."""

    def __init__(self, recorder: Recorder, result: Any, settings: dict):
        self.reach = recorder.reach
        self.recorder = recorder
        self.settings = settings
        self.lock = threading.Lock()
        self.places = {id(bound.tensor): bound.place for bound in self.reach.bound}
        self.new_grads = self.find_new_grads()
        self.result = result
        self.leaves: list[Any] = []
        self.live: list[tuple[str, Any]] = []  # results that can go backward: their names, and the tensors
        self.template = self.described(result)
        self.backward = Backward(recorder, [tensor for _, tensor in self.live]) if self.live else None
        values = [value for value, _ in self.leaves] + [value for _, value in self.new_grads if value is not None]
        if self.backward is not None:
            values += self.backward.saved
        self.graph = recorder.graph(list(dict.fromkeys(values)))
        self.result = None
        recorder.held.clear()
        self.function: Callable | None = None
        self.checked: Callable | None = None

    # ---- what outlives the call

    def find_new_grads(self) -> list[tuple[Bound, Value | None]]:
        """The tensors whose `.grad` another tensor became, or None."""
        found: list[tuple[Bound, Value | None]] = []
        for bound in self.reach.bound:
            now = bound.tensor._grad
            if now is not bound.had_grad:
                value = None if now is None else self.recorder.value_of(now._array)
                if now is not None and value is None:
                    raise Unrecorded("a gradient that was made in a way that is not recorded")
                found.append((bound, value))
        return found

    def described(self, item: Any) -> str:
        """The text that builds the result."""
        if isinstance(item, Tensor):
            return self.tensor(item)
        if item.__class__ in (tuple, list):
            inner = "".join([self.described(part) + ", " for part in item])
            return f"({inner})" if item.__class__ is tuple else f"[{inner}]"
        if item.__class__ is dict:
            return "{" + ", ".join([f"{self.reach.name(key)}: {self.described(part)}" for key, part in item.items()]) + "}"
        if isinstance(item, tuple) and hasattr(item, "_fields"):
            return f"{self.reach.name(type(item))}({''.join([self.described(part) + ', ' for part in item])})"
        return self.reach.name(item)

    def tensor(self, item: Any) -> str:
        """The text of a tensor in the result: one that the function reaches, or a new one."""
        if id(item) in self.places:
            return self.places[id(item)]
        value = self.recorder.value_of(item._array)
        if value is None:
            raise Unrecorded("a result that was made in a way that is not recorded")
        node = item._node if item._base is None else item._node or item._base._node
        if item.__class__ is not Tensor:
            raise Unrecorded(f"a result of class {item.__class__.__name__}")
        name = f"r{len(self.leaves)}"
        is_live = node is not None and not is_spent(node, self.recorder.began)
        if is_live:
            if item._base is not None and item._base._node is not item._node and item._node is None:
                raise Unrecorded("a result that is a view without a history of its own")
            self.live.append((name, item))
        self.leaves.append((value, spent(node) if node is not None and not is_live else None))
        self.places[id(item)] = name
        return name

    # ---- the conditions

    def broken(self, args: tuple, kwargs: dict) -> str | None:
        """The first condition that does not hold any more; None if all do."""
        from .reach import ASSIGNMENT
        scope = dict(self.reach.scope, args=args, kwargs=kwargs)
        for condition in self.reach.conditions:
            try:
                if ASSIGNMENT.match(condition):
                    exec(condition, scope)
                elif "._grad is " not in condition and not eval(condition, scope):
                    return condition
            except Exception as error:  # whatever the program's objects raise, the condition does not hold
                return f"{condition} ({error})"
        return None

    # ---- the replay

    def replay(self, args: tuple, kwargs: dict) -> Any:
        """(result,), or None where the conditions do not hold."""
        if self.function is None:
            if self.holds(args, kwargs) is None:
                return None
            self.function = self.build()
        with self.lock:
            return self.function(args, kwargs)

    def holds(self, args: tuple, kwargs: dict) -> Any:
        """True if all conditions hold, else None."""
        if self.checked is None:
            self.checked = self.compiled("    return True")
        return self.checked(args, kwargs)

    def compiled(self, lines: str) -> Callable:
        scope = self.reach.scope
        exec(compile(self.reach.text(lines), "<rushlight compiled>", "exec"), scope)
        return scope["replay"]

    def build(self) -> Callable:
        """The function of conditions and replay."""
        places: dict[Value, str] = {}
        lines = []
        for value in self.graph.inputs:
            kind, bound = value.storage.kind, self.recorder.bound.get(value)
            if bound is not None and (kind in (ARGUMENT, LATE) or self.late(value)):
                places[value] = f"i{value.number}"
                lines.append(f"i{value.number} = {bound.place}{'._grad' if self.late(value) else ''}._array")
        plan = self.plan = self.make_plan(self.graph, self.reach.scope, places)
        self.renamed = plan.graph.renamed
        lines += [*plan.lines, *self.bumps(), *self.results(plan), f"return ({self.template},)"]
        self.lines = lines
        return self.compiled("\n".join(["    " + line for line in lines]))

    def make_plan(self, graph: Graph, scope: dict, places: dict[Value, str]) -> Plan:
        """The plan of a graph, by the backend that was asked for."""
        graph = without_copies(graph)
        if self.settings.get("backend") in ("numpy", "interpreter") or not available():
            return Plan(graph, scope, places)
        from .native_plan import NativePlan
        from .passes.fuse import fuse
        return NativePlan(fuse(graph), scope, places)

    def run_backward(self, gradients: list, saved: tuple, outer: list) -> tuple:
        """The gradients that leave the call, from those of its results."""
        backward: Any = self.backward
        with self.lock:
            if backward.function is None:
                backward.function = backward.build(self.make_plan)
            return backward.function(gradients, saved, outer)

    def late(self, value: Value) -> bool:
        """Whether an input is a tensor's gradient, which may be another tensor at each call."""
        bound = self.recorder.bound.get(value)
        return value.storage.kind == LATE or bound is not None and bound.had_grad is not None and \
            self.recorder.values.get(id(bound.had_grad._array)) is value

    def bumps(self) -> list[str]:
        """The lines that note the writes to tensors which exist outside."""
        places = []
        for equation in self.graph.equations:
            for value in equation.writes:
                bound = self.recorder.bound.get(value)
                if bound is not None:
                    places.append(bound.place + ("._grad" if self.late(value) else ""))
        return [f"{self.reach.name(note_writes)}(({''.join([place + ', ' for place in places])}))"] if places else []

    def results(self, plan: Plan) -> list[str]:
        """The lines that make tensors of what outlives the call."""
        self.reach.scope.update(new=new, Tensor=Tensor)
        lines = []
        for number, (value, node) in enumerate(self.leaves):
            made = "None" if node is None else f"new({self.reach.name(node)})"
            lines += [f"r{number} = new(Tensor)", f"r{number}._array = {plan.names[self.renamed.get(value, value)]}", f"r{number}._node = {made}"]
        for number, (bound, value) in enumerate(self.new_grads):
            if value is None:
                lines.append(f"{bound.place}._grad = None")
            else:
                lines += [f"g{number} = new(Tensor)", f"g{number}._array = {plan.names[self.renamed.get(value, value)]}", f"g{number}._node = None",
                          f"{bound.place}._grad = g{number}"]
        return lines + self.history(plan)

    def history(self, plan: Plan) -> list[str]:
        """The lines that give the results which can go backward their node."""
        backward = self.backward
        if backward is None:
            return []
        constant = self.reach.name
        edges = "".join([f"{bound.place}._node, " for bound in backward.ends])
        saved = "".join([f"{plan.name(self.renamed.get(value, value))}, " for value in backward.saved])
        outer = "".join([f"{bound.place}, " for _, bound in backward.outer])
        return [f"node = {constant(CompiledNode)}({constant(backward)}, ({edges}), ({saved}), ({outer}), {constant(self)})",
                f"{constant(slots)}(node, ({''.join([name + ', ' for name, _ in self.live])}))"]


def note_writes(tensors: tuple) -> None:
    """Note a write to each tensor's memory, all at one time."""
    now = tick()
    for tensor in tensors:
        cell = tensor._cell
        if cell is None or cell.recent is None:
            bump(tensor)
        else:
            cell.count += 1
            cell.last = now
            cell.recent.append(now)


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
    if node.parent is not None or isinstance(node, AccumulateGrad):
        raise Unrecorded("a result that is one of several of its operation")
    return type("Spent", (Node,), {"op": node.op, "edges": (), "saved": FREED, "attrs": {}, "shape": node.shape, "dtype": node.dtype, "sequence": 0,
                                   "alias": node.alias})


__all__ = ["STATE", "Graph", "Recording"]
