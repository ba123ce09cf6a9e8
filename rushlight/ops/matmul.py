"""Products of matrices and vectors."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.products import biased_product, product
from ..core import dtypes
from ..core.apply import apply
from ..core.calls import not_a_tensor
from ..core.op import Kind, Op

if TYPE_CHECKING:
    from ..tensor import Tensor


def evaluate_matrix(op: Op, args: tuple, attrs: dict) -> Any:
    arrays = []
    first = args[0]._array.dtype
    for value in args:
        array = None if value is None else value._array
        arrays.append(array)
        if array is not None and array.dtype is not first and array.dtype != first:
            raise unlike(op, [value._array for value in args if value is not None])
    out = op.forward(*arrays, **attrs)
    return np.asarray(out) if isinstance(out, np.generic) else out


def unlike(op: Op, arrays: list) -> RuntimeError:
    """PyTorch's error for a product of two dtypes."""
    known = [dtypes.of_numpy(array.dtype) for array in arrays]
    first, other = known[0], next(d for d in known if d is not known[0])
    if op.name in ("dot", "vdot"):
        return RuntimeError(f"dot : expected both vectors to have same dtype, but found {first.kernel_name} and {other.kernel_name}")
    if op.name == "bmm":
        return RuntimeError(f"expected scalar type {first.kernel_name} but found {other.kernel_name}")
    if len(arrays) == 3:
        bias, mat1, mat2 = (known[2], known[0], known[1]) if op.name.startswith("linear") else known
        if bias is not mat2:
            return RuntimeError(f"self and mat2 must have the same dtype, but got {bias.kernel_name} and {mat2.kernel_name}")
        return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {mat1.kernel_name} and {mat2.kernel_name}")
    return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {first.c_name} != {other.c_name}")


#: tensors of one dtype, which is not promoted
matrix = Kind("matrix", evaluate_matrix)


def cannot_multiply(a: tuple, b: tuple) -> RuntimeError:
    """PyTorch's error for two matrices that do not fit."""
    return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})\n"
                        f"  the inner sizes, {a[1]} and {b[0]}, must be equal")


def mm(input: Tensor, mat2: Tensor, *, out_dtype: Any = None) -> Tensor:
    """The product of two matrices: (n, m) @ (m, p) -> (n, p)."""
    a, b = input._array.shape, mat2._array.shape
    if len(a) != 2:
        raise RuntimeError("self must be a matrix")
    if len(b) != 2:
        raise RuntimeError("mat2 must be a matrix")
    if a[1] != b[0]:
        raise cannot_multiply(a, b)
    return apply(MM, input, mat2)


MM = Op("mm", matrix, product, arguments=("x", "y"), launches=True,
    grads=(lambda g, y: g.mm(y.t()),
           lambda g, x: x.t().mm(g)), holomorphic=True)


def bmm(input: Tensor, mat2: Tensor, *, out_dtype: Any = None) -> Tensor:
    """The products of two batches of matrices: (b, n, m) @ (b, m, p) -> (b, n, p)."""
    a, b = input._array.shape, mat2._array.shape
    if len(a) != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if len(b) != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, {b[1]}].")
    return apply(BMM, input, mat2)


BMM = Op("bmm", matrix, lambda x, y: product(x, y),
    grads=(lambda g, y: g.bmm(y.transpose(1, 2)),
           lambda g, x: x.transpose(1, 2).bmm(g)), holomorphic=True)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector: (n, m) @ (m,) -> (n,)."""
    a, b = input._array.shape, vec._array.shape
    if len(a) != 2 or len(b) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {1}, {len(a)}, {len(b)}")
    if a[1] != b[0]:
        raise RuntimeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    return apply(MV, input, vec)


MV = Op("mv", matrix, lambda x, y: product(x, y),
    grads=(lambda g, y: outer(g, y),
           lambda g, x: x.t().mv(g)), holomorphic=True)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements."""
    _check_vectors(input, tensor)
    return apply(DOT, input, tensor)


def _check_vectors(input: Tensor, tensor: Tensor) -> None:
    a, b = input._array.shape, tensor._array.shape
    if input._array.dtype != tensor._array.dtype:
        raise unlike(DOT, [input._array, tensor._array])
    if len(a) != 1 or len(b) != 1:
        raise RuntimeError(f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    if a != b:
        raise RuntimeError(f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of elements, but got "
                           f"{a[0]} and {b[0]} elements respectively")


DOT = Op("dot", matrix, lambda x, y: product(x, y),
    grads=(lambda g, y: g * y,
           lambda g, x: g * x), holomorphic=True)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot` with the complex conjugate of input."""
    _check_vectors(input, other)
    return apply(DOT, input.conj(), other) if input.is_complex() else apply(VDOT, input, other)


VDOT = Op("vdot", matrix, lambda x, y: product(x, y), grads=DOT.grads)


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """input @ other: vectors and matrices by their rank, leading dimensions broadcast as batches."""
    a, b = _array_of(input, "input"), _array_of(other, "other")
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if a.ndim == 2 and b.ndim == 2:
        return mm(input, other)
    if a.ndim == 1 and b.ndim == 1:
        return dot(input, other)
    if a.ndim == 2 and b.ndim == 1:
        return mv(input, other)
    if a.ndim == 3 and b.ndim == 3 and a.shape[0] == b.shape[0]:
        return bmm(input, other)
    _check_matmul(a.shape, b.shape)
    return apply(MATMUL, input, other)


def _array_of(value: Any, name: str) -> Any:
    array = getattr(value, "_array", None)
    if array is None:
        raise TypeError(f"matmul(): argument '{name}' (position {1 if name == 'input' else 2}) must be Tensor, not {type(value).__name__}")
    return array


def _check_matmul(a: tuple, b: tuple) -> None:
    rows = b[-2] if len(b) > 1 else b[0]
    if a[-1] != rows:
        if len(b) == 1:
            n = _count(a[:-1])
            raise RuntimeError(f"size mismatch, got input ({n}), mat ({n}x{a[-1]}), vec ({b[0]})")
        if len(a) > 2 and len(b) > 2:
            raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{_count(a[:-2])}, {a[-1]}] but got: "
                               f"[{_count(b[:-2])}, {b[-2]}].")
        raise cannot_multiply((_count(a[:-1]), a[-1]), (rows, b[-1]))
    from ..core.op import mismatch
    wrong = mismatch(a[:-2], b[:-2])
    if wrong:
        raise RuntimeError(wrong)


def _count(shape: tuple) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def _matmul(x: Any, y: Any) -> Any:
    if y.ndim == 2 and x.ndim > 2:  # one large product instead of many small ones
        return product(x.reshape(_count(x.shape[:-1]), x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
    return product(x, y)


def _matmul_x(g: Any, x: Any, y: Any) -> Any:
    if y.dim() == 1:
        return g.unsqueeze(-1) * y
    if x.dim() == 1:
        return (y.matmul(g.unsqueeze(-1))).squeeze(-1).sum_to_size(x.shape)
    return g.matmul(y.transpose(-1, -2)).sum_to_size(x.shape)


def _matmul_y(g: Any, x: Any, y: Any) -> Any:
    if y.dim() == 1:
        return (x.transpose(-1, -2).matmul(g.unsqueeze(-1))).squeeze(-1).sum_to_size(y.shape)
    if x.dim() == 1:
        return x.unsqueeze(-1) * g.unsqueeze(-2)
    if y.dim() == 2:
        return rows(x).t().mm(rows(g))
    return x.transpose(-1, -2).matmul(g).sum_to_size(y.shape)


MATMUL = Op("matmul", matrix, _matmul, grads=(_matmul_x, _matmul_y), node_name="UnsafeViewBackward0", holomorphic=True, launches=True)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of input with one of vec2: (n,), (m,) -> (n, m)."""
    for name, value in (("self", input), ("vec2", vec2)):
        if value._array.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {value._array.ndim}-D")
    return input.unsqueeze(-1) * vec2


ger = outer


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimensions."""
    a, b = input._array.shape, other._array.shape
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise RuntimeError(f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}")
    return tensordot(input, other, ([-1], [-1]))


# beta * input + alpha * (product), where beta = 0 ignores input, nan and all.

def plus(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * product."""
    for value, name in ((alpha, "alpha"), (beta, "beta")):
        if isinstance(value, float) and not product.is_floating_point() and not product.is_complex() and value != int(value):
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (input if beta == 1 else input * beta) + scaled


def expandable(input: Tensor, shape: tuple) -> None:
    """Raise PyTorch's error unless input broadcasts to shape."""
    input.expand(shape)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out_dtype: Any = None) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    a, b = mat1._array, mat2._array
    if a.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {a.ndim}-D tensor")
    if b.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {b.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        raise cannot_multiply(a.shape, b.shape)
    expandable(input, (a.shape[0], b.shape[1]))
    if alpha == 1 and beta == 1 and a.dtype.kind == "f":
        return apply(ADDMM, input, mat1, mat2)
    return plus(input, mm(mat1, mat2), beta, alpha)


def _addmm(input: Any, mat1: Any, mat2: Any) -> Any:
    out = product(mat1, mat2)
    return np.add(out, input, out=out)


ADDMM = Op("addmm", matrix, _addmm,
    grads=(lambda g: g,
           lambda g, mat2: g.mm(mat2.t()),
           lambda g, mat1: mat1.t().mm(g)))


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    return plus(input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    for at, value in ((1, vec1), (2, vec2)):
        if value._array.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument vec{at}, but got {value._array.ndim}-D")
    expandable(input, (vec1._array.size, vec2._array.size))
    return plus(input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1, out_dtype: Any = None) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), batch by batch."""
    product = bmm(batch1, batch2)
    expandable(input, product._array.shape)
    return plus(input, product, beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the sum of (batch1 @ batch2) over the batch."""
    product = bmm(batch1, batch2).sum(0)
    expandable(input, product._array.shape)
    return plus(input, product, beta, alpha)


# input @ weight.T + bias, the product that networks are made of.

def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias.

    Shape: input (..., in), weight (out, in) or (in,), bias (out,) or () -> (..., out).
    """
    try:
        x, w = input._array, weight._array
    except AttributeError as error:
        raise not_a_tensor(linear, (input, weight), {}, error) from None
    if x.ndim == 2 and w.ndim == 2 and x.shape[1] == w.shape[1]:
        return apply(LINEAR_BIAS, input, weight, bias) if bias is not None else apply(LINEAR_PLAIN, input, weight)
    if w.ndim == 2 and x.ndim and x.shape[-1] != w.shape[1]:
        raise cannot_multiply((_count(x.shape[:-1]), x.shape[-1]), w.shape[::-1])
    if w.ndim == 1 or x.ndim == 1:
        out = input.matmul(weight.t() if w.ndim == 2 else weight)
        return out if bias is None else out + bias
    return apply(LINEAR, input, weight, bias)


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    if input.ndim > 2:
        flat = _linear(input.reshape(_count(input.shape[:-1]), input.shape[-1]), weight, bias)
        return flat.reshape(*input.shape[:-1], weight.shape[0])
    if bias is None or bias.dtype.itemsize == 2:
        out = product(input, weight.T)
        return out if bias is None else out + bias
    return biased_product(input, weight.T, bias)


def _input_gradient(g: Any, weight: Any) -> Any:
    return apply(MM, g, weight) if g._array.ndim == 2 else g.matmul(weight)


def _weight_gradient(g: Any, input: Any) -> Any:
    """g.T @ input, all leading dimensions taken together."""
    return apply(TRANSPOSED_PRODUCT, g, input) if g._array.ndim == 2 else apply(TRANSPOSED_PRODUCT, rows(g), rows(input))


TRANSPOSED_PRODUCT = Op("transposed_product", matrix, lambda x, y: product(x.T, y), node_name="MmBackward0", holomorphic=True, launches=True,
    grads=(lambda g, y: y.mm(g.t()),
           lambda g, x: x.mm(g)))


def rows(value: Any) -> Any:
    """A tensor as a matrix: the last dimension as it is, all others together."""
    shape = value._array.shape
    return value.reshape(_count(shape[:-1]), shape[-1] if shape else 1)


_LINEAR_GRADS = (
    _input_gradient,
    _weight_gradient,
    lambda g: g)  # summed over the rows by the engine
# PyTorch runs a matrix with a bias as addmm and one without as mm, and prints so.
LINEAR_BIAS = Op("linear_bias", matrix, _linear, grads=_LINEAR_GRADS, node_name="AddmmBackward0", holomorphic=True, launches=True)
LINEAR_PLAIN = Op("linear_plain", matrix, _linear, grads=_LINEAR_GRADS[:2], node_name="MmBackward0", holomorphic=True, launches=True)
LINEAR = Op("linear", matrix, _linear, grads=_LINEAR_GRADS, node_name="ViewBackward0", holomorphic=True, launches=True)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1 A x2 + b for each output: (..., in1), (..., in2), weight (out, in1, in2) -> (..., out)."""
    a, b, w = input1._array.shape, input2._array.shape, weight._array.shape
    if len(a) != len(b):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for at in range(len(a) - 1):
        if a[at] != b[at]:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {at}: got {a[at]} and {b[at]}")
    for at, size in ((1, a[-1]), (2, b[-1])):
        if size != w[at]:
            raise RuntimeError(f"bilinear(): input{at} size does not match weight size: got {size} but expected {w[at]}")
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices in the cheapest order."""
    from ..linalg import multi_dot
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of input times the whole of other."""
    a, b = list(input._array.shape), list(other._array.shape)
    rank = max(len(a), len(b))
    a, b = [1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b
    left = input.reshape([n for size in a for n in (size, 1)])
    right = other.reshape([n for size in b for n in (1, size)])
    return (left * right).reshape([m * n for m, n in zip(a, b)])


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums of products over pairs of dimensions: the last `dims` of a with the first of b, or the two lists given."""
    if hasattr(dims, "_array"):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = (list(range(a.dim() - dims, a.dim())), list(range(dims)))
    from .dims import one_dim
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    first, second = [one_dim(d, a.dim()) for d in first], [one_dim(d, b.dim()) for d in second]
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(first, second):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size "
                               f"{b.shape[j]} in dim {j}")
    for i, j in zip(first, second):  # a size of 1 is broadcast, which is a sum over the other's dimension
        a = a.sum(i, keepdim=True) if b.shape[j] == 1 else a
        b = b.sum(j, keepdim=True) if a.shape[i] == 1 and b.shape[j] != 1 else b
    free_a = [d for d in range(a.dim()) if d not in first]
    free_b = [d for d in range(b.dim()) if d not in second]
    size = _count(tuple([a.shape[d] for d in first]))
    left = a.permute(free_a + first).reshape(_count(tuple([a.shape[d] for d in free_a])), size)
    right = b.permute(second + free_b).reshape(size, _count(tuple([b.shape[d] for d in free_b])))
    return left.mm(right).reshape([a.shape[d] for d in free_a] + [b.shape[d] for d in free_b])


def einsum(*args: Any) -> Tensor:
    """Sums of products written by subscripts, such as "bij,bjk->bik"."""
    from .einsum import einsum as run
    return run(*args)
