"""Modules as functions of their parameters: `torch.func`."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .nn.utils.stateless import call_functional as functional_call

__all__ = ["functional_call", "stack_module_state"]


def stack_module_state(models: Sequence[Any]) -> tuple[dict, dict]:
    """(parameters, buffers) of several models of one class, each name's tensors stacked along a new first dimension.

    Raises: RuntimeError for no models, for different classes or modes.
    """
    from . import stack
    if not len(models):
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    first = models[0]
    if any(type(model) is not type(first) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    if any(model.training != first.training for model in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return ({name: stack([each[name] for each in parameters]).detach().requires_grad_(held.requires_grad) for name, held in parameters[0].items()},
            {name: stack([each[name] for each in buffers]) for name in buffers[0]})
