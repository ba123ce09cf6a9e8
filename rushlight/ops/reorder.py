"""Views with the dimensions in another order: transpose, permute, movedim, `.T` ..."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.apply import apply
from ..core.op import Op, view as view_kind
from ..core.samples import shaped
from ..core.warn import warn_once
from .dims import one_dim, sizes_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """input with two dimensions exchanged, as a view."""
    ndim = input._array.ndim
    return apply(TRANSPOSE, input, dim0=one_dim(dim0, ndim), dim1=one_dim(dim1, ndim))


def _transpose(x: Any, *, dim0: int, dim1: int) -> Any:
    return x.swapaxes(dim0, dim1) if x.ndim else x.reshape(())


TRANSPOSE = Op("transpose", view_kind, _transpose,
    grads=(lambda g, dim0, dim1: g.transpose(dim0, dim1),),
    samples=shaped(lambda shape: {"dim0": 0, "dim1": max(len(shape) - 1, 0)}))

swapdims = transpose


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """input with two dimensions exchanged, as a view."""
    return transpose(input, axis0, axis1)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix, as a view; a vector or 0-d tensor as it is."""
    if input._array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._array.ndim}D")
    return apply(T_OP, input)


T_OP = Op("t", view_kind, lambda x: x.T, node_name="TBackward0",
    grads=(lambda g: g.t(),),
    samples=shaped(lambda shape: {}))


def permute(input: Tensor, *args: Any, dims: Any = None) -> Tensor:
    """input with its dimensions in the order dims, as a view."""
    dims = sizes_of(args if dims is None else (dims,))
    ndim = input._array.ndim
    if len(dims) != ndim:
        raise RuntimeError("permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
                           f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}")
    order = tuple([one_dim(d, ndim) for d in dims])
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return apply(PERMUTE, input, dims=order)


PERMUTE = Op("permute", view_kind, lambda x, *, dims: x.transpose(dims),
    grads=(lambda g, dims: g.permute(inverse(dims)),),
    samples=shaped(lambda shape: {"dims": tuple(range(1, len(shape))) + (0,) if shape else ()}))


def inverse(order: tuple) -> tuple:
    """The order that undoes an order of dimensions."""
    result = [0] * len(order)
    for at, d in enumerate(order):
        result[d] = at
    return tuple(result)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """input with the dimensions `source` moved to the places `destination`, as a view; the others keep their order."""
    ndim = input._array.ndim
    if not ndim:
        from .view_copies import alias
        return alias(input)
    source, destination = sizes_of((source,)), sizes_of((destination,))
    if len(source) != len(destination):
        raise RuntimeError("movedim: Invalid source or destination dims: source "
                           f"({list(source)} dims) should contain the same number of dims as destination ({list(destination)} dims)")
    sources, places = tuple([one_dim(d, ndim) for d in source]), tuple([one_dim(d, ndim) for d in destination])
    for name, found, given in (("source", sources, source), ("destination", places, destination)):
        if len(set(found)) != len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    rest = iter([d for d in range(ndim) if d not in sources])
    where = dict(zip(places, sources))
    return permute(input, tuple([where[at] if at in where else next(rest) for at in range(ndim)]))


moveaxis = movedim


def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dimensions, in place."""
    from .views import become
    return become(input, transpose(input, dim0, dim1), "TransposeBackward1")


swapaxes_ = swapdims_ = transpose_


def t_(input: Tensor) -> Tensor:
    """Transpose a matrix, in place."""
    from .views import become
    if input._array.ndim > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {input._array.ndim}D")
    return become(input, t(input), "TBackward1")


# ---- properties of Tensor

def _identity_when_0d(name: str, advice: str = "This function is the identity in these cases.") -> None:
    warn_once(f"{name} is deprecated on 0-D tensors. {advice}")


def T(input: Tensor) -> Tensor:
    """The dimensions in reverse order, as a view."""
    ndim = input._array.ndim
    if ndim == 0:
        _identity_when_0d("Tensor.T")
    elif ndim != 2:
        warn_once("The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
                  "future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse "
                  "the dimensions of a tensor.")
    return apply(PERMUTE, input, dims=tuple(range(ndim - 1, -1, -1)))


def mT(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, as a view."""
    if input._array.ndim == 0:
        _identity_when_0d("Tensor.mT")
        return input
    _require_matrices(input, "tensor.mT")
    return transpose(input, -2, -1)


def H(input: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    ndim = input._array.ndim
    if ndim == 0:
        _identity_when_0d("Tensor.H", "Consider using x.conj().")
        return conjugated(input)
    if ndim != 2:
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor. For batches of matrices, consider using "
                           "tensor.mH")
    return conjugated(transpose(input, 0, 1))


def mH(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    if input._array.ndim == 0:
        _identity_when_0d("Tensor.mH", "Consider using x.conj().")
        return conjugated(input)
    _require_matrices(input, "tensor.mH")
    return conjugated(transpose(input, -2, -1))


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, and the complex conjugate of the numbers."""
    if input._array.ndim == 0:
        _identity_when_0d("adjoint()", "Consider using x.conj().")
        return conjugated(input)
    _require_matrices(input, "tensor.adjoint()")
    return conjugated(transpose(input, -2, -1))


def conjugated(input: Tensor) -> Tensor:
    """The complex conjugate; a real tensor as it is."""
    return input.conj() if input._array.dtype.kind == "c" else input


def _require_matrices(input: Tensor, name: str) -> None:
    if input._array.ndim < 2:
        raise RuntimeError(f"{name} is only supported on matrices or batches of matrices. Got {input._array.ndim}-D tensor.")
