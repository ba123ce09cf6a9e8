"""A recording: a graph with the conditions under which it stands for a call, and the function that replays it."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..backends.llvm.engine import available
from ..core.inplace import note_writes
from ..core.wrap import new
from ..tensor import Tensor
from .backward import Backward, CompiledNode, slots
from .capture import Recorder, UpdateStep
from .graph import ARGUMENT, LATE, Graph, Value
from .interpreter import InterpretedPlan
from .passes import shaped
from .plan import Plan
from .reach import Bound
from .results import Results
from .unrecorded import Unrecorded


class Recording:
    """What one recorded call became. `replay(args, kwargs)` is (result,), or None where the conditions do not hold."""

    def __init__(self, recorder: Recorder, result: Any, settings: dict):
        self.reach = recorder.reach
        self.recorder = recorder
        self.settings = settings
        #: of the thread that replays
        self.lock: Any = threading.RLock()
        known = recorder.values
        self.lates = {value for value, bound in recorder.bound.items() if value.storage.kind == LATE or bound is not None
                      and bound.had_grad is not None and known.get(id(bound.had_grad._array)) is value}
        self.new_grads = self.find_new_grads()
        self.results = Results(recorder, result)
        self.live = [leaf.name for leaf in self.results.live]  # the results that can go backward
        self.backward = Backward(recorder, self.results.live) if self.live else None
        values = [leaf.value for leaf in self.results.leaves] + [value for _, value in self.new_grads if value is not None]
        if self.backward is not None:
            values += self.backward.saved
        self.graph = recorder.graph(list(dict.fromkeys(values)))
        self.require_forms_of_gradients()
        self.results.release()
        recorder.held.clear()
        self.function: Callable | None = None
        self.building = threading.RLock()
        self.replay: Callable = self.first_replay
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

    # ---- the conditions

    def require_forms_of_gradients(self) -> None:
        """Gradients that the call reads are laid out as now; if they share memory with others, they are the very same."""
        for value in self.graph.inputs:
            if self.late(value):
                bound: Any = self.recorder.bound[value]
                array, place = bound.had_grad._array, f"{bound.place}._grad._array"
                if array.base is None:
                    self.reach.require(f"{place}.strides == {array.strides}", f"{place}.dtype is {self.reach.name(array.dtype)}",
                                       f"{place}.base is None")
                else:
                    self.reach.require(f"{place} is {self.reach.name(array)}")

    # ---- the replay

    def first_replay(self, args: tuple, kwargs: dict) -> Any:
        """(result,), or None where the conditions do not hold. The function that does so from then on is made by the first call that needs it."""
        if self.holds(args, kwargs) is None:
            return None
        with self.building:
            if self.function is None:
                self.replay = self.function = self.build()
        return self.function(args, kwargs)

    def is_busy(self) -> bool:
        """Whether another thread is at work with it."""
        for lock in (self.lock, self.building):
            if not lock.acquire(blocking=False):
                return True
            lock.release()
        return False

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
        plan = self.plan = self.make_plan(self.graph, self.reach.scope, places, self.own_grads())
        self.renamed = plan.graph.renamed
        lines += [*plan.lines, *self.bumps(), *self.new_tensors(plan), f"return ({self.results.template},)"]
        self.lines = lines
        forgotten = [f"{bound.place}._grad = None" for bound in self.recorder.forgotten or ()]
        if forgotten:  # an error in the midst leaves no gradient that the call as written would have forgotten
            lines = ["try:", *["    " + line for line in lines], "except BaseException:", *["    " + line for line in forgotten], "    raise"]
        # Buffers are used again at each call: one thread at a time. A call in the midst of another one of its thread, such as that of a signal's
        # handler, cannot wait, and runs as written. (`with` takes 0.1 us longer than calls of `acquire` and `release`, and is the only way that
        # an interrupt from the keyboard cannot come in between.)
        name, is_inside = self.reach.name, self.lock._is_owned
        return self.compiled("\n".join([f"    if {name(is_inside)}(): return ({name(self.reach.function)}(*args, **kwargs),)",
                                        f"    with {name(self.lock)}:", *["        " + line for line in lines]]))

    def make_plan(self, graph: Graph, scope: dict, places: dict[Value, str], grads: dict[Value, str] | None = None) -> Any:
        """The plan of a graph, by the backend that was asked for; `grads` are the values that become tensors' `.grad`."""
        graph = shaped(graph)
        renamed = graph.renamed
        if self.settings.get("backend") == "interpreter":
            return InterpretedPlan(graph, scope, places)
        if self.settings.get("backend") == "numpy" or not available():
            return Plan(graph, scope, places)
        from .native_plan import NativePlan
        from .passes.epilogues import with_epilogues
        from .passes.fuse import fuse
        from .passes.slopes import with_slopes
        grads = {renamed.get(value, value): place for value, place in (grads or {}).items()}
        return NativePlan(fuse(with_slopes(with_epilogues(graph))), scope, places, grads)

    def run_backward(self, gradients: list, saved: tuple, outer: list) -> tuple:
        """The gradients that leave the call, from those of its results."""
        backward: Any = self.backward
        if self.lock._is_owned():  # in the midst of a replay of this thread: its buffers are taken
            return backward.build(self.make_plan)(gradients, saved, outer)
        with self.lock:
            if backward.function is None:
                backward.function = backward.build(self.make_plan)
            return backward.function(gradients, saved, outer)

    def own_grads(self) -> dict[Value, str]:
        """The values that become `.grad` of one tensor in place of an earlier gradient that nothing reads, with the tensor's place."""
        values = [value for _, value in self.new_grads] + [leaf.value for leaf in self.results.leaves]
        read = {self.recorder.bound.get(value) for value in self.graph.inputs if self.late(value)}
        found: dict[Value, str] = {}
        for bound, value in self.new_grads:
            if value is not None and values.count(value) == 1 and bound.had_grad is not None and bound not in read:
                found[value] = bound.place
        return found

    def late(self, value: Value) -> bool:
        """Whether an input is a tensor's gradient, which may be another tensor at each call."""
        return value in self.lates

    def bumps(self) -> list[str]:
        """The lines that note the writes to tensors which exist outside."""
        of_storage: dict = {}
        for value, bound in self.recorder.bound.items():
            if bound is not None:
                of_storage.setdefault(value.storage, (value, bound))
        places = []
        for equation in self.graph.equations:
            # As the eager step does, an optimizer's update notes that of the parameter.
            for written in equation.writes[:1 if isinstance(equation.op, UpdateStep) else None]:
                value, bound = written, self.recorder.bound.get(written)
                if bound is None:  # a view of one
                    value, bound = of_storage.get(written.storage, (None, None))
                if bound is not None:
                    places.append(bound.place + ("._grad" if self.late(value) else ""))
        scope = self.reach.scope
        if all([place in scope for place in places]):  # all are known now: one tuple for all calls
            written = self.reach.name(tuple([scope[place] for place in places]))
        else:
            written = f"({''.join([place + ', ' for place in places])})"
        return [f"{self.reach.name(note_writes)}({written})"] if places else []

    def new_tensors(self, plan: Plan) -> list[str]:
        """The lines that make tensors of what outlives the call."""
        self.reach.scope.update(new=new, Tensor=Tensor)
        lines = self.results.lines(lambda made: plan.names[self.renamed.get(made, made)])
        for number, (bound, value) in enumerate(self.new_grads):
            if value is None:
                lines.append(f"{bound.place}._grad = None")
            elif self.renamed.get(value, value) not in plan.placed:
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
        outer = "".join([f"{bound.place}, " for bound in backward.looked_at])
        return [f"node = {constant(CompiledNode)}({constant(backward)}, ({edges}), ({saved}), ({outer}), {constant(self)})",
                f"{constant(slots)}(node, ({''.join([name + ', ' for name in self.live])}))"]
