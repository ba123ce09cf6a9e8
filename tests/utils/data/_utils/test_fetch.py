"""Gathering whole batches gives what collating samples gives, or is not done."""
import numpy as np
import pytest

import rushlight as torch
from rushlight.utils import data
from rushlight.utils.data._utils import fetch
from rushlight.utils.data._utils.collate import default_collate_fn_map


def both_ways(dataset, indices):
    """The batch gathered, and the batch collated from samples."""
    return fetch.gathered(dataset, indices), data.default_collate([dataset[index] for index in indices])


def rows(*shape, dtype=torch.float32):
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype)


@pytest.mark.parametrize("tensors", [
    (rows(7), rows(7, 3)), (rows(7, 2, 3, dtype=torch.bfloat16),), (rows(3, 7).t(), rows(7, dtype=torch.bool)), (rows(7, 0),),
    (rows(7, 4)[:, ::2], rows(1, 3).expand(7, 3)),
])
@pytest.mark.parametrize("indices", [[3], [0, 6, 3, 3], [-1, -7, 2]])
def test_gathered_equals_collated(tensors, indices):
    quick, slow = both_ways(data.TensorDataset(*tensors), indices)
    assert type(quick) is type(slow) is list
    for one, other in zip(quick, slow, strict=True):
        assert (one.dtype, one.shape, one.stride(), one.tolist()) == (other.dtype, other.shape, other.stride(), other.tolist())


def test_subsets_and_tensors_are_gathered_too():
    dataset = data.Subset(data.Subset(data.TensorDataset(rows(9, 2)), [8, 1, 4]), [2, 0])
    quick, slow = both_ways(dataset, [1, 0, -1])
    assert quick[0].tolist() == slow[0].tolist() == [[16, 17], [8, 9], [16, 17]]
    quick, slow = both_ways(rows(9, 2), [1, 5])
    assert quick.tolist() == slow.tolist()


@pytest.mark.parametrize("indices", [[0], [8, 3, 0, 9, -1], [4, 5, 6], [-10, 2]])
def test_joined_datasets_are_gathered_too(indices):
    parts = [data.TensorDataset(rows(3, 2), rows(3)), data.Subset(data.TensorDataset(-rows(4, 2), rows(4)), [3, 0, 2]),
             data.TensorDataset(rows(4, 2), rows(4))]
    quick, slow = both_ways(data.ConcatDataset([data.ConcatDataset(parts[:2]), parts[2]]), indices)
    for one, other in zip(quick, slow, strict=True):
        assert (one.dtype, one.shape, one.stride(), one.tolist()) == (other.dtype, other.shape, other.stride(), other.tolist())


@pytest.mark.parametrize("second", [
    data.TensorDataset(rows(3, 4)), data.TensorDataset(rows(3, 2).double()), rows(3, 2), data.TensorDataset(rows(3, 2), rows(3)), [rows(2)] * 3,
], ids=["shape", "dtype", "tensor", "columns", "list"])
def test_joined_datasets_unlike_each_other_are_not_gathered(second):
    dataset = data.ConcatDataset([data.TensorDataset(rows(3, 2)), second])
    assert fetch.gathered(dataset, [0, 4]) is None
    assert fetch.gathered(dataset, [0, 2])[0].tolist() == [[0, 1], [4, 5]]
    assert fetch.gathered(dataset, [0, 6]) is None is fetch.gathered(dataset, [-7])


class Doubled(data.TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * row for row in super().__getitem__(index))


@pytest.mark.parametrize(("dataset", "indices"), [
    (data.TensorDataset(torch.ones(3, requires_grad=True)), [0]), (data.TensorDataset(torch.nn.Parameter(torch.ones(3))), [0]),
    (Doubled(rows(3)), [0]), (data.TensorDataset(rows(3)), [True]), (data.TensorDataset(rows(3)), [np.int64(1)]),
    (data.TensorDataset(rows(3)), []), (data.TensorDataset(), [0]), ([1, 2, 3], [0]),
], ids=["requires grad", "parameter", "own getitem", "bool", "numpy int", "empty", "no tensors", "list"])
def test_what_may_differ_is_not_gathered(dataset, indices):
    assert fetch.gathered(dataset, indices) is None


def test_a_changed_map_is_obeyed(monkeypatch):
    dataset = data.TensorDataset(rows(3))
    monkeypatch.setitem(default_collate_fn_map, tuple, lambda batch, *, collate_fn_map=None: "mine")
    assert list(data.DataLoader(dataset, 3)) == ["mine"]


def test_dataset_that_gets_getitems_is_asked():
    dataset = data.TensorDataset(rows(3))
    dataset.__getitems__ = lambda indices: indices
    assert next(iter(data.DataLoader(dataset, 3))).tolist() == [0, 1, 2]


def test_index_out_of_range_is_pytorchs_error():
    with pytest.raises(IndexError, match="^index 3 is out of bounds for dimension 0 with size 3"):
        list(data.DataLoader(data.TensorDataset(rows(3)), 2, sampler=[0, 3]))


def test_rows_go_to_memory_that_a_worker_provides(monkeypatch):
    given = []

    def empty(shape, dtype):
        given.append(np.empty(shape, dtype))
        return given[-1]

    monkeypatch.setattr(fetch.collate, "empty", empty)
    (found,) = fetch.gathered(data.TensorDataset(rows(5, 2)), [-1, 0])
    assert found._array is given[0] and found.tolist() == [[8, 9], [0, 1]]
    assert fetch.gathered(data.TensorDataset(rows(5, 2)), [5]) is None


@pytest.mark.parametrize("dataset", [rows(6), data.ConcatDataset([rows(3), rows(3)]), list(rows(6)), [np.ones(2, np.float32)] * 6],
                         ids=["gathered", "joined", "collated", "arrays"])
def test_batches_made_in_inference_mode_are_inference_tensors(dataset):
    with torch.inference_mode():
        assert next(iter(data.DataLoader(dataset, batch_size=5))).is_inference()
    assert not next(iter(data.DataLoader(dataset, batch_size=5))).is_inference()
