"""MultiheadAttention."""
from __future__ import annotations

from typing import Any

from rushlight.ops.create import empty
from rushlight.tensor import Tensor

from . import functional as F, init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

PROJECTIONS = ("q_proj_weight", "k_proj_weight", "v_proj_weight")


class MultiheadAttention(Module):
    """(out_proj of the concatenated heads, attention weights); a head is softmax(q k^T / sqrt(head_dim)) v of its own projections.

    Shape: query `(L, N, embed_dim)`, key `(S, N, kdim)`, value `(S, N, vdim)`, `(N, L, ...)` with batch_first, or without N; the
    output as query, the weights `(N, L, S)`, per head if average_attn_weights is False, None if need_weights is.
    Raises: ValueError or AssertionError if the heads do not come out even.
    Source: Vaswani and others 2017, "Attention is all you need".
    """

    __constants__ = ["batch_first"]
    in_proj_weight: Any
    in_proj_bias: Any
    q_proj_weight: Any
    k_proj_weight: Any
    v_proj_weight: Any
    bias_k: Any
    bias_v: Any

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
                 add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False, device: Any = None,
                 dtype: Any = None):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead")
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        kind = {"device": device, "dtype": dtype}
        self._make_projections(bias, kind)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **kind)
        # Without them, these are plain attributes: None does not appear among the parameters.
        self.bias_k = Parameter(empty((1, 1, embed_dim), **kind)) if add_bias_kv else None
        self.bias_v = Parameter(empty((1, 1, embed_dim), **kind)) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, bias: bool, kind: dict) -> None:
        size = self.embed_dim
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(empty((3 * size, size), **kind))
            for name in PROJECTIONS:
                self.register_parameter(name, None)
        else:
            for name, width in zip(PROJECTIONS, (size, self.kdim, self.vdim)):
                self.register_parameter(name, Parameter(empty((size, width), **kind)))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * size, **kind)) if bias else None)

    def _reset_parameters(self) -> None:
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for name in PROJECTIONS:
                init.xavier_uniform_(getattr(self, name))
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state: dict) -> None:
        # Before it was an attribute, all three sizes were the same.
        super().__setstate__({"_qkv_same_embed_dim": True, **state})

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None, need_weights: bool = True,
                attn_mask: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False) -> tuple[Tensor, Tensor | None]:
        """The attended values and the weights.

        Masks are True, or -inf, where not to look: key_padding_mask `(N, S)`, attn_mask `(L, S)` or `(N * num_heads, L, S)`.
        `is_causal` says of attn_mask that it hides what comes later.
        """
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = (tensor.transpose(1, 0) for tensor in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim, q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal)
        return output.transpose(1, 0) if swap else output, weights
