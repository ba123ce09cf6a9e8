"""Cross entropy and the negative log-likelihood of classes.

Both are sums over the rows of a table. Row i has its class's logarithm with the factor `hit` and, under label smoothing, the logarithms of
all classes with the factor `every`; weights, ignored rows and the division by a mean are in these factors.
"""
from __future__ import annotations

import operator
from collections import namedtuple
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.llvm.engine import Worthwhile, available
from ..backends.native import FLOAT, MANY, WHOLE, is_native
from ..backends.parallel import Unnotable, in_order, inside
from ..core import recording
from ..core.apply import apply, wrap
from ..core.op import Kind, Op
from .activation import not_implemented
from .loss import reduction_of

if TYPE_CHECKING:
    from ..tensor import Tensor


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
                  reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """-log softmax(input)[target], and its mean or sum over the rows.

    *Shape*: input (C), (N, C) or (N, C, d1, ...); target without C, the numbers of classes, or in input's shape, their probabilities.
    A row whose class is `ignore_index` counts nothing; `weight` (C) says what a row of each class counts, in the mean too.
    `label_smoothing` mixes the target with so much of the uniform distribution.
    """
    reduction = reduction_of(reduction, size_average, reduce)
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    check_tensors("cross_entropy_loss", input, target)
    if ignore_index.__class__ is not int or not -LIMIT <= ignore_index < LIMIT:
        ignore_index = whole_number("cross_entropy_loss", ignore_index)
    if input._array.shape == target._array.shape:
        return cross_entropy_of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    ops = (CROSS_ENTROPY_SMOOTHED, CROSS_ENTROPY_SMOOTHED) if label_smoothing > 0 else (CROSS_ENTROPY, CROSS_ENTROPY_2D)
    return of_rows(ops, input, target, weight, ignore_index, reduction, max(label_smoothing, 0.0))


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, ignore_index: int = -100,
             reduce: bool | None = None, reduction: str = "mean") -> Tensor:
    """-input[target] for logarithms of probabilities, and its mean or sum over the rows; arguments as for `cross_entropy`."""
    reduction = reduction_of(reduction, size_average, reduce)
    check_tensors("nll_loss_nd", input, target)
    if ignore_index.__class__ is not int or not -LIMIT <= ignore_index < LIMIT:
        ignore_index = whole_number("nll_loss_nd", ignore_index)
    return of_rows((NLL_LOSS, NLL_LOSS_2D), input, target, weight, ignore_index, reduction, 0.0)


#: what an int64 holds
LIMIT = 1 << 63


def whole_number(name: str, value: Any) -> int:
    """The class to ignore as an int. Raises PyTorch's TypeError for what is none, ValueError for one that no int64 holds."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        kind = "Tensor" if hasattr(value, "_array") else type(value).__name__
        raise TypeError(f"{name}(): argument 'ignore_index' (position 5) must be int, not {kind}") from None
    if not -LIMIT <= number < LIMIT:
        raise ValueError("Overflow when unpacking long long")
    return number


def check_tensors(name: str, input: Any, target: Any) -> None:
    """Raise PyTorch's TypeError unless both are tensors."""
    if hasattr(input, "_array") and hasattr(target, "_array"):
        return
    for position, (argument, value) in enumerate((("input", input), ("target", target)), 1):
        if getattr(value, "_array", None) is None:
            raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}")


def of_rows(ops: tuple, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float) -> Any:
    """Apply one of two operations, for matrices or for more dimensions, to input as a table with its classes in dimension 1."""
    x, t = input._array, target._array
    if weight is None and t.shape == x.shape[:-1] and x.ndim == 2 and t.dtype == np.int64:
        return apply(ops[0], input, target, None, reduction=reduction, ignore_index=ignore_index, smoothing=smoothing)
    check_shapes(input, target)
    if weight is not None:
        check_weight(input, weight)
    if target.dtype.name not in ("int64", "uint8"):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.kernel_name}")
    attributes: dict[str, Any] = {"reduction": reduction, "ignore_index": ignore_index, "smoothing": smoothing}
    if x.ndim == 1:
        loss = apply(ops[0], input.unsqueeze(0), target.reshape(1), weight, **attributes)
        return loss.reshape(t.shape) if reduction == "none" else loss
    return apply(ops[x.ndim > 2], input, target, weight, **attributes)


def check_shapes(input: Any, target: Any) -> None:
    """Raise PyTorch's error unless target has one class for each row of input."""
    x, t = input._array.shape, target._array.shape
    if not x:
        raise ValueError(f"Expected 1 or more dimensions (got {len(x)})")
    if len(x) == 1:
        if len(t) == 1 and t[0] != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t[0]}")
        return
    if not t or x[0] != t[0]:
        raise ValueError(f"Expected input batch_size ({x[0]}) to match target batch_size ({t[0] if t else 0}).")
    if len(x) == 2 and len(t) > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if len(x) == 4 and len(t) != 3:
        raise RuntimeError(f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(t)}")
    if (x[0], *x[2:]) != t:
        raise RuntimeError(f"size mismatch (got input: {list(x)} , target: {list(t)}" if len(x) == 4 else
                           f"Expected target size {[x[0], *x[2:]]}, got {list(t)}")


def check_weight(input: Any, weight: Any, prefix: str = "") -> None:
    """Raise PyTorch's error unless there is a weight for each class."""
    shape = input._array.shape
    classes = shape[0] if len(shape) == 1 else shape[1]
    if weight._array.shape != (classes,):
        raise RuntimeError(f"{prefix}weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
                           f"shape: {list(weight._array.shape)}")
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.kernel_name} but found {weight.dtype.kernel_name}")


def cross_entropy_of_probabilities(input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float) -> Any:
    """-sum over classes of target * log softmax(input)."""
    shape = input._array.shape
    if not shape:
        raise IndexError("Dimension specified as 1 but tensor has no dimensions")
    if target._array.dtype.kind not in "fV":
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype.kernel_name}")
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    dim = 0 if len(shape) == 1 else 1
    classes = shape[dim]
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / classes
    terms = input.log_softmax(dim) * target
    if weight is not None:
        check_weight(input, weight, "cross_entropy: ")
        terms = terms * weight.reshape([-1 if at == dim else 1 for at in range(len(shape))])
    if reduction == "none":
        return -terms.sum(dim)
    loss = -terms.sum()
    if reduction == "sum":
        return loss
    rows = input._array.size // classes
    return loss / rows if rows else loss * float("nan")


# ---- on arrays

#: index: where the classes lie in the flat table; hit: the factor of each row's class (without dimensions: the same for all rows);
#: every: the factor of the sum over all classes, or None; is_void: whether a mean is wanted of rows that all count nothing, which is nan;
#: valid: which rows are not ignored, None where none is
Factors = namedtuple("Factors", "index hit every is_void valid", defaults=(None, False, None))


def factors(shape: tuple, target: Any, weight: Any, dtype: Any, reduction: str, ignore_index: int, smoothing: float) -> Factors:
    """How the rows of a table (N, C, ...) count. Raises IndexError for a target that is no class."""
    classes = shape[1]
    plain = weight is None and not smoothing and not 0 <= ignore_index < classes
    if plain and are_classes(target, classes):
        return Factors(flat_index(shape, target), share(target.size if reduction == "mean" else 1, dtype))
    valid = target != ignore_index
    safe = np.where(valid, target, 0).astype(np.int64)
    check_range(safe, classes)
    counts = valid.astype(dtype) if weight is None else weight[safe] * valid
    total = counts.sum() if reduction == "mean" else dtype.type(1)
    # An ignored row has the factor 0, also where the mean divides by 0.
    hit = np.where(valid, counts * dtype.type(1 - smoothing) / total, dtype.type(0))
    every = np.where(valid, dtype.type(smoothing / classes) / total, dtype.type(0)) if smoothing else None
    return Factors(flat_index(shape, safe), hit, every, not total, valid)


def are_classes(target: Any, classes: int) -> bool:
    """Whether all numbers of a target are classes, none ignored and none impossible."""
    if not target.size or target.dtype != np.int64:
        return False
    # A negative number is a large unsigned one: one look finds both. Where the largest is takes a quarter of a reduction's time.
    unsigned = target.view(np.uint64)
    return unsigned.item(unsigned.argmax()) < classes


def share(count: int, dtype: Any) -> Any:
    """1 / count as an array without dimensions: the factor of each of so many rows.

    A new one at each call: a result that is the same object every time would stand for all others in a recording.
    """
    return np.array(1 / count, dtype)


def check_range(target: Any, classes: int) -> None:
    """Raise PyTorch's IndexError for a target that is no class."""
    wrong = (target < 0) | (target >= classes)
    if wrong.any():
        raise IndexError(f"Target {target[wrong][0]} is out of bounds.")


def flat_index(shape: tuple, target: Any) -> Any:
    """For each row the place of its class in the flat table: (n C + class) K + k, with K the size of the dimensions behind C."""
    if len(shape) == 2:
        return row_starts(*shape) + target
    behind = 1
    for size in shape[2:]:
        behind *= size
    rows = np.arange(shape[0])[:, None] * (shape[1] * behind) + np.arange(behind)
    return rows.reshape(target.shape) + target * behind


@lru_cache(4)
def row_starts(rows: int, classes: int) -> Any:
    """Where each row of a table begins in its flat order, kept for the next steps."""
    starts = np.arange(0, rows * classes, classes)
    starts.flags.writeable = False
    return starts


def summed(values: Any, hit: Any, valid: Any, reduction: str) -> Any:
    """The rows' values times their factors, added up unless reduction is "none"; `valid` says which rows are not ignored, None for all."""
    if valid is not None:
        values = np.where(valid, values, values.dtype.type(0))  # an ignored row may hold nan, which times 0 is nan
    if reduction == "none":
        return values * hit
    if not hit.ndim:
        total = np.empty((), values.dtype)
        np.add.reduce(values, axis=None, out=total)
        return np.multiply(total, hit, total)
    return np.asarray(np.add.reduce(values * hit, axis=None))


#: Logits between -SAFE and SAFE need no shift: their exponentials, sums of these and quotients are far from overflow in float32.
SAFE = 30.0


def exponentials(x: Any, pairwise: bool) -> tuple:
    """exp(x - shift) in C order, its sums over dimension 1 with that dimension kept, and the shift: the rows' maxima, or None for none."""
    x = in_order(x)
    if are_safe(x):
        e = np.exp(x)
        return e, np.add.reduce(e, axis=1, keepdims=True) if pairwise else totals(e), None
    shift = np.maximum.reduce(x, axis=1, keepdims=True, initial=-np.inf if not x.shape[1] else None)
    # A row that is -inf throughout would give nan for every class, as it does in PyTorch.
    e = np.subtract(x, shift)
    np.exp(e, e)
    return e, totals(e), shift


def are_safe(x: Any) -> bool:
    """Whether all logits lie between -SAFE and SAFE."""
    # Where the extremes are takes a third of two reductions' time for few logits, and as long for many; a nan counts as the largest.
    return x.size > 0 and x.item(x.argmax()) < SAFE and x.item(x.argmin()) > -SAFE


@cache
def ones_column(count: int, dtype: Any) -> Any:
    """A column of ones, kept: the number of classes is the same at every step."""
    column = np.ones((count, 1), dtype)
    column.flags.writeable = False
    return column


def totals(e: Any) -> Any:
    """The sums over dimension 1, which is kept."""
    if e.ndim == 2 and e.dtype.itemsize >= 4:
        return e.dot(ones_column(e.shape[1], e.dtype))  # BLAS adds short rows faster than a reduction
    return np.add.reduce(e, axis=1, keepdims=True)


def has_kernel(x: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> bool:
    """Whether a loss, or its gradient, is one for cross_entropy_native.py."""
    return x.ndim == 2 and weight is None and not smoothing and reduction != "none" and is_native(x) and target.dtype == WHOLE \
        and target.flags.c_contiguous and x.size > 0


def _cross_entropy(x: Any, target: Any, weight: Any, *, reduction: str, ignore_index: int, smoothing: float) -> tuple:
    if has_kernel(x, target, weight, reduction, smoothing):
        from . import cross_entropy_native
        loss, logs, hit = cross_entropy_native.loss_of(x, target, reduction, ignore_index)
        return loss, NONE, logs, target, hit, NONE
    if inside.launches is not None:
        raise Unnotable("a loss without a kernel")
    # A class to ignore makes the rows' factors an array, and the order of roundings another one.
    is_plain = weight is None and not smoothing and reduction != "none" and not 0 <= ignore_index < x.shape[1]
    pairwise = is_plain and is_small(x, target) and available()
    if pairwise and is_worthwhile() and small_agrees():
        hit = share(len(x) if reduction == "mean" else 1, x.dtype)
        found = small().loss_of(x, target, hit, ignore_index)
        if found is not None:
            return *found, hit, NONE
    return by_numpy(x, target, weight, reduction, ignore_index, smoothing, pairwise)


is_worthwhile = Worthwhile()
#: The rows up to which a table is small. Without the kernels NumPy must add up each row in their order, which takes longer than BLAS does.
FEW_ROWS = 1024


def is_small(x: Any, target: Any) -> bool:
    """Whether a table and its classes are such as cross_entropy_small.py takes."""
    return x.ndim == 2 and x.dtype is FLOAT and 0 < x.size < MANY and len(x) <= FEW_ROWS and target.dtype is WHOLE \
        and x.flags.c_contiguous and target.flags.c_contiguous and x.__class__ is target.__class__ is np.ndarray


@cache
def small() -> Any:
    """The module of small tables' kernels."""
    from . import cross_entropy_small
    return cross_entropy_small


@cache
def small_agrees() -> bool:
    """Whether those kernels have NumPy's bits here, on a table of all magnitudes that they take, with sums of one number and of halves."""
    rows, classes = 200, 139
    x = np.linspace(-0.99 * SAFE, 0.99 * SAFE, rows * classes, dtype=FLOAT).reshape(classes, rows).T.copy()
    target, hit = np.arange(rows) % classes, share(rows, FLOAT)
    found = small().loss_of(x, target, hit, -100)
    return all([a.tobytes() == b.tobytes() for a, b in zip(found, by_numpy(x, target, None, "mean", -100, 0.0, True))])


def by_numpy(x: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float, pairwise: bool) -> tuple:
    """The loss, and what its gradient needs; `pairwise` is whether each row's sum is in NumPy's order, which the kernels have too."""
    f = factors(x.shape, target, weight, x.dtype, reduction, ignore_index, smoothing)
    e, s, shift = exponentials(x, pairwise)
    if shift is None:
        # log(s / e) and not log(s) - x, which would lose digits where the loss is small.
        values = np.log(s.reshape(target.shape) / e.take(f.index))
    else:
        values = np.log(s.reshape(target.shape)) - (x.take(f.index) - shift.reshape(target.shape))
    loss = summed(values, f.hit, f.valid, reduction)
    if f.every is not None:
        logs = (np.log(s) if shift is None else np.log(s) + shift) - x
        uniform = np.add.reduce(logs if weight is None else logs * along_classes(weight, x.ndim), axis=1)
        loss = np.asarray(loss + summed(uniform, f.every, f.valid, reduction))
    if f.is_void:
        loss = np.full_like(loss, np.nan)
    return loss, e, s, f.index, f.hit, NONE if f.every is None else f.every


#: in place of the factors of all classes, where there are none
NONE = np.empty(0, np.float32)


def spread_over(column: Any, e: Any) -> Any:
    """A column as a table like e where its rows are short: a product of tables is then faster than one that broadcasts."""
    if e.size < 4096 or e.ndim != 2 or e.shape[1] > 128:
        return column
    return np.repeat(column.ravel(), e.shape[1]).reshape(e.shape)


def along_classes(weight: Any, ndim: int) -> Any:
    """A weight for each class, in a shape that broadcasts with the table."""
    return weight.reshape(-1, *(1,) * (ndim - 2))


def _cross_entropy_backward(grad: Any, x: Any, target: Any, weight: Any, e: Any, s: Any, index: Any, hit: Any, every: Any, *, reduction: str,
                            ignore_index: int, smoothing: float) -> Any:
    if not e.size and x.size:
        from . import cross_entropy_native
        return cross_entropy_native.gradient(grad, in_order(x), target, s, hit, ignore_index)
    if inside.launches is not None:
        raise Unnotable("a loss without a kernel")
    if is_worthwhile() and not every.size and not hit.ndim and e.ndim == 2 and is_small_gradient(grad, e, s, index, hit):
        return small().gradient(grad, e, s, index, hit)
    # d loss_i / d x = hit (p - [class]) + every (p sum(w) - w) with p the softmax, e / s.
    scale = hit = np.asarray(grad * hit)
    if every.size:
        every = grad * every
        scale = hit + every * (x.shape[1] if weight is None else weight.sum())
    if scale.ndim:
        scale = np.expand_dims(scale, 1)
    out = e * spread_over(scale / s, e)
    flat = out.reshape(-1)
    flat[index] -= hit
    if every.size:
        out -= np.expand_dims(every, 1) * (1 if weight is None else along_classes(weight, x.ndim))
    return out


def is_small_gradient(grad: Any, e: Any, s: Any, index: Any, hit: Any) -> bool:
    """Whether what a loss left is such as the gradient of cross_entropy_small.py takes; hooks on what was saved may have changed it."""
    rows = len(e)
    return 0 < e.size < MANY and grad.dtype is hit.dtype is e.dtype is s.dtype is FLOAT and not grad.ndim and s.shape == (rows, 1) \
        and index.shape == (rows,) and index.dtype is WHOLE and e.flags.c_contiguous and s.flags.c_contiguous and index.flags.c_contiguous


def _second(g: Any, grad: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float, needs: tuple) -> tuple:
    """The gradients of the backward operation, hit (p - [class]) + every (p sum(w) - w) times grad, in plain operations."""
    recording.reads("the second gradient of cross_entropy()")
    shape, dtype = x._array.shape, x._array.dtype
    weights = None if weight is None else weight._array
    f = factors(shape, target._array, weights, dtype, reduction, ignore_index, smoothing)
    hit = wrap(np.broadcast_to(np.asarray(f.hit, dtype), target._array.shape).copy())
    p = x.softmax(1)
    inner = (g * p).sum(1)
    picked = take_flat(g, f.index)
    total = shape[1] if weight is None else weight.sum()
    scale = hit if f.every is None else hit + wrap(f.every) * total
    by_grad = inner * scale - picked * hit
    if f.every is not None:
        even = g if weight is None else g * weight.reshape(-1, *(1,) * (len(shape) - 2))
        by_grad = by_grad - wrap(f.every) * even.sum(1)
    by_x = (grad * scale).unsqueeze(1) * p * (g - inner.unsqueeze(1))
    return by_grad if reduction == "none" else by_grad.sum(), by_x, None, None, None, None, None, None, None


def take_flat(x: Any, index: Any) -> Any:
    """The elements of x at places in its flat order."""
    return x.reshape(-1).index_select(0, wrap(index.reshape(-1))).reshape(index.shape)


def evaluate_rows(op: Op, args: tuple, attrs: dict) -> Any:
    """Floating tensors (and integer targets, and None) as they are; halves in float32, the loss alone rounded."""
    arrays = [None if value is None else value._array for value in args]
    dtype = args[0]._array.dtype
    if dtype.kind == "f" and dtype.itemsize != 2:
        return op.forward(*arrays, **attrs)
    if dtype.kind in "biuc":
        kernel = "nll_loss_out_frame" if op.name == "nll_loss" else "log_softmax_lastdim_kernel_impl"
        raise not_implemented(kernel, args[0])
    arrays = [a if a is None or a.dtype is not dtype else a.astype(np.float32) for a in arrays]
    out = op.forward(*arrays, **attrs)
    return (out[0].astype(dtype), *out[1:]) if out.__class__ is tuple else out.astype(dtype)


def _cross_entropy_grad(g: Any, x: Any, target: Any, weight: Any, out: tuple, reduction: str, ignore_index: int, smoothing: float) -> tuple:
    return apply(CROSS_ENTROPY_BACKWARD, g, x, target, weight, *out[1:], reduction=reduction, ignore_index=ignore_index,
                 smoothing=smoothing), None, None


def _samples(smoothing: tuple) -> Any:
    """Tables of two and of three dimensions, with rows that count nothing, under every reduction."""
    def samples(random: Any, shape: tuple) -> list:
        cases = []
        for eps in smoothing:
            for reduction in ("mean", "sum", "none"):
                attributes = {"reduction": reduction, "ignore_index": 1, "smoothing": eps}
                cases.append(((random.normal(size=(5, 3)), random.integers(0, 3, 5), None), attributes))
                cases.append(((random.normal(size=(2, 3, 4)), random.integers(0, 3, (2, 4)), None), attributes))
        return cases
    return samples


table = Kind("table", evaluate_rows)
# PyTorch prints different names: for rows of a matrix, for those of tables with more dimensions, and under label smoothing.
CROSS_ENTROPY = Op("cross_entropy", table, _cross_entropy, vjp=_cross_entropy_grad, hidden=True, node_name="NllLossBackward0",
    launches=True, samples=_samples((0.0, 0.1)))
CROSS_ENTROPY_2D = CROSS_ENTROPY.printed_as("NllLoss2DBackward0")
CROSS_ENTROPY_SMOOTHED = CROSS_ENTROPY.printed_as("AddBackward0")
CROSS_ENTROPY_BACKWARD = Op("cross_entropy_backward", table, _cross_entropy_backward, vjp=_second, launches=True,
    node_name="LogSoftmaxBackwardDataBackward0")


def _nll_loss(x: Any, target: Any, weight: Any, *, reduction: str, ignore_index: int, smoothing: float) -> Any:
    f = factors(x.shape, target, weight, x.dtype, reduction, ignore_index, smoothing)
    loss = summed(-x.take(f.index), f.hit, f.valid, reduction)
    return np.full_like(loss, np.nan) if f.is_void else loss


def _nll_loss_backward(grad: Any, x: Any, target: Any, weight: Any, *, reduction: str, ignore_index: int, smoothing: float) -> Any:
    f = factors(x.shape, target, weight, x.dtype, reduction, ignore_index, smoothing)
    out = np.zeros(x.shape, x.dtype)
    out.reshape(-1)[f.index] -= grad * f.hit  # from 0: an ignored row's is not -0.0
    return out


def _nll_second(g: Any, x: Any, target: Any, weight: Any, reduction: str, ignore_index: int, smoothing: float) -> Any:
    return apply(NLL_LOSS, g, target, weight, reduction=reduction, ignore_index=ignore_index, smoothing=smoothing)


NLL_LOSS = Op("nll_loss", table, _nll_loss, samples=_samples((0.0,)),
    grads=(lambda g, x, target, weight, reduction, ignore_index, smoothing: apply(
               NLL_LOSS_BACKWARD, g, x, target, weight, reduction=reduction, ignore_index=ignore_index, smoothing=smoothing),
           None, None))
NLL_LOSS_2D = NLL_LOSS.printed_as("NllLoss2DBackward0")
NLL_LOSS_BACKWARD = Op("nll_loss_backward", table, _nll_loss_backward,
    grads=(lambda g, x, target, weight, reduction, ignore_index, smoothing: _nll_second(
               g, x, target, weight, reduction, ignore_index, smoothing),
           None, None, None))
