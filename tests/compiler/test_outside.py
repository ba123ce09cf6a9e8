"""What is seen of a recorded call while it runs."""
import weakref

import pytest

import rushlight as torch
from rushlight.compiler.reach import Reach
from rushlight.core.apply import watchers


@pytest.fixture(autouse=True)
def nobody_else_looks_on():
    """Classes of tensors that other tests defined look on at operations, and may run code of a program's."""
    others = watchers[:]
    watchers.clear()
    yield
    watchers[:] = others



def codes_of(monkeypatch, function, *args):
    """The codes that are seen to run in the recorded call of a function."""
    seen = set()
    settle = Reach.settle

    def listened(self, codes):
        seen.update(codes)
        return settle(self, codes)
    monkeypatch.setattr(Reach, "settle", listened)
    torch.compile(function)(*args)
    return seen


def test_the_programs_functions_are_seen(monkeypatch):
    def inner(x):
        return x * 2

    def f(x):
        return inner(x) + 1
    assert {f.__code__, inner.__code__} <= codes_of(monkeypatch, f, torch.ones(3))


def test_what_operations_do_inside_is_not_looked_at(monkeypatch):
    # A profile function that sees every call of a kernel's text being written takes longer than the step.
    seen = codes_of(monkeypatch, lambda x: torch.softmax(x @ x, -1), torch.ones(3, 3))
    assert not {code for code in seen if code.co_filename.endswith(("op.py", "matmul.py")) and code.co_name.startswith("evaluate")}


def test_what_a_recorded_call_lets_go_of_is_free_at_once():
    made, left = [], []

    def f(x):
        for _ in range(3):
            x = x * 2
            made.append(weakref.ref(x._array))
        left.append(sum([reference() is not None for reference in made]))
        return x
    torch.compile(f)(torch.ones(3))
    assert left == [1]


def test_gradients_that_nothing_else_holds_are_added_in_the_recording():
    x, weight = torch.randn(3, 3), torch.nn.Parameter(torch.randn(3, 3))

    def f(x):
        return torch.autograd.grad((torch.tanh(x @ weight) + torch.sin(x @ weight) + weight * 2).sum(), weight)[0]
    compiled = torch.compile(f)
    for _ in range(3):
        assert torch.allclose(compiled(x), f(x), rtol=1e-5)
