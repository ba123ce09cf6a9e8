"""gradcheck: gradients of backward compared with finite differences."""
from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import recording
from ..core.apply import wrap
from ..tensor import Tensor


class GradcheckError(RuntimeError):
    """A gradient is not what finite differences say."""


def gradcheck(func: Callable, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3, raise_exception: bool = True,
              nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
              check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True,
              fast_mode: bool = False, masked: bool | None = None) -> bool:
    """Whether backward of func agrees with central differences at inputs (float64 tensors that require grad).

    Raises GradcheckError where it does not, or returns False with raise_exception=False.
    """
    recording.reads("gradcheck()")
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _check_inputs(inputs)
        outputs = differentiable(func(*inputs))
        if not outputs:
            _check_no_gradient(func, inputs, eps)
            return True
        for number, _ in enumerate(outputs):
            _check_output(func, inputs, number, eps, atol, rtol, nondet_tol)
        if check_undefined_grad:
            _check_undefined(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func: Callable, inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
                  gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0,
                  check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
                  check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False,
                  masked: bool = False) -> bool:
    """gradcheck of the gradient of func: second derivatives against central differences."""
    from . import grad
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = differentiable(func(*inputs))
    if grad_outputs is None:
        generator = np.random.default_rng(0)
        grad_outputs = tuple([wrap(_random_like(o, generator)).requires_grad_() for o in outputs])
    grad_outputs = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(inputs)

    def first_gradients(*args: Any) -> tuple:
        wanted = [t for t in args[:count] if isinstance(t, Tensor) and t.requires_grad]
        grads = grad(differentiable(func(*args[:count])), wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple([g for g in grads if g is not None])
    return gradcheck(first_gradients, inputs + grad_outputs, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
                     nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad)


def _random_like(tensor: Tensor, generator: Any) -> Any:
    array = tensor._array
    values = generator.standard_normal(array.shape)
    if array.dtype.kind == "c":
        values = values + 1j * generator.standard_normal(array.shape)
    return np.asarray(values).astype(array.dtype)


def differentiable(outputs: Any) -> list:
    """The results that have a gradient."""
    outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
    return [o for o in outputs if isinstance(o, Tensor) and o.requires_grad]


def _check_inputs(inputs: tuple) -> None:
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    if not wanted:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.")
    for at, tensor in enumerate(inputs):
        if isinstance(tensor, Tensor) and tensor.requires_grad and tensor.dtype.name not in ("float64", "complex128"):
            warnings.warn(f"Input #{at} requires gradient and is not a double precision floating point or complex. This check will likely fail "
                          "if all the inputs are not of double precision floating point or complex. ", stacklevel=3)


def numerical_jacobian(func: Callable, inputs: tuple, at: int, number: int, eps: float) -> Any:
    """d output[number] / d inputs[at] by central differences: rows are input elements, columns output elements.

    For a complex input the row is (d/dx - i d/dy) / 2 conjugated, PyTorch's convention of a gradient.
    """
    array = inputs[at]._array
    rows = []
    for index in np.ndindex(array.shape):
        rows.append(_difference(func, inputs, array, index, number, eps))
        if array.dtype.kind == "c":
            rows[-1] = (rows[-1], _difference(func, inputs, array, index, number, 1j * eps))
    return rows


def _difference(func: Callable, inputs: tuple, array: Any, index: tuple, number: int, step: Any) -> Any:
    kept = array[index]
    values = []
    for sign in (1, -1):
        array[index] = kept + sign * step
        try:
            out = func(*inputs)  # recorded: a function may itself differentiate
        finally:
            array[index] = kept
        out = (out,) if isinstance(out, Tensor) else [o for o in out if isinstance(o, Tensor)]
        values.append(np.array(out[number]._array).ravel())
    return (values[0] - values[1]) / (2 * abs(step))


def analytical_rows(func: Callable, inputs: tuple, wanted: list, number: int) -> tuple[list, list]:
    """For each element of the result, and for each direction (1, and i for complex), the gradients of the wanted inputs."""
    from . import grad
    output = _outputs_at(func, inputs, number)
    directions = (1, 1j) if output.is_complex() else (1,)
    rows = []
    for index in np.ndindex(output._array.shape):
        for direction in directions:
            seed = np.zeros_like(output._array)
            seed[index] = direction
            rows.append(grad(output, wanted, wrap(seed), retain_graph=True, allow_unused=True))
    return rows, list(directions)


def _outputs_at(func: Callable, inputs: tuple, number: int) -> Tensor:
    return differentiable(func(*inputs))[number]


def _check_output(func: Callable, inputs: tuple, number: int, eps: float, atol: float, rtol: float, nondet_tol: float) -> None:
    """Compare <seed, J step> from differences with <backward(seed), step>, for all unit seeds and steps."""
    places = [at for at, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    rows, directions = analytical_rows(func, inputs, [inputs[at] for at in places], number)
    again, _ = analytical_rows(func, inputs, [inputs[at] for at in places], number)
    position = _position(func, inputs, number)
    for column, at in enumerate(places):
        array = inputs[at]._array
        numeric = numerical_jacobian(func, inputs, at, position, eps)
        analytic = [np.zeros(array.shape, array.dtype) if row[column] is None else row[column]._array for row in rows]
        repeat = [np.zeros(array.shape, array.dtype) if row[column] is None else row[column]._array for row in again]
        if analytic and max([np.abs(a - b).max(initial=0) for a, b in zip(analytic, repeat)]) > nondet_tol:
            raise GradcheckError("Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
                                 "values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was "
                                 f"{nondet_tol}.")
        _compare(numeric, analytic, directions, array, at, number, atol, rtol)


def _position(func: Callable, inputs: tuple, number: int) -> int:
    """The place among all tensor results of the number-th differentiable one."""
    outputs = func(*inputs)
    outputs = [outputs] if isinstance(outputs, Tensor) else [o for o in outputs if isinstance(o, Tensor)]
    return [at for at, o in enumerate(outputs) if o.requires_grad][number]


def _compare(numeric: list, analytic: list, directions: list, array: Any, at: int, number: int, atol: float, rtol: float) -> None:
    real_numeric, real_analytic = [], []
    for row, index in enumerate(np.ndindex(array.shape)):
        steps = numeric[row] if array.dtype.kind == "c" else (numeric[row],)
        for part, step in enumerate(steps):
            for out, change in enumerate(step):
                for which, direction in enumerate(directions):
                    g = analytic[out * len(directions) + which][index]
                    # A change of the loss Re(conj(seed) * change) equals Re(conj(gradient) * step).
                    real_numeric.append((np.conj(direction) * change).real)
                    real_analytic.append(np.real(g) if part == 0 else np.imag(g))
    a, b = np.array(real_analytic, float), np.array(real_numeric, float)
    if not np.allclose(a, b, rtol, atol, equal_nan=True):
        shape = (array.size * (2 if array.dtype.kind == "c" else 1), -1)
        raise GradcheckError(f"Jacobian mismatch for output {number} with respect to input {at},\n"
                             f"numerical:{wrap(b.reshape(shape))}\nanalytical:{wrap(a.reshape(shape))}\n")


def _check_no_gradient(func: Callable, inputs: tuple, eps: float) -> None:
    """Results without a gradient must not change with the inputs."""
    outputs = func(*inputs)
    outputs = [outputs] if isinstance(outputs, Tensor) else [o for o in outputs if isinstance(o, Tensor)]
    if not outputs:
        return
    for at, tensor in enumerate(inputs):
        if isinstance(tensor, Tensor) and tensor.requires_grad and outputs[0].is_floating_point():
            for row in numerical_jacobian(func, inputs, at, 0, eps):
                if np.any(np.asarray(row) != 0):
                    raise GradcheckError("Numerical gradient for function expected to be zero")


def _check_undefined(func: Callable, inputs: tuple) -> None:
    """Backward must take zeros for the gradients of results that nothing used."""
    from . import grad
    wanted = [t for t in inputs if isinstance(t, Tensor) and t.requires_grad]
    outputs = differentiable(func(*inputs))
    zeros = [wrap(np.zeros_like(o._array)) for o in outputs]
    for g in grad(outputs, wanted, zeros, allow_unused=True):
        if g is not None and np.any(g._array != 0):
            raise GradcheckError("Expected all input grads to be undefined or zero when all output grads are undefined or zero. Please look at "
                                 "\"Notes about undefined output gradients\" in \"tools/autograd/derivatives.yaml\"")
