"""Batches out of a dataset: samples fetched and collated, or for tensors whole batches gathered in one step."""
from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ....core.apply import plain_are_watched
from ....ops.create import held
from ....tensor import Tensor
from ..dataset import ConcatDataset, Subset, TensorDataset
from . import collate
from .collate import default_collate, default_collate_fn_map

#: What collating samples means as long as nobody has changed it.
PLAIN_MAP = dict(default_collate_fn_map)
#: The datasets that can be gathered, and how each fetches one sample and several as long as nobody has changed that.
WAYS = {kind: (kind.__getitem__, getattr(kind, "__getitems__", None)) for kind in (Subset, TensorDataset, ConcatDataset)}
INTS = {int}


class Rows(NamedTuple):
    """A share of a batch: the rows `indices` of some arrays, and where they go in the batch (None: they are all of it)."""

    arrays: list
    is_tuple: bool
    indices: Any
    places: Any


class Unlike(Exception):
    """The long way might give something else."""


def gathered(dataset: Any, indices: list) -> Any:
    """The batch of a TensorDataset, of a tensor, or of subsets and joins of these; None where this short way might give anything else.

    Rows picked out of the whole tensor are the same numbers in the same layout as rows fetched one by one and stacked. That holds for plain
    indices into plain tensors without history; all else, errors too, is left to the long way.
    """
    if plain_are_watched() or default_collate_fn_map != PLAIN_MAP:
        return None
    try:
        parts = shares(dataset, indices, None)
        first = parts[0]
        if len(parts) == 1:
            batch = [held(picked(array, first.indices)) for array in first.arrays]
        else:
            batch = [held(merged(parts, at, len(indices))) for at in range(len(first.arrays))]
    except (Unlike, IndexError, TypeError, AttributeError):  # the long way meets the same trouble, and has PyTorch's words for it
        return None
    return batch if first.is_tuple else batch[0]


def shares(dataset: Any, indices: list, places: Any) -> list[Rows]:
    """Where the samples of these indices lie. Raises Unlike, or the errors of indices that name none."""
    kind = dataset.__class__
    if kind is Tensor:
        return [Rows(plain_arrays((dataset,), indices), False, indices, places)]
    if kind not in WAYS or WAYS[kind] != (kind.__getitem__, getattr(kind, "__getitems__", None)) or "__getitems__" in dataset.__dict__:
        raise Unlike
    if kind is Subset:
        return shares(dataset.dataset, [dataset.indices[index] for index in indices], places)
    if kind is TensorDataset:
        return [Rows(plain_arrays(dataset.tensors, indices), True, indices, places)]
    return shares_of_join(dataset, indices, places)


def shares_of_join(dataset: ConcatDataset, indices: list, places: Any) -> list[Rows]:
    """The shares of joined datasets, those of each together."""
    if set(map(type, indices)) != INTS:
        raise Unlike
    ends = dataset.cumulative_sizes
    numbers = np.array(indices)
    numbers[numbers < 0] += ends[-1]
    if numbers.min() < 0:
        raise IndexError
    owners = np.searchsorted(ends, numbers, "right")
    found: list[Rows] = []
    for owner in sorted(set(owners.tolist())):
        own = np.flatnonzero(owners == owner)
        inner = (numbers[own] - (ends[owner - 1] if owner else 0)).tolist()
        found += shares(dataset.datasets[owner], inner, own if places is None else places[own])
    return found


def plain_arrays(tensors: tuple, indices: Any) -> list:
    """The tensors' arrays. Raises Unlike if anything about the tensors or the indices is out of the ordinary."""
    if set(map(type, indices)) != INTS or not tensors:
        raise Unlike
    for tensor in tensors:
        if tensor.__class__ is not Tensor or tensor.requires_grad or not tensor._array.ndim:
            raise Unlike
    return [tensor._array for tensor in tensors]


def picked(array: Any, indices: Any) -> Any:
    """The rows of an array at these indices. Raises IndexError if there is none."""
    if collate.empty is np.empty:
        return array.take(indices, 0)
    count = len(array)
    if min(indices) < -count or max(indices) >= count:
        raise IndexError
    # numpy.take writes to a place of its own first if it is to look at the indices itself.
    return array.take(indices, 0, collate.empty((len(indices), *array.shape[1:]), array.dtype), "wrap")


def merged(parts: list[Rows], at: int, count: int) -> Any:
    """One column of a batch, out of the arrays of its parts. Raises Unlike if their rows do not fit together."""
    arrays = [part.arrays[at] for part in parts]
    dtype, shape = arrays[0].dtype, arrays[0].shape[1:]
    if any([array.dtype != dtype or array.shape[1:] != shape for array in arrays]) or len({len(part.arrays) for part in parts}) > 1 \
            or len({part.is_tuple for part in parts}) > 1:
        raise Unlike
    batch = collate.empty((count, *shape), dtype)
    for array, part in zip(arrays, parts, strict=True):
        batch[part.places] = array[part.indices]
    return batch


class _BaseDatasetFetcher:
    """What both kinds of fetchers know; `fetch(indices)` gives a batch."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last

    def fetch(self, possibly_batched_index: Any) -> Any:
        raise NotImplementedError


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """The next samples of an iterable dataset; raises StopIteration when there are no more."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable, drop_last: bool):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index: Any) -> Any:
        """A batch of as many samples as there are indices, which count for nothing else."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        samples = list(islice(self.dataset_iter, len(possibly_batched_index)))
        self.ended = len(samples) < len(possibly_batched_index)
        if not samples or self.drop_last and self.ended:
            raise StopIteration
        return self.collate_fn(samples)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """The samples of given numbers, as a batch; or one sample if batches are not made here."""

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The batch of these indices, or the sample of this one."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[possibly_batched_index])
        if self.collate_fn is default_collate:
            batch = gathered(self.dataset, possibly_batched_index)
            if batch is not None:
                return batch
        at_once = getattr(self.dataset, "__getitems__", None)
        samples = at_once(possibly_batched_index) if at_once else [self.dataset[index] for index in possibly_batched_index]
        return self.collate_fn(samples)
