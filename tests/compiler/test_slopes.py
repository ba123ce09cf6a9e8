"""A function whose gradient is wanted in the same graph gives its slope at once; every bit stays."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.compiler.passes.slopes import with_slopes
from rushlight.nn import functional as F

from .test_epilogues import graph_of, names, same


def gradient(x, g, times=1.0):
    y = F.gelu(x)
    y.backward(g)
    x.grad, grad = None, x.grad
    return y.detach() * times, grad


def given(*shape):
    return torch.randn(*shape, requires_grad=True), torch.randn(*shape)


def test_gelu_and_its_gradient_become_gelu_with_its_slope_and_a_product():
    x, g = given(64, 1024)
    graph = graph_of(lambda: gradient(x, g))
    shaped = with_slopes(graph)
    assert "gelu_backward" in names(graph)
    assert "gelu_with_slope" in names(shaped) and not {"gelu", "gelu_backward"} & set(names(shaped))
    same(graph, shaped)


def test_slopes_keep_every_bit():
    x, g = given(64, 1024)
    compiled = torch.compile(gradient)
    for _ in range(3):
        found = compiled(x, g)
    for a, b in zip(found, gradient(x, g)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_small_tables_and_results_alone_stay_as_they_are():
    x, g = given(4, 4)
    assert "gelu_with_slope" not in names(with_slopes(graph_of(lambda: gradient(x, g))))
    large = torch.randn(64, 1024)
    assert "gelu_with_slope" not in names(with_slopes(graph_of(lambda x: F.gelu(x) * 2, large)))


def test_an_argument_that_is_written_to_stays():
    x, g = given(64, 1024)

    def f():
        z = x * 1.5
        F.gelu(z).backward(g)
        x.grad, grad = None, x.grad
        with torch.no_grad():
            z.zero_()
        return grad
    graph = graph_of(f)
    assert "gelu_backward" in names(graph)
    assert "gelu_with_slope" not in names(with_slopes(graph))
