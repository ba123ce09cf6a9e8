"""Which values an expression makes only to give them to one of its own operators: told by a function's bytecode.

Of `x * 0.5 * y` the first product is put on the interpreter's stack by one instruction and taken from there by another one, and nothing in
between could keep it. The instructions are followed one after the other with a stack of what made each value; wherever the program may
come from elsewhere, and after any instruction that is not known here, nothing is known of the stack.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

#: instructions that put on the stack what somebody else holds, or look at its top alone
LOADS = ("LOAD_CONST", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLOSURE", "LOAD_SMALL_INT", "PUSH_NULL")
LOOKS = ("LOAD_ATTR", "LOAD_METHOD")
NOTHING = frozenset({"CACHE", "NOP", "RESUME", "EXTENDED_ARG", "KW_NAMES"})
#: instructions that put one result in the place of what they take
MAKERS = ("BINARY_", "UNARY_", "CALL")
#: the arithmetic among the operators: by its sign, and up to Python 3.10 by names
DIVISIONS = frozenset({"/", "BINARY_TRUE_DIVIDE"})
ARITHMETIC = DIVISIONS | {"+", "-", "*", "BINARY_ADD", "BINARY_SUBTRACT", "BINARY_MULTIPLY"}


class Load:
    """A value that a variable holds, or a constant."""

    __slots__ = ("source",)

    def __init__(self, name: str, value: Any):
        # Numbers of one value and different types are different constants.
        self.source = ("number" if value.__class__ in (int, float) else "constant" if "CONST" in name else name.replace("_BORROW", ""), value)


class Place:
    """An operator in a function's code. `left` and `right` are where its operands were made: a range of the code, or None if that cannot be told.

    `goes_on` says whether its result is at once an operand of an operator of arithmetic, whose other operand is a number, is what the same
    variable holds as one of the operands so far, or comes second, for then our own method is asked first: True. It is a range if the other
    operand was made there. Nothing but a load is in between.
    """

    __slots__ = ("left", "right", "sources", "goes_on", "runs")

    def __init__(self, left: Any, right: Any, sources: tuple):
        self.left, self.right = (entry if entry.__class__ is range else None for entry in (left, right))
        #: the variables whose values are operands, here or in the chain before
        self.sources = sources
        self.goes_on: bool | range = False
        self.runs = 0


@lru_cache(1024)
def places(code: Any) -> dict[int, Place]:
    """The operators in a code, by their places in it."""
    import dis
    reader = Reader()
    instructions = list(dis.get_instructions(code))
    for instruction, following in zip(instructions, instructions[1:]):
        reader.read(instruction, following.offset, dis.stack_effect(instruction.opcode, instruction.arg))
    return reader.found


class Reader:
    """What is known at a place of a code."""

    def __init__(self) -> None:
        self.found: dict[int, Place] = {}
        self.stack: list[Any] = []
        #: the last two instructions that did something: where they made something, or what they loaded
        self.trail: tuple = (None, None)

    def read(self, instruction: Any, end: int, effect: int) -> None:
        name, stack = instruction.opname, self.stack
        if instruction.is_jump_target:
            stack.clear()
        if name in NOTHING:
            return
        made: Any = None
        if name.startswith(LOADS):
            values = instruction.argval if instruction.argval.__class__ is tuple and "CONST" not in name else (instruction.argval,)
            made = Load(name.partition("_LOAD")[0], values[-1])
            stack += [*[None] * (effect - len(values)), *[Load(name.partition("_LOAD")[0], value) for value in values[:-1]], made]
        elif name.startswith(LOOKS):
            stack[-1:] = [None] * (1 + effect)
        elif name == "PRECALL":  # Python 3.11 alone: the arguments count as taken here
            del stack[len(stack) + effect:]
        elif name.startswith(MAKERS):
            made = range(instruction.offset, end)
            if name.startswith("BINARY_"):
                self.operator(instruction)
            stack[max(len(stack) - 1 + effect, 0):] = [made]
        else:
            stack.clear()
        self.trail = (self.trail[1], made)

    def operator(self, instruction: Any) -> None:
        """Note an operator, and whether one of its operands was made just before."""
        left, right = (None, None, *self.stack)[-2:]
        sources: tuple = tuple([entry.source for entry in (left, right) if entry.__class__ is Load])
        sign = instruction.argrepr if instruction.opname == "BINARY_OP" else instruction.opname
        before = self.operator_at(right) or self.operator_at(left)
        if before is not None and sign in ARITHMETIC:
            if right.__class__ is range and self.trail[1] is right and sign not in DIVISIONS:
                before.goes_on = goes_on_before(before, left)
            elif self.trail == (left, right) and right.__class__ is Load:
                before.goes_on = True
            if before.goes_on:
                sources += before.sources
        self.found[instruction.offset] = Place(left, right, sources)

    def operator_at(self, entry: Any) -> Place | None:
        """The operator that made a value."""
        return self.found.get(entry.start) if entry.__class__ is range else None


def goes_on_before(place: Place, left: Any) -> bool | range:
    """`Place.goes_on`, where the operator's result is the right operand of another one."""
    if left.__class__ is Load:
        return left.source[0] == "number" or left.source in place.sources
    return left if left.__class__ is range else False
