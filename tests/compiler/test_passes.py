"""What each pass makes of a graph: sound, with the same results, and with less to do."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.compiler.graph import check
from rushlight.compiler.interpreter import interpret
from rushlight.compiler.passes.algebra import simplified
from rushlight.compiler.passes.common import without_repeats
from rushlight.compiler.passes.constants import with_constants_folded
from rushlight.compiler.passes.copies import without_copies
from rushlight.compiler.passes.dead import without_dead_code
from rushlight.compiler.passes.fuse import Fused, fuse


def recorded(function, *args):
    """The recording of a function's second call."""
    compiled = torch.compile(function)
    compiled(*args)
    compiled(*args)
    [found] = compiled._rushlight_work.recordings
    return found


def run(graph, *arrays):
    """The graph's outputs for these arguments; what else it reads is taken from where it lies."""
    from rushlight.compiler.plan import array_in
    given = iter(arrays)
    return interpret(graph, [next(given).copy() if value.storage.kind == "argument" else array_in(value, value.storage.array).copy()
                             for value in graph.inputs])


def test_a_chain_of_elementwise_operations_and_its_sum_become_one_equation():
    found = recorded(lambda x: (x * 0.5 * (1 + torch.tanh(x + 1))).sum(), torch.randn(3, 4))
    fused = fuse(found.graph)
    check(fused)
    [equation] = fused.equations
    assert isinstance(equation.op, Fused)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(fused, x)[0], run(found.graph, x)[0], rtol=1e-6)


def test_what_others_read_is_stored_on_the_way():
    found = recorded(lambda x, w: (torch.relu(x * 2) @ w, torch.relu(x * 2) + 1), torch.randn(3, 4), torch.randn(4, 2))
    fused = fuse(found.graph)
    check(fused)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
    for a, b in zip(run(fused, x, w), run(found.graph, x, w)):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_result_that_is_stored_and_summed_is_computed_once():
    def f(x):
        y = x.exp()
        return y, y.sum(0), y.mean()
    found = recorded(f, torch.randn(5, 3))
    fused = fuse(found.graph)
    check(fused)
    assert len(fused.equations) == 1 and len(fused.equations[0].outputs) == 3
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    for a, b in zip(run(fused, x), run(found.graph, x)):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_loops_over_different_shapes_stay_apart():
    found = recorded(lambda x, y: (x + 1, y + 1), torch.randn(5, 3), torch.randn(4))
    assert len(fuse(found.graph).equations) == 2


def test_a_write_ends_a_loop():
    def f(x):
        y = x + 1
        x.mul_(2)
        return y * x
    found = recorded(f, torch.randn(4))
    fused = fuse(found.graph)
    check(fused)
    x = np.random.default_rng(0).normal(size=4).astype(np.float32)
    np.testing.assert_array_equal(run(fused, x)[0], (x + 1) * (2 * x))


def test_a_gradients_copy_goes_where_the_gradient_is_used_no_more():
    w = torch.randn(3, 4, requires_grad=True)

    def step(x):
        w.grad = None
        (x @ w).sum().backward()
    compiled = torch.compile(step)
    for _ in range(3):
        compiled(torch.randn(2, 3))
    found = next(r for r in compiled._rushlight_work.recordings if r.function is not None)
    assert [e.op.name for e in found.graph.equations].count("copy") == 1
    less = without_copies(found.graph)
    check(less)
    assert "copy" not in [e.op.name for e in less.equations]


def test_two_leaves_of_one_gradient_keep_memory_of_their_own():
    a, b = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)

    def step(x):
        a.grad = b.grad = None
        ((a + b) * x).sum().backward()
    compiled = torch.compile(step)
    x = torch.randn(3)
    for _ in range(4):
        compiled(x)
    assert a.grad.data_ptr() != b.grad.data_ptr()
    assert torch.equal(a.grad, x) and torch.equal(b.grad, x)


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_memory_of_what_is_used_no_more_is_used_again(backend):
    def f(x):
        for _ in range(10):
            x = torch.softmax(torch.exp(x - 1), 0) @ torch.ones(64, 64)
        return x.sum()
    compiled = torch.compile(f, backend=backend)
    for _ in range(3):
        compiled(torch.randn(64, 64))
    [found] = compiled._rushlight_work.recordings
    buffers = found.plan.buffers
    assert buffers.bytes < buffers.without_reuse / 2 or not buffers.bytes


def names(graph):
    """The names of a graph's operations."""
    return [equation.op.name for equation in graph.equations]


def test_what_nobody_reads_is_not_computed():
    def f(x):
        torch.stack([x, x])
        return x * 2
    found = recorded(f, torch.randn(3))
    less = without_dead_code(found.graph)
    check(less)
    assert names(found.graph) == ["stack", "mul"] and names(less) == ["mul"]


def test_random_numbers_that_nobody_reads_are_drawn():
    def f(x):
        torch.rand(3)
        return x + torch.rand(3)
    found = recorded(f, torch.randn(3))
    assert names(without_dead_code(found.graph)).count("rand") == 2


def test_what_is_computed_twice_is_computed_once():
    def f(x):
        return (x.exp() * 2 + x.exp()).sum(), x.exp()
    found = recorded(f, torch.randn(3))
    less = without_repeats(found.graph)
    check(less)
    # The third one is a result, with memory of its own.
    assert names(found.graph).count("exp") == 3 and names(less).count("exp") == 2
    x = np.random.default_rng(0).normal(size=3).astype(np.float32)
    for a, b in zip(run(less, x), run(found.graph, x)):
        np.testing.assert_array_equal(a, b)


def test_two_draws_are_no_repeats():
    found = recorded(lambda x: x + torch.rand_like(x) * torch.rand_like(x), torch.randn(3))
    assert names(without_repeats(found.graph)) == names(found.graph)


def test_a_value_that_is_written_between_is_computed_again():
    def f(x):
        a = x.exp()
        x.mul_(2)
        return a * x.exp()
    found = recorded(f, torch.randn(3))
    assert names(without_repeats(found.graph)).count("exp") == 2


def test_what_follows_from_constants_is_computed_beforehand():
    found = recorded(lambda x: x + torch.tensor([1.0, 2.0]).exp() * 3, torch.randn(2))
    less = with_constants_folded(found.graph)
    check(less)
    assert names(less) == ["add"]
    x = np.array([0.5, 1.5], np.float32)
    np.testing.assert_array_equal(run(less, x)[0], run(found.graph, x)[0])


def test_a_constant_that_is_handed_out_is_new_at_each_call():
    compiled = torch.compile(lambda x: (x, torch.tensor([1.0, 2.0])))
    x = torch.randn(2)
    results = [compiled(x)[1] for _ in range(3)]
    results[1].zero_()
    assert results[2].tolist() == [1.0, 2.0] and compiled(x)[1].tolist() == [1.0, 2.0]


def test_operations_on_neutral_numbers_go():
    found = recorded(lambda x: ((x * 1 - 0) / 1 + 0).exp(), torch.randn(2))
    less = simplified(found.graph)
    check(less)
    assert names(less) == ["add", "exp"]


def test_a_product_by_one_that_is_handed_out_has_memory_of_its_own():
    compiled = torch.compile(lambda x: x * 1)
    x = torch.randn(3)
    for _ in range(3):
        y = compiled(x)
    assert y.data_ptr() != x.data_ptr() and torch.equal(x, y)


def test_what_lies_in_another_order_of_dims_is_fused_too_and_lies_as_recorded():
    def f(x):
        y = (x.transpose(0, 1) * 2 + 1).tanh()
        return y, y.sum(0)
    x = torch.randn(30, 40, 5)
    compiled = torch.compile(f)
    for _ in range(3):
        found = compiled(x)
    expected = f(x)
    [made] = compiled._rushlight_work.recordings
    assert found[0].stride() == expected[0].stride() == (5, 200, 1)
    for a, b in zip(found, expected):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5)
    assert [equation.op.name for equation in fuse(made.graph).equations if not getattr(equation.op, "is_view", False)] == ["fused"]
