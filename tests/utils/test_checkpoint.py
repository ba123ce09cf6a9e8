"""Functions whose saved tensors are computed again."""
import math
import weakref

import pytest

import rushlight as torch
from rushlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential, set_checkpoint_early_stop

both = pytest.mark.parametrize("reentrant", [True, False])


def leaves():
    return torch.arange(4.0).requires_grad_(), torch.full((4,), 0.5, requires_grad=True)


@both
def test_gradients_are_those_of_the_function(reentrant):
    x, w = leaves()
    checkpoint(lambda a, k: (a * w * k).exp().sin(), x, 2.0, use_reentrant=reentrant).sum().backward()
    y, v = leaves()
    (y * v * 2.0).exp().sin().sum().backward()
    assert torch.equal(x.grad, y.grad) and torch.equal(w.grad, v.grad)


@both
def test_what_the_function_saves_is_not_kept_and_computed_once_more(reentrant):
    x, _ = leaves()
    seen = []

    def function(a):
        inner = a.exp()
        seen.append((weakref.ref(inner._array), torch.is_grad_enabled()))
        return inner.sin()

    y = checkpoint(function, x, use_reentrant=reentrant)
    assert len(seen) == 1 and seen[0][0]() is None
    y.sum().backward()
    assert [recorded for _, recorded in seen] == [not reentrant, True] and seen[1][0]() is None


@both
@pytest.mark.parametrize(("preserve", "expected"), [(True, [[0, 0, 2, 0], 0.6323]), (False, [[2, 2, 2, 2], 0.8000])])
def test_random_numbers_are_drawn_again(reentrant, preserve, expected):
    torch.manual_seed(0)
    w = torch.ones(4, requires_grad=True)

    def drop(a):
        return torch.dropout(a * w, 0.5, True)

    y = checkpoint(drop, torch.ones(4, requires_grad=True), use_reentrant=reentrant, preserve_rng_state=preserve)
    assert y.tolist() == [0, 0, 2, 0] and torch.rand(1).item() == pytest.approx(0.4556, abs=1e-4)
    y.sum().backward()
    assert [w.grad.tolist(), torch.rand(1).item()] == [expected[0], pytest.approx(expected[1], abs=1e-4)]


@both
def test_backward_twice_needs_retain_graph(reentrant):
    x, _ = leaves()
    loss = checkpoint(torch.exp, x, use_reentrant=reentrant).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert torch.allclose(x.grad, 2 * x.detach().exp())
    with pytest.raises(RuntimeError, match="^Trying to backward through the graph a second time"):
        loss.backward()


def test_reentrant_kind_is_for_whole_backwards_alone():
    x, _ = leaves()
    for call in (lambda y: torch.autograd.grad(y, x), lambda y: y.backward(inputs=[x])):
        with pytest.raises(RuntimeError, match="^When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad"):
            call(checkpoint(torch.exp, x, use_reentrant=True).sum())
        call(checkpoint(torch.exp, x, use_reentrant=False).sum())


def test_gradients_of_gradients_go_through():
    x, _ = leaves()
    g, = torch.autograd.grad(checkpoint(lambda a: a.exp().sin(), x, use_reentrant=False).sum(), x, create_graph=True)
    second, = torch.autograd.grad(g.sum(), x)
    e = [math.exp(v) for v in range(4)]
    assert second.tolist() == pytest.approx([v * math.cos(v) - v * v * math.sin(v) for v in e], rel=1e-4)


@both
def test_checkpoints_inside_checkpoints(reentrant):
    x, w = leaves()
    checkpoint(lambda a: checkpoint(lambda b: (b * w).exp(), a, use_reentrant=reentrant).sin(), x, use_reentrant=reentrant).sum().backward()
    y, v = leaves()
    (y * v).exp().sin().sum().backward()
    assert torch.equal(x.grad, y.grad) and torch.equal(w.grad, v.grad)


def varying(*functions):
    calls = iter(functions)
    return lambda a: next(calls)(a)


@pytest.mark.parametrize(("second", "message"), [
    (lambda a: a * a, "A different number of tensors was saved during the original forward and recomputation.\n"
                      "Number of tensors saved during forward: 3\nNumber of tensors saved during recomputation: 2."),
    (lambda a: (torch.cat([a, a]) * torch.cat([a, a])).exp(), "Recomputed values for the following tensors have different metadata than during the "
                                                              "forward pass.\ntensor at position 0:\nsaved metadata: {'shape': torch.Size([4])"),
])
def test_function_that_saves_other_tensors_the_second_time_is_an_error(second, message):
    x, _ = leaves()
    y = checkpoint(varying(lambda a: (a * a).exp(), second), x, use_reentrant=False)
    with pytest.raises(CheckpointError) as raised:
        y.sum().backward()
    assert str(raised.value).startswith("torch.utils.checkpoint: " + message)


def test_second_call_stops_as_soon_as_it_has_all():
    x, _ = leaves()
    longer = varying(torch.exp, lambda a: a.exp().sin())
    checkpoint(longer, x, use_reentrant=False).sum().backward()
    longer = varying(torch.exp, lambda a: a.exp().sin())
    with set_checkpoint_early_stop(False):
        y = checkpoint(longer, x, use_reentrant=False)
    with pytest.raises(CheckpointError, match="trying to save more tensors during recomputation than during the original forward pass"):
        y.sum().backward()


@both
def test_sequence_in_segments_is_the_sequence(reentrant):
    torch.manual_seed(1)
    layers = torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(5)])
    x, _ = leaves()
    y = checkpoint_sequential(layers, 2, x, use_reentrant=reentrant)
    y.sum().backward()
    assert torch.equal(y, layers(x))
    found, x.grad = x.grad, None
    layers(x).sum().backward()
    assert torch.equal(found, x.grad)


def test_arguments_are_checked_and_the_default_is_warned_of():
    x, _ = leaves()
    with pytest.warns(UserWarning, match="^torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9"):
        checkpoint(torch.exp, x)
    with pytest.warns(UserWarning, match="^None of the inputs have requires_grad=True. Gradients will be None$"):
        checkpoint(torch.exp, x.detach(), use_reentrant=True)
    with pytest.raises(ValueError, match="^Unexpected keyword arguments: b$"):
        checkpoint(torch.exp, x, b=1, use_reentrant=True)
    with pytest.raises(ValueError, match=r"^determinism_check should be one of \['default', 'none'\], but got x$"):
        checkpoint(torch.exp, x, use_reentrant=False, determinism_check="x")
    with torch.no_grad():
        assert not checkpoint(torch.exp, x, use_reentrant=False).requires_grad
