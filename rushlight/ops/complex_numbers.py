"""Complex numbers: parts, conjugates, angles, and the views between complex tensors and pairs of real numbers."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import INT_TO_FLOAT, Op, binary, unary, view as view_kind
from ..core.out import exact_out
from .choose import zero_where

if TYPE_CHECKING:
    from ..tensor import Tensor


_same_dtype = exact_out("Expected object of scalar type {result} but got scalar type {out} for argument 'out'")


@_same_dtype
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i imag, from two float tensors of one dtype."""
    for name, part in (("real", real), ("imag", imag)):
        if not hasattr(part, "_array"):
            raise TypeError(f"complex(): argument '{name}' (position {1 + (name == 'imag')}) must be Tensor, not {type(part).__name__}")
    _check_parts(real, imag)
    return apply(COMPLEX, real, imag)


def _check_parts(real: Any, imag: Any) -> None:
    if real.dtype.name not in ("float16", "float32", "float64") or imag.dtype.name not in ("float16", "float32", "float64"):
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {real.dtype.kernel_name} and "
                           f"{imag.dtype.kernel_name}")
    if real.dtype is not imag.dtype:
        raise RuntimeError(f"Expected object of scalar type {real.dtype.kernel_name} but got scalar type {imag.dtype.kernel_name} for second "
                           "argument")


def _complex(x: Any, y: Any) -> Any:
    x, y = np.broadcast_arrays(x, y)
    out = np.empty(x.shape, np.complex128 if x.dtype == np.float64 else np.complex64)
    out.real, out.imag = x, y
    return out


COMPLEX = Op("complex", binary, _complex,
    grads=(lambda g: g.real,
           lambda g: g.imag))


@_same_dtype
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """abs (cos angle + i sin angle)."""
    _check_parts(abs, angle)
    return apply(POLAR, abs, angle)


POLAR = Op("polar", binary, lambda x, y: _complex(x * np.cos(y), x * np.sin(y)),
    grads=(lambda g, y: g.real * y.cos() + g.imag * y.sin(),
           lambda g, out: g.imag * out.real - g.real * out.imag))


def conj(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    return input if input._array.dtype.kind != "c" else apply(CONJ, input)


conj_physical = conj

CONJ = Op("conj", unary, np.conjugate,
    grads=(lambda g: g.conj(),))


# Conjugates and negatives are computed at once here, not kept as a mark on a view, so there is nothing to resolve.

def resolve_conj(input: Tensor) -> Tensor:
    """input itself: conjugates are never pending."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """input itself: negatives are never pending."""
    return input


def is_conj(input: Tensor) -> bool:
    """False: conjugates are never pending."""
    return False


def is_neg(input: Tensor) -> bool:
    """False: negatives are never pending."""
    return False


def real(input: Tensor) -> Tensor:
    """The real part, as a view; a real tensor itself."""
    return input if input._array.dtype.kind != "c" else apply(REAL, input)


def imag(input: Tensor) -> Tensor:
    """The imaginary part, as a view. Raises RuntimeError for a real tensor."""
    if input._array.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return apply(IMAG, input)


# PyTorch takes the parts by select from view_as_real, and prints that.
REAL = Op("real", view_kind, lambda x: x.real, arguments=("x",), node_name="SelectBackward0",
    grads=(lambda g: g + 0j,))
IMAG = Op("imag", view_kind, lambda x: x.imag, arguments=("x",), node_name="SelectBackward0",
    grads=(lambda g: g * 1j,))


def view_as_real(input: Tensor) -> Tensor:
    """The parts as a last dimension of size 2: (...) complex -> (..., 2) real, a view."""
    if input._array.dtype.kind != "c":
        raise RuntimeError(f"view_as_real is only supported for complex tensors but got a tensor of scalar type: {input.dtype.kernel_name}")
    return apply(VIEW_AS_REAL, input)


def _view_as_real(x: Any) -> Any:
    # The parts lie side by side, whatever the strides: view each number as a row of two.
    return x[..., None].view(x.real.dtype)


VIEW_AS_REAL = Op("view_as_real", view_kind, _view_as_real, arguments=("x",),
    grads=(lambda g: view_as_complex(g.contiguous()),))


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs in the last dimension as complex numbers: (..., 2) real -> (...) complex, a view."""
    x = input._array
    if x.dtype.name not in ("float16", "float32", "float64"):
        raise RuntimeError("view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
                           f"{input.dtype.kernel_name}")
    if x.dtype == np.float16:
        raise NotImplementedError("view_as_complex of float16 would be complex32, which no array library has")
    if x.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if x.strides[-1] != x.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any([s % (2 * x.itemsize) for s in x.strides[:-1]]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return apply(VIEW_AS_COMPLEX, input)


def _view_as_complex(x: Any) -> Any:
    return x.view(np.complex128 if x.dtype == np.float64 else np.complex64)[..., 0]


VIEW_AS_COMPLEX = Op("view_as_complex", view_kind, _view_as_complex, arguments=("x",),
    grads=(lambda g: view_as_real(g),))


def angle(input: Tensor) -> Tensor:
    """The angle of a complex number in (-pi, pi]; of a real one 0 or pi, and nan for nan."""
    return apply(ANGLE, input)


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.asarray(np.angle(x))
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0)))


def _angle_gradient(g: Any, x: Any) -> Any:
    if not x.is_complex():
        return zero_where(g == g, g)
    # z turns by i z / |z|^2 for a step across its direction.
    square = (x * x.conj()).real
    return zero_where(square == 0, g * x * 1j / square)


ANGLE = Op("angle", unary, _angle, dtype=INT_TO_FLOAT,
    grads=(_angle_gradient,))
