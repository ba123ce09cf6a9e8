"""NumPy kernels from scalar programs: straight-line ufunc calls, run over pieces of the arrays that stay in the cache.

`kernel("x * 0.5 * (1 + erf(x * 0.7071067811865476))")` is a function of arrays that returns a new array; an update such as
`kernel("p = p - lr * g", ("p", "g"), ("lr",))` rewrites p. For each dtype of the arguments one function is written out as Python text and
kept. It has two parts. The *body* is one ufunc call per instruction; temporary values go into a few registers, each reused as soon as its
value was read for the last time. The *entry* computes what is the same for all elements and hands small arrays straight to the body,
large ones to `spread`, which calls the body piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from rushlight.backends import special_numpy
from rushlight.backends.parallel import get_num_threads, parallel_for

from .scalar import FUNCTIONS, LEAVES, Program, lower, parse

#: The bytes of one array in one piece. Half a dozen such pieces fit into the second-level cache of one core; smaller ones spend more time
#: in calls. With threads the pieces are larger, because after every call a thread waits for the interpreter's lock.
PIECE = 256 * 1024
PARALLEL_PIECE = 512 * 1024
#: The bytes of one array per thread below which handing work to a second thread costs more than it saves.
GRAIN = 640 * 1024

#: The functions that NumPy lacks, in the language itself. The exponential of a large number overflows to infinity, and 1 / infinity is right.
MACROS = {"sigmoid": "1 / (1 + exp(-x))", "rsqrt": "1 / sqrt(x)"}

#: NumPy's names where they are not the language's.
NUMPY_NAMES = {"abs": "absolute", "round": "rint", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
               "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh"}  # fmt: skip


def select(condition: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a where the condition holds, else b. `out` may be b's memory, never a's or the condition's."""
    if out is None:
        return np.where(condition, a, b)
    if out is not b:
        np.copyto(out, b)
    np.copyto(out, a, where=condition)
    return out


def load(a: np.ndarray, out: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """a in the dtype that the kernel computes in."""
    if out is None:
        return a.astype(dtype)
    np.copyto(out, a, casting="unsafe")
    return out


#: What a kernel's text may call, by the language's name of the operation.
CALLS: dict[str, Callable] = {name: getattr(np, NUMPY_NAMES.get(name, name)) for name in FUNCTIONS
                              if name not in MACROS and name not in ("where", "erf", "erfc")}
CALLS.update(where=select, erf=special_numpy.erf, erfc=special_numpy.erfc)


def kernel(text: str, elements: Sequence[str] | None = None, scalars: Sequence[str] = ()) -> Kernel:
    """The compiled form of a scalar text; the same text gives the same object. See `Kernel` for how it is called."""
    return cached_kernel(text, None if elements is None else tuple(elements), tuple(scalars))


@lru_cache(maxsize=None)
def cached_kernel(text: str, elements: tuple | None, scalars: tuple) -> Kernel:
    return Kernel(parse(text, elements, scalars))


class Kernel:
    """A function of arrays and numbers: first the program's elements, then its scalars, in the program's order.

    An update (its outputs are elements) writes into its arguments, which all have one shape, and returns nothing. An expression takes
    arrays whose shapes broadcast and returns a new array.
    """

    __slots__ = ("program", "is_update", "entries", "call")

    def __init__(self, program: Program):
        self.program = lower(program, MACROS)
        self.is_update = "out" not in program.outputs
        self.entries: dict = {}

    def __call__(self, *arguments):
        arrays = arguments[:len(self.program.elements)]
        dtypes = tuple([a.dtype for a in arrays])
        entry = self.entries.get(dtypes)
        if entry is None:
            entry = self.entries[dtypes] = Writer(self.program, dtypes).entry()
        if not self.is_update and len(arrays) > 1:
            arrays = same_shape(arrays)
        return entry(*arrays, *arguments[len(arrays):])

    def entry(self, *dtypes) -> Callable:
        """The function for arrays of these dtypes, for callers that look it up once: the fastest way to call."""
        found = self.entries.get(dtypes)
        if found is None:
            found = self.entries[dtypes] = Writer(self.program, dtypes).entry()
        return found


def same_shape(arrays: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """The arrays broadcast to one shape."""
    shape = arrays[0].shape
    for a in arrays:
        if a.shape != shape:
            return np.broadcast_arrays(*arrays)
    return arrays


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
    """Writes the text of a kernel for arguments of given dtypes."""

    def __init__(self, program: Program, dtypes: Sequence[np.dtype]):
        self.program = program
        self.given = dict(zip(program.elements, dtypes, strict=True))
        self.compute = compute_dtype(dtypes)
        self.numbers = Numbers(self.compute) if self.compute.kind in "fc" else None
        self.dtypes = value_dtypes(program, self.given, self.compute)
        self.last = program.last_uses()
        self.names: dict[int, str] = {}      # where a value lives
        self.lines: list[str] = []
        self.registers: list[np.dtype] = []
        self.free: list[str] = []
        self.uniforms: list[int] = []        # the uniform values that the body reads

    def entry(self) -> Callable:
        """The compiled function."""
        body = self.body()
        scope = {"spread": spread, "plan": self.plan(), "body": None, "numbers": self.numbers, **UNIFORM_SCOPE}
        exec(compile(body, "<rushlight kernel body>", "exec"), scope | CALLS | {"load": load, "compute": self.compute, "copyto": np.copyto}, scope)
        exec(compile(self.entry_text(), "<rushlight kernel>", "exec"), scope)
        return scope["entry"]
