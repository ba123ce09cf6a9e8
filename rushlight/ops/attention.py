"""Scaled dot-product attention: one operation with a fused kernel each way, and its gradient in plain operations."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends.llvm.engine import available
from ..backends.native import MANY
from ..backends.parallel import Unnotable, inside
from ..core.apply import apply
from ..core.grad_mode import mode
from ..core.op import Op, kernel, mismatch
from .attention_kernels import attended, attended_backward
from .choose import where, zero_where
from .create import constant

if TYPE_CHECKING:
    from ..tensor import Tensor


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False) -> Tensor:
    """softmax(query key^T scale + mask) value.

    *Shape*: query (..., L, E), key (..., S, E), value (..., S, V) -> (..., L, V). scale is 1 / sqrt(E) unless given. attn_mask is added, or
    if it is of truth values, says who takes part; is_causal lets row i see the keys 0 to i. A row that sees no key gives 0. dropout_p
    sets weights to 0 at random, always: give 0 in evaluation. enable_gqa lets several heads of query share one of key and value.
    """
    check_attention(query, key, value, attn_mask, dropout_p)
    if enable_gqa and key._array.shape[-3] != query._array.shape[-3]:
        if query._array.shape[-3] % key._array.shape[-3] or query._array.shape[-3] % value._array.shape[-3]:
            raise RuntimeError("Number of heads in key and value must divide the number of heads in \nquery")
        key, value = [t.repeat_interleave(query._array.shape[-3] // t._array.shape[-3], -3) for t in (key, value)]
    scale = 1 / math.sqrt(max(query._array.shape[-1], 1)) if scale is None else scale
    try:
        lead = np.broadcast_shapes(*[t._array.shape[:-2] for t in (query, key, value)])
    except ValueError:
        raise RuntimeError(mismatch((*query.shape[:-2], 1, 1), (*key.shape[:-2], 1, 1))
                           or mismatch((*query.shape[:-2], 1, 1), (*value.shape[:-2], 1, 1))) from None
    query, key, value = [t if t._array.shape[:-2] == lead else t.expand(*lead, *t._array.shape[-2:]) for t in (query, key, value)]
    if dropout_p > 0:
        from .dropout_forms import dropout
        weights = attention_weights(query, key, attn_mask, scale, is_causal)
        return dropout(weights, dropout_p).matmul(value)
    op = ATTENTION if query._array.ndim == 4 and (attn_mask is None or attn_mask._node is None) else ATTENTION_BY_PARTS
    return apply(op, query, key, value, attn_mask, scale=scale, causal=is_causal)


def check_attention(query: Any, key: Any, value: Any, mask: Any, dropout_p: float) -> None:
    """Raise PyTorch's error for arguments that do not fit."""
    for position, (name, tensor) in enumerate((("query", query), ("key", key), ("value", value)), 1):
        if getattr(tensor, "_array", None) is None:
            raise TypeError(f"scaled_dot_product_attention(): argument '{name}' (position {position}) must be Tensor, not {type(tensor).__name__}")
    q, k, v = query._array, key._array, value._array
    if not query.dtype is key.dtype is value.dtype:
        a, b, c = (t.dtype.c_name for t in (query, key, value))
        raise RuntimeError(f"Expected query, key, and value to have the same dtype, but got query.dtype: {a} key.dtype: {b} and value.dtype: "
                           f"{c} instead.")
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q.ndim} key.dim: {k.ndim} "
                           f"and value.dim: {v.ndim} instead.")
    if q.dtype.kind in "biu":
        raise RuntimeError(f"expected scalar type Float but found {query.dtype.kernel_name}")
    if mask is not None and mask.dtype is not query.dtype and mask.dtype.name not in ("bool", "float32"):
        raise RuntimeError("Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                           f"{mask.dtype.c_name} and  query.dtype: {query.dtype.c_name} instead.")
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if q.shape[-1] != k.shape[-1]:
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{_count(q)}, {q.shape[-1]}] but got: "
                           f"[{_count(k)}, {k.shape[-1]}].")
    if k.shape[-2] != v.shape[-2]:  # which PyTorch does not notice where there are four dimensions, and reads beyond the end
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{_count(k)}, {k.shape[-2]}] but got: [{_count(v)}, "
                           f"{v.shape[-2]}]." if q.ndim > 2 else
                           f"mat1 and mat2 shapes cannot be multiplied ({q.shape[0]}x{k.shape[0]} and {v.shape[0]}x{v.shape[1]})")
    if mask is not None:
        check_mask(mask._array.shape, (*q.shape[:-1], k.shape[-2]))


def _count(x: Any) -> int:
    return math.prod(x.shape[:-2])


def check_mask(mask: tuple, wanted: tuple) -> None:
    """Raise PyTorch's error unless the mask broadcasts with the weights."""
    wrong = mismatch(wanted, mask)
    if wrong is not None:
        raise RuntimeError(wrong)


def attention_weights(query: Any, key: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(query key^T scale + mask) in plain operations; a row that sees no key is 0."""
    s = query.matmul(key.transpose(-1, -2)) * scale
    rows, keys = s._array.shape[-2:]
    if mask is not None:
        s = where(mask, s, -math.inf) if mask.dtype.name == "bool" else s + mask
    if causal:
        s = where(constant(np.tri(rows, keys, dtype=bool)), s, -math.inf)
    return zero_where((s == -math.inf).all(-1, keepdim=True), s.softmax(-1))


def _tables(*arrays: Any) -> list:
    """Arrays (..., rows, width) as (heads, rows, width)."""
    return [a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:]) for a in arrays]


def _mask_table(mask: Any, lead: tuple) -> Any:
    """A mask as (heads or 1, rows or 1, keys)."""
    if mask is None:
        return None
    if math.prod(mask.shape[:-2]) == 1:
        mask = mask.reshape((1,) * max(2 - mask.ndim, 0) + mask.shape[-2:])
        return mask.reshape(1, *mask.shape)
    return np.broadcast_to(mask, (*lead, *mask.shape[-2:])).reshape(-1, *mask.shape[-2:])


def _full_keys(mask: Any, keys: int) -> Any:
    return mask if mask is None or mask.shape[2] == keys else np.broadcast_to(mask, (*mask.shape[:2], keys))


#: the rows of a head below which scores are no tiles
FEW_ROWS = 8


def in_machine_code(query: Any, key: Any, value: Any, *others: Any) -> Any:
    """The kernels in machine code, if they take these arrays and pay; else None. They take masks of all kinds."""
    if inside.launches is not None:
        if query.ndim != 4 or not math.prod(query.shape) * math.prod(key.shape) * value.shape[3]:
            raise Unnotable("tables that no kernel takes")
    elif query.ndim != 4 or query.shape[2] < FEW_ROWS or math.prod(query.shape[:3]) * key.shape[2] < MANY or not value.shape[3]:
        return None
    if not all([a.__class__ is np.ndarray and a.dtype == np.float32 for a in (query, key, value, *others)]) or not available():
        return None
    from . import attention_native
    return attention_native


def _attention(query: Any, key: Any, value: Any, mask: Any, *, scale: float, causal: bool) -> tuple:
    lead = query.shape[:-2]
    table = _full_keys(_mask_table(mask, lead), key.shape[-2])
    native = in_machine_code(query, key, value)
    if native is not None:
        return native.attended(query, key, value, table, scale, causal)
    q, k, v = _tables(query, key, value)
    out, logs = attended(q, k, v, table, scale, causal)
    return laid_as(out.reshape(*lead, *out.shape[1:]), query), logs


def laid_as(out: Any, query: Any) -> Any:
    """The same array, with its dimensions in query's order in memory, as PyTorch's are where there are four."""
    if query.ndim != 4 or query.strides[1] >= query.strides[2]:
        return out
    return np.ascontiguousarray(out.swapaxes(1, 2)).swapaxes(1, 2)


def _attention_backward(grad: Any, query: Any, key: Any, value: Any, mask: Any, out: Any, logs: Any, *, scale: float, causal: bool,
                        by_mask: bool) -> tuple:
    lead = query.shape[:-2]
    table = _full_keys(_mask_table(mask, lead), key.shape[-2])
    native = None if by_mask else in_machine_code(query, key, value, grad)
    if native is not None:
        return native.attended_backward(grad, query, key, value, table, logs, scale, causal)
    g, q, k, v, o = _tables(grad, query, key, value, out)
    found = attended_backward(g, q, k, v, table, o, logs, scale, causal, by_mask)
    return tuple([d.reshape(*lead, *d.shape[1:]) for d in found])


ATTENTION_BACKWARD = Op("scaled_dot_product_attention_backward", kernel, _attention_backward, launches="strided")


def _attention_grad(g: Any, query: Any, key: Any, value: Any, mask: Any, out: tuple, scale: float, causal: bool, needs: tuple) -> tuple:
    if mode.grad:
        return by_definition(g, query, key, value, mask, scale, causal)
    found = apply(ATTENTION_BACKWARD, g, query, key, value, mask, out[0], out[1], scale=scale, causal=causal, by_mask=needs[3])
    return found if needs[3] else (*found, None)


def by_definition(g: Any, query: Any, key: Any, value: Any, mask: Any, scale: float, causal: bool) -> tuple:
    """The gradients of attention in plain operations: taken where they are recorded in turn, and what tests compare the kernel with."""
    p = attention_weights(query, key, mask, scale, causal)
    dp = g.matmul(value.transpose(-1, -2))
    ds = p * (dp - (dp * p).sum(-1, True))
    return (ds.matmul(key) * scale, ds.transpose(-1, -2).matmul(query) * scale, p.transpose(-1, -2).matmul(g),
            ds if mask is not None and mask.dtype.name != "bool" else None)


def _examples(random: Any, shape: tuple) -> list:
    q, k, v = [random.normal(size=(2, 1, n, 3)) for n in (4, 5, 5)]
    return [((q, k, v, None), {"scale": 0.7, "causal": True}), ((q, k, v, random.normal(size=(4, 5))), {"scale": 0.7, "causal": False})]


ATTENTION = Op("scaled_dot_product_attention", kernel, _attention, vjp=_attention_grad, hidden=True, samples=_examples, launches="strided",
    node_name="ScaledDotProductFlashAttentionForCpuBackward0")
# PyTorch does what its fused kernel does not take in several operations, whose last one gives the name.
ATTENTION_BY_PARTS = ATTENTION.printed_as("UnsafeViewBackward0")
