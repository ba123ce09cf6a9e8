"""Workers that are processes, as a DataLoader sees them: tasks go out, replies come back, and no end of a worker goes unnoticed.

Every worker has a connection of its own. So a worker that is killed can hold no lock that others wait for, and its death shows at once, as
the end of its connection. Nothing needs a thread.
"""
from __future__ import annotations

import multiprocessing
import os
import pickle
import select
import signal
import time
import warnings
import weakref
from collections import deque
from typing import Any, NoReturn

from . import MP_STATUS_CHECK_INTERVAL, collate
from .sharing import Borrower, Lender
from .worker import FAILED, FETCH, RESUME, RESUMED, Plan, WorkerFailure, serve

#: Bytes of tasks that a worker may have unanswered beyond the first. They fit into the buffers of any connection, so sending never blocks:
#: or else the program might wait for a worker to take a task that waits for the program to take a batch.
UNANSWERED = 1 << 12 if os.name == "nt" else 1 << 16
#: Bytes that a system's buffer spends on every message besides its content, at most.
OVERHEAD = 1 << 10
#: Segments of shared memory that a worker may lend beyond the batches it prefetches.
SPARE = 6
#: Seconds that a worker has to end by itself before it is made to.
PATIENCE = 5.0


# ---- in the worker

def run_process(plan: Plan, worker: int, connection: Any) -> None:
    """The life of a worker process."""
    from ....backends.parallel import set_num_threads
    for end in program_ends:  # what a fork has brought along would keep this connection open after the program's death
        end.close()
    # The workers share the cores among themselves.
    set_num_threads(1)
    plan.become_process(worker)
    where = f"in DataLoader worker process {worker}"
    desk = Desk(connection, plan.prefetch_factor + SPARE, where)
    collate.empty = desk.lender.empty
    try:
        serve(plan, worker, where, desk.receive, desk.send)
    except (KeyboardInterrupt, EOFError, OSError):
        pass  # Ctrl-C is for the program to report; and a program that is gone wants no more batches


class Desk:
    """Where a worker finds its tasks and leaves its replies."""

    def __init__(self, connection: Any, most_segments: int, where: str):
        self.connection = connection
        self.lender = Lender(connection, most_segments)
        self.where = where
        self.wait = Watch([connection])
        self.parent = os.getppid()

    def receive(self) -> Any:
        """The next task; None if there will be none."""
        while not self.wait(MP_STATUS_CHECK_INTERVAL):
            if self.program_is_gone():
                return None
        kind, indices, returned, lost = pickle.loads(self.connection.recv_bytes())
        self.lender.take_back(returned, lost)
        return kind, indices

    def program_is_gone(self) -> bool:
        program = multiprocessing.parent_process()
        return os.getppid() != self.parent or program is None or not program.is_alive()

    def send(self, status: int, value: Any) -> None:
        """Send a reply; if it cannot be pickled, send why."""
        try:
            self.lender.send((status, value))
        except OSError:
            raise
        except Exception as error:
            failure = value.without_type() if status == FAILED else WorkerFailure(error, self.where)
            self.lender.send((FAILED, failure))


class Watch:
    """Waits until one of some connections has something to read, or some process has ended: `watch(seconds)` says which of them."""

    def __init__(self, objects: list):
        self.objects = {item if isinstance(item, int) else item.fileno(): item for item in objects} if hasattr(select, "poll") else objects
        if hasattr(select, "poll"):
            # multiprocessing's own wait registers everything anew at every call, which takes longer than a small batch.
            self.poll = select.poll()
            for number in self.objects:
                self.poll.register(number, select.POLLIN)

    def __call__(self, seconds: float | None) -> list:
        if not hasattr(self, "poll"):
            from multiprocessing.connection import wait
            return wait(self.objects, seconds)
        return [self.objects[number] for number, _ in self.poll.poll(None if seconds is None else seconds * 1000)]


# ---- in the program

#: the program's ends of all connections to workers
program_ends: weakref.WeakSet = weakref.WeakSet()


class Colleague:
    """One worker process and what is under way to it."""

    def __init__(self, plan: Plan, number: int, context: Any):
        self.connection, theirs = context.Pipe()
        program_ends.add(self.connection)
        self.process = context.Process(target=run_process, args=(plan, number, theirs), daemon=True)
        with warnings.catch_warnings():
            # NumPy's threads make this a program of several threads. They survive a fork, as OpenBLAS and our own pool start anew in the child.
            warnings.filterwarnings("ignore", message=".*use of fork\\(\\) may lead to deadlocks", category=DeprecationWarning)
            try:
                self.process.start()
            finally:
                theirs.close()
        self.borrower = Borrower(self.connection)
        self.watch = Watch([self.connection, self.process.sentinel])
        self.waiting: deque[bytes] = deque()
        self.unanswered: deque[int] = deque()

    def give(self, kind: int, indices: Any) -> None:
        """Send a task as soon as the worker has room for it."""
        self.waiting.append(pickle.dumps((kind, indices, *self.borrower.free_again()), 5))
        self.send_what_fits()

    def send_what_fits(self) -> None:
        while self.waiting and (not self.unanswered or sum(self.unanswered) + len(self.waiting[0]) + OVERHEAD <= UNANSWERED):
            task = self.waiting.popleft()
            self.unanswered.append(len(task) + OVERHEAD)
            try:
                self.connection.send_bytes(task)
            except OSError:
                return  # the worker is dead, which whoever waits for its reply will find

    def reply(self) -> tuple[int, Any]:
        """The next reply, which must be there. Raises EOFError or OSError if the worker is gone."""
        try:
            return self.borrower.receive()
        finally:
            if self.unanswered:
                self.unanswered.popleft()
            self.send_what_fits()


class ProcessCrew:
    """The worker processes of one loader."""

    def __init__(self, plan: Plan, context: Any):
        self.owner = os.getpid()
        self.obituary = ""
        self.colleagues: list[Colleague] = []
        try:
            for number in range(plan.num_workers):
                self.colleagues.append(Colleague(plan, number, context))
        except BaseException:
            self.close()
            raise
        self.by_object = {item: number for number, one in enumerate(self.colleagues) for item in (one.connection, one.process.sentinel)}
        self.watch_all = Watch(list(self.by_object))

    @property
    def members(self) -> list:
        """The processes."""
        return [one.process for one in self.colleagues]

    def give(self, worker: int, indices: Any) -> None:
        """Ask a worker for a batch."""
        self.colleagues[worker].give(FETCH, indices)

    def take(self, worker: int | None, seconds: float | None) -> tuple[int, int, Any] | None:
        """(worker, status, value) of the next reply of a worker, or of any if None; None if there is no reply in that time.

        Raises RuntimeError if a worker has died.
        """
        if self.obituary:
            raise RuntimeError(self.obituary)
        ready = self.wait(worker, seconds)
        if not ready:
            return None
        # What a worker sent before it died still counts.
        found = next((item for item in ready if not isinstance(item, int)), ready[0])
        number = self.by_object[found]
        try:
            if isinstance(found, int):
                raise EOFError
            return number, *self.colleagues[number].reply()
        except (EOFError, OSError):
            self.report_death(number)

    def wait(self, worker: int | None, seconds: float | None) -> list:
        """What `Watch` gives, of a worker or of all; also a dead worker whose connection its own child processes keep open."""
        watch = self.watch_all if worker is None else self.colleagues[worker].watch
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            rest = MP_STATUS_CHECK_INTERVAL if deadline is None else min(MP_STATUS_CHECK_INTERVAL, deadline - time.monotonic())
            ready = watch(max(rest, 0.0))
            if ready or deadline is not None and time.monotonic() >= deadline:
                return ready
            for one in self.colleagues if worker is None else [self.colleagues[worker]]:
                if not one.process.is_alive():
                    return watch(0.0) or [one.process.sentinel]

    def report_death(self, number: int) -> NoReturn:
        """Raises the RuntimeError for a worker that has ended."""
        processes = self.members
        processes[number].join(PATIENCE)
        dead = [process for process in processes if process is processes[number] or not process.is_alive()]
        causes = [cause_of_death(process) for process in dead]
        self.close()
        pids = ", ".join([str(process.pid) for process in dead])
        self.obituary = f"DataLoader worker (pid(s) {pids}) exited unexpectedly\n  {causes[0]}"
        raise RuntimeError(self.obituary) from RuntimeError(causes[0])

    def restart(self) -> None:
        """Begin a new pass, and forget all that is under way of the old one."""
        for one in self.colleagues:
            one.waiting.clear()
            one.unanswered.clear()
            one.give(RESUME, None)
        for number in range(len(self.colleagues)):
            while self.take(number, None)[1] != RESUMED:  # type: ignore[index]  # without a limit of time there is a reply
                pass
            self.colleagues[number].unanswered.clear()

    def close(self) -> None:
        """End all workers and wait for them. A worker in the midst of a sample has some seconds to finish it."""
        if os.getpid() != self.owner:
            return  # a forked child has a copy of this object, but the workers are not its own
        for one in self.colleagues:
            one.connection.close()
        deadline = time.monotonic() + PATIENCE
        for process in self.members:
            process.join(max(0.0, deadline - time.monotonic()))
        for process in self.members:
            if process.is_alive():
                process.terminate()
                process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join()


def cause_of_death(process: Any) -> str:
    """How a worker ended, as PyTorch tells it."""
    code = process.exitcode
    if code is not None and code < 0:
        text = f"DataLoader worker (pid {process.pid}) is killed by signal: {signal.strsignal(-code)}. "
        return text + ("\n  a system that is short of memory kills processes so" if -code == getattr(signal, "SIGKILL", 9) else "")
    return (f"DataLoader worker (pid {process.pid}) exited unexpectedly with exit code {code}. Details are lost due to multiprocessing. "
            "Rerunning with num_workers=0 may give better error trace.")
