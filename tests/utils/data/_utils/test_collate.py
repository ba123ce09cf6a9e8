"""default_collate and default_convert: PyTorch 2.13's batches of everything that a sample can be."""
import collections

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.data import default_collate, default_convert
from rushlight.utils.data._utils.collate import collate, default_collate_fn_map

Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(("batch", "dtype", "values"), [
    ([1, 2], torch.int64, [1, 2]), ([1.5, 2], torch.float64, [1.5, 2.0]), ([1, 2.5], torch.float32, [1.0, 2.5]),
    ([True, False], torch.bool, [True, False]), ([np.float32(1), np.float32(2)], torch.float32, [1.0, 2.0]),
    ([np.int16(1), np.int16(2)], torch.int16, [1, 2]), ([np.array(1.5), np.array(2.5)], torch.float64, [1.5, 2.5]),
    ([np.array([1, 2]), np.array([3., 4])], torch.float64, [[1, 2], [3, 4]]), ([np.ones(2, "float16")] * 2, torch.float16, [[1, 1], [1, 1]]),
    ([np.arange(6).reshape(2, 3).T] * 2, torch.int64, [[[0, 3], [1, 4], [2, 5]]] * 2),
    ([torch.ones(2), torch.ones(2, dtype=torch.int64)], torch.float32, [[1, 1], [1, 1]]),
])
def test_numbers_arrays_and_tensors_are_stacked(batch, dtype, values):
    found = default_collate(batch)
    assert (found.dtype, found.tolist()) == (dtype, values)


def test_containers_keep_their_types_but_for_tuples():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert [column.tolist() for column in default_collate([(1, 2), (3, 4)])] == [[1, 3], [2, 4]]
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point) and point.y.tolist() == [2, 4]
    for kind in (dict, collections.OrderedDict, collections.UserDict):
        found = default_collate([kind(a=1), kind(a=2)])
        assert type(found) is kind and found["a"].tolist() == [1, 2]
    assert default_collate([collections.defaultdict(list, a=1)] * 2).default_factory is list
    assert type(default_collate([collections.deque([1])] * 2)) is collections.deque
    assert type(default_collate([range(2)] * 2)) is list


@pytest.mark.parametrize(("batch", "error", "message"), [
    ([None, None], TypeError, "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>"),
    ([np.array(["a"])] * 2, TypeError, "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <U1"),
    ([np.datetime64("2020")] * 2, TypeError, "default_collate: batch must contain .*; found <class 'numpy.datetime64'>"),
    ([[1, 2], [3]], RuntimeError, "each element in list of batch should be of equal size"),
    ([torch.ones(2), torch.ones(3)], RuntimeError, r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[3\] at entry 1"),
    ([np.ones(2), np.ones(3)], RuntimeError, r"stack expects each tensor to be equal size, but got \[2\] at entry 0 and \[3\] at entry 1"),
    ([np.ones(3)[::-1]] * 2, ValueError, "At least one stride in the given numpy array is negative"),
    ([np.ones(3, ">f4")] * 2, ValueError, "given numpy array has byte order different"),
    (torch.ones(2, 2), TypeError, r"stack\(\): argument 'tensors' \(position 1\) must be tuple of Tensors, not Tensor"),
    ([{"a": 1}, {"b": 1}], KeyError, "'a'"),
    ([], IndexError, "list index out of range"),
])
def test_what_makes_no_batch_raises_pytorchs_error(batch, error, message):
    with pytest.raises(error, match="^" + message):
        default_collate(batch)


def test_history_is_kept():
    weight = torch.ones(2, requires_grad=True)
    default_collate([weight, weight * 3]).sum().backward()
    assert weight.grad.tolist() == [4, 4]


def test_subclass_of_tensor_goes_the_long_way():
    parameter = torch.nn.Parameter(torch.ones(2))
    assert default_collate([parameter, parameter]).requires_grad


def test_a_map_of_the_programs_own_decides():
    def padded(batch, *, collate_fn_map=None):
        return "mine"

    assert collate([torch.ones(1), torch.ones(2)], collate_fn_map={**default_collate_fn_map, torch.Tensor: padded}) == "mine"
    # Arrays become tensors first, and then the program's function decides on these too.
    assert collate([np.ones(1), np.ones(2)], collate_fn_map={**default_collate_fn_map, torch.Tensor: padded}) == "mine"
    assert collate([1, 2], collate_fn_map={int: lambda batch, *, collate_fn_map=None: sum(batch)}) == 3


class Column:
    """As a DataFrame's column shows itself."""

    def __init__(self, values):
        self.values = np.array(values)

    def __array__(self, dtype=None, copy=None):
        return self.values


class Interface:
    def __init__(self, values):
        self.values = np.array(values)
        self.__array_interface__ = self.values.__array_interface__


class Exchanged:
    def __init__(self, values):
        self.values = np.array(values)

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


@pytest.mark.parametrize("kind", [Column, Interface, Exchanged])
def test_arrays_of_other_libraries_are_stacked(kind):
    assert default_collate([kind([1, 2]), kind([3, 4])]).tolist() == [[1, 2], [3, 4]]
    assert torch.tensor(kind([1.5, 2])).tolist() == [1.5, 2.0]


def test_convert_makes_tensors_of_arrays_alone():
    assert default_convert([1, "a", None]) == [1, "a", None]
    assert default_convert(np.float32(3)).item() == 3
    assert default_convert(Point(1, np.array([1]))).y.tolist() == [1]
    assert default_convert((1, 2)) == [1, 2]
    assert default_convert(np.array("a")).dtype.kind == "U"
    assert default_convert(b"abc") == b"abc"
    array = np.zeros(2)
    default_convert({"a": array})["a"][0] = 5
    assert array.tolist() == [5, 0]
