"""DataLoader's options, lengths, errors and warnings, without workers. Messages and numbers are PyTorch 2.13's."""
import pickle

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils import data

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Squares(data.Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return torch.tensor([index, index * index])


class Numbers(data.IterableDataset):
    def __init__(self, count, told=None):
        self.count, self.told = count, told

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        if self.told is None:
            raise TypeError("object of type 'Numbers' has no len()")
        return self.told


def lists(loader):
    return [batch.tolist() for batch in loader]


def test_batches_of_a_map_dataset():
    assert lists(data.DataLoader(Squares(3), 2)) == [[[0, 0], [1, 1]], [[2, 4]]]
    assert lists(data.DataLoader(Squares(3), 2, drop_last=True)) == [[[0, 0], [1, 1]]]
    assert lists(data.DataLoader(Squares(3), sampler=[2, 0], batch_size=2)) == [[[2, 4], [0, 0]]]
    assert lists(data.DataLoader(Squares(3), batch_sampler=[[2], [0, 1]])) == [[[2, 4]], [[0, 0], [1, 1]]]
    assert list(data.DataLoader([1, 2, 3], batch_size=None)) == [1, 2, 3]
    assert list(data.DataLoader("abc", batch_size=2)) == [["a", "b"], ["c"]]
    assert lists(data.DataLoader([np.ones(2)], batch_size=None)) == [[1.0, 1.0]]


def test_batches_of_an_iterable_dataset():
    assert lists(data.DataLoader(Numbers(5), 2)) == [[0, 1], [2, 3], [4]]
    assert lists(data.DataLoader(Numbers(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(data.DataLoader(Numbers(3), None)) == [0, 1, 2]


def test_dataset_that_gives_whole_batches_is_asked_for_them():
    class AtOnce(Squares):
        def __getitems__(self, indices):
            return [index * 10 for index in indices]
    assert lists(data.DataLoader(AtOnce(3), 2)) == [[0, 10], [20]]


def test_lengths():
    assert [len(data.DataLoader(Squares(5), 2, drop_last=drop)) for drop in (False, True)] == [3, 2]
    assert len(data.DataLoader(Squares(5), None)) == 5
    assert len(data.DataLoader(Numbers(9, told=5), 2)) == 3
    with pytest.raises(TypeError, match="has no len"):
        len(data.DataLoader(Numbers(5), 2))


def test_more_samples_than_len_said_is_a_warning():
    loader = data.DataLoader(Numbers(3, told=2), 1)
    list(loader)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match=r"was reported to be 2\(when accessing len\(dataloader\)\), but 3 samples have been fetched. $"):
        list(loader)


EXCLUSIVE = "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"


@pytest.mark.parametrize(("options", "message"), [
    ({"num_workers": -1}, "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."),
    ({"timeout": -1}, "timeout option should be non-negative"),
    ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0"),
    ({"num_workers": 2, "prefetch_factor": -2}, "prefetch_factor option should be non-negative"),
    ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
    ({"sampler": [1], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
    ({"batch_sampler": [[1]], "batch_size": 2}, EXCLUSIVE), ({"batch_sampler": [[1]], "shuffle": True}, EXCLUSIVE),
    ({"batch_sampler": [[1]], "drop_last": True}, EXCLUSIVE), ({"batch_sampler": [[1]], "sampler": [1]}, EXCLUSIVE),
    ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"),
    ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
    ({"multiprocessing_context": "fork"}, r"multiprocessing_context can only be used with multi-process loading \(num_workers > 0\)"),
    ({"num_workers": 2, "multiprocessing_context": "nope"}, "multiprocessing_context option should specify a valid start method in "),
    ({"worker_type": "fibre"}, "worker_type option should be 'process' or 'thread'"),
    ({"num_workers": 1, "worker_type": "thread", "multiprocessing_context": "spawn"}, "multiprocessing_context option is for worker processes"),
])
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match="^" + message):
        data.DataLoader(Squares(5), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}])
def test_iterable_dataset_has_its_own_order(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError) as caught:
        data.DataLoader(Numbers(5), **options)
    assert str(caught.value).startswith(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}")


@pytest.mark.parametrize("name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"])
def test_what_decides_the_batches_cannot_be_changed(name):
    loader = data.DataLoader(Squares(5))
    with pytest.raises(ValueError, match=f"^{name} attribute should not be set after DataLoader is initialized$"):
        setattr(loader, name, 3)


def test_pinning_without_a_device_warns_and_goes_on():
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no accelerator is found"):
        assert len(list(data.DataLoader(Squares(3), pin_memory=True))) == 3


def test_more_workers_than_cores_is_a_warning(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    with pytest.warns(UserWarning, match="This DataLoader will create 2 worker processes in total. Our suggested max number of worker in current "
                                         "system is 1"):
        data.DataLoader(Squares(3), num_workers=2)


def test_loader_is_pickled_and_its_iterator_is_not():
    loader = pickle.loads(pickle.dumps(data.DataLoader([1, 2, 3], 2)))
    assert lists(loader) == [[1, 2], [3]]
    with pytest.raises(NotImplementedError):
        pickle.dumps(iter(loader))


def test_error_of_one_batch_does_not_end_the_pass():
    class Bad(Squares):
        def __getitem__(self, index):
            return 1 // (index - 1)
    batches = iter(data.DataLoader(Bad(3)))
    assert next(batches).item() == -1
    with pytest.raises(ZeroDivisionError):
        next(batches)
    assert next(batches).item() == 1


def test_long_import_paths_of_pytorch():
    from rushlight.utils.data import dataloader
    from rushlight.utils.data._utils import collate
    assert collate.default_collate is dataloader.default_collate is data.default_collate
    assert (data._DatasetKind.Map, data._DatasetKind.Iterable) == (0, 1)
    assert type(iter(data.DataLoader([1]))).__module__ == "torch.utils.data.dataloader"
