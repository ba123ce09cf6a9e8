"""Infinities, nan and zeros of both signs give the same compiled as they do as written, in every elementwise operation."""
import gc
import importlib
import pkgutil

import numpy as np
import pytest

import rushlight as torch
from rushlight import ops
from rushlight.backends.llvm.engine import available
from rushlight.core.apply import apply
from rushlight.core.op import Op

pytestmark = pytest.mark.skipif(not available(), reason="kernels need llvmlite, the `jit` extra")

NUMBERS = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3e38, -3e38, 1e-30], np.float32)
#: gradients of what cannot be negative
OF_RESULTS = {"threshold_backward"}


def elementwise():
    """The operations that the compiler fuses, by name."""
    for found in pkgutil.iter_modules(ops.__path__):
        if not found.name.endswith("_native"):
            importlib.import_module(f"rushlight.ops.{found.name}")
    return sorted([op for op in gc.get_objects() if isinstance(op, Op) and op.code], key=lambda op: (op.name, op.code))


def arguments(op, turn):
    """Tensors of all special numbers, each in another order."""
    return [torch.from_numpy(np.roll(NUMBERS, 5 * i * (turn + 1)).copy()) for i in range(len(op.arguments))]


def attributes(op):
    """Those of the operation's first sample."""
    cases = op.samples(np.random.default_rng(0), (2,)) if op.samples else []
    return cases[0][1] if cases else {}


def test_compiled_operations_are_those_as_written():
    compared = 0
    for op in elementwise():
        attrs = attributes(op)
        for turn in range(3):
            args = arguments(op, turn)
            if op.name in OF_RESULTS:
                args[1:] = [abs(arg) for arg in args[1:]]
            try:
                expected = apply(op, *args, **attrs)
            except (TypeError, RuntimeError):  # one that takes truth values or whole numbers
                continue
            if not isinstance(expected, torch.Tensor) or expected.dtype is not torch.float32:
                continue
            compiled = torch.compile(lambda *args, op=op, attrs=attrs: apply(op, *args, **attrs), backend="llvm")
            for _ in range(2):
                result = compiled(*args)
            assert compiled._rushlight_work.recordings[0].function, op.name
            # Sums of what nearly cancels lose digits, in other places if they are added in another way.
            np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=3e-6, atol=1e-37, err_msg=f"{op.name}: {op.code}")
            compared += 1
    assert compared > 200


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("exponent", [-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3])
def test_compiled_powers_and_their_gradients_are_those_as_written(exponent, backend):
    def powers(x):
        out = x ** exponent
        return out, torch.autograd.grad(out.sum(), x)[0]
    x = torch.tensor(NUMBERS, requires_grad=True)
    compiled = torch.compile(powers, backend=backend)
    for _ in range(2):
        for result, expected in zip(compiled(x), powers(x)):
            np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=3e-6, atol=1e-37)
