"""Normalisation of each channel of each sample: InstanceNorm and its lazy forms."""
from __future__ import annotations

from typing import Any

from rushlight.tensor import Tensor

from ..core.program import warn_user
from . import functional as F
from .batchnorm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    spatial: int

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False, track_running_stats: bool = False,
                 device: Any = None, dtype: Any = None, *, bias: bool = True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _check_input_dim(self, input: Tensor) -> None:
        unbatched = self.spatial + 1
        if input.dim() not in (unbatched, unbatched + 1):
            raise ValueError(f"expected {unbatched}D or {unbatched + 1}D input (got {input.dim()}D input)")

    def _check_features(self, input: Tensor) -> None:
        dim = input.dim() - self.spatial - 1
        if input.size(dim) == self.num_features:
            return
        if self.affine:
            raise ValueError(f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {input.size(dim)}.")
        warn_user(f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in num_features, "
                  "which is not used because affine=False")

    def forward(self, input: Tensor) -> Tensor:
        """The input, normalised."""
        self._check_input_dim(input)
        self._check_features(input)
        if input.dim() == self.spatial + 1:
            return self._normalize(input.unsqueeze(0)).squeeze(0)
        return self._normalize(input)

    def _normalize(self, input: Tensor) -> Tensor:
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias,
                               self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, strict: bool, missing_keys: list,
                              unexpected_keys: list, error_msgs: list) -> None:
        if local_metadata.get("version") is None and not self.track_running_stats:
            # Before version 2, running statistics were kept even where they were not used.
            old = [key for key in (prefix + "running_mean", prefix + "running_var") if key in state_dict]
            if old:
                names, kind = " and ".join([f'"{key}"' for key in old]), self._get_name()
                error_msgs.append(f"Unexpected running stats buffer(s) {names} for {kind} with track_running_stats=False. If state_dict is a "
                                  f"checkpoint saved before 0.4.0, this may be expected because {kind} does not track running stats by "
                                  "default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, "
                                  f"instead set track_running_stats=True in {kind} to enable them. See the documentation of {kind} for "
                                  "details.")
                for key in old:
                    state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)


class InstanceNorm1d(_InstanceNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, with the mean and variance of each channel of each sample.

    Shape: `(N, C, L)` or `(C, L)`, the same out; weight and bias `(C)`.
    Source: Ulyanov and others 2016, "Instance normalization".
    """

    spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """InstanceNorm1d for images. Shape: `(N, C, H, W)` or `(C, H, W)`, the same out."""

    spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """InstanceNorm1d for volumes. Shape: `(N, C, D, H, W)` or `(C, D, H, W)`, the same out."""

    spatial = 3


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """An InstanceNorm1d that takes num_features from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """An InstanceNorm2d that takes num_features from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """An InstanceNorm3d that takes num_features from its first input."""

    cls_to_become = InstanceNorm3d
