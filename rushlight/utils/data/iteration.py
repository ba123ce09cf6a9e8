"""One pass of a DataLoader: the iterator that makes batches itself, and the one that has workers make them."""
from __future__ import annotations

import warnings
import weakref
from collections import deque
from typing import Any

from ._utils.pin_memory import can_pin, pin_memory
from ._utils.worker import ENDED, FAILED, Plan
from .sampler import drawn_seed


class _BaseDataLoaderIter:
    """What both iterators do: seeds, indices, counting."""

    def __init__(self, loader: Any):
        self._dataset = loader.dataset
        self._is_iterable = loader._is_iterable
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._pin_memory = can_pin(loader.pin_memory, loader.pin_memory_device)
        self._base_seed = drawn_seed(loader.generator)
        self._start(loader)

    def _start(self, loader: Any) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _reset(self, loader: Any) -> None:
        """Begin a new pass."""
        self._start(loader)

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        if self._pin_memory:
            data = pin_memory(data)
        self._num_yielded += 1
        length = self._IterableDataset_len_called
        if length is not None and self._is_iterable and self._num_yielded > length:
            self._warn_of_length(length)
        return data

    def _warn_of_length(self, length: int) -> None:
        text = (f"Length of IterableDataset {self._dataset} was reported to be {length}(when accessing len(dataloader)), but {self._num_yielded} "
                "samples have been fetched. ")
        if self._num_workers:
            text += ("For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at each worker. "
                     "Please see https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples.")
        warnings.warn(text, stacklevel=3)

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Makes each batch when it is asked for."""

    def __init__(self, loader: Any):
        super().__init__(loader)
        if self._timeout:
            raise AssertionError("timeout option should be 0 without workers")
        self._dataset_fetcher = Plan(loader, self._base_seed).fetcher()

    def _next_data(self) -> Any:
        return self._dataset_fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Has workers, processes or threads, make batches ahead of time.

    Tasks go to the workers in turn, and every worker answers its own in order. So with `in_order` the next batch is always the first
    unanswered task's. A worker whose share of an iterable dataset is at its end is passed over from then on.
    """

    def __init__(self, loader: Any):
        super().__init__(loader)
        self._persistent_workers = loader.persistent_workers
        self._in_order = loader.in_order
        plan = Plan(loader, self._base_seed)
        self._prefetch_factor = plan.prefetch_factor
        self._crew = make_crew(loader, plan)
        self._finalizer = weakref.finalize(self, self._crew.close)
        # At exit, multiprocessing itself ends the processes, at once.
        self._finalizer.atexit = False
        self._prefetch()

    def _reset(self, loader: Any) -> None:
        self._crew.restart()
        super()._reset(loader)
        self._prefetch()

    def _prefetch(self) -> None:
        #: the workers of all tasks under way, in the order of the tasks
        self._tasks: deque[int] = deque()
        self._active = [True] * self._num_workers
        self._turn = 0
        for _ in range(self._prefetch_factor * self._num_workers):
            self._give_task()

    @property
    def _workers(self) -> list:
        """The processes or threads."""
        return self._crew.members

    def _give_task(self) -> None:
        """Let the next worker make the next batch, if there are both."""
        try:
            indices = next(self._sampler_iter)
        except StopIteration:
            return
        worker = self._next_worker()
        if worker is not None:
            self._tasks.append(worker)
            self._crew.give(worker, indices)

    def _next_worker(self) -> int | None:
        active = [worker for worker in range(self._num_workers) if self._active[worker]]
        if not active:
            return None
        # Without order, whoever has least to do is next: or else all would wait for the slowest.
        worker = next((w for w in active if w >= self._turn), active[0]) if self._in_order else min(active, key=self._tasks.count)
        self._turn = worker + 1
        return worker

    def _next_data(self) -> Any:
        while True:
            if not self._tasks:
                self._give_task()
            if not self._tasks:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            worker, status, value = self._reply()
            if status == ENDED:
                self._active[worker] = False
                self._tasks = deque([w for w in self._tasks if w != worker])
                self._give_task()
                continue
            self._tasks.remove(worker)
            self._give_task()
            if status == FAILED:
                value.reraise()
            return value

    def _reply(self) -> tuple[int, int, Any]:
        reply = self._crew.take(self._tasks[0] if self._in_order else None, self._timeout or None)
        if reply is None:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        return reply

    def _shutdown_workers(self) -> None:
        """End all workers and wait for them."""
        self._finalizer()


def make_crew(loader: Any, plan: Plan) -> Any:
    """The workers of a loader, started."""
    if loader.worker_type == "thread":
        from ._utils.threads import ThreadCrew
        return ThreadCrew(plan, loader.in_order)
    import multiprocessing

    from ._utils.processes import ProcessCrew
    return ProcessCrew(plan, loader.multiprocessing_context or multiprocessing)


for _class in (_BaseDataLoaderIter, _SingleProcessDataLoaderIter, _MultiProcessingDataLoaderIter):
    _class.__module__ = "torch.utils.data.dataloader"
