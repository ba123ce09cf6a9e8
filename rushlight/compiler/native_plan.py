"""The plan with machine code: equations as launches of kernels on a tape, and Python between its segments only for what has no kernel."""
from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..backends.aborts import raise_error
from ..backends.heap import unwritten
from ..backends.llvm.multiply import address
from ..backends.llvm.tape import Segment, Slots
from ..backends.native import FLOAT, WHOLE
from ..backends.parallel import Unnotable, inside
from ..core import memory
from ..core.op import Op
from ..core.wrap import new
from ..tensor import Tensor
from .capture import UpdateStep
from .graph import COPY, LOCAL, WRITE, Equation, Graph, Storage, Value
from .in_step import in_step
from .interpreter import blank
from .loops import IDENTITY, Loops, Store, Sum
from .passes.fuse import KINDS, Fused
from .placing import moved, moved_into
from .plan import Plan
from .updates import NativeUpdates

#: the dtypes of arrays that kernels take
TAKEN = (FLOAT, WHOLE)


class NativePlan(Plan):
    """A Plan whose lines are, as far as may be, runs of segments."""

    def __init__(self, graph: Graph, scope: dict[str, Any], places: dict[Value, str], grads: dict[Value, str]):
        self.grads = grads
        self.slots = Slots()
        self.segments: list[Segment] = []
        self.launches: list[tuple] = []        # of the segment that is being laid out
        self.launched: list[Any] = []          # the equation of each
        self.elements = 0                      # of all its arrays
        #: the equations of a segment's calls, by its address: for `explain`
        self.launched_by: dict[bytes, list[Any]] = {}
        self.before: list[str] = []            # lines that must come before it
        self.stand_ins: dict[Storage, tuple[Any, Value, Any]] = {}
        self.slot_values: dict[int, Value] = {}
        self.is_set: set[int] = set()
        self.updates: dict[Any, NativeUpdates] = {}
        #: two words that a kernel sets where it meets what it must not go on with: a truth value and what was wrong
        self.abort = np.zeros(2, np.int64)
        #: memory that kernels use in turn
        self.scratch: list = []
        scope.update(new=new, Tensor=Tensor, id=id, refs=sys.getrefcount, kept=[])
        super().__init__(graph, scope, places)

    # ---- segments

    def write(self, equation: Equation) -> None:
        if isinstance(equation.op, Op) and equation.op.is_view:
            super().write(equation)
            return
        found = self.lowered(equation)
        if found is None:
            self.close()
            super().write(equation)
        else:
            self.launches += found
            self.launched += [equation] * len(found)
            self.elements += sum([value.size for value in (*equation.reads(), *equation.outputs) if value is not None])

    def call(self, equation: Equation) -> None:
        # A view that a line names: of something that the segment before makes, or reads.
        if not equation.op.is_view:
            self.close()
        super().call(equation)

    def close(self) -> None:
        """End the segment."""
        if not self.launches:
            return
        for update in self.updates.values():
            self.before += update.lines(self.constant)
        self.updates = {}
        self.launches, self.launched = in_step(self.launches, self.launched, self.handed_on)
        segment = Segment(self.launches, self.slots, self.abort, self.elements)
        self.launched_by[segment.where] = self.launched
        self.launches, self.launched, self.elements = [], [], 0
        self.segments.append(segment)
        self.lines += self.before
        self.before = []
        for slot in segment.used:
            if slot not in self.is_set:
                self.is_set.add(slot)
                self.lines.append(f"slots[{slot}] = id({self.name(self.slot_values[slot])})")
        if segment.is_shared:
            self.lines.append(f"{self.constant(segment.run)}()")
        else:
            self.lines.append(f"{self.constant(segment.play)}({segment.where!r})")
        if address(self.abort) in segment.mentioned:
            self.lines.append(f"if {self.constant(self.abort)}[0]: {self.constant(raise_error)}({self.constant(self.abort)})")

    def handed_on(self, first: Equation, second: Equation) -> tuple[Value, int, int, Callable] | None:
        """The value that an equation makes for the next one alone, its address and that of the result in whose place it may lie, and what to call
        if it does; None where there is none."""
        number = next(number for number, equation in enumerate(self.graph.equations) if equation is second)
        for result, argument in getattr(second.op, "over", ()):
            left, value = second.inputs[argument], second.outputs[result]
            if value is None or not any([left is each for each in first.outputs]) or not lies_alike(left, value):
                continue
            is_whole = left.storage.size == left.size * left.dtype.itemsize
            if is_whole and self.buffers.may_plan(left.storage) and left.storage in self.buffers.done.get(number, ()):
                return left, address(self.array(left)), address(self.array(value)), partial(self.buffers.leave, left.storage)
        return None

    def finish(self) -> None:
        self.close()
        self.scope["slots"] = self.slots.memory()
        for segment in self.segments:
            segment.finish()
        self.scope["segments"] = self.segments

    # ---- arrays while the tape is laid out

    def array(self, value: Value) -> Any:
        """The array of a value, or the one that stands for it."""
        storage = value.storage
        if storage in self.fixed:
            name = self.name(value)
            # What Python calls gave is a part of the same memory, such as the pieces of a split.
            return self.scope[name] if name in self.scope else self.fixed_array(value)
        if storage not in self.stand_ins:
            first = value if value in self.names else next(v for v in self.names if v.storage is storage)
            owner = np.empty(max(storage.size, 1) + 64, np.uint8)
            stand_in = array_at(owner, first)
            self.stand_ins[storage] = owner, first, stand_in
            self.slot_values[self.slots.add(stand_in, owner)] = first
        owner, first, stand_in = self.stand_ins[storage]
        return stand_in if value is first else array_at(owner, value)

    def result(self, value: Value) -> Any:
        """The array for a result: in a buffer, or new memory at each call."""
        if self.buffers.may_plan(value.storage):
            self.name_planned(value)
        else:
            self.names[value] = f"a{value.number}"
            self.array(value)
            self.before += self.memory_of(value, value.shape, value.strides, value.dtype)
        return self.array(value)

    def memory_of(self, value: Value, shape: tuple, strides: tuple, dtype: Any) -> list[str]:
        """The lines that give a result new memory: if it is to be a `.grad`, that of the last call's, if nobody else holds it."""
        array = f"a{value.number}"
        made = f"{array} = {self.new_memory(shape, strides, dtype)}"
        if value not in self.grads or self.stand_ins[value.storage][1] is not value:
            return [made]
        slot = self.slots.objects[id(self.stand_ins[value.storage][2])]
        self.is_set.add(slot)
        self.placed.add(value)
        kept = self.scope["kept"]
        number, g, place = len(kept), f"g{value.number}", self.grads[value]
        kept.append(None)
        # Of the tensor know this line, its owner, and the list; of its array the tensor alone.
        return [f"{g} = {place}._grad",
                f"if {g} is kept[{number}] and refs({g}) == {SOLE_TENSOR} and refs({g}._array) == {SOLE_ARRAY}: {array} = {g}._array",
                "else:", f"    {made}; slots[{slot}] = id({array})",
                f"    {g} = kept[{number}] = new(Tensor); {g}._array = {array}; {g}._node = None; {place}._grad = {g}"]

    def new_memory(self, shape: tuple, strides: tuple, dtype: Any) -> str:
        """The text of a new array."""
        if np.empty(shape, dtype).strides == strides:
            return f"{self.constant(np.empty)}({shape}, {self.constant(dtype)})"
        return f"{self.constant(blank)}({shape}, {strides}, {self.constant(dtype)})"

    # ---- equations as launches

    def lowered(self, equation: Equation) -> list[tuple] | None:
        """The launches of an equation, None if it has none."""
        op = equation.op
        if isinstance(op, Fused):
            return self.of_loops(op, equation)
        if isinstance(op, UpdateStep):
            return self.of_update(op, equation)
        if op is WRITE or op is COPY:
            return self.of_copy(equation)
        if isinstance(op, Op) and op.launches:
            return self.of_forward(op, equation)
        return None

    def of_loops(self, op: Fused, equation: Equation) -> list[tuple]:
        strides = [steps(value, op.shape) for value in equation.inputs]
        outputs = [Store(name, steps(value, op.shape), KINDS[value.dtype]) if dims is None else Sum(name, dims, factor)
                   for (name, dims, factor), value in zip(op.results, equation.outputs)]
        self.write_over(op, equation)
        loops = Loops(op.program, op.shape, strides, [KINDS[value.dtype] for value in equation.inputs], outputs)
        arrays = [*[self.array(value) for value in equation.inputs], *[self.result(value) for value in equation.outputs]]
        return [(launch.function, launch.count, launch.chunk, launch.words, (launch.keep, arrays))
                for launch in loops.launches([address(array) for array in arrays], [])]

    def write_over(self, op: Fused, equation: Equation) -> None:
        """Let each result of a loop lie where one of the inputs lies, if nobody reads that any more: its memory is in the caches already."""
        for (_, dims, _), value in zip(op.results, equation.outputs, strict=True):
            found = [given for given in equation.inputs if dims is None and value.shape == op.shape and self.may_lie_over(value, given, equation)]
            if found:
                self.array(found[0])
                self.buffers.pass_on(found[0].storage, value.storage)

    def may_lie_over(self, value: Value, given: Any, equation: Equation) -> bool:
        """Whether a result may take the memory of an argument: it lies alike there, and nobody else needs that, or not any more."""
        if given.__class__ is not Value or [read.storage for read in equation.reads()].count(given.storage) != 1:
            return False
        return lies_alike(given, value) and self.buffers.may_plan(value.storage) and self.buffers.may_pass_on(given.storage, self.number)

    def of_copy(self, equation: Equation) -> list[tuple] | None:
        target, source = equation.inputs if equation.op is WRITE else (equation.outputs[0], equation.inputs[0])
        if target.dtype != FLOAT or source.dtype != FLOAT or target.shape != source.shape or not target.size:
            return None
        if target.storage is source.storage and target.storage.kind != LOCAL:
            return None
        return self.looped_copy(self.array(target) if equation.op is WRITE else self.result(target), self.array(source))

    def of_forward(self, op: Op, equation: Equation) -> list[tuple] | None:
        """The calls that forward makes, noted."""
        if any([item.__class__ is Value and item.dtype not in TAKEN for item in equation.inputs]):
            return None
        copies: list[tuple] = []
        try:
            is_matrix = op.kind.name == "matrix"
            arrays = [item if item.__class__ is not Value else self.array(item) if op.launches == "strided"
                      else self.without_gaps(item, copies, is_matrix) for item in equation.inputs]
            inside.launches, inside.abort, inside.scratch = [], self.abort, self.scratch
            # What stands for arrays holds no numbers. And most results are moved to buffers, so that their own memory is never written to.
            with np.errstate(all="ignore"), unwritten([value.storage.size for value in equation.outputs if value is not None]):
                made = op.forward(*arrays, **equation.attrs)
            launches = copies + inside.launches
        except Unnotable:
            return None
        finally:
            inside.launches = inside.abort = inside.scratch = None
        pairs = [(value, array) for value, array in zip(equation.outputs, made if made.__class__ is tuple else (made,)) if value is not None]
        if len(launches) == len(copies) or not all([self.takes(value, array) or self.copies(value, array) for value, array in pairs]):
            return None
        launches, pairs = self.in_buffers(equation, launches, pairs, arrays)
        for value, array in pairs:
            if self.takes(value, array):
                self.take_result(value, array)
            else:
                launches += self.looped_copy(self.result(value), array)
        return [(*launch[:4], (launch[4], arrays, made)) for launch in launches]

    def in_buffers(self, equation: Equation, launches: list[tuple], pairs: list[tuple], given: list) -> tuple[list[tuple], list[tuple]]:
        """Launches and results with buffers in the place of memory that forward made for results which nobody sees from outside."""
        inputs = {id(memory.owner(array)) for array in given if isinstance(array, np.ndarray)}
        owners = {id(owner): owner for _, array in pairs if id(owner := memory.owner(array)) not in inputs}
        users: dict[int, set[Storage]] = {each: set() for each in owners}
        for value, array in pairs:
            if self.takes(value, array):
                if self.buffers.may_plan(value.storage):
                    users.get(id(memory.owner(array)), set()).add(value.storage)
                else:
                    owners.pop(id(memory.owner(array)), None)
        over = {equation.outputs[result]: equation.inputs[argument] for result, argument in equation.op.over}

        def buffer(owner: Any) -> Any:
            storages = users[id(owner)]
            for value, array in pairs:
                if memory.owner(array) is owner and len(storages) == 1 and owner.nbytes == value.storage.size \
                        and self.may_lie_over(value, over.get(value), equation):
                    return self.buffers.pass_on(over[value].storage, value.storage)
            return self.buffers.give(storages, self.buffers.buffer(owner.nbytes))
        # The largest first: it needs the most of what memory lies free in one piece.
        largest_first = sorted([owner for each, owner in owners.items() if users[each]], key=lambda owner: -owner.nbytes)
        launches, blocks = moved(launches, largest_first, buffer)
        places = [blocks.get(id(memory.owner(array))) for _, array in pairs]
        return launches, [(value, array if block is None else moved_into(block, array)) for (value, array), block in zip(pairs, places, strict=True)]

    def takes(self, value: Value, array: Any) -> bool:
        """Whether a launch's result may be a value as it lies. What is kept for a gradient alone may have another form than in the recorded
        call; then it may not leave the plan. In the same form it lies as the recorded one did, for views are places in that; and if it leaves
        the plan, what it shares its memory with would not go along.
        """
        inside_plan = self.buffers.may_plan(value.storage)
        if value.shape != array.shape or value.dtype != array.dtype:
            return inside_plan
        lies_alike = all([n < 2 or one == other for n, one, other in zip(value.shape, value.strides, array.strides)])
        return lies_alike and (inside_plan or memory.owner(array).nbytes == array.nbytes == value.storage.size)

    def copies(self, value: Value, array: Any) -> bool:
        """Whether a launch's result may be copied to where a value lies."""
        return value.shape == array.shape and value.dtype == array.dtype == FLOAT and \
            (self.buffers.may_plan(value.storage) or array.nbytes == value.storage.size)

    def without_gaps(self, value: Value, launches: list[tuple], is_matrix: bool) -> Any:
        """The array of a value as forward may take it: in C order, or for a product with neighbours along one dim; if need be a copy."""
        itemsize = value.dtype.itemsize
        if value.dtype != FLOAT and not value.is_contiguous:
            raise Unnotable("whole numbers with gaps")
        if value.is_contiguous or is_matrix and len(value.shape) == 2 and itemsize in value.strides and 0 not in value.strides:
            return self.array(value)
        copy = self.buffers.lend(value.size * itemsize).view(value.dtype)[:value.size].reshape(value.shape)
        launches += self.looped_copy(copy, self.array(value))
        return copy

    def looped_copy(self, target: Any, source: Any) -> list[tuple]:
        """The launches of target[...] = source, for float32 arrays of one shape."""
        strides = [tuple([0 if n == 1 else step // 4 for n, step in zip(a.shape, a.strides)]) for a in (source, target)]
        loops = Loops(IDENTITY, target.shape, strides[:1], ["float"], [Store("out", strides[1])])
        return [(launch.function, launch.count, launch.chunk, launch.words, (launch.keep, target, source))
                for launch in loops.launches([address(source), address(target)], [])]

    def take_result(self, value: Value, array: Any) -> None:
        """The memory that a forward made for its result is that of the value."""
        if self.buffers.may_plan(value.storage):
            self.fixed.add(value.storage)
            self.names[value] = self.constant(array)
            owner = memory.owner(array)
            start = memory.address(array) - value.offset - memory.address(owner)
            self.buffers.held[value.storage] = owner.reshape(-1).view(np.uint8)[start:] if owner.flags.c_contiguous else owner
            if value.storage not in self.buffers.blocks:
                self.buffers.kept.add(value.storage)
            return
        self.names[value] = f"a{value.number}"
        owner = memory.owner(array)
        self.stand_ins[value.storage] = owner, value, array
        self.slot_values[self.slots.add(array, owner)] = value
        self.before += self.memory_of(value, array.shape, array.strides, array.dtype)

    def of_update(self, op: UpdateStep, equation: Equation) -> list[tuple] | None:
        p, g, *states = equation.inputs[:2 + len(op.rule.states)]
        cells = equation.inputs[2 + len(op.rule.states):]
        if not all([value.dtype == FLOAT and value.is_contiguous and value.shape == p.shape for value in (p, g, *states)]) or not p.size:
            return None
        update = self.updates.get((id(op.step), id(op.rule)))
        if update is None:
            room = len([True for other in self.graph.equations if isinstance(other.op, UpdateStep)])
            update = self.updates[id(op.step), id(op.rule)] = NativeUpdates(op, room)
        return update.launches([self.array(value) for value in (p, g, *states)], [self.name(cell) for cell in cells])


def sole_counts() -> tuple[int, int]:
    """What getrefcount says of a tensor that a variable, an attribute and a list hold, and of an array that its tensor alone holds."""
    owner, other = new(Tensor), new(Tensor)
    other._array, owner._grad = np.empty(1), other
    kept = [other]
    del other
    g = owner._grad
    assert g is kept[0]
    return sys.getrefcount(g), sys.getrefcount(g._array)


SOLE_TENSOR, SOLE_ARRAY = sole_counts()


def lies_alike(a: Value, b: Value) -> bool:
    """Whether two values lie in the same form in storages of one size."""
    return a.shape == b.shape and a.dtype == b.dtype and a.is_contiguous and b.is_contiguous and a.storage.size == b.storage.size


def array_at(owner: Any, value: Value) -> Any:
    return memory.array_at(owner, memory.address(owner) + value.offset, value.shape, value.strides, value.dtype)


def steps(value: Value, shape: tuple) -> tuple:
    """A value's strides in elements along a shape to which it is broadcast; 0 where it is repeated."""
    lead = len(shape) - len(value.shape)
    return (0,) * lead + tuple([0 if n == 1 else stride // value.dtype.itemsize for n, stride in zip(value.shape, value.strides)])
