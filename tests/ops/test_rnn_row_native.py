"""A few steps of one sequence in machine code give what NumPy's calls give."""
import numpy as np
import pytest

pytest.importorskip("llvmlite")

from rushlight.backends.llvm.engine import available, engine
from rushlight.ops import rnn_row, rnn_row_native

LANES = engine().width // 4


def problem(steps, hidden, skew=0):
    """(inputs, weight, h, c, outs); the weight begins `skew` numbers beyond a cache line, amid NaN."""
    draw = np.random.default_rng(steps + hidden).standard_normal
    memory = np.full(4 * hidden * hidden + 64, np.nan, np.float32)
    start = -(memory.ctypes.data // 4) % 16 + skew
    weight = memory[start:start + 4 * hidden * hidden].reshape(4 * hidden, hidden)
    weight[...] = draw(weight.shape) / np.sqrt(hidden)
    states = [draw(hidden).astype(np.float32) for _ in "hc"]
    return draw((steps, 4 * hidden)).astype(np.float32), weight, *states, np.full((steps, hidden), np.nan, np.float32)


def both(steps, hidden, skew=0):
    inputs, weight, h, c, outs = problem(steps, hidden, skew)
    expected = h.copy(), c.copy(), outs.copy()
    rnn_row.steps_by_numpy(inputs, weight, *expected)
    rnn_row_native.kernel(hidden)(inputs, weight, h, c, outs)
    return (h, c, outs), expected


@pytest.mark.parametrize("steps", [1, 2, 5, 100])
@pytest.mark.parametrize("vectors", [2, 3, 8, 17])
def test_states_and_outputs_are_numpys(steps, vectors):
    for found, expected in zip(*both(steps, vectors * LANES)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("skew", range(1, 16, 3))
def test_weight_may_begin_anywhere_and_its_neighbours_are_not_read(skew):
    for found, expected in zip(*both(3, 2 * LANES, skew)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6)


def test_saturated_gates_stay_finite():
    inputs, weight, h, c, outs = problem(4, 2 * LANES)
    inputs *= 1e4
    rnn_row_native.kernel(2 * LANES)(inputs, weight, h, c, outs)
    assert np.isfinite(outs).all() and np.abs(outs).max() <= 1


def test_nan_reaches_its_unit_and_then_all():
    inputs, weight, h, c, outs = problem(3, 2 * LANES)
    inputs[1, 0] = np.nan
    rnn_row_native.kernel(2 * LANES)(inputs, weight, h, c, outs)
    assert np.isfinite(outs[0]).all() and np.isnan(outs[1]).tolist() == [True] + [False] * (2 * LANES - 1) and np.isnan(outs[2]).all()


def test_width_that_is_no_whole_number_of_vectors_or_one_or_many_is_left_to_numpy():
    assert [rnn_row_native.kernel(hidden) for hidden in (LANES + 1, LANES, 1024)] == [None] * 3
    assert rnn_row.native_steps(np.zeros((4 * LANES + 4, LANES + 1), np.float32)) is None


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves the steps to NumPy")
def test_other_dtypes_and_views_are_left_to_numpy():
    weight = np.zeros((8 * LANES, 2 * LANES), np.float32)
    assert rnn_row.native_steps(weight) is not None
    assert [rnn_row.native_steps(weight.astype(float)), rnn_row.native_steps(weight[:, ::-1])] == [None] * 2
