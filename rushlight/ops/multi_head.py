"""multi_head_attention_forward: projections into heads, attention in each, and the projection of all of them together."""
from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from .attention import scaled_dot_product_attention
from .join import cat
from .matmul import linear

if TYPE_CHECKING:
    from ..tensor import Tensor


def multi_head_attention_forward(
        query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int, in_proj_weight: Tensor | None,
        in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float,
        out_proj_weight: Tensor, out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False,
        q_proj_weight: Tensor | None = None, k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
        static_k: Tensor | None = None, static_v: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
    """(attended values, attention weights or None).

    Shape: query `(L, N, E)`, key `(S, N, E)`, value `(S, N, E)`, or without N; the output as query, the weights `(N, L, S)`, or
    `(N, num_heads, L, S)` without average_attn_weights. Masks as in `torch.nn.MultiheadAttention`.
    """
    batched = check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (tensor.unsqueeze(1) for tensor in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    key_padding_mask = additive(key_padding_mask, "key_padding_mask", attn_mask, query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
                           "`generate_square_subsequent_mask` to create this mask.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint says it all
    else:
        attn_mask = additive(attn_mask, "attn_mask", None, query.dtype)
        is_causal = is_causal and key_padding_mask is None and not need_weights
    check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        weights = [q_proj_weight, k_proj_weight, v_proj_weight]
    else:
        weights = list(in_proj_weight.chunk(3)) if query is not key or key is not value else [in_proj_weight]  # type: ignore[union-attr]
    q, k, v = projected(query, key, value, weights, in_proj_bias)
    masks = Masks(attn_mask, key_padding_mask, query.shape[0], key.shape[0], query.shape[1], num_heads)
    if bias_k is not None and bias_v is not None:
        k, v = (cat([tensor, bias.repeat(1, tensor.shape[1], 1)]) for tensor, bias in ((k, bias_k), (v, bias_v)))
        masks.widen()
    q, k, v = (split_heads(tensor, num_heads) for tensor in (q, k, v))
    k, v = k if static_k is None else static_k, v if static_v is None else static_v
    if add_zero_attn:
        k, v = (cat([tensor, tensor.new_zeros((tensor.shape[0], 1, tensor.shape[2]))], 1) for tensor in (k, v))
        masks.widen()
    out, attention = attend(q, k, v, masks.merged(k.shape[1]), dropout_p if training else 0.0, is_causal, need_weights, num_heads)
    length, batch, width = query.shape
    out = linear(out.reshape(length * batch, width), out_proj_weight, out_proj_bias).view(length, batch, -1)
    if attention is not None and average_attn_weights:
        attention = attention.mean(1)
    if not batched:
        out, attention = out.squeeze(1), None if attention is None else attention.squeeze(0)
    return out, attention


def projected(query: Any, key: Any, value: Any, weights: list, bias: Any) -> list:
    """The three projections: by one product if one tensor is all three."""
    if len(weights) == 1:
        return list(linear(query, weights[0], bias).chunk(3, -1))
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return [linear(tensor, weight, part) for tensor, weight, part in zip((query, key, value), weights, biases)]


def split_heads(tensor: Any, num_heads: int) -> Any:
    """`(L, N, E)` as `(N * num_heads, L, E / num_heads)`."""
    length, batch, width = tensor.shape
    return tensor.reshape(length, batch * num_heads, width // num_heads).transpose(0, 1)


def attend(q: Any, k: Any, v: Any, mask: Any, dropout_p: float, is_causal: bool, need_weights: bool, num_heads: int) -> tuple:
    """(result `(L, N, E)`, weights `(N, num_heads, L, S)` or None) of heads `(N * num_heads, L, E / num_heads)`."""
    heads, length, width = q.shape
    batch = heads // num_heads
    if not need_weights:
        q, k, v = (tensor.view(batch, num_heads, -1, width) for tensor in (q, k, v))
        if mask is not None:
            mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.view(batch, num_heads, -1, k.shape[2])
        out = scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
        return out.permute(2, 0, 1, 3), None
    scores = (q * math.sqrt(1.0 / width)).bmm(k.transpose(-2, -1))
    weights = (scores if mask is None else scores + mask).softmax(-1)
    if dropout_p:
        from .dropout import dropout
        weights = dropout(weights, dropout_p, True)
    out = weights.bmm(v).transpose(0, 1)
    return out, weights.view(batch, num_heads, length, -1)


class Masks:
    """Where not to look, for pairs of places and for places that are padding; both are added to the scores."""

    def __init__(self, pairs: Any, padding: Any, length: int, others: int, batch: int, num_heads: int):
        self.batch, self.heads = batch, num_heads
        if pairs is not None:
            expected = (length, others) if pairs.dim() == 2 else (batch * num_heads, length, others)
            if tuple(pairs.shape) != expected:
                raise RuntimeError(f"The shape of the {pairs.dim()}D attn_mask is {pairs.shape}, but should be {expected}.")
            pairs = pairs.unsqueeze(0) if pairs.dim() == 2 else pairs
        if padding is not None:
            for dim, size in enumerate((batch, others)):
                if padding.shape[dim] != size:
                    raise AssertionError(f"Expected key_padded_mask.shape[{dim}] to be {size}, but got {padding.shape[dim]}")
        self.pairs, self.padding = pairs, padding

    def widen(self) -> None:
        """Makes room for one more key, which all may look at."""
        self.pairs, self.padding = (None if mask is None else cat([mask, mask.new_zeros((*mask.shape[:-1], 1))], -1)
                                    for mask in (self.pairs, self.padding))

    def merged(self, others: int) -> Any:
        """Both masks as one."""
        if self.padding is None:
            return self.pairs
        padding = self.padding.view(self.batch, 1, 1, others).expand(-1, self.heads, -1, -1).reshape(self.batch * self.heads, 1, others)
        return padding if self.pairs is None else self.pairs + padding


def additive(mask: Any, name: str, other: Any, dtype: Any) -> Any:
    """A mask to add to the scores: -inf where a boolean one is True."""
    if mask is None:
        return None
    if mask.dtype.name != "bool" and not mask.is_floating_point():
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype != mask.dtype:
        warnings.warn(f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both instead.", stacklevel=3)
    if mask.is_floating_point():
        return mask
    return mask.new_zeros(mask.shape, dtype=dtype).masked_fill_(mask, -math.inf)


def check_dims(query: Any, key: Any, value: Any, padding: Any, pairs: Any, num_heads: int) -> bool:
    """Whether the input is batched. Raises PyTorch's AssertionError for numbers of dimensions that do not go together."""
    n = query.dim()
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    which = f"For {'batched' if n == 3 else 'unbatched'} ({n}-D) `query`, expected"
    if key.dim() != n or value.dim() != n:
        raise AssertionError(f"{which} `key` and `value` to be {n}-D but found {key.dim()}-D and {value.dim()}-D tensors respectively")
    if padding is not None and padding.dim() != n - 1:
        raise AssertionError(f"{which} `key_padding_mask` to be `None` or {n - 1}-D but found {padding.dim()}-D tensor instead")
    if pairs is not None and pairs.dim() not in (2, 3):
        raise AssertionError(f"{which} `attn_mask` to be `None`, 2-D or 3-D but found {pairs.dim()}-D tensor instead")
    if n == 2 and pairs is not None and pairs.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(pairs.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {pairs.shape}")
    return n == 3


def check_sizes(query: Any, key: Any, value: Any, embed_dim: int, num_heads: int, separate: bool) -> None:
    """Raise PyTorch's AssertionError for sizes that do not go together."""
    width = query.shape[-1]
    if width != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
