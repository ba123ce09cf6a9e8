"""Workers that are threads, as a DataLoader sees them: they start at once, and nothing is copied between them and the program."""
from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any

from .worker import FETCH, RESUME, RESUMED, Plan, leave_thread, serve

#: Seconds that closing waits for a thread to finish the sample it is at.
PATIENCE = 5.0


class Colleague:
    """One worker thread, its tasks, and its replies unless they go to a place that all share."""

    def __init__(self, plan: Plan, number: int, replies: queue.SimpleQueue | None):
        self.number = number
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        self.replies = replies or queue.SimpleQueue()
        self.stopped = False
        self.thread = threading.Thread(target=self.run, args=(plan,), name=f"DataLoader-worker-{number}", daemon=True)
        self.thread.start()

    def run(self, plan: Plan) -> None:
        plan.become_thread(self.number)
        try:
            # sys.exit in a sample ends a process, and the program hears of it. A thread must say so itself, and go on.
            serve(plan, self.number, f"in DataLoader worker thread {self.number}", self.receive, self.send, BaseException)
        finally:
            leave_thread()

    def receive(self) -> Any:
        task = self.tasks.get()
        return None if self.stopped else task

    def send(self, status: int, value: Any) -> None:
        self.replies.put((self.number, status, value))


class ThreadCrew:
    """The worker threads of one loader."""

    def __init__(self, plan: Plan, in_order: bool):
        self.common = None if in_order else queue.SimpleQueue()  # type: queue.SimpleQueue | None
        self.colleagues = [Colleague(plan, number, self.common) for number in range(plan.num_workers)]

    @property
    def members(self) -> list:
        """The threads."""
        return [one.thread for one in self.colleagues]

    def give(self, worker: int, indices: Any) -> None:
        """Ask a worker for a batch."""
        self.colleagues[worker].tasks.put((FETCH, indices))

    def take(self, worker: int | None, seconds: float | None) -> tuple[int, int, Any] | None:
        """(worker, status, value) of the next reply of a worker, or of any if None; None if there is no reply in that time."""
        replies = self.common if worker is None else self.colleagues[worker].replies
        try:
            return replies.get(timeout=seconds)  # type: ignore[union-attr]  # only a crew with a common place is asked for any reply
        except queue.Empty:
            return None

    def restart(self) -> None:
        """Begin a new pass, and forget all that is under way of the old one."""
        for one in self.colleagues:
            with contextlib.suppress(queue.Empty):
                while True:
                    one.tasks.get_nowait()
            one.tasks.put((RESUME, None))
        resumed = 0
        while resumed < len(self.colleagues):
            _, status, _ = self.take(None if self.common else resumed, None)  # type: ignore[misc]
            resumed += status == RESUMED

    def close(self) -> None:
        """End all threads. One in the midst of a sample has some seconds to finish it."""
        for one in self.colleagues:
            one.stopped = True
            one.tasks.put(None)
        for one in self.colleagues:
            if one.thread is not threading.current_thread():
                one.thread.join(PATIENCE)
