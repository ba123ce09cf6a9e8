"""The functions of neural networks: a plain list, by the file in `ops` that defines them. Each loads on first use (PEP 562)."""
from __future__ import annotations

import importlib
from typing import Any

from ..torch_alias import missing

FUNCTIONS = {
    "activation": """relu relu_ relu6 leaky_relu leaky_relu_ threshold threshold_ hardtanh hardtanh_ prelu glu hardsigmoid hardswish
        hardshrink softshrink""",
    "smooth": "elu elu_ selu selu_ celu celu_ gelu silu mish softplus logsigmoid tanhshrink softsign",
    "dropout_forms": "dropout alpha_dropout feature_alpha_dropout dropout1d dropout2d dropout3d rrelu",
    "dropout": "rrelu_",
    "gumbel": "gumbel_softmax",
    "exponential": "sigmoid",
    "softmax_forms": "softmax softmin log_softmax",
    "trigonometry": "tanh",
    "matmul": "linear bilinear",
    "cross_entropy": "cross_entropy nll_loss",
    "linear_cross_entropy": "linear_cross_entropy",
    "binary_loss": """binary_cross_entropy binary_cross_entropy_with_logits soft_margin_loss multilabel_soft_margin_loss kl_div""",
    "margin_loss": """hinge_embedding_loss margin_ranking_loss cosine_embedding_loss multi_margin_loss multilabel_margin_loss
        triplet_margin_loss triplet_margin_with_distance_loss""",
    "distance": "cosine_similarity pairwise_distance pdist normalize",
    "norm": "layer_norm group_norm batch_norm instance_norm rms_norm local_response_norm",
    "conv": "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d unfold fold",
    "attention": "scaled_dot_product_attention",
    "multi_head": "multi_head_attention_forward",
    "embedding": "embedding",
    "embedding_bag": "embedding_bag",
    "shuffle": "pixel_shuffle pixel_unshuffle channel_shuffle",
    "one_hot": "one_hot",
    "pool": """max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
        avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d""",
    "pool_adaptive": """adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d
        adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices fractional_max_pool2d
        fractional_max_pool3d fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices max_unpool1d max_unpool2d max_unpool3d""",
    "ctc": "ctc_loss",
    "padding": "pad",
    "sampling_grid": "grid_sample affine_grid",
    "resize": "interpolate upsample upsample_nearest upsample_bilinear",
    "loss": "mse_loss l1_loss smooth_l1_loss huber_loss poisson_nll_loss gaussian_nll_loss",
}

_HOME = {name: module for module, names in FUNCTIONS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise missing(__name__, name)
    value = getattr(importlib.import_module("..ops." + _HOME[name], __package__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
