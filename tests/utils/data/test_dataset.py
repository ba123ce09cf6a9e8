"""Datasets: what they give, and PyTorch's errors. The numbers are PyTorch 2.13's."""
import pickle

import pytest

import rushlight as torch
from rushlight.utils import data


class Squares(data.Dataset):
    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return index * index


class Numbers(data.IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))


class AtOnce(Squares):
    def __getitems__(self, indices):
        return [index * 7 for index in indices]


class Lossy(Squares):
    def __getitems__(self, indices):
        return [1]


def test_dataset_without_getitem_says_what_to_define():
    with pytest.raises(NotImplementedError, match="Subclasses of Dataset should implement __getitem__."):
        data.Dataset()[0]


def test_iterable_dataset_without_iter_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        data.IterableDataset()


def test_dataset_takes_a_type_in_brackets():
    class Typed(data.Dataset[int]):
        def __getitem__(self, index):
            return index
    assert Typed()[3] == 3


def test_classes_bear_pytorchs_names():
    assert str(data.TensorDataset) == "<class 'torch.utils.data.dataset.TensorDataset'>"


def test_tensor_dataset_gives_rows_of_all_tensors():
    rows = data.TensorDataset(torch.arange(3), torch.ones(3, 2))
    number, ones = rows[-1]
    assert (len(rows), number.item(), ones.tolist()) == (3, 2, [1.0, 1.0])
    assert len(list(rows)) == 3


def test_tensor_dataset_refuses_unequal_sizes():
    with pytest.raises(AssertionError, match="^Size mismatch between tensors"):
        data.TensorDataset(torch.ones(3), torch.ones(2))


def test_stack_dataset_gives_tuples_or_dicts():
    assert data.StackDataset([1, 2], [3, 4])[1] == (2, 4)
    assert data.StackDataset(a=[1, 2], b=[3, 4])[1] == {"a": 2, "b": 4}
    assert data.StackDataset(a=AtOnce(3), b=Squares(3)).__getitems__([0, 1]) == [{"a": 0, "b": 0}, {"a": 7, "b": 1}]
    assert data.StackDataset(AtOnce(3), Squares(3)).__getitems__([1, 2]) == [(7, 1), (14, 4)]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: data.StackDataset(), "At least one dataset should be passed"),
    (lambda: data.StackDataset([1], [1, 2]), "Size mismatch between datasets"),
    (lambda: data.StackDataset([1], b=[1]), "Supported either ``tuple``- "),
    (lambda: data.StackDataset(Lossy(3)).__getitems__([0, 1]), "Nested dataset's output size mismatch. Expected 2, got 1"),
    (lambda: data.ConcatDataset([[1], [2, 3]])[-4], "absolute value of index should not exceed dataset length"),
])
def test_wrong_use_is_a_value_error(make, message):
    with pytest.raises(ValueError, match="^" + message):
        make()


def test_concat_dataset_counts_through():
    both = Squares(2) + Squares(3)
    assert isinstance(both, data.ConcatDataset)
    assert [both[index] for index in (0, 1, 2, 4, -1, -5)] == [0, 1, 0, 4, 4, 0]
    assert (len(both), both.cumulative_sizes) == (5, [2, 5])
    with pytest.warns(FutureWarning, match="renamed to `cumulative_sizes`"):
        assert both.cummulative_sizes == [2, 5]


@pytest.mark.parametrize(("datasets", "message"), [([], "datasets should not be an empty iterable"),
                                                   ([Numbers(2)], "ConcatDataset does not support IterableDataset")])
def test_concat_dataset_refuses(datasets, message):
    with pytest.raises(AssertionError, match=message):
        data.ConcatDataset(datasets)


def test_sum_of_iterable_datasets_is_a_chain():
    both = Numbers(2) + Numbers(3)
    assert list(both) == [0, 1, 0, 1, 2]
    with pytest.raises(AssertionError, match="ChainDataset only supports IterableDataset"):
        list(Numbers(2) + Squares(2))


def test_subset_asks_for_whole_batches_where_it_can():
    assert data.Subset(Squares(5), [1, 3])[1] == 9
    assert data.Subset(Squares(5), [1, 3]).__getitems__([1, 0]) == [9, 1]
    assert data.Subset(AtOnce(5), [1, 3]).__getitems__([1, 0]) == [21, 7]


def test_random_split_by_lengths_and_by_fractions():
    torch.manual_seed(0)
    assert [part.indices for part in data.random_split(range(10), [3, 7])] == [[4, 1, 7], [5, 3, 9, 0, 8, 6, 2]]
    torch.manual_seed(0)
    assert [list(part) for part in data.random_split(range(10), [.3, .7])] == [[4, 1, 7], [5, 3, 9, 0, 8, 6, 2]]
    assert [len(part) for part in data.random_split(range(11), [.3, .3, .4])] == [4, 3, 4]
    own = torch.Generator().manual_seed(3)
    assert data.random_split(range(11), [5, 6], own)[0].indices == [9, 0, 3, 6, 4]


def test_random_split_warns_of_an_empty_part():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0. This might result in an empty dataset."):
        data.random_split(range(1), [.5, .5])


@pytest.mark.parametrize(("lengths", "message"), [([5, 5], "Sum of input lengths does not equal the length of the input dataset!"),
                                                  ([-.5, 1.5], "Fraction at index 0 is not between 0 and 1")])
def test_random_split_refuses(lengths, message):
    with pytest.raises(ValueError, match="^" + message):
        data.random_split(range(11), lengths)


def test_datasets_are_pickled_by_our_names():
    kept = pickle.dumps(data.Subset(data.TensorDataset(torch.arange(4)), [2]))
    assert b"rushlight.utils.data.dataset" in kept
    assert pickle.loads(kept)[0][0].item() == 2


def test_a_subset_that_changes_single_samples_alone_is_refused():
    class Doubled(data.Subset):
        def __getitem__(self, index):
            return 2 * super().__getitem__(index)

    class Both(Doubled):
        def __getitems__(self, indices):
            return [self[index] for index in indices]
    with pytest.raises(NotImplementedError, match="^Doubled overrides __getitem__ but not __getitems__"):
        Doubled(torch.arange(3), [1])
    assert next(iter(data.DataLoader(Both(torch.arange(3), [2, 1]), batch_size=2))).tolist() == [4, 2]
