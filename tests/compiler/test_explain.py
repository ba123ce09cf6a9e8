"""`explain` tells what the compiler makes of a call, and leaves what it times as it was."""
from html.parser import HTMLParser

import numpy as np
import pytest

import rushlight as torch
from rushlight import nn
from rushlight.backends.llvm.engine import available
from rushlight.compiler import timing

explain = torch.compiler.explain
NEEDS_LLVM = pytest.mark.skipif(not available(), reason="kernels need llvmlite, the `jit` extra")


@pytest.fixture(autouse=True)
def briefly(monkeypatch):
    monkeypatch.setattr(timing, "ENOUGH", 0.0)


def trained():
    """A training step with all that changes: parameters, optimizer state, gradients, buffers, random numbers; and what it changes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss.detach()

    def seen():
        state = [part for held in optimizer.state.values() for part in held.values()]
        tensors = [*model.parameters(), *model.buffers(), *[p.grad for p in model.parameters()], *state, torch.get_rng_state()]
        return [t.detach().numpy().copy() for t in tensors], schedule.last_epoch
    return step, seen


BATCH = torch.linspace(-1, 1, 24).reshape(6, 4), torch.arange(6) % 3


@pytest.mark.parametrize("backend", ["numpy", pytest.param("llvm", marks=NEEDS_LLVM)])
def test_an_explained_step_has_been_taken_as_often_as_it_was_called(backend):
    step, seen = trained()
    told = explain(torch.compile(step, backend=backend))(*BATCH)
    arrays, epochs = seen()
    other, other_seen = trained()
    for _ in range(epochs):
        other(*BATCH)
    assert told.refused is None and epochs <= 2
    for mine, theirs in zip(arrays, other_seen()[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


@NEEDS_LLVM
def test_kernels_are_listed_with_time_and_bytes():
    told = explain(torch.compile(lambda x: ((x * 2 + 1).tanh(), x.sum(0)), backend="llvm"))(torch.ones(64, 32))
    kernels = [part for part in told.parts if part.kind == "kernel"]
    assert kernels and sum([part.calls for part in kernels]) >= 1
    assert all([part.seconds >= 0 and part.bytes >= 64 * 32 * 4 for part in kernels])
    text = str(told)
    assert "Fused loops\n-----------\n" in text and "tanh(t" in text and "sum of %0 over (0,)" in text and "at test_explain.py:" in text


def test_calls_of_numpy_are_listed():
    told = explain(torch.compile(lambda x: x.sort()[0].cumsum(0), backend="numpy"))(torch.ones(5))
    described = [str(part.equation) for part in told.parts if part.kind == "NumPy"]
    assert any(["sort" in text for text in described]) and any(["cumsum" in text for text in described])


def test_graphs_before_and_after_the_passes_are_shown():
    told = explain(lambda x: (x * 2).add(1))(torch.ones(3))
    text = str(told)
    assert "The graph as recorded: 2 equations" in text and "argument %0: float32[3]" in text and "The graph after the passes" in text
    assert told.op_count == 2 and told.graph_count == 1 and told.graph_break_count == 0 and told.break_reasons == []


def test_a_compiled_forward_shows_its_backward():
    model = nn.Linear(3, 2)
    x = torch.ones(1, 3, requires_grad=True)
    told = explain(model)(x)
    text = str(told)
    assert "The backward graph as recorded" in text and "its way back: " in text and "Kernels and calls of the way back" in text
    assert told.backward_parts and x.grad is None and model.weight.grad is None


def test_a_refused_function_tells_why():
    told = explain(lambda x: x + x.item())(torch.ones(1))
    assert "because of item(), at " in told.refused and "test_explain.py" in told.refused and told.refused in str(told)
    assert told.graph_count == 0 and told.graph_break_count == 1 and told.break_reasons == [told.refused]


def test_what_was_recorded_again_is_told_with_the_condition():
    f = torch.compile(lambda x, k=1: x * k, backend="numpy")
    f(torch.ones(2))
    f(torch.ones(3))
    f(torch.ones(3), k=2)
    with torch.no_grad():
        f(torch.ones(3), k=2)
    text = str(explain(f)(torch.ones(2)))
    for reason in ("args[0].shape == (2,)", "not kwargs", "mode.grad is True"):
        assert reason in text, text


def test_explain_takes_modules_compiled_modules_and_dynamos_way_of_calling():
    model, x = nn.Linear(3, 2), torch.ones(1, 3)
    inside = nn.Linear(3, 2)
    inside.compile(backend="numpy")
    for told in (explain(model)(x), explain(torch.compile(model))(x), explain(inside)(x), torch._dynamo.explain(model, x)):
        assert told.refused is None and told.graph_count == 1
    torch.nn.module_hooks.special_calls.discard("compiled modules")


def test_the_memory_of_the_plan_is_told():
    text = str(explain(torch.compile(lambda x: ((x * 2).exp() + 1).sqrt().log(), backend="numpy"))(torch.ones(1000)))
    assert "buffers: 4.0 kB, and " in text or "buffers: 8.0 kB, and " in text


class Page(HTMLParser):
    """Reads a page: every tag that opens closes, and what its attributes name."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_names_no_other_file(tmp_path):
    def f(x, mark="<script>alert(1)</script>"):
        return x * len(mark)
    f.__qualname__ = "<b>&amp;"
    told = explain(f)(torch.ones(3), "<script>")
    told.html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and page.links == [] and "<script" not in text and "url(" not in text and "@import" not in text
    assert text == told.to_html() and any(["<b>&amp;" in data for data in page.text])
