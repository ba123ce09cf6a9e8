"""make_tensor: the range, the layout and the errors of random tensors for tests."""

from __future__ import annotations

import pytest

import rushlight
from rushlight.testing import make_tensor

INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
INTERVAL = "The value interval specified by `low` and `high` is "


def make(*shape, dtype="float32", **options):
    return make_tensor(*shape, dtype=getattr(rushlight, dtype), device="cpu", **options)


@pytest.fixture(autouse=True)
def _seed():
    with rushlight.random.fork_rng():
        rushlight.manual_seed(0)
        yield


@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_default_range_follows_the_dtype(dtype):
    result = make(400, dtype=dtype)
    assert result.shape == (400,) and result.dtype == getattr(rushlight, dtype)
    values = rushlight.view_as_real(result).flatten().tolist() if result.is_complex() else result.tolist()
    if dtype in FLOATS:
        assert -9 <= min(values) < -8.5 and 8.5 < max(values) <= 9
    else:
        assert (min(values), max(values)) == {"b": (0, 1), "u": (0, 9), "i": (-9, 9)}[dtype[0]]


def test_the_draws_are_pytorchs():
    assert make(2, 3, dtype="int64").tolist() == [[6, -5, -9], [-9, 2, -2]]
    rushlight.manual_seed(0)
    assert make(2, 2).tolist() == [[-0.06738138198852539, 4.8279924392700195], [-7.407406330108643, -6.623451232910156]]


def test_shape_may_be_numbers_or_one_sequence():
    assert make(2, 3).shape == make((2, 3)).shape == make([2, 3]).shape == (2, 3)
    assert make(()).shape == ()


@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_a_tensor_without_elements_can_be_made(dtype):
    assert make(3, 0, dtype=dtype).shape == (3, 0)


def test_limits_are_kept_and_moved_into_the_dtypes_range():
    assert set(make(100, dtype="int32", low=1.5, high=3.5).tolist()) == {2, 3}
    assert set(make(100, dtype="uint8", low=-100, high=2).tolist()) == {0, 1}
    wide = make(100, low=-1e50, high=1e50)
    assert wide.isfinite().all() and wide.abs().max() > 2e38


def test_noncontiguous_takes_every_second_element_from_the_second_on():
    result = make(2, 3, noncontiguous=True)
    assert result.shape == (2, 3) and result.stride() == (6, 2) and result.storage_offset() == 1
    assert make(1, noncontiguous=True).is_contiguous()
    assert make((), noncontiguous=True).shape == ()


def test_zeros_can_be_excluded():
    assert set(make(100, dtype="int64", low=0, high=2, exclude_zero=True).tolist()) == {1}
    assert make(50, dtype="bool", exclude_zero=True).all()


def test_floats_can_require_grad():
    assert make(2, requires_grad=True).requires_grad
    assert make(2, requires_grad=True, noncontiguous=True).is_leaf
    assert not make(2).requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int64", "low": 2, "high": 2}, "`low` must be less than `high`, but got 2 >= 2"),
        ({"dtype": "bool", "low": 3, "high": 5}, INTERVAL + "[3, 5), but torch.bool only supports [0, 2)"),
        ({"dtype": "uint8", "low": 300, "high": 400}, INTERVAL + "[300, 400), but torch.uint8 only supports [0, 256)"),
        (
            {"dtype": "float16", "low": 1e6, "high": 1e7},
            INTERVAL + "[1000000.0, 10000000.0), but torch.float16 only supports [-65504.0, 65504.0)",
        ),
        ({"low": float("nan")}, "`low` and `high` cannot be NaN, but got low=nan and high=9"),
        (
            {"dtype": "int32", "requires_grad": True},
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype=torch.int32",
        ),
    ],
)
def test_impossible_wishes_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        make(3, **options)
    assert str(caught.value) == message


def test_noncontiguous_excludes_a_memory_format():
    with pytest.raises(ValueError, match="^The parameters `noncontiguous` and `memory_format` are mutually exclusive"):
        make(3, noncontiguous=True, memory_format=rushlight.contiguous_format)


def test_a_constant_by_equal_limits_is_deprecated():
    with pytest.warns(FutureWarning, match="^Passing `low==high` to `torch.testing.make_tensor`"):
        assert make(2, low=1.5, high=1.5).tolist() == [1.5, 1.5]
