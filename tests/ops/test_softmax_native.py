"""softmax and log_softmax in machine code are the exact ones, forward and backward, for rows of all widths and one thread or several."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

import rushlight as torch
from rushlight.backends import native
from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.llvm.rows import RowKernel
from rushlight.backends.llvm.vectors import exp_below_zero
from rushlight.backends.parallel import pool
from rushlight.ops import softmax_native as kernels

LANES = engine().width // 4
SIZES = [(1, 1), (2, 3), (3, LANES), (5, LANES + 1), (7, 4 * LANES), (4, 7 * LANES - 1), (9, 1000), (1, 5000)]
#: a row, and what its softmax is; the numbers around them are 0
SPECIAL = [([np.nan, 1.0], np.nan), ([np.inf, 1.0], np.nan), ([-np.inf], 0.0), ([1e30], 1.0), ([-1e30], 0.0)]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def tables(rows, width, count):
    draw = np.random.default_rng(width).standard_normal
    return [(3 * draw((rows, width))).astype(np.float32) for _ in range(count)]


def exact(x):
    x = x.astype(np.float64)
    power = np.exp(x - x.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


@pytest.mark.parametrize("rows, width", SIZES)
def test_forward_is_exact_to_a_few_units_in_the_last_place(rows, width):
    [x] = tables(rows, width, 1)
    # The difference from the maximum is rounded before the exponential is taken: ten times a unit of it is a millionth.
    np.testing.assert_allclose(kernels.of_rows(kernels.softmax_rows, x), exact(x), rtol=3e-6)
    np.testing.assert_allclose(kernels.of_rows(kernels.log_softmax_rows, x), np.log(exact(x)), rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("rows, width", SIZES)
def test_backward_is_exact_to_a_few_units_in_the_last_place(rows, width):
    g, x = tables(rows, width, 2)
    y = exact(x)
    found = kernels.of_rows(kernels.softmax_backward_rows, g, y.astype(np.float32))
    np.testing.assert_allclose(found, y * (g - (g * y).sum(1, keepdims=True)), rtol=1e-5, atol=2e-6)
    found = kernels.of_rows(kernels.log_softmax_backward_rows, g, np.log(y).astype(np.float32))
    np.testing.assert_allclose(found, g - y * g.sum(1, keepdims=True, dtype=np.float64), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("values, expected", SPECIAL)
@pytest.mark.parametrize("width", [3, LANES, 5 * LANES + 2])
def test_a_row_with_an_extreme_number_is_as_numpys_and_spoils_no_other(values, expected, width):
    x = np.zeros((3, width), np.float32)
    x[1, -len(values):] = values
    out = kernels.of_rows(kernels.softmax_rows, x)
    assert np.array_equal(out[1, -1], np.float32(expected), equal_nan=True)
    assert np.allclose(out[::2], 1 / width)
    logs = kernels.of_rows(kernels.log_softmax_rows, x)
    assert np.allclose(np.exp(logs), out, equal_nan=True)


def test_a_row_of_minus_infinity_is_nan():
    x = np.full((2, LANES + 3), -np.inf, np.float32)
    assert np.isnan(kernels.of_rows(kernels.softmax_rows, x)).all() and np.isnan(kernels.of_rows(kernels.log_softmax_rows, x)).all()


@pytest.mark.parametrize("width", [3, LANES, LANES + 3])
def test_a_row_far_below_zero_is_shifted_by_its_own_maximum(width):
    x = np.full((2, width), -200, np.float32)
    assert np.allclose(kernels.of_rows(kernels.softmax_rows, x), 1 / width)


def test_the_exponential_of_shares_is_exact_to_a_unit_and_zero_below_the_normal_numbers():
    def write(c):
        row, out = c.pointer("%arguments", 0), c.pointer("%arguments", 1)
        c.over(c.word("%arguments", 2), lambda p: p.store(exp_below_zero(c, p.load(row)), out))
    x = np.append(np.random.default_rng(0).uniform(-87, 0, 100_000), [0, -0.0, -87.01, -104, -1e30, -np.inf, np.nan]).astype(np.float32)
    out = np.empty_like(x)
    RowKernel(write)(1, x.size, (x, out))
    exact = np.exp(x[:-5].astype(np.float64))
    assert (np.abs(out[:-5] - exact) / np.spacing(exact.astype(np.float32))).max() < 1
    assert out[-5:-1].tolist() == [0, 0, 0, 0] and np.isnan(out[-1])


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_large_tables_go_to_the_kernel_and_small_ones_do_not(monkeypatch, name):
    calls = []
    of_rows = kernels.of_rows
    monkeypatch.setattr(kernels, "of_rows", lambda write, *given: calls.append(write.__name__) or of_rows(write, *given))
    for width, expected in ((native.MANY // 64, [f"{name}_rows", f"{name}_backward_rows"]), (native.MANY // 64 - 1, [])):
        x = torch.randn(64, width, requires_grad=True)
        (getattr(x, name)(1) * torch.randn(64, width)).sum().backward()
        assert calls == expected
        calls.clear()
