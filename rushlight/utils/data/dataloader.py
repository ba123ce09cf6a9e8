"""DataLoader: the batches of a dataset, made here or ahead of time by workers."""
from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ...names import Portable, call_as_torch
from ._utils.collate import default_collate, default_convert
from ._utils.worker import get_worker_info
from .dataset import Dataset, IterableDataset
from .iteration import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter, _SingleProcessDataLoaderIter
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)


class _DatasetKind:
    """The numbers of the two kinds of datasets."""

    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler):
    """None, again and again: an iterable dataset is asked for its next samples, whatever the indices."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Portable, Generic[T_co]):
    """The batches of a dataset, to iterate over; every `iter(loader)` begins a new pass.

    *What is in a batch*: `sampler` gives the indices (by default 0, 1, 2 ..., in random order if `shuffle`), `batch_size` of them at a time
    (`drop_last` leaves out a shorter last batch), or `batch_sampler` gives whole lists of indices. `collate_fn` makes a list of samples a
    batch. `batch_size=None` gives single samples. An `IterableDataset` gives its samples in its own order.

    *Who makes it*: with `num_workers=0` the program itself, when it asks. Else so many workers, each up to `prefetch_factor` (2) batches
    ahead. `worker_type="process"` (the default) starts processes by `multiprocessing_context` ("fork", "spawn", "forkserver" or a context);
    their large arrays come through shared memory, and are not copied. `worker_type="thread"`, which PyTorch does not have, starts threads:
    they cost nothing to start and share the dataset with the program, and are the faster choice where samples come from NumPy, files or the
    network, all of which let other threads run; pure Python code in `__getitem__` does not. Batches come in the order of their indices unless
    `in_order=False` gives each as soon as it is there. `persistent_workers` live on from pass to pass.

    *Random numbers*: a pass draws a base seed from `generator` (by default the default one), and `shuffle` another. Worker k has seed base + k
    for torch and `random`, and NumPy's generator follows from both; a thread has its own in `get_worker_info().rng`, and torch's functions draw
    from there. `worker_init_fn(k)` runs in each worker before its first batch.

    *Raises*: what goes wrong in a worker is raised here again, with the worker's traceback in its text. A worker that was killed is a
    RuntimeError, and so is a batch that takes longer than `timeout` seconds (0: no limit).

    Example: `for x, y in DataLoader(TensorDataset(inputs, labels), batch_size=64, shuffle=True): ...`
    """

    __initialized = False
    __multiprocessing_context: Any = None
    dataset: Any
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Sampler | Iterable
    pin_memory_device: str
    prefetch_factor: int | None
    _iterator: _BaseDataLoaderIter | None

    def __init__(self, dataset: Dataset[T_co], batch_size: int | None = 1, shuffle: bool | None = None, sampler: Sampler | Iterable | None = None,
                 batch_sampler: Sampler[list] | Iterable[list] | None = None, num_workers: int = 0, collate_fn: Callable | None = None,
                 pin_memory: bool = False, drop_last: bool = False, timeout: float = 0, worker_init_fn: Callable[[int], None] | None = None,
                 multiprocessing_context: Any = None, generator: Any = None, *, prefetch_factor: int | None = None,
                 persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True, worker_type: str = "process"):
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers, worker_type, multiprocessing_context)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor  # PyTorch shows this default
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.worker_type = worker_type
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        if self._is_iterable:
            check_iterable(shuffle, sampler, batch_sampler)
        batch_size, drop_last = checked_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = _InfiniteConstantSampler() if self._is_iterable else \
                RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        #: what len() said of an iterable dataset, to warn if it gives more
        self._IterableDataset_len_called: int | None = None
        self._iterator = None
        self.check_worker_number_rationality()

    @property
    def _is_iterable(self) -> bool:
        return self._dataset_kind == _DatasetKind.Iterable

    @property
    def _auto_collation(self) -> bool:
        """Whether batches are made here, from several samples each."""
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        """What gives the indices of one `fetch`: lists of them where batches are made here."""
        return self.batch_sampler if self._auto_collation else self.sampler

    @property
    def multiprocessing_context(self) -> Any:
        """The multiprocessing context that worker processes are started by; None is Python's default."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        self.__multiprocessing_context = checked_context(context, self.num_workers)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__initialized and name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self) -> _BaseDataLoaderIter:
        if not self.persistent_workers or not self.num_workers:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if not self._is_iterable:
            return len(self._index_sampler)
        # PyTorch counts the samples of an iterable dataset here, and __next__ warns when there are more batches than this.
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more worker processes than this process may use cores."""
        if not self.num_workers or self.worker_type == "thread":
            return
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if cores is not None and self.num_workers > cores:
            warnings.warn(f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number of worker in "
                          f"current system is {cores}, which is smaller than what this DataLoader is going to create. Please be aware that "
                          "excessive worker creation might get DataLoader running slow or even freeze, lower the worker number to avoid potential "
                          "slowness/freeze if necessary.", stacklevel=3)


# ---- PyTorch's errors for options that do not go together

def check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool, worker_type: str, context: Any) -> None:
    """Raise ValueError for options of workers that make no sense."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if not num_workers and prefetch_factor is not None:
        raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable multiprocessing, "
                         "otherwise set prefetch_factor to None.")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and not num_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if worker_type not in ("process", "thread"):
        raise ValueError(f"worker_type option should be 'process' or 'thread', but got worker_type={worker_type!r}")
    if worker_type == "thread" and context is not None:
        raise ValueError("multiprocessing_context option is for worker processes, but got worker_type='thread'")


def check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """Raise ValueError for options that cannot reorder an iterable dataset."""
    for name, value, wrong in (("shuffle", shuffle, shuffle not in (False, None)), ("sampler", sampler, sampler is not None),
                               ("batch_sampler", batch_sampler, batch_sampler is not None)):
        if wrong:
            raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}\n"
                             "  an IterableDataset has its own order: shuffle in its __iter__")


def checked_batching(batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> tuple:
    """(batch_size, drop_last) as they count. Raises ValueError for options that contradict each other."""
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
        return None, False
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
    return batch_size, drop_last


def checked_context(context: Any, num_workers: int) -> Any:
    """A multiprocessing context from a context, the name of a start method, or None."""
    if context is None:
        return None
    if not num_workers:
        raise ValueError(f"multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers={num_workers}")
    import multiprocessing
    from multiprocessing.context import BaseContext
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                             f"multiprocessing_context={context!r}")
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the start method, but got "
                        f"multiprocessing_context={context}")
    return context


for _class in (DataLoader, _InfiniteConstantSampler):
    call_as_torch(_class)
