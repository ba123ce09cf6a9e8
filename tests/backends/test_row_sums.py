"""Sums of all numbers: the values, and the order that makes them PyTorch's to the bit."""
import numpy as np
import pytest

from rushlight.backends import row_sums
from rushlight.backends.native import available

#: sums of the numbers below by PyTorch 2.13 on two threads
GOLDEN = [(131_073, -84670.578125), (1_234_567, -649265.625), (4_000_000, -2073291.5)]


@pytest.fixture
def one_thread(monkeypatch):
    monkeypatch.setattr(row_sums, "get_num_threads", lambda: 1)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 100, 1000, 40000, 200000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_is_that_of_exact_arithmetic_but_for_rounding(size, dtype):
    x = np.random.default_rng(0).standard_normal(size).astype(dtype)
    assert row_sums.sum_of_all(x) == pytest.approx(float(x.astype(np.longdouble).sum()), abs=1e-3 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("seed, size", [(0, 100), (1, 1000), (2, 5001)])
def test_order_is_by_strands_of_vectors(one_thread, seed, size):
    # The same additions, one number at a time.
    x = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    vectors = size // 8
    lanes = x[:vectors * 8].reshape(vectors, 8)
    quarter = vectors // 4
    strands = [cascade(lanes[strand:4 * quarter:4]) for strand in range(4)]
    total = strands[0]
    for at in range(4 * quarter, vectors):
        total = total + lanes[at]
    for strand in strands[1:]:
        total = total + strand
    expected = np.float32(0)
    for number in (*x[vectors * 8:], *total):
        expected = np.float32(expected + number)
    assert row_sums.sum_of_all(x) == expected


def cascade(rows):
    """Sums of 16 rows are summed by 16 themselves; what is left over at a level is added first."""
    levels = [np.zeros(8, np.float32) for _ in range(4)]
    for count, row in enumerate(rows, 1):
        levels[0] = levels[0] + row
        for level in range(3):
            if count % 16 ** (level + 1):
                break
            levels[level + 1] = levels[level + 1] + levels[level]
            levels[level] = np.zeros(8, np.float32)
    return ((levels[0] + levels[1]) + levels[2]) + levels[3]


def test_two_threads_sum_two_halves(monkeypatch):
    x = np.random.default_rng(3).standard_normal(40000).astype(np.float32)
    monkeypatch.setattr(row_sums, "get_num_threads", lambda: 2)
    assert row_sums.sum_of_all(x) == sum(row_sums.sum_of_part(part, row_sums.strands(part)) for part in (x[:20000], x[20000:]))


@pytest.mark.skipif(not available(), reason="without machine code such a sum is NumPy's")
@pytest.mark.parametrize("size", [32768, 32769, 131073, 200_000, 999_999, 1 << 20])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_sums_in_machine_code_have_the_bits_of_the_definition(size, threads, monkeypatch):
    x = np.random.default_rng(size).standard_normal(size).astype(np.float32)
    monkeypatch.setattr(row_sums, "get_num_threads", lambda: threads)
    found = row_sums.sum_of_all(x)
    monkeypatch.setattr(row_sums, "is_native", lambda x: False)
    monkeypatch.setattr(row_sums, "MANY", 1 << 21)
    assert found == row_sums.sum_of_all(x)


@pytest.mark.skipif(not available(), reason="without machine code such a sum is NumPy's")
@pytest.mark.parametrize("size, expected", GOLDEN)
def test_large_sums_have_pytorchs_bits(size, expected, monkeypatch):
    monkeypatch.setattr(row_sums, "get_num_threads", lambda: 2)
    # Whole numbers and their inverses: every sum is rounded, and no random generator is asked.
    x = (np.arange(size) % 1013 / np.float32(7) - (np.arange(size) % 17) * np.float32(9.1)).astype(np.float32)
    assert float(row_sums.sum_of_all(x)) == expected
