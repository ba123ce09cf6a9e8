"""Products of matrices and vectors."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import Kind, Op

if TYPE_CHECKING:
    from ..tensor import Tensor


def product(a: Any, b: Any) -> Any:
    """a @ b on arrays. BLAS knows neither halves nor bfloat16: those are multiplied in float32 and rounded once."""
    if a.dtype.kind == "V" or a.dtype.itemsize == 2 and a.dtype.kind == "f":
        return (a.astype(np.float32) @ b.astype(np.float32)).astype(a.dtype)
    if a.dtype.kind == "b":
        raise NotImplementedError('"addmm_impl_cpu_" not implemented for \'Bool\'')
    return np.matmul(a, b)


def evaluate_product(op: Op, args: tuple, attrs: dict) -> Any:
    arrays = [None if value is None else value._array for value in args]
    first = arrays[0].dtype
    for value, array in zip(args, arrays):
        if array is not None and array.dtype is not first and array.dtype != first:
            raise unlike(op, args[0], value)
    return op.forward(*arrays, **attrs)


def unlike(op: Op, first: Any, other: Any) -> RuntimeError:
    """PyTorch's error for a product of two dtypes."""
    names = {"float64": "double", "float32": "float", "int64": "long int", "int32": "int", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
             "complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}
    a, b = (names.get(v.dtype.name, v.dtype.name) for v in (first, other))
    if op.name in ("addmm", "mm", "mv", "dot", "linear"):
        return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {first.dtype.kernel_name} and {other.dtype.kernel_name}")
    return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {a} != {b}")


#: tensors of one dtype, which is not promoted
matrix = Kind("matrix", evaluate_product)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, (n, m) @ (m, p) -> (n, p)."""
    a, b = input._array, mat2._array
    if a.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if b.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})")
    return apply(MM, input, mat2)


MM = Op("mm", matrix, lambda x, y: product(x, y),
    grads=(lambda g, y: g.mm(y.t()),
           lambda g, x: x.t().mm(g)), holomorphic=True)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias: (..., in) with weight (out, in) and bias (out,) -> (..., out)."""
    x, w = input._array, weight._array
    if w.ndim == 2 and x.ndim and x.shape[-1] != w.shape[1]:
        rows = x.size // max(x.shape[-1], 1)
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{x.shape[-1]} and {w.shape[1]}x{w.shape[0]})")
    if x.ndim == 2 and w.ndim == 2:
        return apply(ADDMM_LINEAR if bias is not None else MM_LINEAR, input, weight, bias)
    return apply(LINEAR, input, weight, bias)


def _linear(input: Any, weight: Any, bias: Any) -> Any:
    out = product(input, weight.T)
    if bias is not None:
        np.add(out, bias, out=out) if out.ndim else None
    return out


def _weight_gradient(g: Any, input: Any) -> Any:
    """g.T @ input, all leading dimensions taken together."""
    if g._array.ndim == 2:
        return g.t().mm(input)
    return g.reshape(-1, g._array.shape[-1]).t().mm(input.reshape(-1, input._array.shape[-1]))


_LINEAR_GRADS = (
    lambda g, weight: g.matmul(weight),
    lambda g, input: _weight_gradient(g, input),
    lambda g: g)  # summed over the rows by the engine
LINEAR = Op("linear", matrix, _linear, grads=_LINEAR_GRADS, holomorphic=True, node_name="ViewBackward0")
# PyTorch runs a matrix with a bias as addmm and one without as mm, and prints so.
ADDMM_LINEAR = Op("addmm", matrix, _linear, grads=_LINEAR_GRADS, holomorphic=True)
MM_LINEAR = Op("mm", matrix, _linear, grads=_LINEAR_GRADS, holomorphic=True)
