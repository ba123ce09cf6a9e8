"""Machine-code kernels from scalar programs: the body of a `scalar_numpy` kernel as one loop over vectors.

`loop(program, parameters)` is what `spread` calls for large float32 arrays instead of the body's NumPy calls, where the `jit` extra is
installed. Sums, products and quotients have the same bits either way; the other functions differ in the last place. In an update, such as a
step of Adam, a sum whose right side is a product is rounded once, as PyTorch's `add(alpha=...)` and `addcmul` round it.
"""
from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..backends.llvm.code import DATA, attributes
from ..backends.llvm.engine import KERNEL, brief, engine
from ..backends.llvm.vector_math import COMPARISONS, FUNCTIONS, LOGIC, TESTS
from ..backends.llvm.vectors import Vectors
from ..backends.llvm.workers import run_kernel
from ..backends.native import FLOAT
from ..backends.parallel import pool
from .scalar import LEAVES, Program
from .scalar_numpy import kernel

#: The elements of one thread's piece, at least. Arrays up to CACHED are cut into one piece per thread: each core finds its own in its cache.
CHUNK, CACHED = 16384, 1 << 20
#: the operations whose results are truth values
TRUTHS = frozenset({*COMPARISONS, *LOGIC, *TESTS, "logical_not"})


def loop(program: Program, parameters: Sequence[str]) -> Callable:
    """A function of arrays, numbers and the result that runs a program on them.

    `parameters` names the numbers of a call: `_n5` is the program's value 5, which is the same for all elements.
    """
    code: Any = None
    words = struct.Struct(f"{len(pointers_of(program)) + 1}q").pack
    values = ctypes.c_double * max(len(parameters), 1)

    def run(arrays: Sequence[np.ndarray], numbers: Sequence) -> None:
        nonlocal code
        if code is None:
            code = machine_code(program, tuple(parameters))
        given = values(*numbers)
        size = arrays[0].size
        kernel, address = code
        run_kernel(kernel, address, size, piece(size), words(*map(id, arrays), ctypes.addressof(given)), (arrays, given))
    return run


@cache
def brief_loop(text_of_program: str, elements: tuple) -> Callable:
    """A program without numbers of a call, as a function of small float32 arrays of one shape without gaps: one brief call."""
    program = kernel(text_of_program, elements).program
    words = struct.Struct(f"{len(elements) + 3}q").pack
    call = brief(*engine().addresses(text(program, pointers_of(program), (), engine().width // 4), ("brief",)))

    def run(*arrays: np.ndarray) -> np.ndarray:
        out = np.empty(arrays[0].shape, FLOAT)
        call(words(out.size, *map(id, arrays), id(out), 0))
        return out
    return run


def launch_of(program: Program, parameters: tuple, arrays: Sequence[np.ndarray], given: Any) -> tuple:
    """The call of a program's kernel, as `run_kernel` notes it: (address, count, chunk, words, keep). It reads its numbers in `given`, doubles."""
    size = arrays[0].size
    words = struct.pack(f"{len(arrays) + 1}q", *map(id, arrays), ctypes.addressof(given))
    return machine_code(program, parameters)[1], size, piece(size), words, (arrays, given)


@cache
def machine_code(program: Program, parameters: tuple) -> tuple:
    """A program's kernel, and its address."""
    [address] = engine().addresses(text(program, pointers_of(program), parameters, engine().width // 4), ("kernel",))
    return KERNEL(address), address


@cache
def numbers_of(program: Any) -> tuple[list[str], Callable]:
    """The names of a program's numbers that a call sets, and the function of its scalars that gives them and the scalars' new values."""
    from .scalar_writer import Writer, tuple_text
    writer = Writer(program, (np.dtype(np.float32),) * len(program.elements))
    writer.text()
    results = writer.scalar_results()
    lines = [writer.scalar_line(i, operation, arguments) for i, (operation, arguments) in enumerate(program.instructions)
             if program.uniform[i] and operation not in ("input", "constant")]
    values = [writer.scalar(int(name[2:])) for name in writer.parameters]
    text = "\n    ".join([f"def numbers({', '.join(program.scalars)}):", *lines, f"return {tuple_text(values)}, {tuple_text(results)}"])
    scope: dict[str, Any] = dict(writer.scope)
    exec(text, scope)
    return list(writer.parameters), scope["numbers"]


def pointers_of(program: Program) -> list[str]:
    """The names of the arrays that a kernel is given."""
    return [*program.elements, *(["out"] if "out" in program.outputs else [])]


def piece(size: int) -> int:
    """How many of so many elements a thread takes at a time."""
    return max(CHUNK, -(-size // pool.size())) if size <= CACHED else 4 * CHUNK


def text(program: Program, pointers: Sequence[str], parameters: Sequence[str], lanes: int) -> str:
    """The module of a program's kernel: a function of one vector, and the loop that calls it; the last elements go through a buffer."""
    v = Vectors(lanes)
    stored = body(v, program, parameters)
    arguments = ", ".join([f"ptr %{name}" for name in pointers] + [f"{v.float} %{name}" for name in parameters])
    numbers = ", ".join([f"{v.float} %all{k}" for k in range(len(parameters))])
    at = ", ".join([f"ptr %at_{name}" for name in pointers] + ([numbers] if numbers else []))
    spare = ", ".join([f"ptr %spare_{name}" for name in pointers] + ([numbers] if numbers else []))
    lines = [*v.declared, "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
             f"define internal void @vector({arguments}) alwaysinline {{", *v.lines, *stored, "  ret void", "}",
             "define void @kernel(i64 %start, i64 %stop, ptr %arguments) #0 {", "entry:",
             *load_arguments(v, pointers, len(parameters)),
             *[f"  %spare_{name} = alloca {v.float}, align 64" for name in pointers],
             f"  %end = sub i64 %stop, {lanes}", "  br label %test", "test:",
             "  %i = phi i64 [ %start, %entry ], [ %after, %work ]", "  %whole = icmp sle i64 %i, %end",
             "  br i1 %whole, label %work, label %rest", "work:",
             *[f"  %at_{name} = getelementptr float, ptr %data_{name}, i64 %i" for name in pointers],
             f"  call void @vector({at})", f"  %after = add i64 %i, {lanes}", "  br label %test", "rest:",
             "  %left = sub i64 %stop, %i", "  %some = icmp sgt i64 %left, 0", "  %bytes = mul i64 %left, 4",
             "  br i1 %some, label %last, label %done",
             "last:", *[f"  %from_{name} = getelementptr float, ptr %data_{name}, i64 %i" for name in pointers],
             *[f"  store {v.float} zeroinitializer, ptr %spare_{name}" for name in pointers],
             *[f"  call void @llvm.memcpy.p0.p0.i64(ptr %spare_{name}, ptr %from_{name}, i64 %bytes, i1 false)" for name in program.elements],
             f"  call void @vector({spare})",
             *[f"  call void @llvm.memcpy.p0.p0.i64(ptr %from_{name}, ptr %spare_{name}, i64 %bytes, i1 false)" for name in written(program)],
             "  br label %done", "done:", "  ret void", "}",
             # The same on all of few numbers: how many they are comes before the arguments.
             "define void @brief(ptr %words) #0 {", "  %count = load i64, ptr %words", "  %arguments = getelementptr i64, ptr %words, i64 1",
             "  call void @kernel(i64 0, i64 %count, ptr %arguments)", "  ret void", "}", attributes(v.lanes)]
    return "\n".join(lines)


def written(program: Program) -> list[str]:
    """The arrays that a program writes."""
    return [name for name in program.outputs if name not in program.scalars]


def load_arguments(v: Vectors, pointers: Sequence[str], count: int) -> list[str]:
    """The lines that find the arrays' data and spread the numbers over vectors."""
    lines = []
    for k, name in enumerate(pointers):
        lines += [f"  %word{k} = getelementptr ptr, ptr %arguments, i64 {k}", f"  %array{k} = load ptr, ptr %word{k}",
                  f"  %field{k} = getelementptr i8, ptr %array{k}, i64 {DATA}", f"  %data_{name} = load ptr, ptr %field{k}"]
    lines += [f"  %word{len(pointers)} = getelementptr ptr, ptr %arguments, i64 {len(pointers)}", f"  %numbers = load ptr, ptr %word{len(pointers)}"]
    for k in range(count):
        lines += [f"  %number{k} = getelementptr double, ptr %numbers, i64 {k}", f"  %wide{k} = load double, ptr %number{k}",
                  f"  %one{k} = fptrunc double %wide{k} to float", f"  %first{k} = insertelement {v.float} poison, float %one{k}, i32 0",
                  f"  %all{k} = shufflevector {v.float} %first{k}, {v.float} poison, <{v.lanes} x i32> zeroinitializer"]
    return lines


def body(v: Vectors, program: Program, parameters: Sequence[str]) -> list[str]:
    """Write a program's instructions on one vector; the lines that store its outputs."""
    names: dict[int, str] = {}
    truths: set[int] = set()
    once = products_read_once(program) if "out" not in program.outputs else frozenset()
    for i, (operation, arguments) in enumerate(program.instructions):
        if program.uniform[i]:
            names[i] = uniform(v, operation, arguments, i, parameters)
        elif operation == "input":
            names[i] = v.emit(f"load {v.float}, ptr %{arguments[0]}, align 4")
        elif operation in ("add", "subtract") and arguments[1] in once:
            a, b = (names[k] for k in program.instructions[arguments[1]].arguments)
            names[i] = v.fma(v.negative(a) if operation == "subtract" else a, b, names[arguments[0]])
        else:
            given = [(as_truth if wants_truth(operation, k) else as_number)(v, names[a], a in truths) for k, a in enumerate(arguments)]
            names[i] = write(v, operation, given)
            if operation in TRUTHS:
                truths.add(i)
    return [f"  store {v.float} {names[program.outputs[name]]}, ptr %{name}, align 4" for name in written(program)]


def wants_truth(operation: str, place: int) -> bool:
    """Whether the argument at that place is a truth value, not a number."""
    return operation in LOGIC or operation == "logical_not" or operation == "where" and place == 0


def products_read_once(program: Program) -> frozenset[int]:
    """The products that differ from element to element and that one instruction alone reads."""
    reads = [a for operation, arguments in program.instructions if operation not in LEAVES for a in arguments] + list(program.outputs.values())
    return frozenset([i for i, (operation, _) in enumerate(program.instructions)
                      if operation == "multiply" and not program.uniform[i] and reads.count(i) == 1])


def uniform(v: Vectors, operation: str, arguments: tuple, i: int, parameters: Sequence[str]) -> str:
    """A value that is the same for all elements: a constant, or one of the call's numbers; "" where only the entry reads it."""
    if operation == "constant":
        return v.number(float(arguments[0]))
    return next((f"%{name}" for name in (f"_n{i}", f"_t{i}") if name in parameters), "")


def as_truth(v: Vectors, name: str, is_truth: bool) -> str:
    return name if is_truth else v.compare("une", name, v.number(0.0))


def as_number(v: Vectors, name: str, is_truth: bool) -> str:
    return v.where(name, v.number(1.0), v.number(0.0)) if is_truth else name


def write(v: Vectors, operation: str, given: Sequence[str]) -> str:
    """One instruction."""
    if operation in COMPARISONS:
        return v.compare(COMPARISONS[operation], *given)
    if operation in LOGIC:
        return v.logic(LOGIC[operation], *given)
    if operation == "logical_not":
        return v.logic("xor", given[0], v.all_true())
    if operation in TESTS:
        return v.compare(TESTS[operation], v.intrinsic("fabs", given[0]), v.number(math.inf))
    return FUNCTIONS[operation](v, *given)
