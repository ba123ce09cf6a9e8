"""torch.multiprocessing: Python's multiprocessing, and `spawn`, which runs one function in several processes.

Tensors that are sent travel as copies, and sharing strategies change nothing. A process that fork starts sees `share_memory_`'s tensors
themselves.
"""
from __future__ import annotations

import contextlib
import multiprocessing as python
import sys
from collections.abc import Callable
from typing import Any

from .torch_alias import missing

__all__ = ["ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "get_all_sharing_strategies",
           "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes", *python.__all__]

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = ["file_descriptor"]


def __getattr__(name: str) -> Any:
    """What Python's module has (PEP 562)."""
    if not hasattr(python, name):
        raise missing(__name__, name)
    return getattr(python, name)


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted, and remembered. Raises AssertionError for an unknown one."""
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_STRATEGIES}")
    _strategy[0] = new_strategy


def get_sharing_strategy() -> str:
    """The strategy that was set last."""
    return _strategy[0]


def get_all_sharing_strategies() -> set[str]:
    """The strategies that may be set."""
    return set(_STRATEGIES)


class ProcessException(Exception):
    """A process did not end well."""

    def __init__(self, msg: str, error_index: int, pid: int):
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> tuple:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """The function raised in a process; the message has its traceback."""


class ProcessExitedException(ProcessException):
    """A process ended by an exit code or a signal."""

    def __init__(self, msg: str, error_index: int, pid: int, exit_code: int, signal_name: str | None = None):
        super().__init__(msg, error_index, pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> tuple:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


class ProcessContext:
    """Several processes that run one function: `join` waits for them, and ends all if one fails."""

    def __init__(self, processes: list, errors: list):
        self.processes = processes
        self.errors = errors
        self.sentinels = {process.sentinel: index for index, process in enumerate(processes)}

    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Whether all have ended, after one more did or the timeout passed. Raises ProcessException if one failed."""
        if not self.sentinels:
            return True
        from multiprocessing.connection import wait
        failed = None
        for sentinel in wait(list(self.sentinels), timeout):
            index = self.sentinels.pop(sentinel)
            self.processes[index].join()
            if self.processes[index].exitcode != 0 and failed is None:
                failed = index
        if failed is None:
            return not self.sentinels
        self.end_all(grace_period)
        raise self.failure(failed)

    def end_all(self, grace_period: float | None) -> None:
        """End the processes that still run: ask, and after grace_period seconds, or 30, kill."""
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(30 if grace_period is None else grace_period)
            if process.is_alive():
                process.kill()
            process.join()

    def failure(self, index: int) -> ProcessException:
        """What became of a process that failed."""
        process = self.processes[index]
        with contextlib.suppress(EOFError):  # nothing was sent: it did not raise
            raised = self.errors[index].recv()
            return ProcessRaisedException(f"\n\n-- Process {index} terminated with the following error:\n{raised}", index, process.pid)
        code = process.exitcode
        if code < 0:
            import signal
            name = signal.Signals(-code).name
            return ProcessExitedException(f"process {index} terminated with signal {name}", index, process.pid, code, name)
        return ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


SpawnContext = ProcessContext


def _call(fn: Callable, rank: int, args: tuple, errors: Any) -> None:
    """fn(rank, *args) in a new process; the traceback of an error goes to the parent."""
    try:
        fn(rank, *args)
    except KeyboardInterrupt:
        pass  # the parent has it too
    except Exception:
        import traceback
        errors.send(traceback.format_exc())
        sys.exit(1)


def start_processes(fn: Callable, args: tuple = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
                    start_method: str = "spawn") -> ProcessContext | None:
    """Run fn(rank, *args) in nprocs processes, started by start_method, and wait for them; without join, the context to wait by."""
    context: Any = python.get_context(start_method)
    processes, errors = [], []
    for rank in range(nprocs):
        receives, sends = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(fn, rank, args, sends), daemon=daemon)
        process.start()
        sends.close()
        processes.append(process)
        errors.append(receives)
    result = ProcessContext(processes, errors)
    if not join:
        return result
    while not result.join():
        pass
    return None


def spawn(fn: Callable, args: tuple = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
          start_method: str = "spawn") -> ProcessContext | None:
    """Run fn(rank, *args) in nprocs new processes. Raises ProcessException if one fails; the others are ended then.

    Example:
        >>> context = spawn(print, nprocs=0, join=False)
        >>> context.join()
        True
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)


for _class in (ProcessException, ProcessRaisedException, ProcessExitedException, ProcessContext):
    _class.__module__ = "torch.multiprocessing.spawn"
