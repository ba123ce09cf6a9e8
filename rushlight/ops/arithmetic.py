"""Arithmetic and comparison of two tensors, or of a tensor and a number."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends import quotients
from ..backends.fma import fma
from ..backends.native import MANY
from ..core.apply import apply
from ..core.dtypes import BOOL as BOOL_CATEGORY, COMPLEX, FLOAT, is_half, of_numpy, result_type
from ..core.fused import fused
from ..core.numbers import checked_number
from ..core.op import BOOL, INT_TO_FLOAT, Op, binary, difference, ordering, tensor_first, unary
from ..core.samples import one, pair, positive_pair

if TYPE_CHECKING:
    from ..tensor import Tensor


def zero(g: Any) -> Any:
    """The gradient of a step function: zero everywhere."""
    return g.new_zeros(()).expand(g._array.shape)


def add(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, elementwise. Shapes broadcast. Where alpha is not 1, float32 and the halves are rounded once."""
    if alpha == 1 and alpha is not True:
        return apply(ADD, input, other)
    return apply(ADD_SCALED, input, other, alpha=factor(alpha, input, other))


def factor(alpha: Any, *operands: Any) -> Any:
    """alpha as a Python number. Raises RuntimeError where the operands' sum has a dtype for which it is no factor."""
    if alpha.__class__ is float and hasattr(operands[0], "_array") and operands[0]._array.dtype.kind in "fV":
        return alpha  # as nearly always
    alpha = alpha.item() if hasattr(alpha, "_array") else alpha
    category = result_type(operands).category
    if isinstance(alpha, bool) and category != BOOL_CATEGORY:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if category < FLOAT and not isinstance(alpha, int):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if category != COMPLEX and isinstance(alpha, complex):
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return alpha


def _is_bool(value: Any) -> bool:
    array = getattr(value, "_array", None)
    return isinstance(value, bool) if array is None else array.dtype.kind == "b"


ADD = Op("add", binary, np.add, samples=pair,
    grads=(lambda g: g,
           lambda g: g),
    code="x + y")


def _add_scaled(x: Any, y: Any, *, alpha: Any) -> Any:
    number = checked_number(alpha, x.dtype)
    if is_half(x.dtype) or x.size >= MANY and x.dtype.kind == "f":
        return _sum(x, y, alpha=float(number))
    return fma(number, y, x)


_sum = fused("fma(alpha, y, x)", ("x", "y"), ("alpha",))
ADD_SCALED = Op("add", binary, _add_scaled, samples=lambda random, shape: [(args, {"alpha": -0.7}) for args, _ in pair(random, shape)],
    grads=(lambda g: g,
           lambda g, alpha: g * conj(alpha)),
    code="fma(alpha, y, x)")


def sub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other, elementwise. Shapes broadcast. Raises RuntimeError for two bool tensors."""
    if alpha == 1 and alpha is not True:
        return apply(SUB, input, other)
    error = _no_bools(input, other)
    if error is not None:
        raise error
    return apply(SUB_SCALED, input, other, alpha=-factor(alpha, input, other))


subtract = sub


def _no_bools(x: Any, y: Any) -> Exception | None:
    if _is_bool(x) and _is_bool(y):
        return RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.")
    if _is_bool(x) or _is_bool(y):
        return RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
                            "`~` or `logical_not()` operator instead.")
    return None


SUB = Op("sub", difference, np.subtract, explain=_no_bools, samples=pair,
    grads=(lambda g: g,
           lambda g: -g),
    code="x - y")
SUB_SCALED = ADD_SCALED.printed_as("SubBackward0")


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input, elementwise."""
    if not hasattr(input, "_array"):
        other_type = "Tensor" if hasattr(other, "_array") else type(other).__name__
        raise TypeError(f"rsub() received an invalid combination of arguments - got ({type(input).__name__}, {other_type}), but expected one of:\n"
                        " * (Tensor input, Tensor other, *, Number alpha = 1)\n * (Tensor input, Number other, Number alpha = 1)\n")
    error = _no_bools(other, input)
    if error is not None:
        raise error
    number = not hasattr(other, "_array")
    if alpha == 1 and alpha is not True:
        return apply(RSUB if number else RSUB_TENSOR, other, input)
    return apply(RSUB_SCALED if number else RSUB_TENSOR_SCALED, other, input, alpha=-factor(alpha, input, other))


RSUB, RSUB_SCALED = SUB.printed_as("RsubBackward1"), ADD_SCALED.printed_as("RsubBackward1")
RSUB_TENSOR, RSUB_TENSOR_SCALED = SUB.printed_as("RsubBackward0"), ADD_SCALED.printed_as("RsubBackward0")


def mul(input: Tensor, other: Any) -> Tensor:
    """input * other, elementwise. Shapes broadcast."""
    return apply(MUL, input, other)


multiply = mul

MUL = Op("mul", binary, np.multiply, samples=pair,
    grads=(lambda g, y: g * y,
           lambda g, x: g * x),
    code="x * y", holomorphic=True, wide_number=True)


def conj(value: Any) -> Any:
    """The complex conjugate of a tensor or number; a real one as it is."""
    array = getattr(value, "_array", None)
    if array is None:
        return value.conjugate() if value.__class__ is complex else value
    return value.conj() if array.dtype.kind == "c" else value


def true_divide(input: Tensor, other: Any) -> Tensor:
    """input / other, elementwise. Shapes broadcast; integers give the default float; division by zero follows IEEE 754."""
    return apply(DIV, input, other)


DIV = Op("div", binary, np.true_divide, dtype=INT_TO_FLOAT, samples=positive_pair,
    grads=(lambda g, y: g / y,
           lambda g, y, out: -g * out / y),
    code="x / y", holomorphic=True, wide_number=True)


def __rtruediv__(input: Tensor, other: Any) -> Tensor:
    """other / input, computed as PyTorch does: other times the reciprocal."""
    from .exponential import reciprocal
    return reciprocal(input).__mul__(other)


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, elementwise; rounding_mode "trunc" rounds the quotient towards zero, "floor" down."""
    if rounding_mode is None:
        return apply(DIV, input, other)
    if rounding_mode == "floor":
        return apply(DIV_FLOOR, input, other)
    if rounding_mode == "trunc":
        return apply(DIV_TRUNC, input, other)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


divide = div


def floor_divide(input: Tensor, other: Any) -> Tensor:
    """The quotient rounded down. Raises RuntimeError for an integer division by zero."""
    return apply(FLOOR_DIVIDE, input, other)


def check_division(kernel_name: str, b: Any) -> None:
    """Raise PyTorch's errors for a division with rounding: of a dtype that its kernel lacks, or of integers by zero."""
    if b.dtype.kind in "bc":
        raise NotImplementedError(f"\"{kernel_name}\" not implemented for '{of_numpy(b.dtype).kernel_name}'")
    if b.dtype.kind in "iu" and not b.all():
        raise RuntimeError("ZeroDivisionError")


def by_one_number(forward: Any) -> Any:
    """The rule of a rounded quotient, where halves are divided by a single number in float32 and rounded once: see `Op.wide_number`."""
    def rule(a: Any, b: Any) -> Any:
        if b.size == 1 and b.dtype is a.dtype and is_half(b.dtype):
            return np.asarray(forward(a, b.astype(np.float32))).astype(a.dtype)
        return forward(a, b)
    return rule


@by_one_number
def _floor_divide(a: Any, b: Any) -> Any:
    check_division("div_floor_cpu", b)
    return (quotients.floor_divide_halves if is_half(b.dtype) else quotients.floor_divide)(a, b)


@by_one_number
def _trunc_divide(a: Any, b: Any) -> Any:
    check_division("div_trunc_cpu", b)
    if a.dtype.kind in "iu":
        quotient = np.floor_divide(a, b)
        return quotient + ((quotient < 0) & (quotient * b != a)).astype(a.dtype)
    return np.trunc(np.true_divide(a, b))


def no_derivative(name: str) -> Any:
    """The gradient formula of an operation for which PyTorch has none: it raises."""
    def formula(g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")
    return formula


FLOOR_DIVIDE = Op("floor_divide", binary, _floor_divide, node_name="torch::autograd::NotImplemented",
    grads=(no_derivative("floor_divide"),) * 2,
    code="x // y", wide_number=True)
DIV_FLOOR = Op("div", binary, _floor_divide, grads=(zero, zero), samples=positive_pair, node_name="DivBackward2",
    code="x // y", wide_number=True)
DIV_TRUNC = Op("div", binary, _trunc_divide, grads=(zero, zero), samples=positive_pair, node_name="DivBackward2",
    code="trunc(x / y)", wide_number=True)


def remainder(input: Any, other: Any) -> Tensor:
    """input modulo other with the sign of other, as Python's %."""
    return apply(REMAINDER_TENSOR if hasattr(other, "_array") else REMAINDER, input, other)


def _remainder(a: Any, b: Any) -> Any:
    check_division("remainder_cpu", b)
    return quotients.remainder(a, b)


REMAINDER = Op("remainder", binary, _remainder,
    grads=(lambda g: g,
           lambda g, x, y: -g * div(x, y, rounding_mode="floor")),
    code="x % y", samples=positive_pair)
REMAINDER_TENSOR = REMAINDER.printed_as("RemainderBackward1")


def fmod(input: Tensor, other: Any) -> Tensor:
    """input modulo other with the sign of input, as C's fmod."""
    return apply(FMOD_TENSOR if hasattr(other, "_array") else FMOD, input, other)


def _fmod(a: Any, b: Any) -> Any:
    check_division("fmod_cpu", b)
    return np.fmod(a, b)


FMOD = Op("fmod", tensor_first, _fmod,
    grads=(lambda g: g,
           lambda g, x, y: -g * div(x, y, rounding_mode="trunc")),
    code="fmod(x, y)", samples=positive_pair)
FMOD_TENSOR = FMOD.printed_as("FmodBackward1")


def neg(input: Tensor) -> Tensor:
    """-input. Raises RuntimeError for bool."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
                           "`logical_not()` operator instead.")
    return apply(NEG, input)


negative = neg

NEG = Op("neg", unary, np.negative, samples=one,
    grads=(lambda g: -g,),
    code="-x")


# Comparisons: bool results, no gradient.

def eq(input: Tensor, other: Any) -> Tensor:
    """input == other, elementwise."""
    return apply(EQ, input, other)


def ne(input: Tensor, other: Any) -> Tensor:
    """input != other, elementwise."""
    return apply(NE, input, other)


def lt(input: Tensor, other: Any) -> Tensor:
    """input < other, elementwise."""
    return apply(LT, input, other)


def le(input: Tensor, other: Any) -> Tensor:
    """input <= other, elementwise."""
    return apply(LE, input, other)


def gt(input: Tensor, other: Any) -> Tensor:
    """input > other, elementwise."""
    return apply(GT, input, other)


def ge(input: Tensor, other: Any) -> Tensor:
    """input >= other, elementwise."""
    return apply(GE, input, other)


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge

EQ = Op("eq", tensor_first, np.equal, dtype=BOOL, code="x == y")
NE = Op("ne", tensor_first, np.not_equal, dtype=BOOL, code="x != y")
LT = Op("lt", ordering, np.less, dtype=BOOL, code="x < y")
LE = Op("le", ordering, np.less_equal, dtype=BOOL, code="x <= y")
GT = Op("gt", ordering, np.greater, dtype=BOOL, code="x > y")
GE = Op("ge", ordering, np.greater_equal, dtype=BOOL, code="x >= y")
