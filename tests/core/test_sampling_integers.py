import ml_dtypes
import numpy as np
import pytest

from rushlight.core import sampling_integers
from rushlight.core.generator import Generator
from rushlight.core.sampling_integers import all_integers, any_integers, checked_bounds, integers, permutation

from ..golden import same_bits

TYPES = {name: np.dtype(name) for name in "bool uint8 int8 int16 int32 int64 float16 float32 float64 uint16 uint64".split()}
TYPES["bfloat16"] = np.dtype(ml_dtypes.bfloat16)


def seeded(seed=123):
    return Generator().manual_seed(seed)


def between(low, high, name):
    low, high = checked_bounds(TYPES[name], low, high)
    return integers(np.empty(50, TYPES[name]), low, high, seeded())


@pytest.mark.parametrize(("key", "low", "high"), [
    ("0,2", 0, 2), ("0,10", 0, 10), ("-5,7", -5, 7), ("0,2**28-1", 0, 2**28 - 1), ("0,2**28", 0, 2**28), ("0,2**32+5", 0, 2**32 + 5),
    ("-2**62,2**62", -2**62, 2**62), ("0,2**63-1", 0, 2**63 - 1), ("-2**63,2**63-1", -2**63, 2**63 - 1)])
def test_int64_numbers_are_pytorchs(key, low, high):
    assert same_bits(between(low, high, "int64"), f"randint[{key}]")


@pytest.mark.parametrize(("name", "key", "low", "high"), [
    ("int32", "-2**31,2**31-1", -2**31, 2**31 - 1), ("int16", "-9,3000", -9, 3000), ("int8", "-128,127", -128, 127), ("uint8", "0,256", 0, 256),
    ("bool", "0,2", 0, 2), ("float32", "0,10", 0, 10), ("float64", "0,2**50", 0, 2**50), ("float16", "0,2000", 0, 2000),
    ("bfloat16", "0,200", 0, 200)])
def test_numbers_of_other_dtypes_are_pytorchs(name, key, low, high):
    assert same_bits(between(low, high, name), f"randint_{name}[{key}]")


@pytest.mark.parametrize("name", "bool uint8 int8 int16 int32 int64 float32 float64 float16 bfloat16".split())
def test_numbers_without_bounds_are_pytorchs(name):
    assert same_bits(any_integers(np.empty(50, TYPES[name]), seeded()), f"random_{name}")


@pytest.mark.parametrize("name", ["int64", "int32"])
def test_numbers_without_an_upper_bound_are_pytorchs(name):
    assert same_bits(between(5, None, name), f"random_from_none_{name}[5]")


def test_all_integers_are_the_raw_draws():
    assert same_bits(all_integers(np.empty(650, np.int64), seeded()), "raw64")


@pytest.mark.parametrize(("key", "low", "high"), [("0,2**24+2", 0, 2**24 + 2), ("-1000,2**30+77", -1000, 2**30 + 77)])
def test_bounds_that_float32_cannot_tell_move_inwards_with_a_warning(key, low, high):
    with pytest.warns(UserWarning, match=r"^to - 1 is out of bounds \[-\(2\^24\), 2\^24\]"):
        numbers = between(low, high, "float32")
    assert same_bits(numbers, f"random_float32[{key}]")


@pytest.mark.parametrize(("name", "low", "high", "message"), [
    ("int64", 5, 5, "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    ("uint8", 0, 257, "to - 1 is out of bounds for unsigned char"),
    ("int8", 0, 129, "to - 1 is out of bounds for signed char"),
    ("int16", -32769, 5, "from is out of bounds for short int"),
    ("int32", 0, 2**31 + 1, "to - 1 is out of bounds for int"),
    ("bool", 0, 3, "to - 1 is out of bounds for bool"),
    ("uint16", -1, 3, "from is out of bounds for short unsigned int"),
    ("uint64", 3, None, "to - 1 is out of bounds for long unsigned int"),
    ("float16", 0, 65537, "to - 1 is out of bounds for c10::Half"),
    ("float32", 2**40 + 1, 2**40 + 2, "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                                      "but got from=1099511758848 >= to=1099511627778"),
    ("float32", 2**31, None, "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                             "but got from=2147483648 > to_inc=16777216")])
def test_bounds_out_of_reach_raise(name, low, high, message):
    with pytest.raises(RuntimeError) as raised:
        checked_bounds(TYPES[name], low, high)
    assert str(raised.value).splitlines()[0] == message


def test_complex_numbers_are_no_integers():
    with pytest.raises(RuntimeError, match="^check_random_bounds handles only integral, floating-point and boolean types$"):
        checked_bounds(np.dtype(np.complex64), 0, 2)
    with pytest.raises(NotImplementedError, match="^\"random_kernel_cpu\" not implemented for 'ComplexFloat'$"):
        any_integers(np.empty(2, np.complex64), seeded())
    with pytest.raises(NotImplementedError, match="^\"random_full_64_bits_range_kernel_cpu\" not implemented for 'Half'$"):
        all_integers(np.empty(2, np.float16), seeded())
    with pytest.raises(RuntimeError, match="^random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16$"):
        all_integers(np.empty(2, np.int32), seeded())


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 100, 1000])
def test_permutations_are_pytorchs(n):
    assert same_bits(permutation(n, seeded()), f"randperm[{n}]")


def test_a_large_permutation_is_pytorchs():
    assert same_bits(permutation(10007, seeded()).astype(np.int32), "randperm[10007]")


@pytest.mark.parametrize("n", [2, 3, 17, 1000])
def test_a_loop_and_tracing_back_give_the_same_permutation(n, monkeypatch):
    looped = permutation(n, seeded()) if n < sampling_integers._LOOP_BELOW else None
    monkeypatch.setattr(sampling_integers, "_LOOP_BELOW", 0)
    traced = permutation(n, seeded())
    if looped is None:
        monkeypatch.setattr(sampling_integers, "_LOOP_BELOW", n + 1)
        looped = permutation(n, seeded())
    assert (looped == traced).all()


def test_a_huge_permutation_shuffles_inside_out(monkeypatch):
    monkeypatch.setattr(sampling_integers, "HUGE", 5)
    # With draws of 64 bits v: entry i takes entry v mod (i + 1), which takes i.
    expected = []
    for i, draw in enumerate(seeded().draw(200, 64).tolist()):
        expected.append(i)
        place = draw % (i + 1)
        expected[i], expected[place] = expected[place], i
    assert permutation(200, seeded()).tolist() == expected
