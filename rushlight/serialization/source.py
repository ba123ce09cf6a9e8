"""Where bytes are read from: a path or a file object, by position."""
from __future__ import annotations

import io
import os
from typing import Any

import numpy as np


class Source:
    """The bytes of a file object from where it stands to its end; positions count from there."""

    def __init__(self, file: Any, path: str | None = None):
        self.file = file
        self.path = path
        self.start = seekable_position(file)
        self.size = file.seek(0, io.SEEK_END) - self.start
        file.seek(self.start)

    def read(self, at: int, size: int) -> bytes:
        """`size` bytes from a position. Raises RuntimeError if the file ends before."""
        if at < 0 or size < 0 or at + size > self.size:
            raise RuntimeError(f"the file has {self.size} bytes: {size} bytes from {at} on are not there")
        self.file.seek(self.start + at)
        data = self.file.read(size)
        if len(data) != size:
            raise RuntimeError(f"the file ended while it was read: {size} bytes from {at} on were expected")
        return data

    def array(self, at: int, size: int) -> Any:
        """`size` bytes from a position as an array of bytes of their own."""
        if at < 0 or size < 0 or at + size > self.size:
            raise RuntimeError(f"the file has {self.size} bytes: {size} bytes from {at} on are not there")
        if not hasattr(self.file, "readinto"):
            return np.frombuffer(self.read(at, size), np.uint8).copy()
        out = np.empty(size, np.uint8)
        self.file.seek(self.start + at)
        view, done = memoryview(out), 0
        while done < size:
            count = self.file.readinto(view[done:])
            if not count:
                raise RuntimeError(f"the file ended while it was read: {size} bytes from {at} on were expected")
            done += count
        return out

    def rest(self) -> Any:
        """All the bytes: mapped into memory where the file has a path, else read."""
        if self.path is not None and self.size:
            import mmap
            return mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        return self.read(0, self.size)

    def leave_at(self, at: int) -> None:
        """Puts the file where the next reader is to begin."""
        self.file.seek(self.start + at)


def seekable_position(file: Any) -> int:
    """Where a file object stands. Raises PyTorch's error if it cannot be put elsewhere."""
    try:
        at = file.tell()
        file.seek(at)
        return at
    except (io.UnsupportedOperation, AttributeError) as error:
        if "seek" in str(error) or "tell" in str(error):
            raise type(error)(f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like "
                              "io.BytesIO and try to load from it instead.") from None
        raise


def is_path(f: object) -> bool:
    """Whether f is a path and not a file object."""
    return isinstance(f, (str, os.PathLike))
