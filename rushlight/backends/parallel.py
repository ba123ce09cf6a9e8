"""Work over the cores: a range of numbers cut into pieces, one piece per thread.

NumPy lets other threads run while a call works on an array, so plain threads use all cores. They are made at the first call that is
worth it, wait on a lock between calls, and end with the program.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any


def default_threads() -> int:
    """The threads to use: OMP_NUM_THREADS if it is set, else the cores that this process may run on."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return available_cores()


def available_cores() -> int:
    """The cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def do_nothing(start: int, stop: int) -> None:
    """A worker's work while it has none."""


class Worker(threading.Thread):
    """A thread that runs one piece of work at a time: `give` hands it over, `wait` returns when it is done or raises what it raised."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"rushlight-worker-{number}", daemon=True)
        self.work: Callable[[int, int], object] = do_nothing
        self.bounds = (0, 0)
        self.error: BaseException | None = None
        # Locks, not conditions or queues: they wake a thread fastest.
        self.ready, self.finished = threading.Lock(), threading.Lock()
        self.ready.acquire()
        self.finished.acquire()
        self.start()

    def run(self) -> None:
        inside.busy = True
        while True:
            self.ready.acquire()
            try:
                self.work(*self.bounds)
            except BaseException as error:  # handed on to the thread that waits, whatever it is
                self.error = error
            self.work = do_nothing  # let go of what the work holds
            self.finished.release()

    def give(self, work: Callable[[int, int], object], start: int, stop: int) -> None:
        self.work, self.bounds, self.error = work, (start, stop), None
        self.ready.release()

    def wait(self) -> BaseException | None:
        self.finished.acquire()
        return self.error


class Unnotable(Exception):
    """Work that is not the calls of kernels alone was asked for while those were noted."""


class Inside(threading.local):
    """Whether this thread runs a piece already: pieces do not split again."""

    busy = False
    #: the kernels' calls, which are noted here and not made while the compiler lays out its own use of them: (address, count, chunk, words, keep)
    launches: list | None = None
    #: where such calls are to note that they must not go on: two words, a truth value and what was wrong
    abort: Any = None
    #: memory that such calls may share, as they will be made one after the other: a list of arrays of floats
    scratch: list | None = None


def in_order(a: Any) -> Any:
    """The array, or a copy of it, in C order. Raises Unnotable for a copy while kernels' calls are noted: it would be made once, not at each call."""
    if a.flags.c_contiguous:
        return a
    if inside.launches is not None:
        raise Unnotable("a copy of an array")
    return a.copy()


class Pool:
    """The number of threads, and the workers as far as they were needed."""

    def __init__(self) -> None:
        self.threads = 0
        self.workers: list[Worker] = []
        #: Of the thread that uses the workers; others do without. It is taken by `with` alone: an interrupt from the keyboard that comes behind
        #: a call of `acquire` would leave it locked, and all work to one thread.
        self.owner = threading.Lock()

    def size(self) -> int:
        if not self.threads:
            self.threads = default_threads()
        return self.threads

    def is_free(self) -> bool:
        """Whether work may be shared out now: there are several threads, none of them is at work, and this is none of them."""
        return self.size() > 1 and not inside.busy and not self.owner.locked()

    def forget(self) -> None:
        # A forked child has none of its parent's threads, and a lock as the parent left it.
        self.workers, self.owner = [], threading.Lock()
        inside.busy = False


inside = Inside()
pool = Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.forget)


def get_num_threads() -> int:
    """The number of threads that work on one operation."""
    return pool.size()


def set_num_threads(number: int) -> None:
    """Let operations use this many threads."""
    if number < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    pool.threads = int(number)


def parallel_for(n: int, grain: int, function: Callable[[int, int], object]) -> None:
    """Call function(start, stop) on pieces that cover range(n), on several threads if each piece can have at least `grain` numbers.

    The calling thread does the first piece itself. Raises what a piece raised, after all have ended. Inside a piece, and while another
    thread of the program uses the pool, it is one plain call.
    """
    pieces = min(pool.size(), n // grain) if n >= 2 * grain and not inside.busy else 1
    if pieces < 2 or pool.owner.locked():
        function(0, n)
        return
    with pool.owner:
        run_pieces(pieces, n, function)


def run_pieces(pieces: int, n: int, function: Callable[[int, int], object]) -> None:
    """Cut range(n) and run the pieces, the first one here and the others on workers."""
    workers = workers_for(pieces)
    pieces = len(workers) + 1
    bounds = [n * i // pieces for i in range(pieces + 1)]
    for worker, start, stop in zip(workers, bounds[1:], bounds[2:], strict=False):
        worker.give(function, start, stop)
    inside.busy = True
    try:
        function(0, bounds[1])
    finally:
        inside.busy = False
        errors = wait_for(workers)
    for error in errors:
        if error is not None:
            raise error


def workers_for(pieces: int) -> list[Worker]:
    """A worker for each piece but the first; fewer where the system gives no more threads, or while the program is ending."""
    try:
        while len(pool.workers) < pieces - 1:
            pool.workers.append(Worker(len(pool.workers) + 1))
    except RuntimeError:
        pass
    return pool.workers[:pieces - 1]


def wait_for(workers: list[Worker]) -> list[BaseException | None]:
    """What the workers raised, once all are done."""
    try:
        return [worker.wait() for worker in workers]
    except BaseException:
        # An interrupt from the keyboard while waiting: these workers may still be at work, so nobody shall give them more.
        pool.workers.clear()
        raise
