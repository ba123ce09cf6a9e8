import numpy as np
import pytest

from rushlight.core.generator import Generator
from rushlight.core.sampling import uniform
from rushlight.core.sampling_discrete import binomial, geometric, multinomial, poisson, rrelu_noise
from rushlight.core.sampling_normal import normal

from ..golden import arrays, same_bits


def seeded(seed=123):
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("p", ["0.1", "0.5", "0.97"])
def test_geometric_numbers_are_pytorchs(p):
    assert same_bits(geometric(np.empty(50, np.float32), float(p), seeded()), f"geometric[{p}]")


def test_geometric_integers_are_pytorchs():
    assert same_bits(geometric(np.empty(50, np.int64), 0.2, seeded()), "geometric_int64[0.2]")


def test_poisson_numbers_are_pytorchs():
    assert same_bits(poisson(np.array([0, 0.5, 3, 9.99, 10, 40, 1e4] * 4, np.float32), seeded()), "poisson")


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_multinomial_is_pytorchs(name):
    def weights(*shape):
        generator = seeded()
        return uniform(np.empty(shape, name), 0, 1, generator), generator

    p, generator = weights(20)
    assert same_bits(multinomial(p, 30, True, generator), f"multinomial_repl_{name}/idx")
    p, generator = weights(20)
    assert same_bits(multinomial(p, 12, False, generator), f"multinomial_norepl_{name}/idx")
    p, generator = weights(4, 20)
    assert same_bits(multinomial(p, 1, False, generator), f"multinomial_one_{name}/norepl")
    assert same_bits(multinomial(p, 1, True, generator), f"multinomial_one_{name}/repl")
    p, generator = weights(3, 10)
    assert same_bits(multinomial(p, 8, True, generator), f"multinomial_2d_{name}/repl")
    assert same_bits(multinomial(p, 8, False, generator), f"multinomial_2d_{name}/norepl")


@pytest.mark.parametrize("replacement", [True, False])
def test_a_weight_of_zero_is_never_drawn(replacement):
    weights = np.array([0, 1, 0, 2, 3, 0], np.float32)
    drawn = multinomial(weights, 3, replacement, seeded())
    assert set(drawn.tolist()) <= {1, 3, 4}


@pytest.mark.parametrize(("weights", "replacement", "message"), [
    ([1, -1], False, "probability tensor contains either `inf`, `nan` or element < 0"),
    ([1, np.inf], False, "probability tensor contains either `inf`, `nan` or element < 0"),
    ([1, np.nan], False, "probability tensor contains either `inf`, `nan` or element < 0"),
    ([0, 0], False, "invalid multinomial distribution (sum of probabilities <= 0)"),
    ([1, -1], True, "invalid multinomial distribution (encountering probability entry < 0)"),
    ([0, 0], True, "invalid multinomial distribution (sum of probabilities <= 0)")])
def test_weights_that_are_none_raise_before_anything_is_drawn(weights, replacement, message):
    generator = seeded()
    with pytest.raises(RuntimeError) as raised:
        multinomial(np.array(weights, np.float32), 2, replacement, generator)
    assert str(raised.value).splitlines()[0] == message
    assert (generator.state_bytes() == seeded().state_bytes()).all()


def test_rrelu_draws_for_numbers_up_to_zero_alone():
    generator = seeded()
    x = normal(np.empty(50, np.float32), 0, 1, generator)
    noise = rrelu_noise(x, 1 / 8, 1 / 3, generator)
    assert (noise[x > 0] == 1).all()
    assert same_bits(x * noise, "rrelu_train")
    fresh = seeded()
    normal(np.empty(50, np.float32), 0, 1, fresh)
    fresh.draw(int((x <= 0).sum()), 53)
    assert (fresh.state_bytes() == generator.state_bytes()).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binomial_numbers_are_pytorchs(dtype):
    # Made with torch.manual_seed(123); torch.binomial(counts, p).
    counts = [0, 1, 5, 9, 40, 100, 1000, 1000000] * 3
    p = [.3, .9, .5, .02, .5, .97, .4, .3, 1, .1, .7, .99, .1, .2, .6, .999, 0, .5, .1, .2, .3, .4, .5, .6]
    generator = seeded()
    assert binomial(np.array(counts, dtype), np.array(p, dtype), generator).tolist() == [
        0, 1, 0, 0, 15, 96, 417, 299558, 0, 0, 3, 9, 4, 21, 568, 998998, 0, 1, 0, 0, 8, 34, 506, 599408]
    assert uniform(np.empty(1, np.float32), 0, 1, generator)[0] == np.float32(0.22508323192596436)


def test_binomial_stays_in_range_and_has_its_mean():
    counts, p = np.full(4000, 100.0), np.tile([0.02, 0.3, 0.7, 0.99], 1000)
    numbers = binomial(counts, p, seeded())
    assert ((numbers >= 0) & (numbers <= 100)).all()
    assert np.allclose(numbers.reshape(-1, 4).mean(0), 100 * p[:4], atol=1)


def test_samplers_that_look_ahead_draw_no_more_than_they_use():
    generator, other = seeded(), seeded()
    poisson(np.array([0.0, 0.0]), generator)
    assert (generator.state_bytes() == other.state_bytes()).all()
    poisson(np.array([1e-300]), generator)  # one number ends the product
    other.draw(1, 53)
    assert (generator.state_bytes() == other.state_bytes()).all()


def test_stored_multinomial_weights_are_the_ones_drawn():
    assert arrays()["multinomial_repl_float32/p"].tobytes() == uniform(np.empty(20, np.float32), 0, 1, seeded()).tobytes()
