"""Views of the same memory in another shape: view, reshape, squeeze, expand ... No number is copied unless the text says so."""
from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import dtypes, recording
from ..core.apply import apply, view_result, watchers
from ..core.calls import not_a_tensor
from ..core.grad_mode import mode
from ..core.inplace import bump, check_writable, requires_grad
from ..core.op import Op, opaque, view as view_kind
from ..core.samples import shaped
from .dims import one_dim, sizes_of, some_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


def resolved_shape(shape: tuple, numel: int) -> tuple:
    """shape with its one -1 worked out. Raises RuntimeError where the numbers do not add up."""
    if -1 in shape:
        return _inferred_shape(shape, numel)
    if math.prod(shape) != numel or shape and min(shape) < 0:
        for at, n in enumerate(shape):
            if n < 0:
                raise RuntimeError(f"invalid shape dimension {n} at index {at} of shape {list(shape)}")
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return shape


def _inferred_shape(shape: tuple, numel: int) -> tuple:
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    for at, n in enumerate(shape):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {at} of shape {list(shape)}")
    known = -math.prod(shape)
    if known == 0 and numel == 0:
        raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be "
                           "any value and is ambiguous")
    if known == 0 or numel % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return tuple([numel // known if n == -1 else n for n in shape])


def plain_shape(array: Any, args: tuple) -> tuple | None:
    """The shape in the commonest call, sizes that add up for an array in order; None sends the others the long way."""
    shape = args[0] if len(args) == 1 and args[0].__class__ is tuple else args
    for n in shape:
        if n.__class__ is not int or n < 0:
            return None
    return shape if shape and math.prod(shape) == array.size and array.flags.c_contiguous else None


def fits_memory(array: Any, shape: tuple) -> bool:
    """Whether an array can take another shape without a copy."""
    if array.flags.c_contiguous or array.size == 0:
        return True
    return np.may_share_memory(array, array.reshape(shape))


def view(input: Tensor, *args: Any, size: Any = None, dtype: dtypes.dtype | None = None) -> Tensor:
    """The same memory in another shape, or as another dtype. Raises RuntimeError where that takes a copy."""
    if dtype is None and size is None and (plain := plain_shape(input._array, args)) is not None:
        return apply(VIEW, input, size=plain, shape=input._array.shape)
    if dtype is not None or len(args) == 1 and args[0].__class__ in (dtypes.dtype, type):
        return view_dtype(input, args[0] if dtype is None else dtype)
    array = input._array
    if size is None and not args:
        raise TypeError("view() received an invalid combination of arguments - got (), but expected one of:\n"
                        " * (torch.dtype dtype)\n * (tuple of ints size)")
    shape = resolved_shape(sizes_of(args if size is None else (size,)), array.size)
    if not fits_memory(array, shape):
        raise RuntimeError("view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
                           "subspaces). Use .reshape(...) instead.")
    return apply(VIEW, input, size=shape, shape=array.shape)


def _view(x: Any, *, size: tuple, shape: tuple) -> Any:
    return x.reshape(size)


def view_dtype(input: Tensor, dtype: Any) -> Tensor:
    """The same memory as elements of another dtype: the last dimension grows or shrinks where their widths differ. No gradient."""
    dtype = dtypes.as_dtype(dtype, "view")
    array = input._array
    check_width(input, dtypes.of_numpy(array.dtype), dtype)
    return apply(VIEW_DTYPE, input, dtype=dtype)


def check_width(input: Tensor, own: dtypes.dtype, wanted: dtypes.dtype) -> None:
    """Raise PyTorch's error unless a tensor's memory can be read as elements of another width."""
    array = input._array
    def refuse(what: str, must: str, but: str) -> RuntimeError:
        return RuntimeError(f"self.{what} {must} to view {own.kernel_name} as {wanted.kernel_name} (different element sizes){but}")
    if own.itemsize == wanted.itemsize:
        return
    if array.ndim == 0:
        raise refuse("dim()", "cannot be 0", "")
    from .memory import storage_offset_of, stride
    strides = stride(input)
    if strides[-1] != 1:
        raise refuse("stride(-1)", "must be 1", f", but got {strides[-1]}")
    ratio = wanted.itemsize // own.itemsize
    if ratio > 1:
        counts = [("size(-1)", array.shape[-1]), ("storage_offset()", storage_offset_of(array))]
        for what, count in counts + [(f"stride({d})", stride) for d, stride in enumerate(strides[:-1])]:
            if count % ratio:
                raise refuse(what, f"must be divisible by {ratio}", f", but got {count}")


def _view_dtype(x: Any, *, dtype: dtypes.dtype) -> Any:
    # Where there are no elements, NumPy's strides say nothing, and may refuse.
    return (x if x.size else np.empty(x.shape, x.dtype)).view(dtype.numpy)


VIEW_DTYPE = Op("view_dtype", view_kind, _view_dtype)

VIEW = Op("view", view_kind, _view,
    grads=(lambda g, shape: g.reshape(shape),),
    samples=shaped(lambda shape: {"size": (1, math.prod(shape)), "shape": shape}))

#: reshape of what does not lie in order: a view if memory allows, else a result with memory of its own
RESHAPE_ALIAS = VIEW.printed_as("ReshapeAliasBackward0")
UNSAFE_VIEW = Op("unsafe_view", opaque, _view,
    grads=(lambda g, shape: g.reshape(shape),),
    samples=shaped(lambda shape: {"size": (math.prod(shape),), "shape": shape}))


def reshape(input: Tensor, *args: Any, shape: Any = None) -> Tensor:
    """input in another shape: a view where memory allows, else a copy."""
    array = input._array
    if shape is None and (plain := plain_shape(array, args)) is not None:
        return apply(VIEW, input, size=plain, shape=array.shape)
    size = resolved_shape(sizes_of(args if shape is None else (shape,)), array.size)
    op = VIEW if array.flags.c_contiguous else RESHAPE_ALIAS if fits_memory(array, size) else UNSAFE_VIEW
    return apply(op, input, size=size, shape=array.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """input viewed in other's shape."""
    return view(input, other._array.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """input in other's shape: a view where memory allows, else a copy."""
    return reshape(input, other._array.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """input with the dimensions start_dim to end_dim made one. Itself where there is nothing to do."""
    try:
        array = input._array
    except AttributeError as error:
        raise not_a_tensor(flatten, (input,), {}, error) from None
    size = flat_shape(array.shape, one_dim(start_dim, array.ndim), one_dim(end_dim, array.ndim))
    if size is None:
        return input
    if array.flags.c_contiguous:
        attributes = {"size": size, "shape": array.shape}
        return apply(VIEW, input, **attributes) if watchers else view_result(VIEW, input, array.reshape(size), attributes)
    return reshape(input, size)


@lru_cache(256)
def flat_shape(shape: tuple, start: int, end: int) -> tuple | None:
    """The shape with the dimensions start to end made one; None where that changes nothing."""
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return (1,)
    if start == end:
        return None
    return (*shape[:start], math.prod(shape[start:end + 1]), *shape[end + 1:])


def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """input with one dimension split into several; one of the sizes may be -1."""
    shape = input._array.shape
    dim = one_dim(dim, len(shape))
    sizes = sizes_of((sizes,))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    length = shape[dim] if shape else 1
    if not shape:
        raise RuntimeError("unflatten got an unexpected error:\n  a 0-d tensor has no dimension to split")
    try:
        sizes = resolved_shape(sizes, length)
    except RuntimeError as error:
        if "is invalid for input" not in str(error):
            raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
        raise RuntimeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({length}) in the input "
                           "tensor") from None
    return view(input, (*shape[:dim], *sizes, *shape[dim + 1:]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension: a view if they lie in order, else a copy."""
    return view(input.contiguous(), -1)


# ---- dimensions of size 1

def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """A view without the dimensions of size 1, or without those among dim."""
    array = input._array
    shape = array.shape
    if dim is None:
        axes = tuple([at for at, n in enumerate(shape) if n == 1])
        return apply(SQUEEZE, input, axes=axes, shape=shape)
    if dim.__class__ is tuple or dim.__class__ is list:
        axes = tuple([at for at in some_dims(dim, array.ndim) or () if shape[at] == 1])
        return apply(SQUEEZE_DIMS, input, axes=axes, shape=shape)
    dim = one_dim(dim, array.ndim)
    return apply(SQUEEZE_DIM, input, axes=(dim,) if shape and shape[dim] == 1 else (), shape=shape)


def _squeeze(x: Any, *, axes: tuple, shape: tuple) -> Any:
    return x.squeeze(axes)


_squeeze_grads = (lambda g, shape: g.reshape(shape),)
SQUEEZE = Op("squeeze", view_kind, _squeeze, _squeeze_grads,
    samples=lambda random, shape: [((random.uniform(-2, 2, (1, *shape, 1)),), {"axes": (0,), "shape": (1, *shape, 1)})])
SQUEEZE_DIM = Op("squeeze", view_kind, _squeeze, _squeeze_grads, node_name="SqueezeBackward1")
SQUEEZE_DIMS = Op("squeeze", view_kind, _squeeze, _squeeze_grads, node_name="SqueezeBackward2")


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size 1 put in at dim."""
    shape = input._array.shape
    dim = one_dim(dim, len(shape) + 1)
    return apply(UNSQUEEZE, input, size=(*shape[:dim], 1, *shape[dim:]), shape=shape)


UNSQUEEZE = Op("unsqueeze", view_kind, _view,
    grads=(lambda g, shape: g.reshape(shape),),
    samples=shaped(lambda shape: {"size": (*shape, 1), "shape": shape}))


def become(self: Tensor, result: Tensor, node_name: str) -> Tensor:
    """Give a tensor the shape, strides and history of a view of itself."""
    if mode.grad and requires_grad(self):
        check_writable(self)
    recording.reads("a view made in place")  # the tensor shows other memory from now on, of which a recording would not learn
    self._array = result._array
    bump(self)
    if self._base is not None:
        self._recipe, self._seen = result._recipe, self._cell.count
    if result._node is not None:
        self._node = result._node
        self._node.alias = node_name
    elif self._node is not None:  # a leaf, outside of recording
        self._node.shape = self._array.shape
    return self


def squeeze_(input: Tensor, dim: Any = None) -> Tensor:
    """Drop dimensions of size 1, in place."""
    return become(input, squeeze(input, dim), f"SqueezeBackward{3 if dim is None else 5 if isinstance(dim, (tuple, list)) else 4}")


def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """Put in a dimension of size 1, in place."""
    return become(input, unsqueeze(input, dim), "UnsqueezeBackward1")


# ---- repeating without copying

def expand(input: Tensor, *args: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """A view in which dimensions of size 1, and new leading ones, appear repeated. -1 keeps a size."""
    sizes = sizes_of(args if size is None else (size,))
    return apply(EXPAND, input, size=expanded_shape(input, sizes))


def expanded_shape(input: Tensor, sizes: tuple) -> tuple:
    """sizes with every -1 replaced. Raises RuntimeError where input cannot be expanded to them."""
    own = input._array.shape
    if sizes == own:
        return sizes
    extra = len(sizes) - len(own)
    if extra < 0:
        raise RuntimeError(f"expand(torch.{input.dtype.kernel_name}Tensor{{{list(own)}}}, size={list(sizes)}): the number of sizes provided "
                           f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor ({len(own)})")
    target = []
    for at, n in enumerate(sizes):
        if at < extra:
            if n < 0:
                raise RuntimeError(f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {at}")
        elif n == -1:
            n = own[at - extra]
        elif own[at - extra] != n and own[at - extra] != 1:
            raise RuntimeError(f"The expanded size of the tensor ({n}) must match the existing size ({own[at - extra]}) at non-singleton "
                               f"dimension {at}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(own)}")
        target.append(n)
    return tuple(target)


def _expand(x: Any, *, size: tuple) -> Any:
    # broadcast_to gives a read-only array; as_strided keeps it as writable as the memory itself.
    extra = len(size) - x.ndim
    strides = (0,) * extra + tuple([0 if own == 1 and n != 1 else s for own, n, s in zip(x.shape, size[extra:], x.strides)])
    if x.flags.c_contiguous and x.__class__ is np.ndarray and x.dtype.kind != "V" and x.flags.writeable:
        return np.ndarray(size, x.dtype, x, 0, strides)  # four times faster than as_strided
    return np.lib.stride_tricks.as_strided(x, size, strides)


EXPAND = Op("expand", view_kind, _expand,
    grads=(lambda g: g,),  # broadcasting is undone by the engine
    samples=shaped(lambda shape: {"size": (2, *shape)}))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """input expanded to other's shape."""
    return expand(input, other._array.shape)


def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """input expanded to a shape."""
    return expand(input, size)


def broadcast_shapes(*shapes: Any) -> tuple:
    """The shape to which all these shapes broadcast. Raises RuntimeError if they do not."""
    from ..core.size import Size
    shapes = tuple([(s,) if isinstance(s, int) else tuple(s) for s in shapes])
    result = [1] * max([len(s) for s in shapes], default=0)
    for number, shape in enumerate(shapes):
        for at in range(-1, -1 - len(shape), -1):
            n = shape[at]
            if n < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if n == 1 or n == result[at]:
                continue
            if result[at] != 1:
                raise RuntimeError(f"Attempting to broadcast a dimension of length {n} at {at}! Mismatching argument at index {number} had "
                                   f"{shape}; but expected shape should be broadcastable to {result}")
            result[at] = n
    return Size(result)


def broadcast_tensors(*tensors: Any) -> tuple:
    """The tensors, each expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape: tuple = ()
    for tensor in tensors:
        shape = common_shape(shape, tensor._array.shape)
    return tuple([tensor if tensor._array.shape == shape else expand(tensor, shape) for tensor in tensors])


def common_shape(a: tuple, b: tuple) -> tuple:
    """The shape to which two shapes broadcast. Raises RuntimeError if they do not."""
    if a == b:
        return a
    from ..core.op import mismatch
    wrong = mismatch(a, b)
    if wrong is not None:
        raise RuntimeError(wrong)
    length = max(len(a), len(b))
    a, b = (1,) * (length - len(a)) + a, (1,) * (length - len(b)) + b
    return tuple([m if n == 1 else n for m, n in zip(a, b)])


# ---- at least so many dimensions

def atleast_1d(*tensors: Any) -> Any:
    """The tensor, a 0-d one with one dimension; a tuple for several tensors."""
    return _each(tensors, lambda x: x if x.ndim else reshape(x, 1))


def atleast_2d(*tensors: Any) -> Any:
    """The tensor with new leading dimensions until it has two; a tuple for several tensors."""
    return _each(tensors, lambda x: x if x.ndim > 1 else unsqueeze(x, 0) if x.ndim else reshape(x, 1, 1))


def atleast_3d(*tensors: Any) -> Any:
    """The tensor with three dimensions or more: (N,) becomes (1, N, 1), (M, N) becomes (M, N, 1); a tuple for several tensors."""
    def deep(x: Tensor) -> Tensor:
        if x.ndim > 2:
            return x
        return unsqueeze(x, -1) if x.ndim == 2 else unsqueeze(unsqueeze(x, 0), -1) if x.ndim else reshape(x, 1, 1, 1)
    return _each(tensors, deep)


def _each(tensors: tuple, function: Any) -> Any:
    if len(tensors) == 1:
        return tuple([function(x) for x in tensors[0]]) if isinstance(tensors[0], (list, tuple)) else function(tensors[0])
    return tuple([function(x) for x in tensors])
