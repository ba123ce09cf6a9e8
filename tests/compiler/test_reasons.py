"""What is told of a condition that does not hold: the part of it that fails, in the program's own words, whatever words the program has."""
import pytest

import rushlight as torch

ONE = torch.ones(1)


def told(function, first, second):
    """Why a call with the second arguments is recorded anew after one with the first: (args, kwargs)."""
    f = torch.compile(function, backend="numpy")
    for args, kwargs in (first, first, second):
        f(*args, **kwargs)
    [history] = f._rushlight_work.history
    return history.partition("does not hold: ")[2]


def change_of(first, second):
    """What is told of another dict among the arguments."""
    return told(lambda x, settings: x * 2, ((ONE, first), {}), ((ONE, second), {}))


@pytest.mark.parametrize("key", ["a) and (b", "a and b", " == ", "k3", "v1", "w._array", "it's", "'", '"', "\\", "{", "a'b\"c == k1"])
def test_a_dicts_key_is_told_as_it_is(key):
    assert change_of({key: None}, {key: 7}) == f"args[1][{key!r}] is None"
    assert change_of({key: None}, {"other": None}) == f"[*args[1]] == {[key]!r}, which is ['other']"


def test_a_keywords_name_is_told_as_it_is():
    assert told(lambda x, k1: x * 2, ((ONE,), {"k1": None}), ((ONE,), {"k1": 7})) == "kwargs['k1'] is None"


def test_of_several_conditions_the_one_that_fails_is_told():
    assert told(lambda x: x * 2, ((ONE,), {}), ((torch.ones(2),), {})) == "args[0].shape == (1,), which is (2,)"
    assert told(lambda x: x * 2, ((ONE,), {}), ((ONE.double(),), {})) == "args[0].dtype is dtype('float32')"
    assert told(lambda *x: x[0] * 2, ((ONE,), {}), ((ONE, ONE), {})) == "len(args) == 1, which is 2"
    assert told(lambda x: x * 2, ((ONE,), {}), ((torch.ones(1, requires_grad=True),), {})) == "args[0]._node is None"
