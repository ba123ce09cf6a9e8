"""A layer of LSTM in machine code gives what NumPy gives, forward and backward, for one thread and several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.parallel import pool
from rushlight.ops import rnn_lstm

LANES = engine().width // 4
pytestmark = pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves all layers to NumPy")
#: whole vectors of units, a part of one, more than a panel's columns, and sums that are cut into blocks and into halves
LAYERS = [(4 * LANES, {}), (5, {"num_layers": 2, "bidirectional": True}), (2 * LANES + 3, {"bias": False}), (200, {}), (3, {})]


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def results(monkeypatch, native, hidden, how, packed=False, given=False, batch=5, inputs=6):
    """Outputs, last states and gradients of a layer, by the kernels or by NumPy."""
    monkeypatch.setattr(rnn_lstm, "MANY", 0 if native else float("inf"))
    torch.manual_seed(1)
    layer = nn.LSTM(inputs, hidden, **how)
    x = torch.randn(9, batch, inputs, requires_grad=True)
    states = [torch.randn(layer.num_layers * (2 if layer.bidirectional else 1), batch, hidden, requires_grad=True) for _ in range(2)]
    data = nn.utils.rnn.pack_padded_sequence(x, [9, 7, 7, 2, 1][:batch]) if packed else x
    out, (h, c) = layer(data, tuple(states) if given else None)
    weighed = [(t * torch.randn(t.shape)).sum() for t in (out.data if packed else out, h, c)]
    sum(weighed).backward()
    with torch.no_grad():
        alone, last = layer(data, tuple(states) if given else None)
    wanted = [x, *layer.parameters(), *(states if given else [])]
    return [t.detach().numpy() for t in (*weighed, h, c, alone.data if packed else alone, *last, *[t.grad for t in wanted])]


def check(monkeypatch, *args, **how):
    for a, b in zip(*[results(monkeypatch, native, *args, **how) for native in (True, False)], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=3e-5)


@pytest.mark.parametrize("hidden, how", LAYERS)
@pytest.mark.parametrize("packed, given", [(False, False), (True, True)])
def test_outputs_and_gradients_are_numpys(threads, monkeypatch, hidden, how, packed, given):
    check(monkeypatch, hidden, how, packed, given)


@pytest.mark.parametrize("batch, inputs", [(1, 1), (2, 500), (40, 3)])
def test_any_number_of_sequences_and_features(threads, monkeypatch, batch, inputs):
    check(monkeypatch, LANES + 1, {}, batch=batch, inputs=inputs)


def test_groups_of_steps_add_up(threads, monkeypatch):
    from rushlight.ops import rnn_lstm_calls, rnn_steps
    for module in (rnn_lstm_calls, rnn_steps):
        monkeypatch.setattr(module, "GROUP", 4 * 4 * LANES * 12)  # one to three steps
    check(monkeypatch, LANES, {"bidirectional": True}, packed=True)


def test_inputs_may_have_gaps(monkeypatch):
    found = []
    for native in (True, False):
        monkeypatch.setattr(rnn_lstm, "MANY", 0 if native else float("inf"))
        torch.manual_seed(1)
        layer, x = nn.LSTM(6, LANES, batch_first=True), torch.randn(3, 12, 4).transpose(1, 2)[:, :, ::2].requires_grad_()
        out, _ = layer(x)
        (out[:, -1, 1:] ** 2).sum().backward()
        found.append([t.detach().numpy() for t in (out, x.grad, *[p.grad for p in layer.parameters()])])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_inputs_and_weights_are_unharmed(monkeypatch):
    monkeypatch.setattr(rnn_lstm, "MANY", 0)
    layer, x, states = nn.LSTM(3, LANES), torch.randn(4, 2, 3), (torch.randn(1, 2, LANES), torch.randn(1, 2, LANES))
    given = [x, *states, *layer.parameters()]
    before = [t.detach().clone() for t in given]
    layer(x, states)[0].sum().backward()
    assert all([torch.equal(a, b) for a, b in zip(before, given)])


def test_kernels_are_for_float32_without_projection_and_much_work(monkeypatch):
    steps, weights = rnn_lstm.Steps(np.empty((1000, 5, 8)), None, False), (np.zeros((4 * 16, 8)), np.zeros((4 * 16, 16)))
    single = np.dtype(np.float32)
    assert rnn_lstm.is_native(steps, single, *weights, None)
    assert not rnn_lstm.is_native(steps, np.dtype(float), *weights, None)
    assert not rnn_lstm.is_native(steps, single, *weights, np.zeros((2, 16)))
    assert not rnn_lstm.is_native(rnn_lstm.Steps(np.empty((10, 5, 8)), None, False), single, *weights, None)
