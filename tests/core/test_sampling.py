import itertools

import ml_dtypes
import numpy as np
import pytest

from rushlight.core import sampling
from rushlight.core.generator import Generator
from rushlight.core.sampling import bernoulli, bernoulli_each, uniform

from ..golden import same_bits

REALS = {"float32": np.float32, "float64": np.float64, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
BOUNDS = [(-0.25, 0.25), (-0.3779644730092272, 0.3779644730092272), (0.3, 1.7), (-3.0, -1.0), (100.0, 101.0), (0.0, 2.5), (-7.3, 12345.0)]


def seeded(seed):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33, 100])
@pytest.mark.parametrize("name", REALS)
def test_unit_numbers_are_pytorchs(name, count):
    assert same_bits(uniform(np.empty(count, REALS[name]), 0, 1, seeded(123)), f"rand_{name}[{count}]")


@pytest.mark.parametrize("number", range(len(BOUNDS)))
@pytest.mark.parametrize("name", REALS)
def test_numbers_between_bounds_are_pytorchs(name, number):
    low, high = BOUNDS[number]
    assert same_bits(uniform(np.empty(200, REALS[name]), low, high, seeded(10 + number)), f"uniform_{name}[{low},{high}]")


def test_complex_numbers_draw_both_parts():
    assert same_bits(uniform(np.empty(5, np.complex64), 0, 1, seeded(123)), "rand_complex64[5]")


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_blocks_make_no_difference(real):
    count = 2 * sampling.BLOCK + 5
    whole = uniform(np.empty(count, real), 0.1, 0.7, seeded(1))
    generator = seeded(1)
    pieces = [uniform(np.empty(min(1000, count - start), real), 0.1, 0.7, generator) for start in range(0, count, 1000)]
    assert (whole == np.concatenate(pieces)).all()


def test_arrays_are_filled_in_the_order_of_their_addresses():
    flat = uniform(np.empty(120, np.float32), 0, 1, seeded(4))
    for axes in itertools.permutations(range(3)):
        array = uniform(np.empty((4, 5, 6), np.float32).transpose(axes), 0, 1, seeded(4))
        assert (array.transpose(np.argsort(axes)) == flat.reshape(4, 5, 6)).all()


def test_gaps_between_elements_are_left_alone():
    array = np.zeros((6, 10), np.float32)
    uniform(array[:, ::2], 1, 2, seeded(4))
    assert (array[:, ::2].reshape(-1) == uniform(np.empty(30, np.float32), 1, 2, seeded(4))).all()
    assert (array[:, 1::2] == 0).all()


def test_transposed_array_is_pytorchs():
    assert same_bits(uniform(np.empty((6, 5), np.float32).T, 0, 1, seeded(4)), "strided_uniform_t")


@pytest.mark.parametrize("real", REALS.values())
@pytest.mark.parametrize(("low", "high"), [(0.1, 0.1000001), (1.0, 1.0 + 2.0**-7), (5.0, 5.0), (0.0, 0.0)])
def test_the_upper_bound_is_never_reached(real, low, high):
    array = uniform(np.empty(3000, real), low, high, seeded(0))
    bounds = np.array([low, high], np.float64 if real is np.float64 else np.float32).astype(real)
    assert ((array < bounds[1]) | (array == bounds[0])).all()


def test_fused_rounds_once():
    x, scale, shift = np.array([1 + 2.0**-30, 0.1, -0.3]), 1 - 2.0**-30, -1.0
    # (1 + e)(1 - e) - 1 = -e**2, which two roundings turn into 0.
    assert sampling.fused(x, scale, shift)[0] == -2.0**-60


def test_fused_single_rounds_a_sum_next_to_a_midpoint_once():
    # 1 + 2**-24 is midway between two float32 numbers; 2**-60 more decides, but is lost in float64.
    products = np.array([2.0**-24 + 2.0**-60, 2.0**-24 - 2.0**-60, 2.0**-24])
    assert sampling.fused_single(products, 1.0).tolist() == [1 + 2.0**-23, 1.0, 1.0]


@pytest.mark.parametrize("p", ["0.0", "0.1", "0.3333333333333333", "0.5", "0.9", "1.0"])
def test_bernoulli_is_pytorchs(p):
    assert same_bits(bernoulli(np.empty(100, np.float32), float(p), seeded(123)), f"bernoulli_scalar[{p}]")


def test_bernoulli_of_bool_is_pytorchs():
    assert same_bits(bernoulli(np.empty(100, bool), 0.3, seeded(123)), "bernoulli_scalar_bool")


def test_bernoulli_fills_in_the_order_of_addresses():
    assert same_bits(bernoulli(np.empty((2, 3, 4, 5), np.float32).transpose(2, 0, 3, 1), 0.4, seeded(4)), "strided_bernoulli_perm")


@pytest.mark.parametrize("name", REALS)
def test_bernoulli_with_a_probability_each_is_pytorchs(name):
    generator = seeded(123)
    p = uniform(np.empty(100, REALS[name]), 0, 1, generator)
    assert same_bits(bernoulli_each(np.empty_like(p), p, generator), f"bernoulli_tensor_{name}")


def test_bernoulli_broadcasts_probabilities():
    p = np.array([0.1, 0.3, 0.5, 0.7, 0.9], np.float32)
    assert same_bits(bernoulli_each(np.empty((4, 5), np.float32), p, seeded(123)), "bernoulli_bcast")


def test_probabilities_follow_their_elements_in_a_transposed_array():
    p = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    transposed = bernoulli_each(np.empty((4, 3), np.float32).T, p, seeded(1))
    assert (transposed.T == bernoulli_each(np.empty((4, 3), np.float32), p.T, seeded(1))).all()
