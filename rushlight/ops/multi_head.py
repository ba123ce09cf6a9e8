"""Multi-head attention: projections into heads, attention in each, and the projection back."""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core.program import warn_user
from .attention import scaled_dot_product_attention
from .dropout_forms import dropout
from .join import cat
from .matmul import linear

if TYPE_CHECKING:
    from ..tensor import Tensor


def multi_head_attention_forward(
        query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
        in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
        out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
        k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None, static_k: Tensor | None = None,
        static_v: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False) -> tuple:
    """Attention of num_heads heads between projections: (output, weights), weights None unless needed.

    *Shape*: query (L, N, E), key and value (S, N, E), output (L, N, E), weights (N, L, S), or (N, heads, L, S) if not averaged; all without
    N for one sequence. In key_padding_mask (N, S) and a boolean attn_mask (L, S) or (N * heads, L, S) True means: left out.
    """
    batched = check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, images, width = query._array.shape
    padding, mask, is_causal = masks(key_padding_mask, attn_mask, query, is_causal, need_weights)
    check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        q, k, v = separate_projections(query, key, value, (q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias)
    else:
        q, k, v = packed_projections(query, key, value, in_proj_weight, in_proj_bias)
    mask = mask_of_heads(mask, length, key._array.shape[0], images * num_heads)
    if bias_k is not None and bias_v is not None:
        check_static(static_k, static_v)
        k, v = cat([k, bias_k.repeat(1, images, 1)]), cat([v, bias_v.repeat(1, images, 1)])
        mask, padding = widened(mask), widened(padding)
    q, k, v = heads_first(q, k, v, (static_k, static_v), images, num_heads)
    if add_zero_attn:
        k, v = [cat([t, t.new_zeros(t._array.shape[0], 1, t._array.shape[2])], 1) for t in (k, v)]
        mask, padding = widened(mask), widened(padding)
    mask = with_padding(mask, padding, images, num_heads, k._array.shape[1])
    rate = dropout_p if training else 0.0
    if need_weights:
        out, weights = attend_with_weights(q, k, v, mask, rate, is_causal)
        weights = weights.view(images, num_heads, length, k._array.shape[1])
        weights = weights.mean(1) if average_attn_weights else weights
    else:
        out, weights = attend(q, k, v, mask, rate, is_causal, images), None
    out = linear(out.transpose(0, 1).contiguous().view(length * images, width), out_proj_weight, out_proj_bias)
    out = out.view(length, images, out._array.shape[1])
    if batched:
        return out, weights
    return out.squeeze(1), None if weights is None else weights.squeeze(0)


# ---- checks

def check_shapes(query: Any, key: Any, value: Any, padding: Any, mask: Any, heads: int) -> bool:
    """Whether there is a batch dimension. Raises PyTorch's AssertionError for numbers of dimensions that do not fit."""
    ndim = query._array.ndim
    if ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    batched = ndim == 3
    kind = "batched (3-D)" if batched else "unbatched (2-D)"
    if key._array.ndim != ndim or value._array.ndim != ndim:
        raise AssertionError(f"For {kind} `query`, expected `key` and `value` to be {ndim}-D but found {key._array.ndim}-D and "
                             f"{value._array.ndim}-D tensors respectively")
    if padding is not None and padding._array.ndim != ndim - 1:
        raise AssertionError(f"For {kind} `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but found {padding._array.ndim}-D "
                             "tensor instead")
    if mask is not None and mask._array.ndim not in (2, 3):
        raise AssertionError(f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask._array.ndim}-D tensor instead")
    if mask is not None and not batched and mask._array.ndim == 3:
        wanted = (heads, query._array.shape[0], key._array.shape[0])
        if mask._array.shape != wanted:
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {mask.shape}")
    return batched


def check_sizes(query: Any, key: Any, value: Any, width_to_check: int, heads: int, separate: bool) -> None:
    """Raise PyTorch's AssertionError for sizes that do not fit."""
    width = query._array.shape[2]
    if width != width_to_check:
        raise AssertionError(f"was expecting embedding dimension of {width_to_check}, but got {width}")
    if width // heads * heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate:
        if key._array.shape[:2] != value._array.shape[:2]:
            raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    elif key._array.shape != value._array.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def check_static(static_k: Any, static_v: Any) -> None:
    """Raise PyTorch's AssertionError for a bias beside keys or values that are given as they are."""
    if static_k is not None:
        raise AssertionError("bias cannot be added to static key.")
    if static_v is not None:
        raise AssertionError("bias cannot be added to static value.")


# ---- masks

def masks(padding: Any, mask: Any, query: Any, is_causal: bool, need_weights: bool) -> tuple:
    """Both masks as numbers to add, and whether a causal mask may stand for attn_mask."""
    if padding is not None and mask is not None and padding.dtype is not mask.dtype:
        warn_user("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.")
    padding = additive(padding, "key_padding_mask", query)
    if is_causal and mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    if is_causal and padding is None and not need_weights:
        return padding, None, True
    return padding, additive(mask, "attn_mask", query), False if padding is not None else is_causal


def additive(mask: Any, name: str, query: Any) -> Any:
    """A mask as numbers to add: -inf where a mask of truth values is True."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    if mask.dtype.name != "bool":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return query.new_zeros(mask._array.shape).masked_fill_(mask, -math.inf)


def mask_of_heads(mask: Any, length: int, keys: int, heads: int) -> Any:
    """attn_mask with a dimension for the heads. Raises RuntimeError for a shape that does not fit."""
    if mask is None:
        return None
    shape = mask._array.shape
    wanted = (length, keys) if len(shape) == 2 else (heads, length, keys)
    if shape != wanted:
        raise RuntimeError(f"The shape of the {len(shape)}D attn_mask is {mask.shape}, but should be {wanted}.")
    return mask.unsqueeze(0) if len(shape) == 2 else mask


def widened(mask: Any) -> Any:
    """A mask with a further key that all see."""
    return None if mask is None else cat([mask, mask.new_zeros(*mask._array.shape[:-1], 1)], -1)


def with_padding(mask: Any, padding: Any, images: int, heads: int, keys: int) -> Any:
    """The mask with the padding's added."""
    if padding is None:
        return mask
    shape = padding._array.shape
    if shape[0] != images:
        raise AssertionError(f"Expected key_padded_mask.shape[0] to be {images}, but got {shape[0]}")
    if shape[1] != keys:
        raise AssertionError(f"Expected key_padded_mask.shape[1] to be {keys}, but got {shape[1]}")
    padding = padding.view(images, 1, 1, keys).expand(-1, heads, -1, -1).reshape(images * heads, 1, keys)
    return padding if mask is None else mask + padding


# ---- projections

def packed_projections(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple:
    """The projections whose weights (3 E, E) lie below each other; as one product where the three inputs are one."""
    width = query._array.shape[-1]
    if key is value and query is key:
        return tuple(linear(query, weight, bias).chunk(3, -1))
    weights = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if key is value:
        both = None if bias is None else bias.narrow(0, width, 2 * width)
        return linear(query, weights[0], biases[0]), *linear(key, weight.narrow(0, width, 2 * width), both).chunk(2, -1)
    return tuple([linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases)])


def separate_projections(query: Any, key: Any, value: Any, weights: tuple, bias: Any) -> tuple:
    """The projections with a weight each."""
    for name, weight in zip("qkv", weights):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple([linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases)])


def heads_first(q: Any, k: Any, v: Any, static: tuple, images: int, heads: int) -> list:
    """(length, images, E) as (images * heads, length, E / heads); a key or value that is given as it is takes the place of its projection."""
    size = q._array.shape[2] // heads
    result = [q.contiguous().view(q._array.shape[0], images * heads, size).transpose(0, 1)]
    for name, projected, given in (("static_k", k, static[0]), ("static_v", v, static[1])):
        if given is None:
            given = projected.contiguous().view(projected._array.shape[0], images * heads, size).transpose(0, 1)
        elif given._array.shape[0] != images * heads or given._array.shape[2] != size:
            at, wanted = (0, images * heads) if given._array.shape[0] != images * heads else (2, size)
            raise AssertionError(f"expecting {name}.size({at}) of {wanted}, but got {given._array.shape[at]}")
        result.append(given)
    return result


# ---- attention

def attend_with_weights(q: Any, k: Any, v: Any, mask: Any, rate: float, is_causal: bool) -> tuple:
    """(output, weights) of all heads."""
    if is_causal and mask is None:
        raise AssertionError("FIXME: is_causal not implemented for need_weights")
    s = (q * math.sqrt(1.0 / q._array.shape[-1])).matmul(k.transpose(-2, -1))
    weights = (s if mask is None else mask + s).softmax(-1)
    if rate > 0.0:
        weights = dropout(weights, rate)
    return weights.matmul(v), weights


def attend(q: Any, k: Any, v: Any, mask: Any, rate: float, is_causal: bool, images: int) -> Any:
    """The output of all heads."""
    shapes = [(images, t._array.shape[0] // images, *t._array.shape[1:]) for t in (q, k, v)]
    if mask is not None:
        m = mask._array.shape
        mask = mask.unsqueeze(0) if m[0] == 1 and len(m) == 3 else mask.view(images, -1, *m[1:])
    q, k, v = [t.reshape(shape) for t, shape in zip((q, k, v), shapes)]
    out = scaled_dot_product_attention(q, k, v, mask, rate, is_causal)
    return out.reshape(-1, *out._array.shape[2:])
