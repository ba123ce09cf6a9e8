"""torch.hub: files of weights from the web, checked, kept in a folder, and loaded. No code is fetched.

A download that breaks off goes on where it stopped, in the same call and in a later one: what has arrived stays beside its place as
`NAME.partial`, with what the server calls this version of the file in `NAME.partial.version`. The file itself appears whole or not at all.
"""
from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

#: the hash in a file's name, such as resnet18-5c106cde.pth
HASH = re.compile(r"-([a-f0-9]*)\.")
CHUNK = 1 << 17
#: how often in a row a connection may break before it has brought anything new
ATTEMPTS = 4
#: seconds without a byte after which a connection counts as broken
PATIENCE = 60

_chosen_dir: str | None = None


def get_dir() -> str:
    """The folder of what the hub keeps: the one that `set_dir` named, else hub/ in $TORCH_HOME, $XDG_CACHE_HOME/torch or ~/.cache/torch."""
    _warn_of("TORCH_HUB")
    if _chosen_dir is not None:
        return _chosen_dir
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return os.path.join(os.path.expanduser(os.getenv("TORCH_HOME", os.path.join(cache, "torch"))), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Makes `d` the folder of what the hub keeps."""
    global _chosen_dir
    _chosen_dir = os.path.expanduser(d)


def _warn_of(variable: str) -> None:
    if os.getenv(variable):
        warnings.warn(f"{variable} is deprecated, please use env TORCH_HOME instead", stacklevel=3)


def load_state_dict_from_url(url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True, check_hash: bool = False,
                             file_name: str | None = None, weights_only: bool = True) -> dict[str, Any]:
    """What the file at `url` holds, downloaded unless it is in model_dir already (by default `checkpoints` in `get_dir()`).

    file_name: its name there, by default the last part of the address.
    check_hash: the name holds the first digits of the SHA-256 of the file, as in `name-5c106cde.pth`, and a download must have it.
    map_location, weights_only: as for `torch.load`; a file from outside is not trusted unless weights_only=False says so.

    Raises: RuntimeError for a wrong hash, urllib.error.URLError where there is nothing to be had; no file is then left behind.
    """
    from urllib.parse import urlparse

    from .serialization import load
    _warn_of("TORCH_MODEL_ZOO")
    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    if name in ("", ".", ".."):
        raise ValueError(f"{url} names no file: give file_name")
    os.makedirs(model_dir, exist_ok=True)
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = HASH.search(name) if check_hash else None
        download_url_to_file(url, path, found and found.group(1), progress)
    return load(path, map_location=map_location, weights_only=weights_only)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Puts what is at `url` into the file `dst`, which appears when all of it is there and its SHA-256 begins with hash_prefix.

    With `progress` a terminal shows how far it is. Raises: as `load_state_dict_from_url`; EOFError if connections keep breaking off.
    """
    dst = os.path.expanduser(dst)
    with _partial(dst) as part:
        Download(url, part, hash_prefix is not None, progress and sys.stderr.isatty()).run()
        if hash_prefix is not None:
            _check_hash(part, hash_prefix)
        part.file.flush()
        part.becomes(dst)


class Partial:
    """What has arrived of a file: open, and locked against other processes that fetch the same."""

    def __init__(self, path: str, file: IO[bytes]):
        self.path, self.file, self.note = path, file, path + ".version"

    @property
    def size(self) -> int:
        return self.file.seek(0, os.SEEK_END)

    def origin(self) -> list[str]:
        """[the address that the bytes came from, what the server called this version of the file, "" if it said nothing]."""
        with suppress(OSError), open(self.note, encoding="utf-8") as file:
            return file.read().split("\n")[:2]
        return ["", ""]

    def begin(self, url: str, version: str) -> None:
        """Forgets what is there; bytes of that origin follow."""
        self.file.truncate(0)
        with open(self.note, "w", encoding="utf-8") as file:
            file.write(f"{url}\n{version}")

    def becomes(self, dst: str) -> None:
        """Gives the file its name."""
        if fcntl is None:
            self.file.close()  # Windows renames no open file
        os.replace(self.path, dst)
        self._forget(self.note)

    def remove(self) -> None:
        """Leaves nothing behind."""
        self.file.close()
        self._forget(self.path)
        self._forget(self.note)

    def _forget(self, path: str) -> None:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def _partial(dst: str) -> Iterator[Partial]:
    """`dst.partial`, or a file of its own if another process is writing that; what cannot be gone on from does not outlive the block."""
    part = _open(dst + ".partial") or _open(f"{dst}.{os.urandom(8).hex()}.partial")
    assert part is not None
    try:
        yield part
    except BaseException as error:
        refused = 400 <= getattr(error, "code", 0) < 500  # by the server: it will not have the rest either
        is_found_again = part.path == dst + ".partial" and part.origin()[1]
        if isinstance(error, RuntimeError) or refused or not part.size or not is_found_again:
            part.remove()
        raise
    finally:
        part.file.close()


def _open(path: str) -> Partial | None:
    """The file, created or with what it holds; None if another process has it."""
    while True:
        file = open(path, "a+b")
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        with suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return Partial(path, file)
        file.close()  # whoever had the lock has just renamed the file


class Download:
    """One file on its way from a server, over as many connections as it takes."""

    def __init__(self, url: str, part: Partial, is_checked: bool, shown: bool):
        self.url, self.part, self.is_checked, self.shown = url, part, is_checked, shown

    def run(self) -> None:
        """Fetches until all is there. Raises EOFError if it never gets there."""
        from http.client import HTTPException
        attempts = 0
        while attempts < ATTEMPTS:
            before = self.part.size
            try:
                if self._fetch(self._start()):
                    return
            except (HTTPException, ConnectionError, TimeoutError) as error:
                self.failure = error
            attempts = 0 if self.part.size > before else attempts + 1
        raise EOFError(f"{self.url}: connections broke off after {self.part.size} bytes") from getattr(self, "failure", None)

    def _start(self) -> int:
        """How many bytes need not come again: those from the same address, if the version or the hash will tell that the rest belongs to them."""
        url, version = self.part.origin()
        return self.part.size if url == self.url and (version or self.is_checked) else 0

    def _fetch(self, start: int) -> bool:
        """Whether one connection brought all that was missing."""
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen
        headers = {"User-Agent": "torch.hub"}
        if start:
            version = self.part.origin()[1]
            headers.update({"Range": f"bytes={start}-", **({"If-Range": version} if version else {})})
        try:
            answer = urlopen(Request(self.url, headers=headers), timeout=PATIENCE)
        except HTTPError as error:
            if error.code != 416 or not start:  # 416: there is no byte so far in; what we have is of another file
                raise
            self.part.begin(self.url, "")
            return self._fetch(0)
        with answer:
            return self._take(answer, start)

    def _take(self, answer: Any, start: int) -> bool:
        """Whether the answer brought all that it announced; it continues what we have, or begins anew."""
        headers = answer.headers
        if start and not _begins_at(start, headers):
            start = 0
        if not start:
            self.part.begin(self.url, headers.get("ETag") or headers.get("Last-Modified") or "")
        length = headers.get("Content-Length")
        total = None if length is None else start + int(length)
        with progress_bar(start, total, self.shown) as bar:
            while data := answer.read(CHUNK):
                self.part.file.write(data)
                bar.update(len(data))
        return total is None or self.part.size >= total


def _begins_at(start: int, headers: Any) -> bool:
    """Whether an answer is the part of a file that begins where we stopped, and not all of it."""
    return (headers.get("Content-Range") or "").startswith(f"bytes {start}-")


def _check_hash(part: Partial, prefix: str) -> None:
    import hashlib
    digest = hashlib.sha256()
    part.file.seek(0)
    while data := part.file.read(CHUNK):
        digest.update(data)
    if digest.hexdigest()[:len(prefix)] != prefix:
        raise RuntimeError(f'invalid hash value (expected "{prefix}", got "{digest.hexdigest()}")')


def progress_bar(start: int, total: int | None, shown: bool) -> Any:
    """tqdm's bar where tqdm is installed, else one of our own."""
    try:
        from tqdm import tqdm
    except ImportError:
        return PlainBar(start, total, shown)
    return tqdm(total=total, initial=start, unit="B", unit_scale=True, unit_divisor=1024, disable=not shown)


class PlainBar:
    """Percents, or megabytes where the size is unknown, in one line of the terminal."""

    def __init__(self, done: int, total: int | None, shown: bool):
        self.done, self.total, self.shown, self.said = done, total, shown, ""

    def update(self, count: int) -> None:
        """So many more bytes are there."""
        self.done += count
        text = f"{100 * self.done // self.total} % of {self.total / 2**20:.1f} MB" if self.total else f"{self.done / 2**20:.0f} MB"
        if self.shown and text != self.said:
            self.said = text
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> PlainBar:
        return self

    def __exit__(self, *error: Any) -> None:
        if self.said:  # the next output begins a line of its own
            print(file=sys.stderr)
