"""What is done to results while they are made is what the operations would do one after the other."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.compiler.graph import check
from rushlight.compiler.interpreter import interpret
from rushlight.compiler.passes.epilogues import with_epilogues
from rushlight.compiler.plan import array_in
from rushlight.nn import functional as F
from rushlight.ops import finished
from rushlight.ops.windows import Windows


def graph_of(function, *args):
    """The graph of a function's second call, before any pass."""
    compiled = torch.compile(function)
    compiled(*args)
    compiled(*args)
    [found] = compiled._rushlight_work.recordings
    return found.graph


def names(graph):
    return [equation.op.name for equation in graph.equations]


def run(graph, *arrays):
    """The graph's outputs for these arguments; what else it reads is taken from where it lies."""
    given = iter(arrays)
    return interpret(graph, [(next(given) if value.storage.kind == "argument" else array_in(value, value.storage.array)).copy()
                             for value in graph.inputs])


def same(graph, shaped, *arrays):
    """Whether both give the same for these arguments."""
    check(shaped)
    for found, expected in zip(run(shaped, *arrays), run(graph, *arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def arrays(*tensors):
    return [tensor.detach().numpy() for tensor in tensors]


X, W = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
CASES = {
    "the relu of a convolution": (lambda x, w: F.relu(F.conv2d(x, w)), ["convolution_finished"]),
    "the relu of a sum": (lambda x, w: F.relu(F.conv2d(x, w) + F.conv2d(x * 2, w)), ["convolution", "mul", "convolution_finished"]),
    "a sum alone": (lambda x, w: F.conv2d(x, w) + F.conv2d(x, w, stride=1)[:1].expand(2, 4, 6, 6).clone(), None),
    "a result that leaves": (lambda x, w: [out := F.conv2d(x, w), F.relu(out)], ["convolution", "relu"]),
    "a result that is read twice": (lambda x, w: F.relu(out := F.conv2d(x, w)) * out, ["convolution", "relu", "mul"]),
    "a sum with itself": (lambda x, w: (out := F.conv2d(x, w)) + out, ["convolution", "add"]),
    "a sum that is broadcast": (lambda x, w: F.conv2d(x, w) + w[:, 0, 0, :1, None], None),
    "a batch norm": (lambda x, w: F.relu(F.batch_norm(x, None, None, w[:3, 0, 0, 0], None, True) + x), ["batch_norm_stats", "batch_norm_finished"]),
    "a relu of a relu": (lambda x, w: F.relu(F.relu(F.conv2d(x, w))), ["convolution_finished", "relu"]),
}


@pytest.mark.parametrize("case", CASES)
def test_operations_are_joined_where_nothing_else_reads_between(case):
    function, expected = CASES[case]
    graph = graph_of(function, X, W)
    shaped = with_epilogues(graph)
    same(graph, shaped, *arrays(X, W))
    if expected is not None:
        assert [name for name in names(shaped) if name not in ("select", "slice", "unsqueeze")] == expected


def test_what_is_overwritten_before_the_relu_is_read_before():
    def f(x, w):
        out = F.conv2d(x, w)
        x.mul_(2)
        return F.relu(out)
    graph = graph_of(f, X.clone(), W)
    shaped = with_epilogues(graph)
    assert "convolution_finished" not in names(shaped)


def test_the_gradient_of_a_relu_is_part_of_that_by_the_images():
    def f(x, w, v):
        loss = F.conv2d(F.relu(F.conv2d(x, w, padding=1)), v).square().sum()
        return torch.autograd.grad(loss, w)[0]
    args = X, W.clone().requires_grad_(), torch.randn(2, 4, 3, 3)
    graph = graph_of(f, *args)
    shaped = with_epilogues(graph)
    assert "threshold_backward" in names(graph) and "threshold_backward" not in names(shaped)
    same(graph, shaped, *arrays(*args))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_of_a_relu_goes_before_that_of_the_maxima(stride):
    def f(x):
        return torch.autograd.grad(F.max_pool2d(F.relu(x), 2, stride).square().sum(), x)[0]
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    graph = graph_of(f, x)
    shaped = with_epilogues(graph)
    assert names(shaped).index("threshold_backward") < names(shaped).index("max_pool_backward")
    assert [equation.outputs[0].shape for equation in shaped.equations if equation.op.name == "threshold_backward"] == [
        (2, 3, 4, 4) if stride == 2 else (2, 3, 7, 7)]
    same(graph, shaped, *arrays(x))


def test_batches_are_counted_in_place():
    norm = torch.nn.BatchNorm1d(3)
    f = torch.compile(norm)
    for _ in range(5):
        f(torch.randn(4, 3))
    assert norm.num_batches_tracked.item() == 5 and norm.num_batches_tracked.dtype is torch.int64
    [found] = f._rushlight_work.recordings
    shaped = with_epilogues(found.graph)
    check(shaped)
    assert "count_up" in names(shaped) and "write" in names(shaped)
    [count] = [equation for equation in shaped.equations if equation.op.name == "count_up"]
    seen = np.array(7)
    count.op.forward(seen, **count.attrs)
    assert seen == 8


#: windows of step 1 and 2, of step 3, and of a line
WINDOWS = [Windows((20, 21), (3, 3), (1, 2), ((1, 1), (0, 1)), (1, 1)), Windows((21, 20), (3, 2), (2, 3), ((0, 0), (1, 1)), (1, 2)),
           Windows((90,), (4,), (2,), ((1, 1),), (1,))]


@pytest.mark.parametrize("how", [(True, True, False), (True, False, True), (False, True, False), (False, False, True), (True, False, False)])
@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("op", [finished.CONVOLUTION_FINISHED, finished.SPREAD_FINISHED])
def test_kernels_do_to_convolutions_what_the_definition_does(monkeypatch, op, windows, how):
    draw = np.random.default_rng(0).standard_normal
    forward = op is finished.CONVOLUTION_FINISHED
    inputs, outputs, given, made = (7, 9, windows.size, windows.out) if forward else (9, 7, windows.out, windows.size)
    shapes = (3, inputs, *given), (9, 7, *windows.kernel), outputs, (3, outputs, *made)
    x, weight, bias, other = (draw(shape).astype(np.float32) for shape in shapes)
    other[other < -1] = 0
    added, relu, masked = how
    args = x, weight, bias, other if added else None, other if masked else None
    found = op.forward(*args, windows=windows, groups=1, relu=relu)
    monkeypatch.setattr(finished, "has_kernel", lambda *args: False)
    wide = [None if a is None else a.astype(np.float64) for a in args]
    np.testing.assert_allclose(found, op.forward(*wide, windows=windows, groups=1, relu=relu), rtol=1e-5, atol=2e-5)
