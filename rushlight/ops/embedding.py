"""Embedding: rows of a table by index. The gradient adds up what arrives for each row."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.native import is_native
from ..backends.parallel import Unnotable, in_order, inside
from ..core import recording
from ..core.apply import apply
from ..core.grad_mode import no_grad
from ..core.op import Op, opaque
from .accumulate import add_rows

if TYPE_CHECKING:
    from ..tensor import Tensor


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """The rows of `weight` whose numbers `input` holds.

    Shape: input `(*)` of int64 or int32, weight `(V, D)` -> `(*, D)`.
    The row padding_idx gets no gradient; scale_grad_by_freq divides a row's gradient by how often it was asked for. Rows longer than
    max_norm are first scaled down to it, in place. `sparse` changes nothing: the gradient is a whole table.
    """
    for position, (name, value) in enumerate((("weight", weight), ("indices", input)), 1):
        if getattr(value, "_array", None) is None:
            raise TypeError(f"embedding(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}")
    table, index = weight._array, input._array
    if padding_idx is not None:
        if not -table.shape[0] <= padding_idx < table.shape[0]:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= table.shape[0]
    check_indices(input, "embedding")
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if max_norm is not None:
        limit_rows(weight, index, max_norm, norm_type)
    return apply(EMBEDDING, weight, input, rows=table.shape[0], padding_idx=padding_idx, scale=bool(scale_grad_by_freq))


def check_indices(input: Any, name: str) -> None:
    """Raise PyTorch's error unless these are indices."""
    if input._array.dtype not in (np.int64, np.int32):
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                           f"torch.{input.dtype.kernel_name}Tensor instead (while checking arguments for {name})")


@no_grad()
def limit_rows(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that the index names, and that are longer than max_norm, down to that norm; in place."""
    recording.reads("max_norm")
    check_range(index, weight._array.shape[0])
    rows = np.unique(index)
    norms = np.linalg.norm(weight._array[rows], norm_type, axis=1)
    long = norms > max_norm
    rows, norms = rows[long], norms[long]
    from .copying import write
    table = weight._array.copy()
    table[rows] *= (max_norm / (norms + 1e-7)).astype(table.dtype)[:, None]
    write(weight, table)


def check_range(index: Any, size: int) -> None:
    """Raise IndexError if an index is negative or not below size."""
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError("index out of range in self")


def _embedding(weight: Any, indices: Any, *, rows: int, padding_idx: Any, scale: bool) -> Any:
    if inside.launches is not None:
        from .embedding_native import take_rows
        return take_rows(weight, noted_indices(weight, indices), inside.abort)
    check_range(indices, rows)
    return weight.take(indices, 0)


def noted_indices(table: Any, indices: Any) -> Any:
    """The indices, while kernels' calls are noted. Raises Unnotable unless the kernels take these arrays."""
    if not is_native(table) or indices.dtype != np.int64 or not indices.flags.c_contiguous or not indices.size:
        raise Unnotable("indices that no kernel takes")
    return indices


def _embedding_back(g: Any, indices: Any, *, rows: int, padding_idx: Any, scale: bool) -> Any:
    if inside.launches is not None and not scale:
        from .embedding_native import row_sums
        return row_sums(g, noted_indices(g, indices), rows, padding_idx)
    out = np.zeros((rows, g.shape[-1]), g.dtype)
    index = indices.reshape(-1)
    parts = in_order(g).reshape(index.size, g.shape[-1])
    add_rows(out, index, parts)
    if scale:
        out /= np.maximum(np.bincount(index, minlength=rows), 1).astype(out.dtype)[:, None]
    if padding_idx is not None:
        out[padding_idx] = 0
    return out


def _embedding_back_again(g: Any, indices: Any, rows: int, padding_idx: Any, scale: bool) -> Any:
    """The rows of g, with what `_embedding_back` does to each row."""
    factor = np.ones((rows, 1), g._array.dtype)
    if scale:
        recording.reads("the second gradient of embedding()")
        factor /= np.maximum(np.bincount(indices._array.reshape(-1), minlength=rows), 1)[:, None]
    if padding_idx is not None:
        factor[padding_idx] = 0
    return apply(EMBEDDING, g * g.new_tensor(factor), indices, rows=rows, padding_idx=None, scale=False)


EMBEDDING = Op("embedding", opaque, _embedding, launches=True,
    grads=(lambda g, indices, rows, padding_idx, scale: apply(EMBEDDING_BACK, g, indices, rows=rows, padding_idx=padding_idx, scale=scale),
           None))

EMBEDDING_BACK = Op("embedding_dense_backward", opaque, _embedding_back, launches=True,
    grads=(lambda g, indices, rows, padding_idx, scale: _embedding_back_again(g, indices, rows, padding_idx, scale), None))
