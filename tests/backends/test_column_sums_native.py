"""Sums over rows in machine code have the bits of NumPy's, for all numbers of rows and columns."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import column_sums, column_sums_native as native
from rushlight.backends.llvm.engine import available
from rushlight.backends.native import MANY
from rushlight.backends.parallel import pool

ROWS = [1, 15, 16, 17, 255, 256, 273, 4095, 4096, 4400, 9000]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def bits(x):
    return x.view(np.int32).tolist()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("columns", [13, 32, 100, 200])
def test_all_sizes_have_numpys_bits(rows, columns):
    x = np.random.default_rng(rows).standard_normal((rows, columns)).astype(np.float32)
    assert bits(native.in_runs(x)) == bits(column_sums.in_runs(x))


def test_columns_out_of_a_wider_matrix():
    x = np.random.default_rng(0).standard_normal((300, 90)).astype(np.float32)[:, 20:84]
    assert bits(native.in_runs(x)) == bits(column_sums.in_runs(x))


def test_negative_zeros_stay_and_nan_and_infinity_stay_in_their_column():
    x = np.full((40, 70), -0.0, np.float32)
    x[17, 3], x[39, 69], x[2, 5] = np.nan, np.inf, 1
    expected = np.full(70, -0.0, np.float32)
    expected[3], expected[69], expected[5] = np.nan, np.inf, 1
    assert np.array_equal(native.in_runs(x), expected, equal_nan=True) and np.signbit(native.in_runs(x)[6:60]).all()


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_matrices_go_to_the_kernel(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "in_runs", lambda x, run=native.in_runs: calls.append(x.shape) or run(x))
    for columns in (32, 45):
        x = np.random.default_rng(0).standard_normal((MANY // 32, columns)).astype(np.float32)
        found = column_sums.column_sums(x)
        with monkeypatch.context() as patch:
            patch.setattr(column_sums, "available", lambda: False)
            assert bits(column_sums.column_sums(x)) == bits(found)
        column_sums.column_sums(x[1:, :32])
    assert calls == [(MANY // 32, 32)] * 2
