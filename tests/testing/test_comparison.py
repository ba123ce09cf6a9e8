"""assert_close: what passes, what does not, and PyTorch 2.13's words for it."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight.testing import assert_allclose, assert_close

nan, inf = float("nan"), float("inf")


def tensor(values, dtype=None):
    return rushlight.tensor(values, dtype=None if dtype is None else getattr(rushlight, dtype))


def difference(actual, expected, error=AssertionError, **options):
    """The message with which the comparison fails."""
    with pytest.raises(error) as caught:
        assert_close(actual, expected, **options)
    assert type(caught.value) is error
    return str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "rtol", "atol"),
    [
        ("float16", 1e-3, 1e-5),
        ("bfloat16", 1.6e-2, 1e-5),
        ("float32", 1.3e-6, 1e-5),
        ("float64", 1e-7, 1e-7),
        ("complex64", 1.3e-6, 1e-5),
        ("complex128", 1e-7, 1e-7),
    ],
)
def test_default_tolerance_follows_the_dtype(dtype, rtol, atol):
    # Near 0 the absolute tolerance decides, near 100 the relative one; 0.9 and 1.3 stay clear of rounding.
    for expected, limit in ((0.0, atol), (100.0, atol + 100 * rtol)):
        assert_close(tensor([expected + 0.9 * limit], dtype), tensor([expected], dtype))
        difference(tensor([expected + 1.3 * limit], dtype), tensor([expected], dtype))


def test_of_two_dtypes_the_looser_tolerance_counts():
    assert_close(tensor([1.01], "float64"), tensor([1.0], "bfloat16"), check_dtype=False)


def test_message_counts_mismatches_and_finds_the_greatest_differences():
    assert difference(tensor([[1.0, 2.5, 3.0], [4.0, 6.0, 80.0]]), tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6e1]])) == (
        "Tensor-likes are not close!\n"
        "\n"
        "Mismatched elements: 3 / 6 (50.0%)\n"
        "Greatest absolute difference: 20.0 at index (1, 2) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.3333333432674408 at index (1, 2) (up to 1.3e-06 allowed)"
    )


def test_message_of_exact_dtypes_says_equal_and_names_no_tolerance():
    assert difference(tensor([1, 2, 3], "uint8"), tensor([3, 2, 255], "uint8")) == (
        "Tensor-likes are not equal!\n"
        "\n"
        "Mismatched elements: 2 / 3 (66.7%)\n"
        "Greatest absolute difference: 252 at index (2,)\n"
        "Greatest relative difference: 0.9882352948188782 at index (2,)"
    )
    assert difference(tensor([True, False]), tensor([False, False])).endswith(
        "Greatest absolute difference: 1 at index (0,)\nGreatest relative difference: inf at index (0,)"
    )


def test_the_difference_of_integers_does_not_wrap():
    message = difference(tensor([2**31 - 1], "int32"), tensor([-(2**31)], "int32"))
    assert "Greatest absolute difference: 4294967295 at index (0,)" in message


def test_zero_tolerances_ask_for_equality():
    assert difference(tensor([1e-7]), tensor([2e-7]), rtol=0, atol=0) == (
        "Tensor-likes are not equal!\n"
        "\n"
        "Mismatched elements: 1 / 1 (100.0%)\n"
        "Greatest absolute difference: 1.0000000116860974e-07 at index (0,)\n"
        "Greatest relative difference: 0.5 at index (0,)"
    )


def test_a_0d_tensor_is_reported_as_a_scalar():
    assert difference(tensor(2.0), tensor(3.0)) == (
        "Scalars are not close!\n"
        "\n"
        "Expected 3.0 but got 2.0.\n"
        "Absolute difference: 1.0 (up to 1e-05 allowed)\n"
        "Relative difference: 0.3333333333333333 (up to 1.3e-06 allowed)"
    )
    assert difference(tensor(True), tensor(False)) == (
        "Scalars are not equal!\n\nExpected False but got True.\nAbsolute difference: 1\nRelative difference: inf"
    )


def test_nan_is_close_to_nan_only_on_demand():
    values = tensor([nan, 1.0])
    assert_close(values, tensor([nan, 1.0]), equal_nan=True)
    assert "Greatest absolute difference: nan at index (0,)" in difference(values, values)
    assert_close(nan, nan, equal_nan=True)
    assert difference(nan, nan).startswith("Scalars are not close!\n\nExpected nan but got nan.")


def test_infinities_are_close_to_themselves_alone():
    assert_close(tensor([inf, -inf]), tensor([inf, -inf]))
    assert "Mismatched elements: 2 / 2" in difference(tensor([inf, 1.0]), tensor([-inf, inf]))
    assert_close(inf, inf)
    difference(inf, 1e300, rtol=1, atol=inf)


def test_matching_infinities_are_no_difference():
    message = difference(tensor([[1.0, 3.0, inf]]), tensor([[1.0, 2.0, inf]]))
    assert "Greatest absolute difference: 1.0 at index (0, 1) (up to 1e-05 allowed)" in message


def test_complex_numbers_differ_by_their_distance():
    message = difference(tensor([1 + 1j, 3 + 4j]), tensor([1 + 1j, 0]))
    assert "Greatest absolute difference: 5.0 at index (1,) (up to 1e-05 allowed)" in message


def test_empty_tensors_are_close():
    assert_close(rushlight.zeros(0, 3), rushlight.zeros(0, 3))


def test_tensors_with_history_compare_and_stay_as_they_were():
    actual = rushlight.ones(3, requires_grad=True)
    assert_close(actual * 2, rushlight.full((3,), 2.0))
    difference(actual, rushlight.zeros(3))
    assert actual.requires_grad and actual.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("actual", "expected", "options", "message"),
    [
        (
            lambda: rushlight.ones(2),
            lambda: rushlight.ones(3),
            {},
            "'shape' do not match: torch.Size([2]) != torch.Size([3])",
        ),
        (lambda: tensor([1.0]), lambda: tensor([1]), {}, "'dtype' do not match: torch.float32 != torch.int64"),
        (
            lambda: rushlight.ones(2, 3),
            lambda: rushlight.ones(3, 2).T,
            {"check_stride": True},
            "'stride()' do not match: (3, 1) != (1, 2)",
        ),
    ],
)
def test_attributes_must_agree(actual, expected, options, message):
    assert difference(actual(), expected(), **options) == f"The values for attribute {message}."


def test_dtypes_may_differ_on_demand():
    assert_close(tensor([1.0]), tensor([1]), check_dtype=False)
    assert_close(tensor([1], "uint16"), tensor([1], "uint32"), check_dtype=False)
    difference(tensor([1.0]), tensor([2]), check_dtype=False)


def test_strides_may_differ_by_default():
    assert_close(rushlight.ones(2, 3), rushlight.ones(3, 2).T)


def test_one_tolerance_alone_is_refused():
    message = "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
    assert difference(tensor([1.0]), tensor([1.0]), ValueError, rtol=1) == message + "atol."
    assert difference(1.0, 1.0, ValueError, atol=1) == message + "rtol."


def test_numbers_must_have_one_type_unless_told_otherwise():
    assert difference(1, 1.0) == "The (d)types do not match: <class 'int'> != <class 'float'>."
    assert_close(1, 1.0, check_dtype=False)
    assert_close(np.float32(1), 1.0)


def test_a_number_is_compared_in_its_own_precision():
    assert_close(1.0 + 1e-8, 1.0)
    difference(1.0 + 1e-6, 1.0)


def test_none_and_booleans_are_compared_by_identity():
    assert_close(None, None)
    assert difference(None, 1) == "None mismatch: None is not 1"
    assert_close(np.True_, True)
    assert difference(np.True_, False) == "Booleans mismatch: True is not False"


def test_arrays_compare_as_tensors_but_not_with_tensors():
    assert_close(np.ones(2), np.ones(2))
    assert difference(np.ones(2), np.zeros(2)).startswith("Tensor-likes are not close!")
    assert difference(np.ones(2), rushlight.ones(2), TypeError).startswith(
        "No comparison pair was able to handle inputs of type <class 'numpy.ndarray'> and <class '"
    )


def test_what_is_no_number_and_no_tensor_cannot_be_compared():
    text = "No comparison pair was able to handle inputs of type <class 'str'> and <class 'str'>."
    assert difference("a", "a", TypeError) == text
    assert difference("a", ["a"], TypeError).endswith("<class 'str'> and <class 'list'>.")
    difference(object(), object(), TypeError)
    difference(rushlight.ones(1), 1.0, TypeError)


def test_a_subclass_is_comparable_unless_told_otherwise():
    parameter = rushlight.nn.Parameter(rushlight.ones(2))
    assert_close(parameter, rushlight.ones(2))
    assert difference(parameter, rushlight.ones(2), TypeError, allow_subclasses=False) == (
        "No comparison pair was able to handle inputs of type <class 'torch.nn.parameter.Parameter'> "
        "and <class 'torch.Tensor'>."
    )


def test_containers_are_compared_item_by_item_whatever_their_type():
    assert_close([tensor([1.0]), (2.0, None)], (tensor([1.0]), [2.0, None]))
    assert_close({"a": 1, 2: [3.0]}, {2: [3.0], "a": 1})


def test_a_difference_inside_a_container_says_where():
    message = difference({"a": [1.0, 2.0]}, {"a": [1.0, 3.0]})
    assert message.startswith("Scalars are not close!")
    assert message.endswith("\n\nThe failure occurred for item ['a'][1]")
    assert difference([1.0, "x"], [1.0, "x"], TypeError).endswith("\n\nThe failure occurred for item [1]")


def test_structure_is_checked_before_any_value():
    assert difference([1.0, [1]], [2.0, [1, 2]]) == (
        "The length of the sequences mismatch: 1 != 2\n\nThe failure occurred for item [1]"
    )


def test_keys_of_mappings_must_agree():
    assert difference({"a": 1, "b": 2}, {"b": 2, "c": 3}) == (
        "The keys of the mappings do not match:\n"
        "Missing keys in the actual mapping: ['c']\n"
        "Additional keys in the actual mapping: ['a']"
    )


def test_a_message_replaces_the_reason_and_a_function_rewords_it():
    assert difference(1.0, 2.0, msg="no") == "no"
    assert difference([1.0], [2.0], msg=lambda text: "head\n" + text).startswith("head\nScalars are not close!")
    assert difference([1], [1, 2], msg="no") == "The length of the sequences mismatch: 1 != 2"


def test_assert_allclose_is_deprecated_looser_and_takes_plain_lists():
    with pytest.warns(FutureWarning, match=r"^`torch.testing.assert_allclose\(\)` is deprecated since 1.12"):
        assert_allclose([1.00005, nan], [1.0, nan])
    with pytest.warns(FutureWarning), pytest.raises(AssertionError, match="^no$"):
        assert_allclose(tensor([1.001]), [1.0], msg="no")
