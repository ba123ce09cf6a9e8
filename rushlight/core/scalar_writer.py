"""The text of a NumPy kernel: a scalar program, for arguments of given dtypes, written out as two Python functions.

The *body* makes one ufunc call per instruction: `_r0 = subtract(g, m, _r0)`. Temporary values live in registers, `_r0`, `_r1` and so on,
each reused as soon as its value was read for the last time; a register that is None at first is allocated by the ufunc. The *entry*
computes what is the same for all elements, turns it into arrays without dimensions (`_n5`) and calls the body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from rushlight.backends import special_numpy
from rushlight.backends.fma import fma
from rushlight.backends.quotients import floor_divide, remainder
from rushlight.backends.select import select

from .dtypes import is_half
from .scalar import FUNCTIONS, LEAVES, Program

#: The functions that NumPy lacks, in the language itself. The exponential of a large number overflows to infinity, and 1 / infinity is right.
MACROS = {"sigmoid": "1 / (1 + exp(-x))", "rsqrt": "1 / sqrt(x)"}

#: NumPy's names where they are not the language's.
NUMPY_NAMES = {"abs": "absolute", "round": "rint", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
               "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}  # fmt: skip

#: Arithmetic on Python numbers, as text; anything else is a call of FUNCTIONS.
INFIX = {"add": "+", "subtract": "-", "multiply": "*"}
#: The ufuncs that take `out` by keyword only; the others take it faster by position.
KEYWORD_OUT = frozenset({"maximum", "minimum"})
LOGIC = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})


def sign(a: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """-1, 0 or 1; 0 for NaN, as in PyTorch, where NumPy's is NaN."""
    out = np.asarray(np.sign(a, out))
    np.copyto(out, 0, where=out != out)
    return out


def load(a: np.ndarray, out: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """A copy of a in another dtype."""
    if out is None:
        return a.astype(dtype)
    np.copyto(out, a, casting="unsafe")
    return out


#: What a body may call, by the language's name of the operation.
CALLS: dict[str, Callable] = {"where": select, "sign": sign, "erf": special_numpy.erf, "erfc": special_numpy.erfc,
                              "floor_divide": floor_divide, "remainder": remainder, "fma": fma}
CALLS.update({name: getattr(np, NUMPY_NAMES.get(name, name)) for name in FUNCTIONS if name not in MACROS and name not in CALLS})


def compute_dtype(dtypes: Sequence[np.dtype]) -> np.dtype:
    """The dtype to compute in: the widest of the floating ones, where half precision counts as float32; of the others if none is floating."""
    floating = [np.dtype(np.float32) if is_half(d) else d for d in dtypes if d.kind in "fcV"]
    return np.result_type(*(floating or dtypes))


def result_dtype(dtypes: Sequence[np.dtype], computed: np.dtype) -> np.dtype:
    """The dtype of an expression's result: half precision again if all floating arguments had it."""
    floating = {d for d in dtypes if d.kind in "fcV"}
    one = floating.pop() if len(floating) == 1 else computed
    return one if is_half(one) and computed == np.float32 else computed


class Numbers(dict):
    """Python numbers as arrays without dimensions, of one dtype: `numbers[0.5]`. A ufunc takes those in half the time."""

    def __init__(self, dtype: np.dtype):
        super().__init__()
        self.dtype = dtype

    def __missing__(self, value: float) -> np.ndarray:
        array = np.array(value, self.dtype)
        # Zero is not kept, because -0.0 would find it. A number that changes at every step must not fill the memory.
        if value != 0:
            if len(self) >= 256:
                self.clear()
            self[value] = array
        return array


class Writer:
    """Writes the kernel of a program for arguments of given dtypes.

    `text()` is the source of the functions `_body` and `_entry`, then `single_text()` that of `_single`; `scope` holds what they name,
    `registers` the dtypes of the registers and `result` that of an expression's result.
    """

    def __init__(self, program: Program, dtypes: Sequence[np.dtype]):
        self.program = program
        self.given = dict(zip(program.elements, dtypes, strict=True))
        self.compute = compute_dtype(dtypes)
        # Integers take Python numbers as they are: a fraction would not survive as an integer.
        self.numbers = Numbers(self.compute) if self.compute.kind in "fc" else None
        self.scope: dict[str, object] = {"_load": load, "_copyto": np.copyto, "_asarray": np.asarray, "_compute": self.compute,
                                         "_numbers": self.numbers, "_memo": ((), (), None), **CALLS}
        self.scope.update({f"_scalar_{name}": function for name, function in FUNCTIONS.items()})
        self.dtypes = self.value_dtypes()
        self.last = program.last_uses()
        self.names: dict[int, str] = {}
        self.lines: list[str] = []
        self.registers: list[np.dtype] = []
        self.free: dict[np.dtype, list[str]] = {}
        self.lent: list[tuple[str, int]] = []  # outputs whose memory is free until the instruction that computes them
        self.parameters: dict[str, str] = {}  # the body's numbers: parameter -> the entry's text for it
        self.result = None if "out" not in program.outputs else result_dtype(dtypes, self.dtypes[program.outputs["out"]])
        self.outputs = {name: i for name, i in program.outputs.items() if name not in program.scalars}
        self.scope["_result"] = self.result
        self.direct = self.direct_outputs()

    # ---- what is known before a line is written

    def loaded(self, name: str) -> bool:
        """Whether an argument is converted first: half precision to compute in float32, integers that meet floating numbers."""
        dtype = self.given[name]
        return is_half(dtype) or dtype.kind in "iu" and self.compute.kind in "fc"

    def value_dtypes(self) -> list[np.dtype]:
        """The dtype of each value, found by running the program on one element."""
        values: list = []
        with np.errstate(all="ignore"):
            for i, (operation, arguments) in enumerate(self.program.instructions):
                if self.program.uniform[i]:
                    values.append(np.ones((), self.compute) if self.numbers is not None else 1)
                elif operation == "input":
                    values.append(np.ones(1, self.compute if self.loaded(arguments[0]) else self.given[arguments[0]]))
                else:
                    values.append(CALLS[operation](*[values[a] for a in arguments]))
        return [np.asarray(value).dtype for value in values]

    def direct_outputs(self) -> dict[int, str]:
        """The values that are computed straight into their output's memory; the others are copied there at the end."""
        direct: dict[int, str] = {}
        instructions, end = self.program.instructions, len(self.program.instructions)
        for i in self.outputs.values():
            if instructions[i].operation in LEAVES:
                self.last[i] = end
        for name, i in self.outputs.items():
            if i not in direct and self.can_be_direct(name, i):
                direct[i] = name
            else:
                self.last[i] = end
        return direct

    def can_be_direct(self, name: str, i: int) -> bool:
        if self.program.uniform[i] or self.program.instructions[i].operation in LEAVES:
            return False
        if name == "out":
            return self.dtypes[i] == self.result
        if self.dtypes[i] != self.given[name]:
            return False
        operation, arguments = self.program.instructions[i]
        old = next((k for k, (op, args) in enumerate(self.program.instructions) if op == "input" and args[0] == name), None)
        # select may write into its third argument only.
        return old is None or self.last[old] < i or self.last[old] == i and (operation != "where" or old not in arguments[:2])

    # ---- the body

    def text(self) -> str:
        for i, instruction in enumerate(self.program.instructions):
            if not self.program.uniform[i]:
                self.write(i, *instruction)
        self.copy_outputs()
        registers = [f"_r{k}=None" for k in range(len(self.registers))]
        outs = ["out=None"] if self.result is not None else []
        head = ", ".join([*self.program.elements, *self.parameters, *outs, *registers])
        tail = "return out" if self.result is not None else "return None"
        return "\n    ".join([f"def _body({head}):", *self.lines, tail]) + "\n\n" + self.entry()

    def single_text(self) -> str:
        """The function `_single`: the body for arrays of one element, without registers.

        NumPy takes twice the time where a result overwrites an argument of one element, and makes a number of an array without dimensions.
        """
        lines = []
        for i, (operation, arguments) in enumerate(self.program.instructions):
            if self.program.uniform[i]:
                continue
            if operation == "input":
                self.names[i] = f"{arguments[0]}.astype(_compute)" if self.loaded(arguments[0]) else arguments[0]
                lines.append(f"_v{i} = {self.names[i]}")
            else:
                reads = [self.read(a, operation in LOGIC or operation == "where" and k == 0) for k, a in enumerate(arguments)]
                lines.append(f"_v{i} = {operation}({', '.join(reads)})")
            self.names[i] = f"_v{i}"
        if self.result is not None:
            lines.append(f"return _asarray({self.read(self.outputs['out'])}, _result)")
        elif self.outputs:
            # All values are read, and old values copied, before the first one is written.
            values = [self.read(i) + (".copy()" if self.program.instructions[i].operation == "input" else "") for i in self.outputs.values()]
            lines.append(f"{', '.join([f'{name}[...]' for name in self.outputs])} = {', '.join(values)}")
        return "\n    ".join([f"def _single({', '.join([*self.program.elements, *self.parameters])}):", *lines]) + "\n"

    def write(self, i: int, operation: str, arguments: tuple) -> None:
        """The line of one instruction."""
        if operation == "input":
            name = self.names[i] = arguments[0]
            if self.loaded(name):
                self.names[i] = self.register(self.compute)
                self.copy(name, self.names[i])
            return
        reads = [self.read(a, operation in LOGIC or operation == "where" and k == 0) for k, a in enumerate(arguments)]
        held = set(arguments[:2]) if operation == "where" else set()
        self.release(set(arguments) - held, i)
        target = self.names[i] = self.direct.get(i) or self.borrow(i) or self.register(self.dtypes[i])
        self.release(held, i)
        out = f"out={target}" if operation in KEYWORD_OUT else target
        self.lines.append(f"{target} = {operation}({', '.join([*reads, out])})")

    def copy(self, source: str, target: str) -> None:
        self.lines.append(f"{target} = _load({source}, {target}, _compute)")

    def register(self, dtype: np.dtype) -> str:
        """A free register of a dtype, or a new one."""
        free = self.free.get(dtype)
        if free:
            return free.pop()
        self.registers.append(dtype)
        return f"_r{len(self.registers) - 1}"

    def borrow(self, i: int) -> str | None:
        """An output's own memory for a value that is read for the last time before, or by, the instruction that computes the output."""
        for name, until in self.lent:
            late = until - (self.program.instructions[until].operation == "where")
            if self.last[i] <= late and self.dtypes[i] == self.given[name]:
                self.lent.remove((name, until))
                return name
        return None

    def release(self, values: set[int], i: int) -> None:
        """Free the memory of those values that instruction i reads for the last time."""
        for a in sorted(values):
            if self.last[a] != i or self.program.uniform[a]:
                continue
            name = self.names[a]
            if name.startswith("_r"):
                self.free.setdefault(self.dtypes[a], []).append(name)
            else:
                self.lent.extend([(name, until) for until, output in self.direct.items() if output == name and i < until])

    def read(self, a: int, as_truth: bool = False) -> str:
        """The name of a value in the body. Truth values that are the same for all elements stay Python's."""
        if not self.program.uniform[a]:
            return self.names[a]
        raw = as_truth or self.numbers is None
        operation, arguments = self.program.instructions[a]
        if operation == "constant":
            name = f"_{'t' if raw else 'c'}{a}"
            self.scope[name] = arguments[0] if raw or self.numbers is None else self.numbers[arguments[0]]
            return name
        name = f"_{'t' if raw else 'n'}{a}"
        value = self.scalar(a)
        # A value that follows from a scalar which each call changes would never be found among the numbers.
        self.parameters[name] = value if raw else f"_asarray({value}, _compute)" if self.changes(a) else f"_numbers[{value}]"
        return name

    def changes(self, a: int) -> bool:
        """Whether a uniform value depends on a scalar that the program itself assigns, such as the count of steps."""
        operation, arguments = self.program.instructions[a]
        if operation == "input":
            return arguments[0] in self.program.outputs
        return operation != "constant" and any([self.changes(b) for b in arguments])

    def copy_outputs(self) -> None:
        """Move into place the outputs that could not be computed there."""
        late = {name: i for name, i in self.outputs.items() if self.direct.get(i) != name}
        sources = {name: self.read(i) for name, i in late.items()}
        for name, source in sources.items():
            # Another output's old value: save it before that output is written.
            if source in late and source != name:
                sources[name] = self.register(self.compute)
                self.copy(source, sources[name])
        for name, source in sources.items():
            if name == "out":
                self.lines.append(f"out = _load({source}, out, _result)")
            else:
                self.lines.append(f"_copyto({name}, {source}, casting='unsafe')")

    # ---- the entry

    def scalar(self, i: int) -> str:
        """The name of a value in the entry, where it is a Python number."""
        operation, arguments = self.program.instructions[i]
        if operation == "constant":
            self.scope[f"_t{i}"] = arguments[0]
        return arguments[0] if operation == "input" else f"_t{i}"

    def scalar_line(self, i: int, operation: str, arguments: tuple) -> str:
        names = [self.scalar(a) for a in arguments]
        if operation in INFIX:
            return f"_t{i} = {names[0]} {INFIX[operation]} {names[1]}"
        return f"_t{i} = _scalar_{operation}({', '.join(names)})"

    def entry(self) -> str:
        """The text of the entry. An update remembers the numbers of its last call: all parameters of a model share them."""
        program = self.program
        compute = [self.scalar_line(i, op, args) for i, (op, args) in enumerate(program.instructions)
                   if program.uniform[i] and op not in LEAVES]
        compute.append(f"_values = {tuple_text(self.parameters.values())}")
        results = self.scalar_results()
        if results:
            compute.append(f"_results = {tuple_text(results)}")
        if self.result is None and self.numbers is not None and program.scalars:
            compute = [f"_key = {tuple_text(program.scalars)}", "_last = _memo", "if _last[0] == _key:", "    _values, _results = _last[1:]",
                       "else:", *["    " + line for line in compute],
                       f"    globals()['_memo'] = _key, _values, {'_results' if results else 'None'}"]
        arrays = ", ".join(program.elements)
        lines = [f"def _entry({', '.join([*program.elements, *program.scalars])}):", *compute,
                 f"_size = {program.elements[0]}.size",
                 f"if _size > _limit: out = _spread(_body, _plan, ({arrays},), _values)",
                 f"elif _size == 1: out = _single({arrays}, *_values)",
                 f"else: out = _body({arrays}, *_values)",
                 f"return {'_results' if results else 'out'}"]
        return "\n    ".join(lines) + "\n"

    def scalar_results(self) -> list[str]:
        """The names, in the entry, of the scalars' new values."""
        scalars = [i for name, i in self.program.outputs.items() if name in self.program.scalars]
        if not all([self.program.uniform[i] for i in scalars]):
            raise SyntaxError("a scalar cannot become a value that differs from element to element")
        return [self.scalar(i) for i in scalars]


def tuple_text(items: Iterable[str]) -> str:
    return "(" + "".join([f"{item}, " for item in items]) + ")"
