"""Layer normalisation in machine code is that of the definition, forward and backward, for rows of all widths and one thread or several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends import native
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.parallel import inside, pool
from rushlight.ops import norm_kernels, norm_native as kernels

LANES = engine().width // 4
SIZES = [(1, 1), (2, 3), (3, LANES), (5, LANES + 1), (kernels.PART + 3, 4 * LANES), (100, 7 * LANES - 1), (9, 1000)]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def numbers(*shape):
    return np.random.default_rng(shape[-1]).standard_normal(shape).astype(np.float32)


def wide(row):
    return None if row is None else row[None].astype(np.float64)


@pytest.mark.parametrize("rows, width", SIZES)
@pytest.mark.parametrize("has_weight", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
def test_forward_is_the_definition(rows, width, has_weight, has_bias):
    x, weight, bias = numbers(rows, width) + 2, numbers(width) if has_weight else None, numbers(2, width)[1] if has_bias else None
    found = kernels.normalised_rows(x, weight, bias, 0.1)
    for a, b in zip(found, norm_kernels.normalised_rows(x.astype(np.float64), wide(weight), wide(bias), 0.1)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize("rows, width", SIZES)
@pytest.mark.parametrize("has_weight", [True, False])
def test_backward_is_the_definition(rows, width, has_weight):
    x, g = numbers(2, rows, width)
    weight = numbers(width) if has_weight else None
    _, means, scales = norm_kernels.normalised_rows(x.astype(np.float64), None, None, 0.1)
    found = kernels.rows_backward(g, x, weight, means.astype(np.float32), scales.astype(np.float32))
    for a, b in zip(found, norm_kernels.rows_backward(g.astype(np.float64), x.astype(np.float64), wide(weight), means, scales)):
        np.testing.assert_allclose(a, b.reshape(a.shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("width", [3, 5 * LANES + 2])
def test_a_row_with_nan_or_infinity_is_nan_and_spoils_no_other(bad, width):
    x = numbers(3, width)
    x[1, -1] = bad
    out, _, _ = kernels.normalised_rows(x, None, None, 1e-5)
    assert np.isnan(out[1]).all()
    assert np.isfinite(out[::2]).all()


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_tables_go_to_the_kernel_with_the_gradients_of_the_definition(monkeypatch):
    calls = []
    monkeypatch.setattr(kernels, "normalised_rows", lambda *given, run=kernels.normalised_rows: calls.append("forward") or run(*given))
    monkeypatch.setattr(kernels, "rows_backward", lambda *given, run=kernels.rows_backward: calls.append("backward") or run(*given))
    values = [numbers(64, 4, native.MANY // 256), numbers(4, native.MANY // 256), numbers(4, native.MANY // 256)]
    g = torch.from_numpy(numbers(64, 4, native.MANY // 256)[::-1].copy())
    results = []
    for dtype in (torch.float32, torch.float64):
        leaves = [torch.from_numpy(v).to(dtype).requires_grad_() for v in values]
        out = torch.nn.functional.layer_norm(leaves[0], values[1].shape, *leaves[1:])
        out.backward(g.to(dtype))
        results.append([out, *[leaf.grad for leaf in leaves]])
    assert calls == ["forward", "backward"]
    for a, b in zip(*results):
        assert torch.allclose(a.double(), b, rtol=1e-4, atol=1e-5)


def test_the_way_back_of_a_narrow_table_is_shared_out(monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: 2)
    x, g = numbers(2, 512, 64)
    monkeypatch.setattr(inside, "launches", [])
    kernels.rows_backward(g, x, None, *np.ones((2, 512, 1), np.float32))
    _, count, chunk, *_ = inside.launches[0]
    assert chunk < count
