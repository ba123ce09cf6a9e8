"""Sums over rows in machine code have the bits of NumPy's, for all numbers of rows and columns."""
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import column_sums, column_sums_native as native
from rushlight.backends.llvm import engine
from rushlight.backends.llvm.engine import available
from rushlight.backends.native import MANY
from rushlight.backends.parallel import pool

ROWS = [16, 32, 256, 4096, 9008]


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    monkeypatch.setattr(pool, "size", lambda: request.param)


def bits(x):
    return x.view(np.int32).tolist()


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("columns", [13, 32, 100, 200])
def test_all_sizes_have_numpys_bits(rows, columns):
    x = np.random.default_rng(rows).standard_normal((rows, columns)).astype(np.float32)
    assert bits(native.run_sums(x, 16)) == bits(np.add.reduce(x.reshape(-1, 16, columns), 1))


def test_columns_out_of_a_wider_matrix():
    x = np.random.default_rng(0).standard_normal((320, 90)).astype(np.float32)[:, 20:84]
    assert bits(native.run_sums(x, 16)) == bits(np.add.reduce(x.reshape(-1, 16, 64), 1))


def test_negative_zeros_stay_and_nan_and_infinity_stay_in_their_column():
    x = np.full((32, 70), -0.0, np.float32)
    x[17, 3], x[31, 69], x[18, 5] = np.nan, np.inf, 1
    expected = np.full((2, 70), -0.0, np.float32)
    expected[1, [3, 69, 5]] = np.nan, np.inf, 1
    found = native.run_sums(x, 16)
    assert np.array_equal(found, expected, equal_nan=True) and np.signbit(found[0]).all()


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 switches machine code off")
def test_large_matrices_go_to_the_kernel(monkeypatch):
    calls = []
    monkeypatch.setattr(native, "run_sums", lambda x, run, sums=native.run_sums: calls.append(x.shape) or sums(x, run))
    for columns in (32, 45):
        x = np.random.default_rng(0).standard_normal((MANY // 32, columns)).astype(np.float32)
        found = column_sums.column_sums(x)
        with monkeypatch.context() as patch:
            patch.setattr(engine, "available", lambda: False)
            assert bits(column_sums.column_sums(x)) == bits(found)
        column_sums.column_sums(x[1:, :32])
    assert calls == [(MANY // 32, 32)] * 2


@pytest.mark.skipif(not available(), reason="RUSHLIGHT_JIT=0 leaves sums to NumPy")
@pytest.mark.parametrize("rows", [4, 5, 16, 17, 64, 255, 300, 4100])
@pytest.mark.parametrize("columns", [2, 3, 4, 7, 8, 10, 13, 32, 33, 100, 140])
@pytest.mark.parametrize("gap", [0, 5])
def test_small_sums_have_the_bits_they_have_before_a_kernel_is_at_hand(rows, columns, gap, monkeypatch):
    x = np.random.default_rng(rows).standard_normal((rows, columns + gap)).astype(np.float32)[:, :columns]
    x[:, 0] = -0.0
    monkeypatch.setattr(column_sums, "is_worthwhile", lambda: True)
    found = column_sums.column_sums(x)
    monkeypatch.setattr(column_sums, "is_worthwhile", lambda: False)
    assert bits(found) == bits(column_sums.column_sums(x))
