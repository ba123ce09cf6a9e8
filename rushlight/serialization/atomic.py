"""A file that is replaced whole: whoever reads it sees the old content or the new, whatever ends the process that writes."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows, which does not delete a file that is open: there the deletion itself is the test
    fcntl = None  # type: ignore[assignment]


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A new file to write, which takes the place of `path` when the block ends well, and vanishes when it does not.

    The bytes are on the disk before the name changes over. A symbolic link stays, and what it leads to is replaced; a device or a pipe
    is written to directly.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise RuntimeError(f"{path} is a directory\n  torch.save writes a file: give its name")
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as file:
            yield file
        return
    remove_abandoned(target)
    partial, file = _create_partial(target)
    try:
        with file:
            yield file
            file.flush()
            _keep_mode(target, file)
            os.fsync(file.fileno())
            if fcntl is not None:
                os.replace(partial, target)  # while the lock is held: nobody takes the file for abandoned
        if fcntl is None:
            os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    _sync_folder(os.path.dirname(target))


def _create_partial(target: str) -> tuple[str, Any]:
    """(name, file) of a new file beside the target, locked as long as it is open."""
    folder, name = os.path.split(target)
    while True:
        partial = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.partial")
        file = os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666), "wb")
        if fcntl is None:
            return partial, file
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.exists(partial):  # another process may have taken it for abandoned before the lock was there
            return partial, file
        file.close()


def _keep_mode(target: str, file: Any) -> None:
    """Gives the new file the permissions of the old one."""
    with suppress(OSError, AttributeError):
        os.fchmod(file.fileno(), os.stat(target).st_mode & 0o7777)


def remove_abandoned(target: str) -> None:
    """Deletes what processes that were killed while they saved to `target` have left beside it."""
    folder, name = os.path.split(target)
    with suppress(OSError):
        for entry in os.listdir(folder or "."):
            if entry.startswith(f".{name}.") and entry.endswith(".partial") and _is_abandoned(os.path.join(folder, entry)):
                os.unlink(os.path.join(folder, entry))


def _is_abandoned(partial: str) -> bool:
    """Whether no process is writing to the file."""
    if fcntl is None:
        return True
    try:
        with open(partial, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_folder(folder: str) -> None:
    """Puts the change of names on the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
