"""The Op record: what is saved of an operation's arguments."""
import pytest

from rushlight.core.op import ALL, picker


@pytest.mark.parametrize("keep, count, taken", [
    ({1}, 3, (None, "b", None)), ({0, 2}, 3, ("a", None, "c")), (set(), 3, ()), ({0}, 2, ("a", None)), (set(), 2, (None, None)),
])
def test_arguments_that_no_formula_names_are_not_kept(keep, count, taken):
    assert picker(keep, count)(("a", "b", "c")[:count] + (None,)) == taken


def test_arguments_that_are_all_named_are_kept_as_they_are():
    assert picker(ALL, 3) is ALL
