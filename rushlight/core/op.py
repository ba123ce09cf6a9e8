"""The Op record: all that is true of one operation. Its kind carries the rules for shapes and dtypes."""
from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from operator import is_not, itemgetter
from typing import Any

import numpy as np

from ..backends.large import LARGE, split_ufunc
from . import dtypes, wrap as wrapping
from .dtypes import is_half
from .grad_mode import mode
from .inplace import check_savable
from .node import NEEDS, OUT, REST, G, OutputSlot
from .numbers import HALF, SINGLE, check_width, converted
from .wrap import wrap

ndarray = np.ndarray


class Op:
    """One operation.

    name        PyTorch's name; `node_name` ("AddBackward0") follows from it unless given
    kind        what the family shares: how arguments become arrays, dtype rule, explanation of errors
    forward     on arrays; arguments first (their names are the operation's), attributes by keyword
    grads       a formula for each argument: of `g` (the arriving gradient), arguments and attributes by name, `out` (the result).
                What a formula names is what is saved. None: no gradient passes.
    vjp         in place of grads: one function that returns all gradients; it may also name `needs`, which are wanted, and `rest`, the
                list of the arguments that forward takes by *name
    dtype       of the result: SAME, INT_TO_FLOAT or BOOL
    code        the scalar expression that the compiler fuses
    loop        for what the compiler fuses and `code` cannot say: a function of the arguments' broadcast shape and the attributes that gives
                (expression, dims, factor): the result is factor * the expression's sum over dims; dims None: the expression itself
    launches    whether forward, on float32 arrays without gaps, does nothing but make its result and call kernels (or raise Unnotable) where it
                is asked for these calls; "strided": on arrays with gaps too
    over        for an operation with `launches`: pairs of a result and an argument, by number, in whose memory its kernels may write that result:
                of each number they read what they need before they write there
    samples     function that gives example arguments for the generic tests
    hidden      forward returns a tuple: the result, and arrays that are kept for the gradient formulas alone; `out` is then all of them
    explain     function of the arguments that gives PyTorch's error where the array library refused them, or None
    wide_number beside a half tensor a second argument that is a number, or a tensor of one element, is not rounded to the half: the operation
                runs in float32, and its result is rounded once
    holomorphic the formulas are derivatives f'(x, y, out) with real coefficients: for complex numbers they are given the conjugates
                of what was saved, which is the convention of PyTorch's complex gradients
    """

    __slots__ = ("name", "kind", "forward", "grads", "vjp", "dtype", "code", "samples", "node_name", "arguments", "evaluate", "is_view",
                 "is_ufunc", "differentiable", "holomorphic", "explain", "keeps_arguments", "keeps_out", "hidden", "loop", "launches", "over",
                 "wide_number", "_wants", "_keep", "_pull", "_conj_pull")

    def __init__(self, name: str, kind: Kind, forward: Callable, grads: tuple = (), *, vjp: Callable | None = None, dtype: str = "same",
                 code: str | None = None, samples: Callable | None = None, node_name: str | None = None, arguments: tuple = (),
                 holomorphic: bool = False, hidden: bool = False, explain: Callable | None = None, loop: Callable | None = None,
                 launches: bool | str = False, over: tuple = (), wide_number: bool = False):
        self.name = name
        self.kind = kind
        self.forward = forward
        self.grads = grads
        self.vjp = vjp
        self.dtype = dtype
        self.code = code
        self.loop = loop
        self.launches = launches
        self.over = over
        self.wide_number = wide_number
        self.samples = samples
        self.node_name = node_name or "".join([part.capitalize() for part in name.split("_")]) + "Backward0"
        self.arguments = arguments or kind.arguments or _positional(forward)
        self.evaluate = kind.evaluate
        self.is_view = kind.is_view
        self.is_ufunc = forward.__class__ is np.ufunc
        self.differentiable = bool(grads) or vjp is not None
        self.holomorphic = holomorphic
        self.explain = explain
        self.hidden = hidden
        self._wants: tuple | None = None
        self._pull: Any = None
        self._conj_pull: Any = None
        formulas = (vjp,) if vjp is not None else grads
        self.keeps_arguments = any([f is not None and not {*self.arguments, "rest"}.isdisjoint(_names(f)) for f in formulas])
        self.keeps_out = any([f is not None and "out" in _names(f) for f in formulas])
        self._keep: dict = {}

    @property
    def wants(self) -> tuple:
        """For each formula, where its arguments come from: an argument's number, an attribute's name, or G, OUT, NEEDS."""
        if self._wants is None:
            formulas = (self.vjp,) if self.vjp is not None else self.grads
            self._wants = tuple([() if f is None else tuple([self._source(n) for n in _names(f)]) for f in formulas])
        return self._wants

    def _source(self, name: str) -> int | str:
        if name in SPECIAL:
            return SPECIAL[name]
        return self.arguments.index(name) if name in self.arguments else name

    def saved(self, args: tuple, edges: tuple) -> tuple:
        """Of the arguments, those that the formulas wanted by these edges name; None in the others' places."""
        if None not in edges:
            mask: Any = ALL
        elif len(edges) == 2:
            mask = FIRST if edges[1] is None else SECOND
        else:
            mask = tuple(map(is_not, edges, repeat(None)))
        pick = self._keep.get(mask)
        if pick is None:
            pick = self._keep[mask] = picker(self._to_keep([edge is not None for edge in edges]), len(edges))
        saved = args if pick is ALL else pick((*args, None))
        if saves_are_checked:
            check_savable(saved)
        return saved

    @property
    def keeps_all(self) -> bool:
        """Whether the formulas together name every argument."""
        return self.differentiable and self._to_keep([True] * len(self.arguments)) is ALL

    def _to_keep(self, mask: list) -> Any:
        rows = self.wants if self.vjp is not None else [row for row, wanted in zip(self.wants, mask) if wanted]
        keep = {source for row in rows for source in row if source.__class__ is int and source >= 0}
        if any([REST in row for row in rows]):
            keep.update(range(len(self.arguments), len(mask)))
        return ALL if len(keep) == len(mask) else keep

    def pull(self, node: Any, g: Any) -> Any:
        """The gradients of a node's arguments, in order; None where none is wanted."""
        pull = self._pull
        if self.holomorphic and node.dtype.kind == "c":
            pull = self._conj_pull
            if pull is None:
                pull = self._conj_pull = puller(self, "node.conjugate")
        elif pull is None:
            pull = self._pull = puller(self, "node.value")
        return pull(node, g)

    def rebuild(self, node: Any) -> Any:
        """The result that a node saved, as a tensor with the node as its history."""
        if node.out.__class__ is tuple:
            results = tuple(map(wrap, node.out))
            if mode.grad:  # a gradient of this gradient goes through the results
                for index, (shape, dtype) in enumerate(node.outputs):
                    if dtype.kind in "fcV":
                        results[index]._node = OutputSlot(node, index, shape, dtype)
            return results
        result = wrap(node.out)
        result._node = node
        result._cell = node.cell
        return result

    def printed_as(self, node_name: str) -> Op:
        """The same operation, whose node has another name: PyTorch numbers them by overload."""
        return Op(self.name, self.kind, self.forward, self.grads, vjp=self.vjp, dtype=self.dtype, code=self.code, samples=self.samples,
                  node_name=node_name, arguments=self.arguments, holomorphic=self.holomorphic, hidden=self.hidden, explain=self.explain,
                  loop=self.loop, launches=self.launches, over=self.over, wide_number=self.wide_number)

    def __repr__(self) -> str:
        return f"Op({self.name})"


#: set when inference mode is first used: its tensors may not be saved
saves_are_checked = False

ALL: Any = frozenset((-1,))
FIRST, SECOND = (True, False), (False, True)
SPECIAL = {"g": G, "out": OUT, "needs": NEEDS, "rest": REST}


def picker(keep: Any, count: int) -> Any:
    """The function that takes of (*args, None) the arguments to keep, and None in the others' places; ALL where that would be args itself."""
    if keep is ALL:
        return ALL
    if not keep and count != 2:
        return lambda values: ()
    return itemgetter(*[index if index in keep else count for index in range(count)])


def puller(op: Op, value: str) -> Callable:
    """A straight-line function that gives each formula what it names, such as
    `lambda node, g: (None if node.edges[0] is None else f0(g, node.value(1)), ...)`.

    Backward runs it for every node: looping over the names each time took three times as long.
    """
    def call(number: int, wants: tuple) -> str:
        return f"f{number}({', '.join([fetch(op, source, value) for source in wants])})"
    formulas = (op.vjp,) if op.vjp is not None else op.grads
    if op.vjp is not None:
        body = call(0, op.wants[0])
    else:
        body = "".join([f"None if edges[{i}] is None else {call(i, wants)}, " if f is not None else "None, "
                        for i, (f, wants) in enumerate(zip(op.grads, op.wants))])
    scope = {f"f{i}": f for i, f in enumerate(formulas)}
    scope["Tensor"] = wrapping.Tensor
    exec(f"def pull(node, g):\n    edges, saved = node.edges, node.saved\n    return ({body})", scope)
    return scope["pull"]


def fetch(op: Op, source: int | str, value: str) -> str:
    """The expression for one argument of a formula."""
    if source == G:
        return "g"
    if source == OUT:
        return "node.result()" if value == "node.value" else "node.result().conj()"
    if source == NEEDS:
        return "node.needs()"
    if value == "node.value" and isinstance(source, int) and source >= 0:
        return f"(saved[{source}] if saved[{source}].__class__ is Tensor and saved[{source}]._cell is None else node.value({source}))"
    if source == REST:
        return f"[node.value(i) for i in range({len(op.arguments)}, len(node.saved))]"
    return f"node.attrs.get({source!r})" if isinstance(source, str) else f"{value}({source})"


def _names(function: Callable) -> tuple:
    code = function.__code__
    return code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]


def _positional(function: Callable) -> tuple:
    code = getattr(function, "__code__", None)
    return code.co_varnames[:code.co_argcount] if code is not None else ()


class Kind:
    """What a family of operations shares."""

    __slots__ = ("name", "evaluate", "arguments", "explain", "is_view", "variadic")

    def __init__(self, name: str, evaluate: Callable, arguments: tuple = (), explain: Callable | None = None, is_view: bool = False,
                 variadic: bool = False):
        self.name = name
        self.evaluate = evaluate
        self.arguments = arguments
        self.explain = explain
        self.is_view = is_view
        self.variadic = variadic

    def __repr__(self) -> str:
        return f"Kind({self.name})"


# How the arguments of a kind become arrays. `evaluate(op, args, attrs)` returns an array or a tuple of arrays, and never a NumPy
# scalar, which a 0-d result would otherwise be.

def evaluate_unary(op: Op, args: tuple, attrs: dict) -> Any:
    a = args[0]._array
    if op.dtype is not SAME and a.dtype.kind in "biu":
        a = a.astype(dtypes.get_default_dtype().numpy)
    out = split_ufunc(op.forward, (a,)) if a.size >= LARGE and op.is_ufunc and not attrs else None
    if out is None:
        out = op.forward(a, **attrs)
    if out.__class__ is not a.__class__:
        out = np.asarray(out, dtype=a.dtype if op.dtype is not BOOL else None)
    return out


def evaluate_binary(op: Op, args: tuple, attrs: dict) -> Any:
    x, y = args
    try:
        a, b = x._array, y._array
        if a.dtype is not b.dtype:
            a, b = promoted(args, op.dtype is INT_TO_FLOAT)
            if a.itemsize == 2 and op.wide_number and b.size == 1 and is_half(a.dtype):
                return with_wide_number(op, a, y._array.astype(SINGLE), attrs)
    except AttributeError:
        if op.kind.name != "binary":
            require_tensors(op, x, y)
        a, b = _with_number(op, x, y)
        if a.itemsize == 2 and op.wide_number and is_half(a.dtype) and not hasattr(y, "_array"):
            return with_wide_number(op, a, number_like(y, SINGLE), attrs)
    if op.dtype is INT_TO_FLOAT and a.dtype.kind in "biu":
        real = dtypes.get_default_dtype().numpy
        a, b = a.astype(real), b.astype(real)
    out = split_ufunc(op.forward, (a, b)) if (a.size >= LARGE or b.size >= LARGE) and op.is_ufunc and not attrs else None
    if out is None:
        out = op.forward(a, b, **attrs)
    if out.__class__ is not a.__class__ and a.__class__ is ndarray:
        out = np.asarray(out)
    return out


def with_wide_number(op: Op, a: Any, number: Any, attrs: dict) -> Any:
    """forward of a half array and a number, in float32 and rounded once: so PyTorch's kernels read the number of a product or a quotient."""
    out = split_ufunc(op.forward, (a, number)) if a.size >= LARGE and op.is_ufunc and not attrs else None
    return np.asarray(op.forward(a, number, **attrs) if out is None else out).astype(a.dtype)


def evaluate_ordering(op: Op, args: tuple, attrs: dict) -> Any:
    """As evaluate_binary, of real numbers: complex ones have no order."""
    if any([np.iscomplexobj(getattr(value, "_array", value)) for value in args]):
        dtype = dtypes.result_type(args)
        raise NotImplementedError(f"\"{op.name}_cpu\" not implemented for '{dtype.kernel_name}'")
    return evaluate_binary(op, args, attrs)


def evaluate_difference(op: Op, args: tuple, attrs: dict) -> Any:
    """As evaluate_binary, of arguments that the operation's `explain` has nothing against."""
    error = op.explain(*args)  # type: ignore[misc]
    if error is not None:
        raise error
    return evaluate_binary(op, args, attrs)


def require_tensors(op: Op, x: Any, y: Any) -> None:
    """Raise PyTorch's TypeError unless the arguments are tensors, as far as the kind demands it."""
    for position, (name, value) in enumerate((("input", x), ("other", y))):
        takes_number = op.kind is not two_tensors
        if hasattr(value, "_array") or position == 1 and takes_number:
            continue
        if takes_number:
            raise TypeError(f"{op.name}() received an invalid combination of arguments - got ({type(x).__name__}, {type(y).__name__}), but "
                            "expected one of:\n * (Tensor input, Tensor other)\n * (Tensor input, Number other)")
        raise TypeError(f"{op.name}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}")


class NotANumber(TypeError):
    """An operand is neither a tensor nor a number."""


def _with_number(op: Op, x: Any, y: Any) -> tuple:
    """The arrays of a tensor and a Python number, in either order, in their common dtype."""
    if getattr(x, "_array", None) is None:
        if getattr(y, "_array", None) is None:
            raise NotANumber(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
        b, a = _with_number(op, y, x)
        return a, b
    a = x._array
    kind = a.dtype.kind
    if y.__class__ is float and (kind == "f" or kind == "c") or \
            y.__class__ is int and kind != "b" and (op.dtype is not INT_TO_FLOAT or kind not in "iu"):
        return a, number_like(y, a.dtype)
    if not isinstance(y, (int, float, complex, np.generic)):
        raise NotANumber(f"{op.name}(): argument 'other' (position 2) must be Tensor, not {type(y).__name__}")
    return tuple(promoted((x, y), op.dtype is INT_TO_FLOAT))


def number_like(value: Any, dtype: Any) -> Any:
    """A 0-d array of a Python number; an integer wraps to the width of an integer dtype, as in C. OverflowError beyond 64 bits."""
    if value.__class__ is int and not -2**63 <= value < 2**63:
        check_width(value)
    if dtype is HALF and value.__class__ is float:
        return converted(np.array(value), HALF)
    try:
        return np.array(value, dtype)
    except OverflowError:
        if dtype.kind in "iu":
            bits = 8 * dtype.itemsize
            return np.array(value % (1 << bits), np.dtype(f"u{dtype.itemsize}")).astype(dtype)
        return np.array(float("inf") if value > 0 else float("-inf"), dtype)


def promoted(args: tuple, to_float: bool = False) -> list:
    """The arrays of tensors and numbers, cast to their common dtype; integers to the default float type if that is wanted.

    At once, since their common type may be too narrow for a number: 256 beside bytes is 0.
    """
    common = dtypes.result_type(args).numpy
    if to_float and common.kind in "biu":
        common = dtypes.get_default_dtype().numpy
    arrays = []
    for value in args:
        array = getattr(value, "_array", None)
        if array is None:
            array = None if value is None else number_like(value, common)
        elif array.dtype is not common:
            array = converted(array, common)
        arrays.append(array)
    return arrays


def evaluate_nary(op: Op, args: tuple, attrs: dict) -> Any:
    arrays = promoted(args, op.dtype is INT_TO_FLOAT)
    out = op.forward(*arrays, **attrs)
    return np.asarray(out) if isinstance(out, np.generic) else out


def evaluate_opaque(op: Op, args: tuple, attrs: dict) -> Any:
    out = op.forward(*[getattr(value, "_array", value) for value in args], **attrs)
    return np.asarray(out) if isinstance(out, np.generic) else out


def evaluate_reduction(op: Op, args: tuple, attrs: dict) -> Any:
    a = args[0]._array
    if a.itemsize == 2 and a.dtype.kind not in "iu":
        return evaluate_half_safe(op, args, attrs)
    out = op.forward(a, **attrs) if attrs else op.forward(a)
    if out.__class__ is not a.__class__ and out.__class__ is not tuple:
        out = np.asarray(out)
    return out


def evaluate_half_safe(op: Op, args: tuple, attrs: dict) -> Any:
    """float16 and bfloat16 are computed in float32 and rounded once, as PyTorch's kernels do."""
    arrays, half = [], None
    for value in args:
        array = getattr(value, "_array", value)
        if array.__class__ is ndarray and array.itemsize == 2 and array.dtype.kind not in "iu":
            half = array.dtype
            array = array.astype(np.float32)
        arrays.append(array)
    out = op.forward(*arrays, **attrs)
    if half is not None:
        if op.hidden:  # what is kept for the gradient stays as exact as it is
            return (_narrowed(out[0], half), *out[1:])
        return tuple([_narrowed(o, half) for o in out]) if out.__class__ is tuple else _narrowed(out, half)
    return np.asarray(out) if isinstance(out, np.generic) else out


def _narrowed(out: Any, half: Any) -> Any:
    return np.asarray(out).astype(half) if out.dtype == np.float32 else np.asarray(out)


def evaluate_view(op: Op, args: tuple, attrs: dict) -> Any:
    return op.forward(args[0]._array, **attrs)


def explain_argument(op: Op, args: tuple, attrs: dict, error: Exception) -> Exception | None:
    """PyTorch's error where the argument is no tensor."""
    if args and not hasattr(args[0], "_array"):
        return TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(args[0]).__name__}")
    return None


def explain_broadcast(op: Op, args: tuple, attrs: dict, error: Exception) -> Exception | None:
    """PyTorch's error where shapes do not broadcast."""
    shapes = [value._array.shape for value in args if hasattr(value, "_array")]
    for a in range(len(shapes)):
        for b in range(a + 1, len(shapes)):
            wrong = mismatch(shapes[a], shapes[b])
            if wrong is not None:
                return RuntimeError(f"{wrong}\n  in {op.name}: the shapes are {list(shapes[a])} and {list(shapes[b])}; sizes must be equal or 1, "
                                    "counted from the last dimension")
    return None


def mismatch(a: tuple, b: tuple) -> str | None:
    """PyTorch's sentence on two shapes that do not broadcast; None if they do."""
    length = max(len(a), len(b))
    for at in range(1, min(len(a), len(b)) + 1):
        if a[-at] != b[-at] and a[-at] != 1 and b[-at] != 1:
            return (f"The size of tensor a ({a[-at]}) must match the size of tensor b ({b[-at]}) at non-singleton dimension {length - at}")
    return None


SAME, INT_TO_FLOAT, BOOL = "same", "int_to_float", "bool"

unary = Kind("unary", evaluate_unary, ("x",), explain_argument)
binary = Kind("binary", evaluate_binary, ("x", "y"), explain_broadcast)
#: as binary, of what is no truth value
difference = Kind("binary", evaluate_difference, ("x", "y"), explain_broadcast)
#: as binary, where the first argument, or both, must be tensors; and of those the comparisons that complex numbers lack
tensor_first = Kind("tensor_first", evaluate_binary, ("x", "y"), explain_broadcast)
ordering = Kind("tensor_first", evaluate_ordering, ("x", "y"), explain_broadcast)
two_tensors = Kind("two_tensors", evaluate_binary, ("x", "y"), explain_broadcast)
nary = Kind("nary", evaluate_nary, (), explain_broadcast)
reduction = Kind("reduction", evaluate_reduction, (), explain_argument)
view = Kind("view", evaluate_view, is_view=True)
opaque = Kind("opaque", evaluate_opaque)
#: as opaque, with half precision computed in float32
kernel = Kind("kernel", evaluate_half_safe)
#: any number of tensors: formulas by `vjp`
joining = Kind("joining", evaluate_opaque, variadic=True)
