"""What a worker of a DataLoader does, whether it is a process or a thread: fetch batches until there are no more tasks."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ....core import generator as streams
from .fetch import _IterableDatasetFetcher, _MapDatasetFetcher

#: what a reply holds: a batch, an error, or the news that the worker's share of an iterable dataset is at its end
BATCH, FAILED, ENDED, RESUMED = range(4)
#: what a task asks for: a batch, or to begin a new pass
FETCH, RESUME = range(2)


class _RNG:
    """The random generators that belong to one worker thread: of `random`, of torch, of NumPy."""

    def __init__(self, random_generator: Any, torch_generator: Any, numpy_generator: Any = None):
        self.random_generator = random_generator
        self.torch_generator = torch_generator
        self.numpy_generator = numpy_generator


class WorkerInfo:
    """Who a worker is: its number `id` of `num_workers`, its `seed`, its copy of the `dataset`.

    `worker_method` is "multiprocessing" or "thread". A thread has generators of its own in `rng`, as those of `random` and of NumPy serve
    all threads.
    """

    __slots__ = ("id", "num_workers", "seed", "dataset", "rng", "worker_method")
    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: _RNG | None
    worker_method: str

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any, rng: _RNG | None = None, worker_method: str = "multiprocessing"):
        for name, value in zip(self.__slots__, (id, num_workers, seed, dataset, rng, worker_method)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        from dataclasses import FrozenInstanceError
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __repr__(self) -> str:
        return f"WorkerInfo({', '.join([f'{name}={getattr(self, name)!r}' for name in self.__slots__])})"


class _Current(threading.local):
    """The worker that this thread is."""

    info: WorkerInfo | None = None


_current = _Current()
#: the worker that this process is, in all its threads
_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader, who it is: see `WorkerInfo`. None everywhere else."""
    return _current.info or _worker_info


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """The seed of NumPy's generator in a worker: four numbers of 32 bits."""
    from numpy.random import SeedSequence
    return SeedSequence([worker_id, base_seed & 0xffffffff, base_seed >> 32, 0]).generate_state(4).tolist()


class Plan:
    """What all workers of a loader are told before they begin."""

    def __init__(self, loader: Any, base_seed: int):
        self.dataset = loader.dataset
        self.iterable = loader._is_iterable
        self.auto_collation = loader._auto_collation
        self.collate_fn = loader.collate_fn
        self.drop_last = loader.drop_last
        self.init_fn = loader.worker_init_fn
        self.num_workers = loader.num_workers
        self.prefetch_factor = 2 if loader.prefetch_factor is None else loader.prefetch_factor
        self.base_seed = base_seed

    def fetcher(self) -> Any:
        """What fetches the batches of one pass."""
        kind = _IterableDatasetFetcher if self.iterable else _MapDatasetFetcher
        return kind(self.dataset, self.auto_collation, self.collate_fn, self.drop_last)

    def become_process(self, worker: int) -> None:
        """Makes this process that worker: its info, and its random numbers everywhere."""
        import random

        from numpy.random import seed as seed_numpy

        global _worker_info
        seed = self.base_seed + worker
        random.seed(seed)
        streams.default_generator.manual_seed(seed)
        seed_numpy(_generate_state(self.base_seed, worker))
        _worker_info = WorkerInfo(worker, self.num_workers, seed, self.dataset)

    def become_thread(self, worker: int) -> None:
        """Makes this thread that worker: its info, and a random stream of its own for torch."""
        import random

        from numpy.random import default_rng
        seed = self.base_seed + worker
        rng = _RNG(random.Random(seed), streams.Generator().manual_seed(seed), default_rng(_generate_state(self.base_seed, worker)))
        streams.of_threads[threading.get_ident()] = rng.torch_generator
        _current.info = WorkerInfo(worker, self.num_workers, seed, self.dataset, rng, "thread")


def leave_thread() -> None:
    """Lets go of what `become_thread` registered."""
    streams.of_threads.pop(threading.get_ident(), None)


class WorkerFailure:
    """An error in a worker, as text and type, so that it can be raised again where the loader is used."""

    def __init__(self, error: BaseException, where: str):
        import traceback
        kind = type(error)
        # Raised as itself, SystemExit would end the program.
        self.kind = kind if isinstance(error, Exception) else RuntimeError
        self.cause: BaseException | None = error
        self.text = f"Caught {kind.__name__} {where}.\nOriginal {''.join(traceback.format_exception(kind, error, error.__traceback__))}"

    def __getstate__(self) -> dict:
        return {"kind": self.kind, "cause": None, "text": self.text}

    def without_type(self) -> WorkerFailure:
        """The same as a RuntimeError, for an error whose class cannot be sent."""
        self.kind = RuntimeError
        return self

    def reraise(self) -> None:
        """Raise an error of the original's class with the worker's traceback in its text; RuntimeError if that class takes no text."""
        text = _Verbatim(self.text) if issubclass(self.kind, KeyError) else self.text
        try:
            error = self.kind(text)
        except Exception:
            # Classes with other arguments fail in any way they like.
            error = RuntimeError(text)
        raise error from self.cause


class _Verbatim(str):
    """A string that a KeyError prints with its line ends."""

    def __repr__(self) -> str:
        return str(self)


def serve(plan: Plan, worker: int, where: str, receive: Callable[[], Any], send: Callable[[int, Any], None],
          reported: type[BaseException] = Exception) -> None:
    """Answers tasks until `receive` gives None. A task is FETCH with a list of indices (or one index), or RESUME with None.

    Errors of the type `reported` are sent as replies; all others end the worker.
    """
    failure = _start(plan, worker, where, reported)
    fetcher = None
    ended = False
    while (task := receive()) is not None:
        kind, indices = task
        if kind == RESUME or fetcher is None:
            fetcher, ended = Pass(plan, where, failure, reported), False
        if kind == RESUME:
            send(RESUMED, None)
        elif not ended:  # a task too many needs no answer: the loader has been told that there is no more
            status, value = fetcher.answer(indices)
            ended = status == ENDED
            send(status, value)
            value = None  # this batch shall not live until the next one is made


def _start(plan: Plan, worker: int, where: str, reported: type[BaseException]) -> WorkerFailure | None:
    """Runs the user's `worker_init_fn`; what went wrong in it."""
    try:
        if plan.init_fn is not None:
            plan.init_fn(worker)
    except reported as error:
        return WorkerFailure(error, where)
    return None


class Pass:
    """One pass through the dataset, or through this worker's share of it."""

    def __init__(self, plan: Plan, where: str, failure: WorkerFailure | None, reported: type[BaseException]):
        self.iterable = plan.iterable
        self.where = where
        self.failure = failure
        self.reported = reported
        if failure is None:
            try:
                self.fetcher = plan.fetcher()
            except reported as error:
                self.failure = WorkerFailure(error, where)

    def answer(self, indices: Any) -> tuple[int, Any]:
        """The reply to a task."""
        if self.failure is not None:
            return FAILED, self.failure
        try:
            return BATCH, self.fetcher.fetch(indices)
        except self.reported as error:
            if self.iterable and isinstance(error, StopIteration):
                return ENDED, None
            return FAILED, WorkerFailure(error, self.where)
