"""Batches out of a dataset: samples fetched and collated, or for tensors whole batches gathered in one step."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core.apply import plain_are_watched
from ....core.wrap import wrap
from ....tensor import Tensor
from ..dataset import Subset, TensorDataset
from . import collate
from .collate import default_collate, default_collate_fn_map

#: What collating samples means as long as nobody has changed it.
PLAIN_MAP = dict(default_collate_fn_map)
ROW = TensorDataset.__getitem__
ROWS = Subset.__getitems__
INTS = {int}


def gathered(dataset: Any, indices: list) -> Any:
    """The batch of a TensorDataset, of a tensor, or of a subset of these; None where this short way might give anything else.

    Rows picked out of the whole tensor are the same numbers in the same layout as rows fetched one by one and stacked. That holds for plain
    indices into plain tensors without history; all else, errors too, is left to the long way.
    """
    kind = dataset.__class__
    while kind is Subset and kind.__getitems__ is ROWS:
        indices = [dataset.indices[index] for index in indices]
        dataset = dataset.dataset
        kind = dataset.__class__
    if kind is TensorDataset:
        if kind.__getitem__ is not ROW or hasattr(dataset, "__getitems__"):
            return None
        tensors = dataset.tensors
    elif kind is Tensor:
        tensors = (dataset,)
    else:
        return None
    if set(map(type, indices)) != INTS or plain_are_watched() or not tensors or default_collate_fn_map != PLAIN_MAP:
        return None
    for tensor in tensors:
        if tensor.__class__ is not Tensor or tensor.requires_grad or not tensor._array.ndim:
            return None
    batch = [wrap(picked(tensor._array, indices)) for tensor in tensors]
    return batch if kind is TensorDataset else batch[0]


def picked(array: Any, indices: Any) -> Any:
    """The rows of an array at these indices. Raises IndexError if there is none."""
    if collate.empty is np.empty:
        return array.take(indices, 0)
    count = len(array)
    if min(indices) < -count or max(indices) >= count:
        raise IndexError
    # numpy.take writes to a place of its own first if it is to look at the indices itself.
    return array.take(indices, 0, collate.empty((len(indices), *array.shape[1:]), array.dtype), "wrap")


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
        samples = []
        for _ in possibly_batched_index:
            try:
                samples.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not samples or self.drop_last and len(samples) < len(possibly_batched_index):
            raise StopIteration
        return self.collate_fn(samples)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """The samples of given numbers, as a batch; or one sample if batches are not made here."""

    def fetch(self, possibly_batched_index: Any) -> Any:
        """The batch of these indices, or the sample of this one."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[possibly_batched_index])
        if self.collate_fn is default_collate:
            try:
                batch = gathered(self.dataset, possibly_batched_index)
            except (IndexError, TypeError, AttributeError):  # the long way below meets the same trouble, and has PyTorch's words for it
                batch = None
            if batch is not None:
                return batch
        at_once = getattr(self.dataset, "__getitems__", None)
        samples = at_once(possibly_batched_index) if at_once else [self.dataset[index] for index in possibly_batched_index]
        return self.collate_fn(samples)
