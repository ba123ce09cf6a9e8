"""Attention in machine code is that of the definition, forward and backward, for all sizes, masks and orders of memory."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
import rushlight.nn.functional as F
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.parallel import pool
from rushlight.ops import attention, attention_kernels, attention_native as native

LANES = engine().width // 4
#: batches, heads, rows, keys, width, width of values: one number, less than a tile, whole tiles, several blocks and a rest
SIZES = [(1, 1, 1, 1, 1, 1), (1, 2, 5, 7, 3, 9), (2, 3, 8, 2 * LANES, LANES, 2 * LANES), (2, 2, 70, 100, 33, 17), (2, 1, 130, 40, 33, 50),
         (1, 3, 64, 64, 32, 32)]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def arrays(size, heads_inside):
    """query, key, value and a gradient; in memory the heads of one place may lie side by side, with gaps between places."""
    batches, heads, rows, keys, width, value_width = size
    draw = np.random.default_rng(sum(size)).standard_normal
    found = []
    for count, wide in ((rows, width), (keys, width), (keys, value_width), (rows, value_width)):
        shape = (batches, count, 2, heads, wide) if heads_inside else (batches, heads, count, wide)
        values = draw(shape).astype(np.float32)
        found.append(values[:, :, 1].swapaxes(1, 2) if heads_inside else values)
    return found


def tables(*given):
    return [a.reshape(-1, *a.shape[2:]).astype(np.float64) for a in given]


def compare(size, mask, causal, heads_inside=False):
    q, k, v, g = arrays(size, heads_inside)
    wide = mask if mask is None or mask.dtype == bool else mask.astype(np.float64)
    out, logs = native.attended(q, k, v, mask, 0.3, causal)
    exact, exact_logs = attention_kernels.attended(*tables(q, k, v), wide, 0.3, causal)
    found = native.attended_backward(g, q, k, v, mask, logs, 0.3, causal)
    expected = attention_kernels.attended_backward(*tables(g, q, k, v), wide, exact, exact_logs, 0.3, causal, False)
    for a, b in zip((out, *found), (exact, *expected)):
        np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(logs, exact_logs, rtol=1e-5, atol=1e-5)
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads_inside", [False, True])
def test_all_sizes_and_orders_of_memory(size, causal, heads_inside):
    out = compare(size, None, causal, heads_inside)
    assert (out.strides[1] < out.strides[2]) == (heads_inside and size[1] > 1 and size[2] > 1) or size[2] == 1


@pytest.mark.parametrize("shape", [(1, 3, 8), (4, 3, 8), (3, 8)])
def test_a_query_that_is_repeated_has_a_result_of_its_own_for_each_head(shape):
    draw = np.random.default_rng(0).standard_normal
    q, k, v = np.broadcast_to(draw(shape).astype(np.float32), (4, 4, 3, 8)), *draw((2, 4, 4, 6, 8)).astype(np.float32)
    out, logs = native.attended(q, k, v, None, 0.3, False)
    whole, _ = native.attended(q.copy(), k, v, None, 0.3, False)
    np.testing.assert_array_equal(out, whole)
    found = native.attended_backward(out, q, k, v, None, logs, 0.3, False)
    expected = native.attended_backward(out, q.copy(), k, v, None, logs, 0.3, False)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (4, 1), (4, 70)])
@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_truth_values_and_of_numbers(shape, causal):
    random = np.random.default_rng(0)
    allowed = random.random((*shape, 100)) > 0.3
    allowed[0, -1] = False  # rows that see no key
    compare(SIZES[3], allowed, causal)
    compare(SIZES[3], random.standard_normal((*shape, 100)).astype(np.float32), causal)


def test_a_row_without_keys_is_zero_and_so_are_its_gradients():
    q, k, v, g = arrays(SIZES[3], False)
    mask = np.ones((1, 70, 100), bool)
    mask[0, 9] = False
    out, logs = native.attended(q, k, v, mask, 0.3, False)
    assert not out[:, :, 9].any() and np.isposinf(logs[:, 9]).all() and out[:, :, 10].all()
    dq, dk, dv = native.attended_backward(g, q, k, v, mask, logs, 0.3, False)
    assert not dq[:, :, 9].any() and np.isfinite(dk).all() and np.isfinite(dv).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_behind_a_row_does_not_spoil_it(bad):
    q, k, v, g = arrays((1, 1, 70, 70, 8, 8), False)
    k[0, 0, 66] = bad
    out, logs = native.attended(q, k, v, None, 0.3, True)
    assert np.isfinite(out[0, 0, :66]).all() and np.isnan(out[0, 0, 66:]).all()


def test_far_scores_are_shifted():
    q, k, v, _ = arrays(SIZES[2], False)
    out, _ = native.attended(1000 * q, k, v, None, 1.0, False)
    exact, _ = attention_kernels.attended(*tables(1000 * q, k, v), None, 1.0, False)
    np.testing.assert_allclose(out.reshape(exact.shape), exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [127, 129])
def test_keys_and_values_of_different_number_raise(count):
    q, k, v = torch.randn(1, 2, 128, 8), torch.randn(1, 2, 128, 8), torch.randn(1, 2, count, 8)
    with pytest.raises(RuntimeError, match=rf"to be: \[2, 128\] but got: \[2, {count}\]"):
        F.scaled_dot_product_attention(q, k, v)
    with pytest.raises(RuntimeError, match=f"shapes cannot be multiplied \\(128x128 and {count}x8\\)"):
        F.scaled_dot_product_attention(q[0, 0], k[0, 0], v[0, 0])


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_tables_go_to_the_kernels_and_have_the_same_gradients_and_order_of_memory(monkeypatch):
    calls = []
    forward, backward = native.attended, native.attended_backward
    monkeypatch.setattr(native, "attended", lambda *given: calls.append("forward") or forward(*given))
    monkeypatch.setattr(native, "attended_backward", lambda *given: calls.append("backward") or backward(*given))

    def run():
        torch.manual_seed(0)
        x = torch.randn(2, 128, 3, 2, 8, requires_grad=True)
        q, k, v = x.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        (y * torch.randn(2, 2, 128, 8)).sum().backward()
        return y.detach(), x.grad
    ours = run()
    assert calls == ["forward", "backward"]
    monkeypatch.setattr(attention, "in_machine_code", lambda *given: None)
    for a, b in zip(ours, run()):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5) and a.stride() == b.stride()
    assert len(calls) == 2
