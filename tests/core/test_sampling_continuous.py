import math

import ml_dtypes
import numpy as np
import pytest

from rushlight.core.generator import Generator
from rushlight.core.sampling_continuous import cauchy, exponential, gamma, log_normal

from ..golden import same_bits

REALS = {"float32": np.float32, "float64": np.float64, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
SHAPES = [0.05, 0.3, 0.99, 1.0, 1.5, 4.0, 100.0]


def seeded(seed=123):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", ["1", "0.3"])
@pytest.mark.parametrize("name", REALS)
def test_exponential_numbers_are_pytorchs(name, rate):
    assert same_bits(exponential(np.empty(100, REALS[name]), float(rate), seeded()), f"exponential_{name}[{rate}]")


@pytest.mark.parametrize("name", REALS)
def test_cauchy_and_log_normal_numbers_are_pytorchs(name):
    assert same_bits(cauchy(np.empty(50, REALS[name]), 2.5, 0.3, seeded()), f"cauchy_{name}")
    assert same_bits(log_normal(np.empty(51, REALS[name]), 0.1, 0.5, seeded()), f"log_normal_{name}")


def test_a_log_normal_number_too_large_is_infinite():
    assert (log_normal(np.empty(4), 1e4, 1, seeded()) == math.inf).all()


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_gamma_numbers_are_pytorchs(name):
    assert same_bits(gamma(np.array(SHAPES * 4, name), seeded()), f"standard_gamma_{name}")


def test_gamma_numbers_keep_their_shape_and_have_their_mean():
    numbers = gamma(np.full((40, 50), 3.0), seeded())
    assert numbers.shape == (40, 50)
    assert abs(numbers.mean() - 3) < 0.15


def test_a_gamma_number_of_shape_zero_is_the_least_positive_one():
    assert gamma(np.zeros(2, np.float32), seeded()).tolist() == [float(np.finfo(np.float32).tiny)] * 2
