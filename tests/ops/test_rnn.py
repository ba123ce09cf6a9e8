"""The fused kernels of recurrent layers against their definition in plain operations, and against slopes."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.autograd import grad, gradcheck, gradgradcheck
from rushlight.ops import rnn_steps
from rushlight.ops.rnn_elman import RNN, rnn_definition
from rushlight.ops.rnn_gru import GRU, gru_definition
from rushlight.ops.rnn_lstm import LSTM, lstm_definition

KINDS = {"tanh": (RNN, rnn_definition, 1, {"relu": False}), "relu": (RNN, rnn_definition, 1, {"relu": True}),
         "gru": (GRU, gru_definition, 3, {}), "lstm": (LSTM, lstm_definition, 4, {}), "projected": (LSTM, lstm_definition, 4, {})}
#: even steps, few and many (which take other ways), one sequence, and packed
SHAPES = {"few steps": ((3, 2), None), "many steps": ((9, 2), None), "one sequence": ((9, 1), None), "packed": (None, (3, 2, 2, 1)),
          "packed, many steps": (None, (3, 3, 2, 2, 2, 1, 1, 1, 1))}


def arguments(kind, lead, sizes, biased=True, width=2, hidden=3):
    """Random arguments of a layer's operation, all with a gradient."""
    generator = torch.Generator().manual_seed(3)

    def draw(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()
    parts, out = KINDS[kind][2], 2 if kind == "projected" else hidden
    batch = lead[1] if sizes is None else sizes[0]
    states = [draw(batch, out)] + ([draw(batch, hidden)] if parts == 4 else [])
    biases = [draw(parts * hidden), draw(parts * hidden)] if biased else [None, None]
    projection = ([draw(out, hidden) if kind == "projected" else None]) if parts == 4 else []
    return [draw(*(lead or (sum(sizes),)), width), *states, draw(parts * hidden, width), draw(parts * hidden, out), *biases, *projection]


def layer(kind, args, sizes, reverse):
    op, definition, parts, how = KINDS[kind]
    results = 3 if parts == 4 else 2
    return torch.core.apply.apply(op, *args, sizes=sizes, reverse=reverse, **how)[:results]


def given(args):
    return [arg for arg in args if arg is not None]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_equal_the_definition(kind, shape, reverse):
    lead, sizes = SHAPES[shape]
    args = arguments(kind, lead, sizes)
    ours = layer(kind, args, sizes, reverse)
    theirs = KINDS[kind][1](*args, sizes=sizes, reverse=reverse, **KINDS[kind][3])
    weights = [torch.randn(out.shape, dtype=torch.float64) for out in ours]
    for a, b in zip(ours, theirs, strict=True):
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), rtol=0, atol=1e-13)
    for a, b in zip(grad(ours, given(args), weights), grad(theirs, given(args), weights), strict=True):
        assert np.allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm", "projected"])
def test_gradients_are_slopes(kind):
    args = arguments(kind, (3, 2), None)

    def run(*values):
        left = iter(values)
        return layer(kind, [None if arg is None else next(left) for arg in args], None, False)
    assert gradcheck(run, tuple(given(args)))


@pytest.mark.parametrize("kind", ["tanh", "gru", "lstm"])
def test_second_gradients_are_slopes(kind):
    args = arguments(kind, (2, 1), None, biased=False, width=1, hidden=2)

    def run(*values):
        left = iter(values)
        return layer(kind, [None if arg is None else next(left) for arg in args], None, False)
    assert gradgradcheck(run, tuple(given(args)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [None, (3, 3, 2, 2, 2, 1, 1, 1, 1)])
def test_groups_of_steps_add_up(kind, sizes, monkeypatch):
    args = arguments(kind, (9, 2) if sizes is None else None, sizes)
    weights = None
    found = []
    for limit in (rnn_steps.GROUP, 300):  # in one group, and in groups of one to three steps
        monkeypatch.setattr(rnn_steps, "GROUP", limit)
        outs = layer(kind, args, sizes, False)
        weights = weights or [torch.randn(out.shape, dtype=torch.float64) for out in outs]
        found.append(grad(outs, given(args), weights))
    for a, b in zip(*found, strict=True):
        assert np.allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_may_be_overwritten_before_backward(kind):
    args = arguments(kind, (9, 2), None)
    weights = torch.randn(layer(kind, args, None, False)[0].shape, dtype=torch.float64)
    want = grad(layer(kind, args, None, False)[0], given(args), 2 * weights)
    got = grad(layer(kind, args, None, False)[0].mul_(2), given(args), weights)
    for a, b in zip(got, want, strict=True):
        assert np.allclose(a.numpy(), b.numpy(), rtol=0, atol=1e-12)


def test_groups_cover_every_step_once():
    for sizes in (None, (3, 2, 2, 1)):
        for reverse in (False, True):
            steps = rnn_steps.Steps(np.empty((4, 2, 1) if sizes is None else (8, 1)), sizes, reverse)
            places = [(group.start + own.start, group.start + own.stop) for group, own in steps.groups(5)]
            assert places == steps.bounds
            assert all(own.stop <= group.stop - group.start for group, own in steps.groups(5))
