"""Choosing between values, elementwise: where, the larger and the smaller, bounds, and mixtures."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.dtypes import result_type
from ..core.fused import fused
from ..core.numbers import checked_number
from ..core.op import SINGLE, Kind, Op, explain_broadcast, nary, promoted, two_tensors, unary
from ..core.samples import between, pair
from .arithmetic import conj, true_divide

if TYPE_CHECKING:
    from ..tensor import Tensor


def evaluate_choice(op: Op, args: tuple, attrs: dict) -> Any:
    """The condition as it is, the two values in their common dtype."""
    a, b = promoted(args[1:])
    return op.forward(args[0]._array, a, b)


#: a condition and two values
choice = Kind("choice", evaluate_choice, ("condition", "x", "y"), explain_broadcast)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition holds, else other; with condition alone, the indices where it holds, a tensor for each dimension."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition._array.dtype.char not in "?B":  # bool, uint8; NumPy would import a module to say their names
        name = condition.dtype.kernel_name
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {name}")
    return apply(WHERE, condition, input, other)


def zero_where(condition: Tensor, input: Tensor) -> Tensor:
    """0 where condition holds, else input: for gradients, where a product with 0 would make nan of inf."""
    return apply(WHERE, condition, 0, input)


def _where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


WHERE = Op("where", choice, _where,
    samples=lambda random, shape: [((random.random((*shape, 1))[..., 0] < 0.5, *[random.normal(size=shape) for _ in "xy"]), {})],
    grads=(None,
           lambda g, condition: apply(WHERE, condition, g, 0),
           lambda g, condition: zero_where(condition, g)),
    code="where(condition, x, y)")


def _is_tensor(value: Any) -> bool:
    return getattr(value, "_array", None) is not None


def require_tensor(name: str, value: Any, argument: str = "other", position: int = 2) -> None:
    """Raise PyTorch's TypeError unless value is a tensor."""
    if not _is_tensor(value):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}")


def require_real(name: str, *values: Any) -> None:
    """Raise PyTorch's error for complex tensors, which have no order."""
    for value in values:
        if _is_tensor(value) and value._array.dtype.kind == "c":
            raise RuntimeError(f"{name} not implemented for complex tensors.")


def winners_share(g: Any, ahead: Any, tied: Any) -> Any:
    """g where this argument is ahead or not comparable, half of it where the two are equal, 0 where it is behind."""
    return where(tied, g * 0.5, zero_where(ahead, g))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of input and other, nan where either is. Ties share the gradient."""
    require_real("maximum", input, other)
    return apply(MAXIMUM, input, other)


MAXIMUM = Op("maximum", two_tensors, np.maximum, samples=pair,
    grads=(lambda g, x, y: winners_share(g, x < y, x == y),
           lambda g, x, y: winners_share(g, y < x, x == y)),
    code="maximum(x, y)")


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of input and other, nan where either is. Ties share the gradient."""
    require_real("minimum", input, other)
    return apply(MINIMUM, input, other)


MINIMUM = Op("minimum", two_tensors, np.minimum, samples=pair,
    grads=(lambda g, x, y: winners_share(g, x > y, x == y),
           lambda g, x, y: winners_share(g, y > x, x == y)),
    code="minimum(x, y)")


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of input and other; where one is nan, the other."""
    return apply(FMAX, input, other)


FMAX = Op("fmax", two_tensors, np.fmax, samples=pair,
    grads=(lambda g, x, y: where((x >= y) | y.isnan(), g, 0),
           lambda g, x, y: zero_where((x >= y) | y.isnan(), g)),
    code="where((x >= y) | isnan(y), x, y)")


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of input and other; where one is nan, the other."""
    return apply(FMIN, input, other)


FMIN = Op("fmin", two_tensors, np.fmin, samples=pair,
    grads=(lambda g, x, y: where((x <= y) | y.isnan(), g, 0),
           lambda g, x, y: zero_where((x <= y) | y.isnan(), g)),
    code="where((x <= y) | isnan(y), x, y)")


# Bounds. Numbers are attributes, so that the common case promotes nothing; tensors are arguments with gradients of their own.

def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input, not below min and not above max (numbers or tensors); max where min is above it. nan stays nan."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if _is_tensor(min) or _is_tensor(max):
        return apply(CLAMP_BETWEEN, input, min, max)
    input = _wide_enough(input, min, max)
    if max is None:
        return apply(CLAMP_BELOW, input, min=min)
    if min is None:
        return apply(CLAMP_ABOVE, input, max=max)
    return apply(CLAMP, input, min=min, max=max)


clip = clamp


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """input, not below min."""
    require_tensor("clamp_min", input, "input", 1)
    if _is_tensor(min):
        return apply(CLAMP_MIN_TENSOR, input, min, None)
    return apply(CLAMP_MIN, _wide_enough(input, min), min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """input, not above max."""
    require_tensor("clamp_max", input, "input", 1)
    if _is_tensor(max):
        return apply(CLAMP_MAX_TENSOR, input, None, max)
    return apply(CLAMP_MAX, _wide_enough(input, max), max=max)


def _wide_enough(input: Tensor, *bounds: Any) -> Tensor:
    """input in the dtype that it has in common with the bounds."""
    kind = input._array.dtype.kind
    if kind in "fV":
        return input
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    return input.to(result_type((input, *bounds)))


def _bound(x: Any, value: Any) -> Any:
    return checked_number(value, x.dtype)


def _clamp(x: Any, *, min: Any, max: Any) -> Any:
    if x.size > LARGE and x.dtype.kind == "f":
        return _clamp_pieces(x, min=min, max=max)
    out = np.maximum(x, _bound(x, min))
    return np.minimum(out, _bound(x, max), out=out) if out.ndim else np.minimum(out, _bound(x, max))


#: elements above which a kernel that runs piece by piece beats calls on the whole array
LARGE = 65536
_clamp_pieces = fused("minimum(maximum(x, min), max)", ("x",), ("min", "max"))

CLAMP = Op("clamp", unary, _clamp,
    samples=between((-2, 2), min=-1.0, max=0.5), node_name="ClampBackward1",
    grads=(lambda g, x, min, max: where((x >= min) & (x <= max), g, 0),),
    code="minimum(maximum(x, min), max)")
CLAMP_BELOW = Op("clamp", unary, lambda x, *, min: np.maximum(x, _bound(x, min)),
    samples=between((-2, 2), min=-1.0), node_name="ClampBackward1",
    grads=(lambda g, x, min: where(x >= min, g, 0),),
    code="maximum(x, min)")
CLAMP_ABOVE = Op("clamp", unary, lambda x, *, max: np.minimum(x, _bound(x, max)),
    samples=between((-2, 2), max=0.5), node_name="ClampBackward1",
    grads=(lambda g, x, max: where(x <= max, g, 0),),
    code="minimum(x, max)")
# clamp_min and clamp_max print names of their own.
CLAMP_MIN = CLAMP_BELOW.printed_as("ClampMinBackward0")
CLAMP_MAX = CLAMP_ABOVE.printed_as("ClampMaxBackward0")


def _clamp_between(x: Any, min: Any, max: Any) -> Any:
    if x.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if min is not None:
        x = np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def _inside(g: Any, x: Any, min: Any, max: Any) -> Any:
    """g where no bound holds x."""
    if min is not None:
        g = where(x >= min, g, 0)
    return g if max is None else where(x <= max, g, 0)


def _at_min(g: Any, x: Any, min: Any, max: Any) -> Any:
    below = x < min
    return where(below if max is None else below & (min < max), g, 0)


def _at_max(g: Any, x: Any, min: Any, max: Any) -> Any:
    above = x > max
    return where(above if min is None else above | (max < min), g, 0)


def _between_samples(random: Any, shape: tuple) -> list:
    low, high = random.uniform(-2, 0.5, shape), random.uniform(-0.5, 2, shape)
    x = random.uniform(-2, 2, shape)
    return [((x, low, high), {}), ((x, low, None), {}), ((x, None, high), {})]


CLAMP_BETWEEN = Op("clamp", nary, _clamp_between, samples=_between_samples,
    grads=(_inside, _at_min, _at_max))
CLAMP_MIN_TENSOR = CLAMP_BETWEEN.printed_as("ClampMinBackward1")
CLAMP_MAX_TENSOR = CLAMP_BETWEEN.printed_as("ClampMaxBackward1")


# Mixtures of three.

def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input): input at weight 0, end at 1."""
    for name, value in (("end", end), ("weight", weight)):
        if _is_tensor(value) and value.dtype is not input.dtype and (value is not weight or value._array.ndim):
            raise RuntimeError(f"expected dtype {input.dtype.c_name} for `{name}` but got dtype {value.dtype.c_name}")
    if _is_tensor(weight):
        return apply(LERP_TENSOR, input, end, weight)
    return apply(LERP, input, end, weight=weight)


# From the nearer end, so that weight 1 gives `end` itself.
_from_start, _from_end = "fma(weight, y - x, x)", "fma(weight - 1, y - x, y)"
_lerp_start, _lerp_end = (fused(text, ("x", "y"), ("weight",)) for text in (_from_start, _from_end))


def _lerp(x: Any, y: Any, *, weight: Any) -> Any:
    if x.dtype.kind == "c":
        weight = checked_number(weight, x.dtype)
        return x + weight * (y - x) if abs(weight) < 0.5 else y - (y - x) * (1 - weight)
    weight = _computed_with(weight, x.dtype)
    return (_lerp_start if abs(weight) < 0.5 else _lerp_end)(x, y, weight=weight)


def _computed_with(number: Any, dtype: Any) -> float:
    """The number as kernels for floats of that dtype take it: rounded to float32, also beside halves, or as it is."""
    return float(checked_number(number, dtype if dtype.itemsize == 8 else SINGLE))


def _lerp_loop(shape: tuple, *, weight: Any) -> tuple:
    weight = _computed_with(weight, SINGLE)
    return (f"fma({weight!r}, y - x, x)" if abs(weight) < 0.5 else f"fma({weight - 1!r}, y - x, y)"), None, 1.0


LERP = Op("lerp", two_tensors, _lerp, samples=between((-2, 2), (-2, 2), weight=0.25),
    grads=(lambda g, weight: g * conj(1 - weight),
           lambda g, weight: g * conj(weight)),
    loop=_lerp_loop)
LERP_TENSOR = Op("lerp", nary, fused(f"where(abs(weight) < 0.5, {_from_start}, {_from_end})", ("x", "y", "weight")),
    samples=between((-2, 2), (-2, 2), (0, 1)), arguments=("x", "y", "weight"), node_name="LerpBackward1",
    grads=(lambda g, weight: g * conj(1 - weight),
           lambda g, weight: g * conj(weight),
           lambda g, x, y: g * conj(y - x)),
    code=f"where(abs(weight) < 0.5, {_from_start}, {_from_end})")


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return apply(ADDCMUL, input, tensor1, tensor2, value=_value_for(value, input, tensor1, tensor2))


def _value_for(value: Any, *tensors: Any) -> Any:
    """value as a Python number, cut to an integer where all tensors are integers."""
    value = value.item() if _is_tensor(value) else value
    return int(value) if isinstance(value, float) and all([t._array.dtype.kind in "biu" for t in tensors]) else value


def _fused_or_whole(code: str, whole: Any) -> Any:
    """The kernel of a scalar text for floats; calls on whole arrays for others."""
    kernel = fused(code, ("x", "y", "z"), ("value",))

    def forward(x: Any, y: Any, z: Any, *, value: Any) -> Any:
        return kernel(x, y, z, value=_computed_with(value, x.dtype)) if x.dtype.kind in "fV" else whole(x, y, z, value=value)
    return forward


def _addcmul(x: Any, y: Any, z: Any, *, value: Any) -> Any:
    return x + (y * z if value == 1 else _bound(x, value) * y * z)


ADDCMUL = Op("addcmul", nary, _fused_or_whole("fma(value * y, z, x)", _addcmul),
    samples=between((-2, 2), (-2, 2), (-2, 2), value=0.5), arguments=("x", "y", "z"),
    grads=(lambda g: g,
           lambda g, z, value: g * conj(z * value),
           lambda g, y, value: g * conj(y * value)),
    code="fma(value * y, z, x)")


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2. Raises RuntimeError for integers."""
    if all([t._array.dtype.kind in "biu" for t in (tensor1, tensor2)]):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of "
            "tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future "
            "addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.")
    return apply(ADDCDIV, input, tensor1, tensor2, value=value)


def _addcdiv(x: Any, y: Any, z: Any, *, value: Any) -> Any:
    return x + (y / z if value == 1 else _bound(x, value) * y / z)


ADDCDIV = Op("addcdiv", nary, _fused_or_whole("x + value * y / z", _addcdiv),
    samples=between((-2, 2), (-2, 2), (0.5, 2), value=0.5), arguments=("x", "y", "z"),
    grads=(lambda g: g,
           lambda g, z, value: g * conj(true_divide(value, z)),
           lambda g, y, z, value: -g * conj(y * value / (z * z))),
    code="x + value * y / z")
