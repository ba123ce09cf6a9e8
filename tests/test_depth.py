"""Large and deep things work, and in time that grows with their size alone."""
import time

import rushlight as torch
from rushlight import nn


def seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def test_ten_thousand_parameters_are_registered_trained_and_saved():
    model = nn.ParameterList([nn.Parameter(torch.ones(2)) for _ in range(10_000)])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    total = 0.0
    for p in model:
        total = total + p.sum()
    total.backward()
    optimizer.step()
    assert all(p.tolist() == [0.5, 0.5] for p in model.parameters())
    assert len(model.state_dict()) == len(list(model.named_parameters())) == 10_000


def test_graph_of_a_hundred_thousand_nodes_is_let_go_without_recursion():
    y = torch.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = y * 1.0
    del y


def test_backward_of_a_deep_graph_through_views_and_writes():
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    for _ in range(500):
        y[1:].mul_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 4


def test_modules_nested_two_hundred_deep():
    model = nn.Identity()
    for _ in range(200):
        model = nn.Sequential(model)
    assert model(torch.ones(1)).item() == 1.0
    assert len(list(model.modules())) == 201 and repr(model).count("Sequential") == 200


def test_time_of_backward_grows_with_the_length_of_the_graph_not_its_square():
    def run(length):
        x = torch.ones(1, requires_grad=True)
        y = x
        for _ in range(length):
            y = y + x
        return seconds(y.sum().backward)
    run(100)
    short, long = min(run(2_000) for _ in range(3)), min(run(20_000) for _ in range(3))
    assert long < 40 * short
