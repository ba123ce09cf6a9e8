"""Which results an expression makes only to give them to one of its own operators: told by a function's bytecode.

Of `x * 0.5 * x` the first product is put on the interpreter's stack by one instruction and taken from there by another one, with nothing in
between but a load of the local variable `x`. Only expressions of local variables, numbers and + - * / are looked at, so nothing in between
can run any code, and no variable can be bound anew.
"""
from __future__ import annotations

from typing import Any, NamedTuple

#: the signs of arithmetic: by an argument of BINARY_OP, and up to Python 3.10 by the instruction's name
SIGNS = {("BINARY_OP", 0): "+", ("BINARY_OP", 10): "-", ("BINARY_OP", 5): "*", ("BINARY_OP", 11): "/",
         "BINARY_ADD": "+", "BINARY_SUBTRACT": "-", "BINARY_MULTIPLY": "*", "BINARY_TRUE_DIVIDE": "/"}
#: what an instruction does if it is neither a load nor arithmetic, and a load of a number
OTHER, NUMBER = "other", "number"
#: instructions of an expression that are looked at, at most
LONGEST = 80


class Step(NamedTuple):
    """An instruction: its place in the code, and what it does: a sign of arithmetic, NUMBER, the index of the local variable it loads, or OTHER."""

    offset: int
    does: str | int


class Code:
    """What is known of a function's code. It holds the code, so that no other one can have its id."""

    def __init__(self, code: Any):
        import dis
        self.code = code
        self.steps = list(steps_of(code, dis.opname))
        self.at = {step.offset: i for i, step in enumerate(self.steps)}
        #: where the program may come from elsewhere
        self.labels = frozenset(dis.findlabels(code.co_code))
        self.known: dict[int, bool] = {}

    def goes_on(self, offset: int) -> bool:
        """Whether the arithmetic there is of local variables and numbers, and its result at once an operand of other arithmetic, the other operand of
        which is a number or one of these variables."""
        found = self.known.get(offset)
        if found is None:
            found = self.known[offset] = self.looks_on(self.at.get(offset, -1))
        return found

    def looks_on(self, i: int) -> bool:
        start, variables = self.expression(i) if i >= 0 and self.is_arithmetic(i) else (-1, frozenset())
        if start < 0:
            return False
        if self.is_arithmetic(i + 1):
            # It is the right operand. A number divided by a tensor is no division but an operator of its own.
            return self.steps[i + 1].does != "/" and start > 0 and self.is_one_of(start - 1, variables) and not self.is_entered(start - 1, i + 1)
        return self.is_one_of(i + 1, variables) and self.is_arithmetic(i + 2)

    def expression(self, i: int) -> tuple[int, frozenset]:
        """Where the arithmetic begins that ends at an instruction, and its variables; (-1, ...) if it is not of local variables and numbers alone."""
        wanted, variables, end = 1, set(), i
        while wanted and 0 <= i > end - LONGEST:
            does = self.steps[i].does
            if does == OTHER:
                break
            if self.is_arithmetic(i):
                wanted += 1
            else:
                wanted -= 1
                variables.add(does)
            i -= 1
        return (-1 if wanted or self.is_entered(i + 1, end) else i + 1), frozenset(variables)

    def is_entered(self, first: int, last: int) -> bool:
        """Whether the program may come from elsewhere to an instruction behind the first one of some."""
        return any([step.offset in self.labels for step in self.steps[first + 1:last + 1]])

    def is_arithmetic(self, i: int) -> bool:
        return i < len(self.steps) and self.steps[i].does in ("+", "-", "*", "/")

    def is_one_of(self, i: int, variables: frozenset) -> bool:
        """Whether an instruction loads a number or one of some variables."""
        does = self.steps[i].does if i < len(self.steps) else OTHER
        return does == NUMBER or does.__class__ is int and does in variables


def steps_of(code: Any, names: Any) -> Any:
    """The instructions, without those that do nothing; one that loads two variables is two."""
    argument = 0
    units = code.co_code
    for offset in range(0, len(units), 2):
        name, argument = names[units[offset]], argument << 8 | units[offset + 1]
        if name == "EXTENDED_ARG":
            continue
        if name in ("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"):
            yield Step(offset, argument >> 4)
            yield Step(offset, argument & 15)
        elif name not in ("CACHE", "NOP"):
            yield Step(offset, what(code, name, argument))
        argument = 0


def what(code: Any, name: str, argument: int) -> str | int:
    """What an instruction does, as `Step` has it."""
    if name in ("LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"):
        return argument
    if name == "LOAD_CONST":
        return NUMBER if code.co_consts[argument].__class__ in (int, float) else OTHER
    if name == "LOAD_SMALL_INT":
        return NUMBER
    return SIGNS.get((name, argument)) or SIGNS.get(name, OTHER)


#: by their ids, the codes that were looked at
codes: dict[int, Code] = {}
MOST_CODES = 512


def goes_on(frame: Any) -> bool:
    """Whether the result of the operator that a frame is at goes at once into another one, as `Code.goes_on` has it."""
    code = frame.f_code
    known = codes.get(id(code))
    if known is None:
        if len(codes) >= MOST_CODES:
            codes.clear()
        known = codes[id(code)] = Code(code)
    return known.goes_on(frame.f_lasti)
