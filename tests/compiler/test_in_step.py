"""Kernels over rows in step give the bits that they give one after the other."""
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends.llvm.engine import available

F = torch.nn.functional
pytestmark = pytest.mark.skipif(not available(), reason="kernels are switched off")


def calls_of(f):
    """How many calls the segments of a compiled function make."""
    [recording] = f._rushlight_work.recordings
    return [len(segment.calls) for segment in recording.plan.segments]


def check(written, *args, calls):
    """A compiled function gives what the written one gives, three times over, in so many calls of kernels."""
    f = torch.compile(written, backend="llvm")
    for _ in range(4):
        expected, found = written(*args), f(*args)
        for a, b in zip(expected, found) if isinstance(expected, tuple) else [(expected, found)]:
            assert torch.equal(a, b)
    assert calls_of(f) == calls


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(400, 100), (33, 1001), (1, 40_000), (40_000, 2), (5, 80, 100)])
def test_two_kernels_are_one_call(threads, shape):
    check(lambda x: F.layer_norm(x.softmax(-1), shape[-1:]), torch.randn(*shape), calls=[1])


def test_three_kernels_with_parameters_are_one_call():
    weight, bias = torch.randn(100), torch.randn(100)
    check(lambda x: F.layer_norm(x.log_softmax(-1), (100,), weight, bias).softmax(-1), torch.randn(500, 100), calls=[1])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_what_lies_between_needs_no_memory(count):
    def written(x):
        for _ in range(count):
            x = x.softmax(-1)
        return x
    x = torch.randn(500, 100)
    f = torch.compile(written, backend="llvm")
    for _ in range(3):
        assert torch.equal(f(x), written(x))
    [recording] = f._rushlight_work.recordings
    assert calls_of(f) == [1] and recording.plan.buffers.bytes == 0


def test_what_others_read_too_stays():
    def both(x):
        p = x.softmax(-1)
        return F.layer_norm(p, (100,)), p

    def later(x):
        p = x.softmax(-1)
        y = F.layer_norm(p, (100,))
        return y.softmax(-1) @ p.t()
    x = torch.randn(400, 100)
    check(both, x, calls=[1])
    check(later, x, calls=[2])


def test_the_argument_is_not_written_over():
    x = torch.randn(400, 100)
    before = x.clone()
    check(lambda x: x.softmax(-1).softmax(-1), x, calls=[1])
    assert torch.equal(x, before)


def test_rows_that_are_others_are_not_in_step():
    check(lambda x: x.softmax(-1).view(100, 400).softmax(-1), torch.randn(400, 100), calls=[2])
    check(lambda x: x.softmax(-1).t().contiguous().softmax(-1), torch.randn(400, 100), calls=[1, 1])


def test_a_row_that_another_takes_for_parameters_is_not_in_step():
    def written(x, y):
        p = x.softmax(-1)
        return F.layer_norm(y, (100,), p[399], p[0])
    check(written, torch.randn(400, 100), torch.randn(400, 100), calls=[2])


def test_another_number_of_rows_is_not_in_step():
    check(lambda x, y: (x.softmax(-1), y.softmax(-1)), torch.randn(400, 100), torch.randn(401, 100), calls=[2])
    check(lambda x, y: (x.softmax(-1), y.softmax(-1)), torch.randn(400, 100), torch.randn(400, 90), calls=[2])


def test_training_goes_through_both():
    x, target = torch.randn(400, 100), torch.randn(400, 100)

    def loss(w):
        return (F.layer_norm((x * w).softmax(-1), (100,)) * target).sum()
    f = torch.compile(loss, backend="llvm")
    for _ in range(3):
        gradients = []
        for function in (loss, f):
            w = torch.ones(100, requires_grad=True)
            function(w).backward()
            gradients.append(w.grad)
        assert torch.allclose(*gradients, rtol=1e-5, atol=1e-5)


def test_explain_names_all_of_them():
    told = torch.compiler.explain(torch.compile(lambda x: F.layer_norm(x.softmax(-1), (100,)), backend="llvm"))(torch.randn(400, 100))
    assert "320.0 kB" in str(told)  # the table and the result
    assert "softmax(%0, dim=1); " in str(told) and "= native_layer_norm(" in str(told)
