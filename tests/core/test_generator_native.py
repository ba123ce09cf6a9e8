"""Words of the stream, and dropout's noise of them, drawn in machine code: NumPy's, to the bit, and the stream goes on from where it stands."""
import ctypes

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rushlight as torch
from rushlight.core import generator_native as native, sampling

LIMIT, SCALE = int(0.75 * 2**53), np.array(1 / 0.75, np.float32)
#: less than a vector, around the length of the state, and many of them
COUNTS = [0, 1, 3, 700, 623, 624, 625, 10000, 1, 40001]


def state_of(bits):
    return np.frombuffer(memoryview((ctypes.c_uint32 * 625).from_address(bits.ctypes.state_address)), np.uint32)


def noise(bits, count, limit):
    """So many numbers, between two that must stay."""
    out = np.full(count + 2, 7, np.float32)
    native.dropout_noise(state_of(bits), out[1:-1], limit, SCALE)
    assert out[0] == out[-1] == 7
    return out[1:-1]


def test_words_are_numpys_and_leave_the_state_that_numpy_leaves():
    ours, theirs = np.random.MT19937(5), np.random.MT19937(5)
    for count in COUNTS:
        np.testing.assert_array_equal(native.words(state_of(ours), count), theirs.random_raw(count).astype(np.uint32))
        np.testing.assert_array_equal(state_of(ours), state_of(theirs))


@pytest.mark.parametrize("count", [1, 17, 1000, 2048, 2049, 16384])
def test_noise_is_the_scale_where_53_bits_are_below_the_limit(count):
    ours, theirs = np.random.MT19937(7), np.random.MT19937(7)
    for is_met in (False, True):
        drawn = theirs.random_raw(2 * count)
        numbers = (drawn[::2] & np.uint64(2**21 - 1)) << np.uint64(32) | drawn[1::2]
        limit = int(numbers[0]) if is_met else LIMIT
        np.testing.assert_array_equal(noise(ours, count, limit), (numbers < limit) * SCALE)


@pytest.mark.parametrize("limit, expected", [(0, 0), (1 << 53, 4 / 3)])
def test_limits_beyond_all_numbers_leave_nothing_and_all(limit, expected):
    found = noise(np.random.MT19937(1), 1000, limit)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_large_dropout_has_the_numbers_of_the_plain_draw_and_so_has_what_follows(monkeypatch):
    def run():
        torch.manual_seed(3)
        torch.rand(5)
        return torch.dropout(torch.ones(40001), 0.3, True).numpy(), torch.rand(7).numpy()
    found = run()
    monkeypatch.setattr(sampling, "is_native", lambda *arrays: False)
    for a, b in zip(found, run()):
        np.testing.assert_array_equal(a, b)


def test_a_first_draw_by_dropout_starts_the_stream():
    one, other = torch.Generator().manual_seed(9), torch.Generator().manual_seed(9)
    first = one.moved_by(lambda state: native.words(state, 4))
    np.testing.assert_array_equal(first, other.draw(4, 32).astype(np.uint32))
    assert torch.equal(one.get_state(), other.get_state())
