"""The folder of kept machine code: small files under names that hash all that they depend on.

A folder that cannot be written or a file that is damaged only means that LLVM compiles again.
"""
from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

#: where the files are, from the user's cache folder on; the number changes when their form does
FOLDER = os.path.join("rushlight", "kernels-1")


def digest(data: bytes) -> Any:
    """The SHA-256 of some bytes. The library is loaded by the first kernel, since it brings four megabytes of others with it."""
    import hashlib
    return hashlib.sha256(data)


def folder() -> str:
    """The folder's path."""
    root = os.environ.get("RUSHLIGHT_CACHE") or os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, FOLDER)


def read_kept(name: str) -> bytes | None:
    """What is kept under a name; None if nothing is, or if it is not whole, or not this user's own."""
    try:
        with open(os.path.join(folder(), name), "rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            data = file.read()
    except OSError:
        return None
    return data[32:] if digest(data[32:]).digest() == data[:32] else None


def keep(name: str, data: bytes) -> None:
    """Keep data under a name. Two processes may do so at once: each writes a file of its own, then renames it."""
    path = os.path.join(folder(), name)
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
    try:
        os.makedirs(folder(), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(digest(data).digest() + data)
        os.replace(temporary, path)
    except OSError:  # a home that cannot be written, or a full disk: compiling anew costs time and nothing else
        with contextlib.suppress(OSError):
            os.unlink(temporary)
