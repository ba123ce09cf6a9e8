"""Differentiation: `backward`, `grad`, user-defined Functions, and what builds on them."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import engine, grad_mode, recording
from ..core.apply import wrap
from ..core.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..core.inplace import nobody, node_of
from ..core.node import AccumulateGrad
from ..core.warn import warn_once
from ..tensor import Tensor
from ..torch_alias import module_getattr

__all__ = ["Function", "backward", "detect_anomaly", "enable_grad", "functional", "grad", "grad_mode", "gradcheck", "gradgradcheck",
           "graph", "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled"]

#: what loads on first use, by file
__getattr__ = module_getattr(__name__, {
    **{name: name for name in ("function", "functional", "graph", "anomaly_mode", "variable", "gradient_check", "profiler", "forward_ad")},
    "Function": "function", "Variable": "variable", "gradcheck": "gradient_check", "gradgradcheck": "gradient_check",
    "GradcheckError": "gradient_check", "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode",
})


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False, grad_variables: Any = None,
             inputs: Any = None) -> None:
    """Add the gradient of tensors, each weighted by its grad_tensor, to every leaf's `.grad`; or to that of `inputs` alone."""
    tensors = as_list(tensors)
    roots, gradients = starts(tensors, as_list(grad_tensors, len(tensors)), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warn_of_cycle()
    if inputs is None:
        engine.run(roots, gradients, keep, create_graph)
        return
    inputs = as_list(inputs)
    if not inputs:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    found = engine.run(roots, gradients, keep, create_graph, {node_of(t): None for t in inputs})
    with set_grad_enabled(create_graph):
        for tensor in {tensor._node: tensor for tensor in inputs}.values():
            g = found.get(tensor._node)
            if g is None:
                continue
            if isinstance(tensor._node, AccumulateGrad):
                engine.accumulate(tensor._node, g)
            else:
                tensor._grad = g if tensor._grad is None else tensor._grad + g


def warn_of_cycle() -> None:
    """PyTorch's warning, once in a program, where `.grad` will have a history, which leads back to its tensor."""
    warn_once("Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause a "
              "memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make sure to "
              "reset the .grad fields of your parameters to None after use to break the cycle and avoid the leak.")


def grad(outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
         only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
         materialize_grads: bool = False) -> tuple:
    """The gradients of outputs, weighted by grad_outputs, with respect to inputs, as a tuple; `.grad` stays as it is."""
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.")
    outputs, inputs = as_list(outputs), as_list(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    roots, gradients = starts(outputs, as_list(grad_outputs, len(outputs)), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    for tensor in inputs:
        if node_of(tensor) is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    found = engine.run(roots, gradients, keep, create_graph, {node_of(t): None for t in inputs})
    results = [found.get(tensor._node) for tensor in inputs]
    if materialize_grads:
        return tuple([t.new_zeros(t._array.shape) if g is None else g for t, g in zip(inputs, results)])
    if not allow_unused and any([g is None for g in results]):
        at = [g is None for g in results].index(True)
        raise RuntimeError(f"The differentiated Tensor at index {at} appears to not have been used in the graph. Set allow_unused=True if this is "
                           "the desired behavior.")
    return tuple(results)


def as_list(value: Any, length: int | None = None) -> list:
    """A tensor or None, or a sequence of them, as a list of that length."""
    if value is None:
        return [None] * (length or 0)
    if hasattr(value, "_array"):
        return [value]
    return list(value) if isinstance(value, Sequence) else [value]


def starts(tensors: list, gradients: list, create_graph: bool) -> tuple[list, list]:
    """The nodes where backward begins, and the gradient of each; 1 for a scalar if none was given."""
    if len(tensors) != len(gradients):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    roots = []
    for at, tensor in enumerate(tensors):
        node = node_of(tensor)
        if node is None or node.__class__ is AccumulateGrad and node.leaf is nobody:
            raise RuntimeError(f"element {at} of tensors does not require grad and does not have a grad_fn")
        roots.append(node)
        gradients[at] = start_gradient(tensor, gradients[at], at)
    return roots, gradients


def start_gradient(tensor: Any, gradient: Any, at: int) -> Any:
    """The gradient that backward begins with, checked."""
    array = tensor._array
    if gradient is None:
        if array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if array.dtype.kind == "c":
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}")
        return recording.constant(wrap(np.array(1, array.dtype) if array.ndim == 0 else np.ones(array.shape, array.dtype)))
    if not hasattr(gradient, "_array"):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if gradient._array.shape != array.shape:
        raise RuntimeError(f"Mismatch in shape: grad_output[{at}] has a shape of {gradient.shape} and output[{at}] has a shape of {tensor.shape}.")
    if (gradient._array.dtype.kind == "c") != (array.dtype.kind == "c"):
        raise RuntimeError(f"For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                           f"grad_output[{at}] has a dtype of {gradient.dtype} and output[{at}] has a dtype of {tensor.dtype}.")
    return gradient
