"""The multilayer perceptron: linear layers with a nonlinearity between them."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rushlight import nn


class MLP(nn.Sequential):
    """Linear, [norm], activation and dropout for each width but the last, which has neither norm nor activation.

    The state_dict has the names of torchvision's `ops.MLP`: each of these is a number in the row, with or without parameters.
    *Shape*: `(..., in_channels) -> (..., hidden_channels[-1])`.

    Example:
        >>> from rushlight.models import MLP
        >>> list(MLP(784, [128, 10]).state_dict())
        ['0.weight', '0.bias', '3.weight', '3.bias']
    """

    def __init__(self, in_channels: int, hidden_channels: Sequence[int], norm_layer: Callable[[int], nn.Module] | None = None,
                 activation_layer: Callable[..., nn.Module] = nn.ReLU, inplace: bool | None = None, bias: bool = True, dropout: float = 0.0):
        how: dict[str, Any] = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        widths = [in_channels, *hidden_channels]
        for number, (before, after) in enumerate(zip(widths, widths[1:]), 1):
            layers.append(nn.Linear(before, after, bias=bias))
            if number < len(hidden_channels):
                layers += [norm_layer(after)] if norm_layer is not None else []
                layers.append(activation_layer(**how))
            layers.append(nn.Dropout(dropout, **how))
        super().__init__(*layers)
