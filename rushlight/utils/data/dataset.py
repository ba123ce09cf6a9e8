"""Datasets: objects that give samples by number or one after the other, and the ways to join and to cut them."""
from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ...core.generator import Generator, default_generator
from ...names import Portable, call_as_torch
from ...ops.random import randperm

T_co = TypeVar("T_co", covariant=True)


class Dataset(Portable, Generic[T_co]):
    """Samples by number: a subclass defines `__getitem__(index)`, and `__len__` if its size is known.

    It may also define `__getitems__(indices)`, which gives the samples of a whole batch as a list; the DataLoader then prefers it.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset) -> Dataset:
        """This dataset and then the other one."""
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable):
    """Samples one after the other: a subclass defines `__iter__`.

    Every worker of a DataLoader goes through a copy of its own: `get_worker_info()` tells `__iter__` which part is its share.
    """

    def __add__(self, other: Dataset) -> Dataset:
        """This dataset and then the other one."""
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """The rows of tensors with equally many rows: sample i is the tuple of all rows i."""

    tensors: tuple

    def __init__(self, *tensors: Any):
        if any([tensors[0].size(0) != tensor.size(0) for tensor in tensors]):
            sizes = ", ".join([str(tensor.size(0)) for tensor in tensors])
            raise AssertionError(f"Size mismatch between tensors\n  a sample takes one row of each, and they have {sizes} rows")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset):
    """Datasets side by side: sample i is a tuple of every dataset's sample i; a dict if the datasets are given by name."""

    datasets: tuple | dict

    def __init__(self, *args: Any, **kwargs: Any):
        if args and kwargs:
            raise ValueError("Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are given.")
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        lengths = [len(dataset) for dataset in (*args, *kwargs.values())]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets\n  their lengths are {', '.join(map(str, lengths))}")
        self._length = lengths[0]
        self.datasets = args or kwargs

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple([dataset[index] for dataset in self.datasets])

    def __getitems__(self, indices: list) -> list:
        """The samples of a batch."""
        if isinstance(self.datasets, dict):
            columns = [_samples_for_stack(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row)) for row in zip(*columns)]
        return list(zip(*[_samples_for_stack(dataset, indices) for dataset in self.datasets]))

    def __len__(self) -> int:
        return self._length


def samples(dataset: Any, indices: Sequence) -> Any:
    """The samples of these numbers, fetched at once if the dataset can do that."""
    at_once = getattr(dataset, "__getitems__", None)
    return at_once(indices) if callable(at_once) else [dataset[index] for index in indices]


def _samples_for_stack(dataset: Any, indices: Sequence) -> Any:
    found = samples(dataset, indices)
    if len(found) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
    return found


class ConcatDataset(Dataset[T_co]):
    """Datasets one after the other, as one."""

    datasets: list
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any([isinstance(dataset, IterableDataset) for dataset in self.datasets]):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    @staticmethod
    def cumsum(sequence: Iterable) -> list[int]:
        """The number of samples up to the end of each dataset."""
        return list(itertools.accumulate(map(len, sequence)))

    @property
    def cummulative_sizes(self) -> list[int]:
        """The old spelling of `cumulative_sizes`."""
        warnings.warn("`cummulative_sizes` attribute is renamed to `cumulative_sizes`", FutureWarning, stacklevel=2)
        return self.cumulative_sizes

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: Any) -> T_co:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - self.cumulative_sizes[which - 1] if which else index]


class ChainDataset(IterableDataset):
    """Iterable datasets one after the other, as one."""

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = datasets

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield dataset

    def __iter__(self) -> Iterator:
        return itertools.chain.from_iterable(self._checked())

    def __len__(self) -> int:
        return sum(map(len, self._checked()))


class Subset(Dataset[T_co]):
    """The samples of a dataset that `indices` names, in their order.

    Raises NotImplementedError for a class that changes `__getitem__` alone: a DataLoader asks for several samples at once, and would pass it by.
    """

    dataset: Any
    indices: Sequence[int]

    def __init__(self, dataset: Any, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__. When subclassing Subset and overriding __getitem__, you must also "
                "override __getitems__ to ensure DataLoader works correctly with your custom logic. A simple implementation:\n\n"
                "def __getitems__(self, indices):\n    return [self.__getitem__(idx) for idx in indices]")

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        """The samples of a batch."""
        return samples(self.dataset, [self.indices[index] for index in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator) -> list[Subset]:
    """Subsets of these lengths that share out the dataset at random; every sample lies in one of them.

    Lengths that sum to 1 are fractions: each is rounded down, and what remains goes to the first subsets, one sample each.
    Raises ValueError unless the lengths sum to that of the dataset.
    """
    total = sum(lengths)
    if math.isclose(total, 1) and total <= 1:
        lengths = _lengths_of_fractions(len(dataset), lengths)
        total = sum(lengths)
    if total != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!\n"
                         f"  the lengths sum to {total}, and the dataset has {len(dataset)} samples")
    order = randperm(total, generator=generator).tolist()  # type: ignore[arg-type]  # fractions have become whole numbers
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length:end]) for end, length in zip(ends, lengths)]


def _lengths_of_fractions(count: int, fractions: Sequence[float]) -> list[int]:
    for at, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {at} is not between 0 and 1")
    lengths = [math.floor(count * fraction) for fraction in fractions]
    for at in range(count - sum(lengths)):
        lengths[at % len(lengths)] += 1
    for at, length in enumerate(lengths):
        if not length:
            warnings.warn(f"Length of split at index {at} is 0. This might result in an empty dataset.", stacklevel=3)
    return lengths


for _class in (Dataset, IterableDataset, TensorDataset, StackDataset, ConcatDataset, ChainDataset, Subset):
    call_as_torch(_class)
