"""What must hold of every operation that brings samples: gradients, second gradients, memory, shapes, and its scalar expression."""
import importlib
import pkgutil
import zlib

import numpy as np
import pytest

import rushlight as torch
from rushlight import ops
from rushlight.core.apply import apply, wrap
from rushlight.core.op import Op

SHAPES = [(3, 4), (), (5,)]


def with_samples():
    """Every Op of rushlight.ops that has samples, by its name in its file."""
    found = {}
    for module in pkgutil.iter_modules(ops.__path__):
        names = vars(importlib.import_module(f"rushlight.ops.{module.name}"))
        for name, value in names.items():
            if isinstance(value, Op) and value.samples is not None and value not in found.values():
                found[f"{module.name}.{name}"] = value
    return found


OPS = with_samples()
DIFFERENTIABLE = {name: op for name, op in OPS.items() if op.differentiable}
every_op = pytest.mark.parametrize("name", OPS)
every_differentiable_op = pytest.mark.parametrize("name", DIFFERENTIABLE)


def cases(name, shape):
    """The samples of an operation, the same at every run."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    made = OPS[name].samples(random, shape)
    # Numbers drawn for shape () come as Python floats: here every argument that is drawn is an array.
    return random, [(tuple([np.asarray(a) if isinstance(a, (float, np.bool_)) else a for a in arrays]), attributes) for arrays, attributes in made]


def differentiable(name, arrays):
    """For each argument whether the operation has a gradient for it."""
    op = OPS[name]
    return [isinstance(a, np.ndarray) and a.dtype.kind == "f" and (op.vjp is not None or op.grads[at:at + 1] not in ((), (None,)))
            for at, a in enumerate(arrays)]


def run(name, arrays, attributes, requires_grad=False):
    """The float results of an operation on arrays, and its differentiable arguments."""
    tensors = [wrap(a) if isinstance(a, np.ndarray) else a for a in arrays]
    leaves = [t.requires_grad_() for t, wanted in zip(tensors, differentiable(name, arrays)) if wanted] if requires_grad else []
    out = apply(OPS[name], *tensors, **attributes)
    outs = out if isinstance(out, tuple) else (out,)
    return [o for o in outs if o.is_floating_point()], leaves


def weighted(outs, weights):
    """The results multiplied by weights and summed up: a random cotangent."""
    return sum([(o * wrap(w)).sum() for o, w in zip(outs, weights)])


def moved(name, arrays, directions, step):
    """The arguments a step along a direction."""
    steps = iter(directions)
    return [np.asarray(a + step * next(steps)) if wanted else a for a, wanted in zip(arrays, differentiable(name, arrays))]


def drawn_like(random, tensors):
    return [random.normal(size=t.shape) for t in tensors]


@every_differentiable_op
def test_gradient_is_the_slope(name):
    for shape in SHAPES:
        random, samples = cases(name, shape)
        for arrays, attributes in samples:
            outs, leaves = run(name, arrays, attributes, requires_grad=True)
            weights, directions = drawn_like(random, outs), drawn_like(random, leaves)
            grads = torch.autograd.grad(weighted(outs, weights), leaves, allow_unused=True)
            slope = sum([(g._array * d).sum() for g, d in zip(grads, directions) if g is not None])
            step = 1e-6
            ahead, behind = [weighted(run(name, moved(name, arrays, directions, s), attributes)[0], weights).item() for s in (step, -step)]
            assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-7)


def gradient_product(name, arrays, attributes, weights, others, create_graph=False):
    """The gradients, multiplied by weights of their own and summed up, with the leaves."""
    outs, leaves = run(name, arrays, attributes, requires_grad=True)
    grads = torch.autograd.grad(weighted(outs, weights), leaves, create_graph=create_graph, allow_unused=True)
    pairs = [(g, w) for g, w in zip(grads, others) if g is not None]
    return weighted([g for g, _ in pairs], [w for _, w in pairs]), leaves


@every_differentiable_op
def test_gradient_of_the_gradient_is_its_slope(name):
    random, samples = cases(name, (3, 4))
    for arrays, attributes in samples:
        outs, leaves = run(name, arrays, attributes, requires_grad=True)
        weights, others, directions = drawn_like(random, outs), drawn_like(random, leaves), drawn_like(random, leaves)
        product, leaves = gradient_product(name, arrays, attributes, weights, others, create_graph=True)
        slope = 0.0
        if product.requires_grad:
            grads = torch.autograd.grad(product, leaves, allow_unused=True)
            slope = sum([(g._array * d).sum() for g, d in zip(grads, directions) if g is not None])
        step = 1e-5
        ahead, behind = [gradient_product(name, moved(name, arrays, directions, s), attributes, weights, others)[0].item() for s in (step, -step)]
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-6)


@every_op
def test_arguments_are_unharmed(name):
    _, samples = cases(name, (3, 4))
    for arrays, attributes in samples:
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in arrays]
        run(name, arrays, attributes)
        for a, b in zip(arrays, before):
            np.testing.assert_array_equal(a, b)


@every_op
def test_memory_order_changes_no_result(name):
    _, samples = cases(name, (3, 4))
    for arrays, attributes in samples:
        # Every second column of an array twice as wide, in Fortran order.
        strided = [np.asfortranarray(np.repeat(a, 2, -1))[..., ::2] if isinstance(a, np.ndarray) and a.ndim else a for a in arrays]
        for plain, other in zip(run(name, arrays, attributes)[0], run(name, strided, attributes)[0]):
            np.testing.assert_allclose(other._array, plain._array, rtol=1e-14)


@every_op
def test_empty_arguments_give_empty_or_neutral_results(name):
    op = OPS[name]
    _, samples = cases(name, (2, 0))
    if op.kind.name in ("unary", "binary", "two_tensors", "tensor_first", "nary", "choice"):
        for arrays, attributes in samples:
            for out in run(name, arrays, attributes)[0]:
                assert out.shape == (2, 0)


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.code is not None])
def test_scalar_expression_is_what_the_kernel_computes(name):
    from rushlight.core.scalar_numpy import kernel
    op = OPS[name]
    for shape in SHAPES:
        _, samples = cases(name, shape)
        for arrays, attributes in samples:
            if any(not isinstance(a, np.ndarray) for a in arrays):
                continue
            names = op.arguments[:len(arrays)]
            expected = run(name, arrays, attributes)[0][0]._array
            made = kernel(op.code, names, tuple(attributes))(*arrays, *attributes.values())
            np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.holomorphic])
def test_complex_gradient_is_the_slope(name):
    # With g the cotangent, d Re(sum(conj(g) f(z))) = Re(sum(conj(gradient) dz)): PyTorch's convention.
    random, samples = cases(name, (3, 4))
    for arrays, attributes in samples:
        values = [a + 0.3j * random.normal(size=a.shape) if isinstance(a, np.ndarray) else a for a in arrays]
        steps = [random.normal(size=(3, 4)) + 1j * random.normal(size=(3, 4)) for _ in values]

        def result(step=0.0, requires_grad=False, values=values, steps=steps, attributes=attributes):
            leaves = [wrap(v + step * s).requires_grad_(requires_grad) for v, s in zip(values, steps)]
            return apply(OPS[name], *leaves, **attributes), leaves

        out, leaves = result(requires_grad=True)
        cotangent = np.asarray(random.normal(size=out.shape) + 1j * random.normal(size=out.shape))
        grads = torch.autograd.grad(out, leaves, wrap(cotangent))
        slope = sum([(g._array.conj() * s).sum() for g, s in zip(grads, steps)]).real
        ahead, behind = [(cotangent.conj() * result(s)[0]._array).sum().real for s in (1e-6, -1e-6)]
        assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-6, abs=1e-7)
