"""Derivatives of functions as wholes: Jacobians, Hessians and products with them."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.grad_mode import enable_grad
from ..tensor import Tensor
from . import grad


def _tuple(value: Any, name: str, function: str) -> tuple[bool, tuple]:
    many = isinstance(value, tuple)
    values = value if many else (value,)
    for at, element in enumerate(values):
        if not isinstance(element, Tensor):
            what = f"The value at index {at} in the {name} tuple" if many else f"The {name}"
            raise TypeError(f"{what} given to {function} must be " + ("a Tensor" if many else "either a Tensor or a tuple of Tensors")
                            + f" but the given {name} has type {type(element)}.")
    return many, values


def _fresh(inputs: tuple, create_graph: bool) -> tuple:
    """The inputs as the differentiated function shall see them: requiring grad, and cut off unless create_graph."""
    return tuple([t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_() for t in inputs])


def _like(values: Any, many: bool) -> Any:
    return tuple(values) if many else values[0]


def _filled(grads: Any, inputs: tuple, strict: bool) -> Any:
    if strict and any([g is None for g in grads]):
        at = [g is None for g in grads].index(True)
        raise RuntimeError(f"Output 0 of the user-provided function is independent of input {at}. This is not allowed in strict mode.")
    return [t.new_zeros(t._array.shape) if g is None else g for g, t in zip(grads, inputs)]


def _finished(values: Any, create_graph: bool) -> Any:
    """Results as given back: without history unless create_graph."""
    if isinstance(values, tuple):
        return tuple([_finished(v, create_graph) for v in values])
    return values if create_graph else values.detach()


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), v^T J): the product of a vector with the Jacobian."""
    with enable_grad():
        many, inputs = _tuple(inputs, "inputs", "vjp")
        inputs = _fresh(inputs, create_graph)
        outputs = func(*inputs)
        many_out, outs = _tuple(outputs, "outputs of the user-provided function", "vjp")
        if v is None:
            if len(outs) != 1 or outs[0].numel() != 1:
                raise RuntimeError("The vector v can only be None if the user-provided function returns a single Tensor with a single element.")
            vs = None
        else:
            _, vs = _tuple(v, "v", "vjp")
        grads = grad(outs, inputs, vs, create_graph=create_graph, allow_unused=True)
        result = _filled(grads, inputs, strict)
    return _finished(outputs, create_graph), _finished(_like(result, many), create_graph)


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), J v): the product of the Jacobian with a vector, by differentiating v^T J with respect to v."""
    with enable_grad():
        many, inputs = _tuple(inputs, "inputs", "jvp")
        inputs = _fresh(inputs, create_graph)
        outputs = func(*inputs)
        many_out, outs = _tuple(outputs, "outputs of the user-provided function", "jvp")
        if v is None:
            if len(inputs) != 1 or inputs[0].numel() != 1:
                raise RuntimeError("The vector v can only be None if the input to the user-provided function is a single Tensor with a single "
                                   "element.")
            vs = (inputs[0].new_ones(inputs[0].shape),)
        else:
            _, vs = _tuple(v, "v", "jvp")
        weights = tuple([o.new_zeros(o.shape).requires_grad_() for o in outs])
        grads = _filled(grad(outs, inputs, weights, create_graph=True, allow_unused=True), inputs, strict)
        live = [(g, t) for g, t in zip(grads, vs) if g.requires_grad]
        if live:
            result = grad([g for g, _ in live], weights, [t for _, t in live], create_graph=create_graph, allow_unused=True)
        else:
            result = (None,) * len(outs)
        result = _filled(result, outs, strict)
    return _finished(outputs, create_graph), _finished(_like(result, many_out), create_graph)


def jacobian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode") -> Any:
    """The Jacobian: for each result and input a tensor of shape result.shape + input.shape."""
    with enable_grad():
        many, inputs = _tuple(inputs, "inputs", "jacobian")
        inputs = _fresh(inputs, create_graph)
        outputs = func(*inputs)
        many_out, outs = _tuple(outputs, "outputs of the user-provided function", "jacobian")
        rows = [_rows(out, inputs, create_graph, strict) for out in outs]
        result = tuple([_like(row, many) for row in rows])
    return _finished(_like(result, many_out), create_graph)


def _rows(out: Tensor, inputs: tuple, create_graph: bool, strict: bool) -> list:
    """The Jacobian of one result, by one backward pass per element."""
    from ..ops.join import stack
    parts: list = [[] for _ in inputs]
    for element in out.reshape(-1).unbind(0):
        if element.requires_grad:
            grads = grad(element, inputs, retain_graph=True, create_graph=create_graph, allow_unused=True)
        else:
            grads = (None,) * len(inputs)
        for part, g in zip(parts, _filled(grads, inputs, strict)):
            part.append(g)
    return [stack(part).reshape(*out.shape, *t.shape) if part else t.new_zeros((*out.shape, *t.shape)) for part, t in zip(parts, inputs)]


def hessian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
            outer_jacobian_strategy: str = "reverse-mode") -> Any:
    """The Hessian of a function with one scalar result: for each pair of inputs a tensor of shape a.shape + b.shape."""
    many, given = _tuple(inputs, "inputs", "hessian")

    def gradient(*args: Any) -> Any:
        out = func(*args)
        if not isinstance(out, Tensor) or out.numel() != 1:
            raise RuntimeError("The Tensor returned by the function given to hessian should contain a single element")
        first = jacobian(lambda *xs: func(*xs), args, create_graph=True, strict=strict)
        return tuple([g.reshape(t.shape) for g, t in zip(first, args)])
    result = jacobian(gradient, given, create_graph=create_graph, strict=strict)
    return result if many else result[0][0]


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), v^T H): the product of a vector with the Hessian."""
    with enable_grad():
        many, inputs = _tuple(inputs, "inputs", "vhp")
        inputs = _fresh(inputs, create_graph)
        out = func(*inputs)
        vs = (inputs[0].new_ones(inputs[0].shape),) if v is None else _tuple(v, "v", "vhp")[1]
        first = _filled(grad(out, inputs, create_graph=True, allow_unused=True), inputs, strict)
        live = [(g, t) for g, t in zip(first, vs) if g.requires_grad]
        second = grad([g for g, _ in live], inputs, [t for _, t in live], create_graph=create_graph, allow_unused=True) if live \
            else (None,) * len(inputs)
        result = _filled(second, inputs, strict)
    return _finished(out, create_graph), _finished(_like(result, many), create_graph)


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), H v): the Hessian of a twice differentiable function is symmetric, so this is `vhp`."""
    return vhp(func, inputs, v, create_graph, strict)
