"""The scalar language: the text of an elementwise kernel, parsed once into a flat list of instructions.

An Op says what it computes on one element as text: `"x * 0.5 * (1 + erf(x * 0.7071067811865476))"`. An update Op, such as a step of Adam,
says it in several statements: `"m = m + (g - m) * (1 - beta1)"` and so on. The text is Python: assignments to names, `+ - * / // % **`,
unary minus, comparisons, `& | ^ ~` on truth values, and the functions of `FUNCTIONS`.

`parse` turns it into a `Program`: instructions in static single assignment form, equal subexpressions computed once, dead code left out.
Generators read that list: `core.scalar_numpy` makes NumPy calls of it, the compiler makes loops of it, and `evaluate` is their definition.
"""

from __future__ import annotations

import math
import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

#: One value. `operation` is "input" (arguments: its name), "constant" (its number) or a name of FUNCTIONS (indices of earlier values).
Instruction = namedtuple("Instruction", "operation arguments")


def ieee_divide(a: float, b: float) -> float:
    """a / b for Python numbers by the rules of IEEE 754: infinity or not-a-number where Python raises ZeroDivisionError."""
    if b:
        return a / b
    return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def remainder(a: float, b: float) -> float:
    """a modulo b with the sign of b; a zero has the sign of a, as in PyTorch, where Python's has that of b."""
    rest = a % b
    return rest or math.copysign(rest, a)


def ieee_power(a: float, b: float) -> float:
    """a ** b for Python numbers by the rules of IEEE 754: infinity where Python raises."""
    try:
        return a ** b
    except (OverflowError, ZeroDivisionError):
        return math.inf


def ieee_sqrt(a: float) -> float:
    """The square root; not-a-number for a negative number, where Python raises."""
    return math.sqrt(a) if a >= 0 else math.nan


def sigmoid(a: float) -> float:
    """1 / (1 + exp(-a)), with the exponential of a negative number only: the other one overflows."""
    e = math.exp(-abs(a))
    return 1 / (1 + e) if a >= 0 else e / (1 + e)


#: What an instruction does to Python numbers. The keys are the language's whole vocabulary; a generator has a table with the same keys.
FUNCTIONS: dict[str, Callable] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": ieee_divide, "floor_divide": operator.floordiv,
    "remainder": remainder, "power": ieee_power, "negative": operator.neg,
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge, "equal": operator.eq,
    "not_equal": operator.ne,
    "logical_and": lambda a, b: bool(a and b), "logical_or": lambda a, b: bool(a or b), "logical_xor": lambda a, b: bool(a) != bool(b),
    "logical_not": operator.not_, "where": lambda c, a, b: a if c else b, "fma": lambda a, b, c: a * b + c,
    "maximum": lambda a, b: a if a != a or a > b else b, "minimum": lambda a, b: a if a != a or a < b else b,
    "abs": abs, "sign": lambda a: float(a > 0) - float(a < 0), "square": lambda a: a * a,
    "floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "round": round, "sqrt": ieee_sqrt, "rsqrt": lambda a: ieee_divide(1.0, ieee_sqrt(a)),
    "exp": math.exp, "exp2": lambda a: 2.0 ** a, "expm1": math.expm1, "log": math.log, "log2": math.log2, "log10": math.log10,
    "log1p": math.log1p, "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "atan2": math.atan2, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "asinh": math.asinh, "acosh": math.acosh,
    "atanh": math.atanh, "hypot": math.hypot, "copysign": math.copysign, "fmod": math.fmod, "erf": math.erf, "erfc": math.erfc,
    "sigmoid": sigmoid, "isnan": math.isnan, "isinf": math.isinf, "isfinite": math.isfinite,
}  # fmt: skip

#: The instructions that read no other value.
LEAVES = frozenset({"input", "constant"})
TERNARY = frozenset({"where", "fma"})
BINARY = frozenset({
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "less", "less_equal", "greater", "greater_equal",
    "equal", "not_equal", "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "atan2", "hypot", "copysign", "fmod",
})  # fmt: skip
#: Python's syntax, by the name of the `ast` node, as operations.
OPERATORS = {
    "Add": "add", "Sub": "subtract", "Mult": "multiply", "Div": "divide", "FloorDiv": "floor_divide", "Mod": "remainder", "Pow": "power",
    "BitAnd": "logical_and", "BitOr": "logical_or", "BitXor": "logical_xor", "USub": "negative", "Invert": "logical_not",
    "Lt": "less", "LtE": "less_equal", "Gt": "greater", "GtE": "greater_equal", "Eq": "equal", "NotEq": "not_equal",
}  # fmt: skip
#: Names with a value of their own.
CONSTANTS = {"pi": math.pi, "inf": math.inf, "nan": math.nan, "true": True, "false": False}


def arity(operation: str) -> int:
    """The number of arguments of an operation: 1, 2 or 3."""
    return 3 if operation in TERNARY else 2 if operation in BINARY else 1


class Program:
    """A parsed kernel.

    `elements` and `scalars` name the inputs in the order of a call; `instructions` is the flat list; `outputs` maps each result's name to
    its index in it (`out` for a bare expression; an update names the elements and scalars that it rewrites); `uniform[i]` says that value i
    is the same for every element, because only constants and scalars lead to it: a generator computes it once, outside its loop.
    """

    __slots__ = ("elements", "scalars", "instructions", "outputs", "uniform")

    def __init__(self, elements: Sequence[str], scalars: Sequence[str], instructions: Sequence[Instruction], outputs: Mapping[str, int]):
        self.elements, self.scalars, self.instructions, self.outputs = tuple(elements), tuple(scalars), tuple(instructions), dict(outputs)
        self.uniform = uniform_values(self.instructions, frozenset(scalars))

    def __str__(self) -> str:
        lines = [f"%{i} = {op} {', '.join(map(str if op in LEAVES else '%{}'.format, args))}" for i, (op, args) in enumerate(self.instructions)]
        return "\n".join(lines + [f"{name} = %{i}" for name, i in self.outputs.items()])

    def last_uses(self) -> list[int]:
        """For each value the index of the last instruction that reads it; its own index when none does."""
        last = list(range(len(self.instructions)))
        for i, (operation, arguments) in enumerate(self.instructions):
            if operation not in LEAVES:
                for a in arguments:
                    last[a] = i
        return last


def uniform_values(instructions: Sequence[Instruction], scalars: frozenset[str]) -> tuple[bool, ...]:
    """For each value whether it is the same for all elements."""
    known: list[bool] = []
    for operation, arguments in instructions:
        if operation == "input":
            known.append(arguments[0] in scalars)
        else:
            known.append(operation == "constant" or all(known[a] for a in arguments))
    return tuple(known)


def parse(text: str, elements: Sequence[str] | None = None, scalars: Sequence[str] = ()) -> Program:
    """The program of a kernel's text.

    `scalars` are the inputs that are single numbers; all other free names are elements, in the order of first use unless `elements` gives
    the order of a call. Of the assigned names those that are inputs become outputs, the others are temporary; `out` is always an output.
    Raises SyntaxError for what the language lacks and NameError for a name that is neither an input nor assigned before.
    """
    import ast

    builder = Builder(elements, scalars)
    for statement in ast.parse(text.strip()).body:
        builder.statement(statement)
    return builder.program()


class Builder:
    """Collects instructions. Equal instructions are made once (`index` finds them), and arithmetic on constants is done at once."""

    def __init__(self, elements: Sequence[str] | None, scalars: Sequence[str]):
        self.declared = elements is not None
        self.elements, self.scalars = list(elements or ()), tuple(scalars)
        self.names: dict[str, int] = {}
        self.assigned: dict[str, None] = {}
        self.instructions: list[Instruction] = []
        self.index: dict[tuple, int] = {}

    def emit(self, operation: str, arguments: tuple) -> int:
        """The index of the value of an instruction; a new one only if there is no equal one."""
        # The types are part of the key because 1, 1.0 and True are equal to Python but promote differently; repr tells 0.0 from -0.0.
        key = (operation, arguments) if operation != "constant" else (operation, type(arguments[0]), repr(arguments[0]))
        found = self.index.get(key)
        if found is None:
            found = self.index[key] = len(self.instructions)
            self.instructions.append(Instruction(operation, arguments))
        return found

    def constant(self, value: float) -> int:
        return self.emit("constant", (value,))

    def number(self, value: int) -> float | None:
        """The number that a value is known to be, or None."""
        operation, arguments = self.instructions[value]
        return arguments[0] if operation == "constant" else None

    def call(self, operation: str, arguments: tuple[int, ...]) -> int:
        """The value of an operation on values, simplified where that changes no bit of the result."""
        if operation not in FUNCTIONS:
            raise SyntaxError(f"unknown function '{operation}' in a scalar expression")
        if len(arguments) != arity(operation):
            raise SyntaxError(f"'{operation}' takes {arity(operation)} arguments in a scalar expression, not {len(arguments)}")
        numbers = [self.number(a) for a in arguments]
        if None not in numbers:
            return self.constant(FUNCTIONS[operation](*numbers))
        if operation == "power" and numbers[1] in SMALL_POWERS:
            return SMALL_POWERS[numbers[1]](self, arguments[0])
        return self.emit(operation, arguments)

    def read(self, name: str) -> int:
        """The current value of a name."""
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS and name not in self.elements and name not in self.scalars:
            return self.constant(CONSTANTS[name])
        if name not in self.elements and name not in self.scalars:
            if self.declared:
                raise NameError(f"name '{name}' in a scalar expression is neither an input nor assigned before")
            self.elements.append(name)
        self.names[name] = self.emit("input", (name,))
        return self.names[name]

    def statement(self, node: Any) -> None:
        kind = type(node).__name__
        if kind == "Expr":
            self.assign("out", self.expression(node.value))
        elif kind == "Assign" and len(node.targets) == 1 and type(node.targets[0]).__name__ == "Name":
            self.assign(node.targets[0].id, self.expression(node.value))
        else:
            raise SyntaxError(f"a scalar kernel has assignments to names and expressions only, not {kind}")

    def assign(self, name: str, value: int) -> None:
        self.names[name] = value
        self.assigned[name] = None

    def expression(self, node: Any) -> int:
        kind = type(node).__name__
        visit = VISITORS.get(kind)
        if visit is None:
            raise SyntaxError(f"a scalar expression cannot contain {kind}")
        return visit(self, node)

    def expressions(self, nodes: Iterable) -> tuple[int, ...]:
        return tuple(map(self.expression, nodes))

    def program(self) -> Program:
        """The finished program: outputs chosen, instructions that no output needs left out."""
        results = [name for name in self.assigned if name == "out" or name in self.elements or name in self.scalars]
        wanted = [self.names[name] for name in results]
        needed, stack = set(), list(wanted)
        while stack:
            i = stack.pop()
            if i not in needed:
                needed.add(i)
                stack.extend(self.operands(i))
        order = sorted(needed)
        place = {old: new for new, old in enumerate(order)}
        kept = [self.renumbered(i, place) for i in order]
        return Program(self.elements, self.scalars, kept, {n: place[v] for n, v in zip(results, wanted, strict=True)})

    def operands(self, i: int) -> tuple:
        operation, arguments = self.instructions[i]
        return () if operation in LEAVES else arguments

    def renumbered(self, i: int, place: Mapping[int, int]) -> Instruction:
        operation, arguments = self.instructions[i]
        return Instruction(operation, tuple(place[a] for a in arguments) if self.operands(i) else arguments)


#: Powers that are cheaper, and as exact, as multiplications and a square root: as eager's, which is PyTorch's (x ** -0.5 of -0.0 is -inf).
SMALL_POWERS: dict[float, Callable[[Builder, int], int]] = {
    1: lambda b, x: x,
    2: lambda b, x: b.call("multiply", (x, x)),
    3: lambda b, x: b.call("multiply", (b.call("multiply", (x, x)), x)),
    0.5: lambda b, x: b.call("sqrt", (x,)),
    -0.5: lambda b, x: b.call("divide", (b.constant(1), b.call("sqrt", (x,)))),
    -1: lambda b, x: b.call("divide", (b.constant(1), x)),
    -2: lambda b, x: b.call("divide", (b.constant(1), b.call("multiply", (x, x)))),
}

VISITORS: dict[str, Callable[[Builder, Any], int]] = {
    "Name": lambda b, n: b.read(n.id),
    "Constant": lambda b, n: b.constant(n.value),
    "BinOp": lambda b, n: b.call(operation_of(n.op), b.expressions((n.left, n.right))),
    "UnaryOp": lambda b, n: b.call(operation_of(n.op), b.expressions((n.operand,))),
    "Compare": lambda b, n: b.call(operation_of(only(n.ops)), b.expressions((n.left, only(n.comparators)))),
    "Call": lambda b, n: b.call(getattr(n.func, "id", ""), b.expressions((*n.args, *n.keywords))),
}


def operation_of(operator_node: Any) -> str:
    """The operation of a node of Python's syntax tree; SyntaxError where the language has none."""
    kind = type(operator_node).__name__
    if kind not in OPERATORS:
        raise SyntaxError(f"a scalar expression cannot contain {kind}")
    return OPERATORS[kind]


def only(items: Sequence) -> Any:
    if len(items) != 1:
        raise SyntaxError("a scalar expression compares two values at a time: write (a < b) & (b < c)")
    return items[0]


def lower(program: Program, macros: Mapping[str, str]) -> Program:
    """The same program with some functions spelled out: `macros` maps a function to its text in x (and y, z).

    A generator that has no exponential of its own for sigmoid passes `{"sigmoid": "1 / (1 + exp(-x))"}`.
    """
    if not any(operation in macros for operation, _ in program.instructions):
        return program
    builder = Builder(program.elements, program.scalars)
    values: list[int] = []
    for operation, arguments in program.instructions:
        if operation in macros:
            values.append(inline(builder, macros[operation], [values[a] for a in arguments]))
        elif operation in LEAVES:
            values.append(builder.emit(operation, arguments))
        else:
            values.append(builder.call(operation, tuple(values[a] for a in arguments)))
    builder.names = {name: values[i] for name, i in program.outputs.items()}
    builder.assigned = dict.fromkeys(program.outputs)
    return builder.program()


def inline(builder: Builder, text: str, arguments: Sequence[int]) -> int:
    """The value of a macro's text with x, y, z standing for the given values."""
    import ast

    outside, builder.names = builder.names, dict(zip("xyz", arguments, strict=False))
    value = builder.expression(ast.parse(text, mode="eval").body)
    builder.names = outside
    return value


def evaluate(program: Program, inputs: Mapping[str, object], functions: Mapping[str, Callable] = FUNCTIONS) -> dict[str, object]:
    """The outputs of a program, one instruction after the other: the definition that every generator is tested against."""
    values: list = []
    for operation, arguments in program.instructions:
        if operation == "input":
            values.append(inputs[arguments[0]])
        elif operation == "constant":
            values.append(arguments[0])
        else:
            values.append(functions[operation](*(values[a] for a in arguments)))
    return {name: values[i] for name, i in program.outputs.items()}
