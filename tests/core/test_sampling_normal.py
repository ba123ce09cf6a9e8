import ml_dtypes
import numpy as np
import pytest

from rushlight.core import sampling
from rushlight.core.generator import Generator
from rushlight.core.sampling import uniform
from rushlight.core.sampling_continuous import log_normal
from rushlight.core.sampling_integers import integers
from rushlight.core.sampling_normal import normal

from ..golden import same_bits

REALS = {"float32": np.float32, "float64": np.float64, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
MOMENTS = [(0.0, 0.02), (1.5, 1.0), (-3.0, 0.37)]


def seeded(seed):
    return Generator().manual_seed(seed)


def standard(count, generator, dtype=np.float32):
    return normal(np.empty(count, dtype), 0, 1, generator)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 100])
@pytest.mark.parametrize("name", REALS)
def test_standard_normal_numbers_are_pytorchs(name, count):
    assert same_bits(standard(count, seeded(123), REALS[name]), f"randn_{name}[{count}]")


@pytest.mark.parametrize("count", [7, 50])
@pytest.mark.parametrize("number", range(len(MOMENTS)))
@pytest.mark.parametrize("name", REALS)
def test_mean_and_deviation_are_applied_as_pytorch_does(name, number, count):
    mean, std = MOMENTS[number]
    assert same_bits(normal(np.empty(count, REALS[name]), mean, std, seeded(20 + number)), f"normal_{name}[{mean},{std},{count}]")


@pytest.mark.parametrize(("key", "seed", "count", "dtype"), [
    ("randn_float32[1000]", 123, 1000, np.float32), ("randn_float32[10007]", 7, 10007, np.float32),
    ("randn_float64[1000]", 123, 1000, np.float64), ("randn_complex64[7]", 3, 7, np.complex64), ("randn_complex64[20]", 3, 20, np.complex64)])
def test_many_and_complex_numbers_are_pytorchs(key, seed, count, dtype):
    assert same_bits(standard(count, seeded(seed), dtype), key)


@pytest.mark.parametrize(("key", "dtype"), [("randn_after_tail", np.float32), ("randn_bf16_after_tail", ml_dtypes.bfloat16)])
def test_the_tail_draws_as_many_words_as_pytorch(key, dtype):
    generator = seeded(123)
    assert same_bits(standard(17, generator, dtype), key + "/randn17")
    assert same_bits(uniform(np.empty(2, np.float32), 0, 1, generator), key + "/rand2")


def test_the_cached_normal_outlives_other_draws():
    generator = seeded(99)
    made = {"a": standard(3, generator), "b": standard(16, generator), "c": uniform(np.empty(5, np.float32), 0, 1, generator),
            "d": standard(2, generator), "e": standard(1, generator, np.float64), "f": standard(4, generator),
            "g": integers(np.empty(3, np.int64), 0, 100, generator), "h": standard(1, generator),
            "i": log_normal(np.empty(2, np.float32), 0, 1, generator), "j": standard(1, generator)}
    assert [name for name, numbers in made.items() if not same_bits(numbers, "cached_normal_mix/" + name)] == []


def test_seeding_forgets_the_cached_normal():
    generator = seeded(99)
    standard(3, generator)
    assert same_bits(standard(3, generator.manual_seed(99)), "cached_normal_reset")


@pytest.mark.parametrize(("key", "array", "moments"), [
    ("strided_normal_t_small", np.empty((3, 4), np.float32).T, (0, 1)),
    ("strided_normal_t_large", np.empty((6, 5), np.float32).T, (0.5, 2.0)),
    ("strided_normal_slice", np.empty((8, 10), np.float32)[:, ::2], (0, 1))])
def test_arrays_that_are_not_contiguous_take_numbers_one_by_one(key, array, moments):
    assert same_bits(normal(array, *moments, seeded(4)), key)


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_blocks_make_no_difference(real):
    count = 2 * sampling.BLOCK + 32
    generator = seeded(1)
    pieces = [standard(64, generator, real) for _ in range(count // 64)] + [standard(32, generator, real)]
    assert (standard(count, seeded(1), real) == np.concatenate(pieces)).all()


def test_every_logarithm_and_angle_is_close_to_the_true_one():
    from rushlight.core.sampling_normal import _radius, _sine_and_cosine
    k = np.concatenate([np.arange(2000), np.arange(0, 2**24, 4099), np.arange(2**24 - 2000, 2**24)]).astype(np.int32)
    unit = k * 2.0**-24
    sine, cosine = _sine_and_cosine(k)
    assert np.abs(sine - np.sin(2 * np.pi * unit)).max() < 1e-6
    assert np.abs(cosine - np.cos(2 * np.pi * unit)).max() < 1e-6
    assert np.abs(_radius(k) - np.sqrt(-2 * np.log1p(-unit))).max() < 1e-6


def test_numbers_have_the_mean_and_deviation_asked_for():
    for array in (np.empty(20000, np.float32), np.empty(20000), np.empty((100, 200)).T):
        normal(array, 3, 2, seeded(0))
        assert abs(array.mean() - 3) < 0.05
        assert abs(array.std() - 2) < 0.05


@pytest.mark.parametrize(("mean", "std", "zeros", "negative"), [
    (0.0, 1e-44, 265, 133), (-0.0, 1e-44, 265, 133), (0.0, 0.0, 4096, 0), (-0.0, 0.0, 4096, 2080)])
def test_zeros_have_the_signs_of_pytorchs_multiply_add(mean, std, zeros, negative):
    numbers = normal(np.empty(4096, np.float32), mean, std, seeded(0))
    found = numbers[numbers == 0]
    assert (found.size, np.signbit(found).sum()) == (zeros, negative)


@pytest.mark.parametrize("mean", [0.0, -0.0, 0.5])
@pytest.mark.parametrize("std", [1.0, 0.02])
@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_a_few_numbers_are_those_that_many_begin_with(real, std, mean):
    few, many = np.empty(9, real), np.empty((50, 2), real)[:, 0]
    assert (normal(few, mean, std, seeded(8)) == normal(many, mean, std, seeded(8))[:9]).all()
