"""Many steps of one sequence in machine code give what NumPy's calls give, alone and with a second thread, whenever that comes."""
import threading
import time

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight import nn
from rushlight.backends.llvm.engine import KERNEL, available, engine
from rushlight.backends.parallel import pool
from rushlight.ops import rnn_row, rnn_row_packed

LANES = engine().width // 4


@pytest.fixture(params=[1, 2])
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)
    return request.param


def problem(steps, hidden, features):
    """(x, w_ih, base, w_hh, h, c, outs): base is a bias for all steps, or the inputs of each where no features are left."""
    draw = np.random.default_rng(steps + hidden).standard_normal
    base = draw(4 * hidden if features else (steps, 4 * hidden)).astype(np.float32)
    x, w_ih, w_hh = (draw(shape).astype(np.float32) for shape in ((steps, features), (4 * hidden, features), (4 * hidden, hidden)))
    w_hh /= np.float32(np.sqrt(hidden))
    states = [draw(hidden).astype(np.float32) for _ in "hc"]
    return x, w_ih, base, w_hh, *states, np.full((steps, hidden), np.nan, np.float32)


def both(steps, hidden, features):
    x, w_ih, base, w_hh, *ours = problem(steps, hidden, features)
    expected = [a.copy() for a in ours]
    rnn_row.steps_by_numpy(base + x @ w_ih.T, w_hh, *expected)
    rnn_row_packed.kernel(hidden)(x, w_ih, base, w_hh, *ours)
    return ours, expected


def close(found, expected):
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=4e-6)


@pytest.mark.parametrize("steps", [1, 2, 100])
@pytest.mark.parametrize("vectors", [2, 3, 8, 17])
@pytest.mark.parametrize("features", [0, 1, 5])
def test_states_and_outputs_are_numpys(threads, steps, vectors, features):
    close(*both(steps, vectors * LANES, features))


def test_results_are_the_same_bits_with_one_thread_and_with_two(monkeypatch):
    found = []
    for size in (1, 2, 2, 2):
        monkeypatch.setattr(pool, "size", lambda size=size: size)
        found.append(both(50, 4 * LANES, 1)[0])
    assert all([np.array_equal(a, b) for others in found[1:] for a, b in zip(found[0], others)])


@pytest.mark.parametrize("delay", [0, 1e-4, 1e-3, 0.1])
def test_second_thread_may_come_at_any_time_or_too_late(monkeypatch, delay):
    def run_kernel(function, place, count, chunk, words, keep=()):
        def come():
            time.sleep(delay)
            KERNEL(place)(1, 2, words)
        second = threading.Thread(target=come)
        second.start()
        time.sleep(5e-4)
        function(0, 1, words)
        second.join()
    monkeypatch.setattr(rnn_row_packed, "run_kernel", run_kernel)
    close(*both(200, 8 * LANES, 1))


def test_saturated_gates_stay_finite_and_nan_reaches_its_unit_and_then_all():
    x, w_ih, base, w_hh, h, c, outs = problem(4, 2 * LANES, 0)
    run = rnn_row_packed.kernel(2 * LANES)
    run(x, w_ih, base * np.float32(1e4), w_hh, h, c, outs)
    assert np.isfinite(outs).all() and np.abs(outs).max() <= 1
    base[1, 0] = np.nan
    run(x, w_ih, base, w_hh, h, c, outs)
    assert np.isfinite(outs[0]).all() and np.isnan(outs[1]).tolist() == [True] + [False] * (2 * LANES - 1) and np.isnan(outs[2]).all()


def test_small_activations_keep_their_digits():
    x, w_ih, base, w_hh, h, c, outs = problem(5, 2 * LANES, 0)
    base[:, 4 * LANES:6 * LANES] *= np.float32(1e-6)  # the candidates: tanh must not be the difference of two numbers near 1
    w_hh[:] = 0
    h[:], c[:] = 0, 0
    z = base[0].astype(float).reshape(4, -1)
    rnn_row_packed.kernel(2 * LANES)(x, w_ih, base, w_hh, h, c, outs)
    expected = np.tanh(np.tanh(z[2]) / (1 + np.exp(-z[0]))) / (1 + np.exp(-z[3]))
    np.testing.assert_allclose(outs[0], expected, rtol=2e-6)


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves the steps to NumPy")
@pytest.mark.parametrize("features", [1, 30])
@pytest.mark.parametrize("bias", [True, False])
def test_layers_take_it_from_some_steps_on(monkeypatch, features, bias):
    calls = []
    kernel = rnn_row_packed.kernel
    monkeypatch.setattr(rnn_row_packed, "kernel", lambda hidden: calls.append(hidden) or kernel(hidden))
    layer = nn.LSTM(features, 2 * LANES, num_layers=2, bias=bias)
    x = torch.randn(rnn_row.MANY_STEPS, 1, features)
    with torch.no_grad():
        out, (h, c) = layer(x)
        assert calls == [2 * LANES] * 2
        layer(x[1:])
    assert calls == [2 * LANES] * 2
    expected, (last_h, last_c) = layer(x)
    for a, b in ((out, expected), (h, last_h), (c, last_c)):
        torch.testing.assert_close(a, b.detach(), rtol=0, atol=2e-6)


def test_several_threads_of_the_program_may_run_it_at_once(monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: 2)
    failures = []

    def work():
        for _ in range(30):
            found, expected = both(20, 4 * LANES, 1)
            if not np.allclose(found[2], expected[2], rtol=2e-6, atol=4e-6):
                failures.append(1)
    running = [threading.Thread(target=work) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not failures
