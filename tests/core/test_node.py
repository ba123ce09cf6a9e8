"""What a program sees of the nodes of a graph."""
import pytest

import rushlight as torch


def test_class_of_a_node_bears_its_name():
    x = torch.ones(2, requires_grad=True)
    node = (x * 2).grad_fn
    assert type(node).__name__ == node.__class__.__name__ == node.name() == "MulBackward0" and str(type(node)) == "<class 'MulBackward0'>"
    assert isinstance(node, torch.autograd.graph.Node) and type(node) is type((x * 3).grad_fn)
    assert type(node.next_functions[0][0]).__name__ == "AccumulateGrad"
    assert type((x * 2).sum().grad_fn.next_functions[0][0]).__name__ == "MulBackward0"
    assert type(torch.autograd.graph.get_gradient_edge(x.exp()).node).__name__ == "ExpBackward0"


def test_class_of_a_function_s_node_bears_its_name():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(2, requires_grad=True)
    y = Double.apply(x)
    assert str(type(y.grad_fn)) == "<class 'torch.autograd.function.DoubleBackward'>"
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_class_follows_the_name_when_the_history_changes():
    base = torch.ones(4, requires_grad=True) * 1
    view = base[:2]
    assert type(view.grad_fn).__name__ == "SliceBackward0"
    base.mul_(2)
    assert type(view.grad_fn).__name__ == "AsStridedBackward0"


@pytest.mark.parametrize(("function", "name"), [
    (lambda x: x.double(), "ToCopyBackward0"), (lambda x: x.to(torch.float16), "ToCopyBackward0"),
    (lambda x: x.to(torch.float32, copy=True), "ToCopyBackward0"), (lambda x: x.to("cpu", copy=True), "ToCopyBackward0"),
    (lambda x: torch.zeros(2).copy_(x), "CopyBackwards"), (lambda x: x.clone(), "CloneBackward0"),
])
def test_copies_have_pytorch_s_names(function, name):
    assert type(function(torch.ones(2, requires_grad=True)).grad_fn).__name__ == name
