"""Scaled dot-product attention. Source: Vaswani and others 2017, "Attention is all you need"."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel, mismatch

if TYPE_CHECKING:
    from ..tensor import Tensor

NAMES = ("query", "key", "value")


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False) -> Tensor:
    """softmax(query @ key^T * scale + mask) @ value: for every query a mean of the values, by how much its key answers to the query.

    Shape: query `(*, H, L, E)`, key `(*, H, S, E)`, value `(*, H, S, D)` -> `(*, H, L, D)`; mask `(L, S)`, or what broadcasts to it.
    A boolean mask is True where to look; any other is added. `is_causal` hides what comes after a query's own place. scale is
    1 / sqrt(E) if None. With enable_gqa, fewer heads of keys and values serve several heads of queries each. A query that may look
    nowhere gives zeros. Dropout drops attention weights.
    """
    check(query, key, value, attn_mask)
    if enable_gqa:
        key, value = (with_heads(query, tensor) for tensor in (key, value))
    check_batches(query, key)
    if scale is None:
        scale = 1.0 / math.sqrt(query._array.shape[-1])
    if dropout_p:
        from .dropout import dropout
        weights = by_definition(query, key, attn_mask, is_causal, scale)
        return dropout(weights, dropout_p, True).matmul(value)
    return apply(ATTENTION, query, key, value, attn_mask, is_causal=bool(is_causal), scale=float(scale))


def check(query: Any, key: Any, value: Any, mask: Any) -> None:
    """Raise PyTorch's error unless the arguments are tensors that go together."""
    tensors = (query, key, value)
    for position, (name, tensor) in enumerate(zip(NAMES, tensors), 1):
        if getattr(tensor, "_array", None) is None:
            raise TypeError(f"scaled_dot_product_attention(): argument '{name}' (position {position}) must be Tensor, not "
                            f"{type(tensor).__name__}")
    dtypes = [kernel_type(tensor) for tensor in tensors]
    if len(set(dtypes)) > 1:
        raise RuntimeError("Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} "
                           "instead.".format(*dtypes))
    dims = [tensor.dim() for tensor in tensors]
    if min(dims) < 2:
        raise RuntimeError("Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and value.dim: {} "
                           "instead.".format(*dims))
    if query._array.dtype.kind in "biu":
        raise RuntimeError(f"expected scalar type Float but found {query.dtype.kernel_name}")
    if mask is not None and mask.dtype.name not in ("bool", "float32", query.dtype.name):
        raise RuntimeError("Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                           f"{kernel_type(mask)} and  query.dtype: {dtypes[0]} instead.")


def kernel_type(tensor: Any) -> str:
    """The dtype as PyTorch's attention names it in errors: C's name."""
    return {"float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double", "int32": "int",
            "int64": "long int"}.get(tensor.dtype.name, tensor.dtype.name)


def check_batches(query: Any, key: Any) -> None:
    """Raise PyTorch's error unless the sizes before the last two broadcast, and the last are equal."""
    q, k = query._array.shape, key._array.shape
    wrong = mismatch((*q[:-2], 1, 1), (*k[:-2], 1, 1))
    if wrong is not None:
        raise RuntimeError(wrong)
    if q[-1] != k[-1]:
        batch = math.prod(q[:-2])
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {q[-1]}] but got: [{batch}, {k[-1]}].")


def with_heads(query: Any, tensor: Any) -> Any:
    """Keys or values with every head repeated, so that there are as many as of the queries."""
    wanted, given = query._array.shape[-3], tensor._array.shape[-3]
    if wanted % given:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in \n"
                           f"query: {wanted} heads cannot be shared among {given}")
    return tensor if wanted == given else tensor.repeat_interleave(wanted // given, -3)


def by_definition(query: Any, key: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """The attention weights, in plain operations."""
    scores = (query * scale).matmul(key.transpose(-2, -1))
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -math.inf) if mask._array.dtype.kind == "b" else scores + mask
    if is_causal:
        scores = scores.masked_fill(scores.new_tensor(hidden_from(*scores._array.shape[-2:])), -math.inf)
    nowhere = (scores == -math.inf).all(-1, True)
    return scores.softmax(-1).masked_fill(nowhere, 0.0)


def hidden_from(length: int, others: int) -> Any:
    """True where the second place comes after the first."""
    return np.arange(others) > np.arange(length)[:, None]


def _attention(query: Any, key: Any, value: Any, mask: Any, *, is_causal: bool, scale: float) -> tuple:
    """The result, and the weights for the gradient."""
    scores = np.matmul(query * query.dtype.type(scale), key.swapaxes(-1, -2))
    if mask is not None and mask.dtype.kind == "b":
        scores = np.where(mask, scores, -np.inf).astype(scores.dtype, copy=False)
    elif mask is not None:
        scores = scores + mask.astype(scores.dtype, copy=False)
    if is_causal:
        scores[..., hidden_from(*scores.shape[-2:])] = -np.inf
    # Shifted by the maximum, exp does not overflow; where all is hidden there is none, and the sum is made 1 to give zeros.
    largest = scores.max(-1, keepdims=True, initial=-np.inf)
    scores -= np.where(largest == -np.inf, 0, largest).astype(scores.dtype, copy=False)
    np.exp(scores, out=scores)
    total = scores.sum(-1, keepdims=True)
    scores /= np.where(total == 0, 1, total).astype(scores.dtype, copy=False)
    return np.matmul(scores, value), scores


def _attention_grads(g: Any, query: Any, key: Any, value: Any, mask: Any, out: tuple, needs: tuple, is_causal: bool, scale: float) -> tuple:
    weights = by_definition(query, key, mask, is_causal, scale) if mode.grad else out[1]
    by_value = weights.transpose(-2, -1).matmul(g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return None, None, by_value, None
    by_weights = g.matmul(value.transpose(-2, -1))
    by_scores = weights * (by_weights - (by_weights * weights).sum(-1, True))
    by_query = by_scores.matmul(key) * scale if needs[0] else None
    by_key = by_scores.transpose(-2, -1).matmul(query) * scale if needs[1] else None
    return by_query, by_key, by_value, by_scores if needs[3] else None


ATTENTION = Op("scaled_dot_product_attention", kernel, _attention, vjp=_attention_grads, hidden=True,
               node_name="ScaledDotProductFlashAttentionForCpuBackward0")
