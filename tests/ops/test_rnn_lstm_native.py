"""The gates of an LSTM in machine code are NumPy's, forward and backward, for one thread and several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.parallel import pool
from rushlight.ops import rnn_lstm, rnn_lstm_native as native

LANES = engine().width // 4
#: rows and vectors of units: one, some, and so many that threads share them
SIZES = [(1, 1), (3, 2), (5, 17), (130, 16)]


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def arrays(*shapes):
    draw = np.random.default_rng(len(shapes)).standard_normal
    return [draw(shape).astype(np.float32) for shape in shapes]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("rows, vectors", SIZES)
def test_forward_is_numpys(threads, rows, vectors):
    hidden = vectors * LANES
    z, before = arrays((rows, 4 * hidden), (rows, hidden))
    found, expected = ([np.full((4, rows, hidden), np.nan, np.float32), *np.full((2, rows, hidden), np.nan, np.float32)] for _ in range(2))
    native.lstm_step(hidden)(z, found[0], before, found[1], found[2])
    rnn_lstm.lstm_step(z * rnn_lstm.halves(hidden, z.dtype), expected[0], before, expected[1], expected[2])
    for a, b in zip(found, expected):
        close(a, b)


@pytest.mark.parametrize("rows, vectors", SIZES)
def test_backward_is_numpys(threads, rows, vectors):
    hidden = vectors * LANES
    gates, before, c, dh, dc = arrays((4, rows, hidden), *[(rows, hidden)] * 4)
    gates = np.tanh(gates)
    theirs, ours, dz, expected = dc.copy(), dc.copy(), *np.full((2, rows, 4 * hidden), np.nan, np.float32)
    native.lstm_step_backward(hidden)(gates, before, c, dh, ours, dz)
    rnn_lstm.lstm_step_backward(gates, before, np.tanh(c), np.empty_like(c), np.empty_like(gates), dh, theirs, expected)
    close(ours, theirs)
    close(dz, expected)


@pytest.mark.parametrize("how", [{}, {"num_layers": 2, "bidirectional": True}, {"proj_size": 5}])
@pytest.mark.parametrize("packed", [False, True])
def test_layers_have_the_same_outputs_and_gradients(threads, monkeypatch, how, packed):
    def run():
        torch.manual_seed(1)
        layer = nn.LSTM(6, 4 * LANES, **how)
        x = torch.randn(9, 5, 6, requires_grad=True)
        given = nn.utils.rnn.pack_padded_sequence(x, [9, 7, 7, 2, 1]) if packed else x
        out, (h, c) = layer(given)
        weighed = [(t * torch.randn(t.shape)).sum() for t in (out.data if packed else out, h, c)]
        sum(weighed).backward()
        return [t.detach().numpy() for t in (*weighed, h, c, x.grad, *[weight.grad for weight in layer.parameters()])]
    fast = run()
    monkeypatch.setattr(rnn_lstm, "in_machine_code", lambda *key: None)
    for a, b in zip(fast, run()):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves the gates to NumPy")
def test_kernels_are_for_float32_and_whole_vectors():
    assert rnn_lstm.in_machine_code("lstm_step", 2 * LANES, np.dtype(np.float32)) is not None
    assert rnn_lstm.in_machine_code("lstm_step", 2 * LANES, np.dtype(np.float64)) is None
    assert rnn_lstm.in_machine_code("lstm_step_backward", LANES + 1, np.dtype(np.float32)) is None
