"""Zip archives, read as a file from anywhere must be: nothing that its headers say is believed until it fits the file."""
from __future__ import annotations

import struct
import zlib
from typing import Any

from .errors import archive_error
from .limits import Budgets, over
from .source import Source

LOCAL, DIRECTORY, END, END64, LOCATOR64 = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
STORED, DEFLATED = 0, 8
LARGE = 0xFFFFFFFF
#: a comment of 65535 bytes may follow the end record of 22
TAIL = 65535 + 22


class Member:
    """A record of an archive, as the directory describes it."""

    __slots__ = ("name", "header", "packed", "size", "method", "bound")

    def __init__(self, name: str, header: int, packed: int, size: int, method: int):
        self.name = name
        self.header = header  # where its local header begins
        self.packed = packed  # bytes in the archive
        self.size = size      # bytes unpacked
        self.method = method
        self.bound = 0        # where the next thing in the file begins


class Archive:
    """The records of a zip archive by name.

    Raises: RuntimeError from any method where the archive contradicts itself, leaves its file, or exceeds a budget.
    """

    def __init__(self, source: Source, budgets: Budgets):
        self.source = source
        self.budgets = budgets
        self.inflated = 0
        start, end, count = self._find_directory()
        self.members = {member.name: member for member in self._directory(start, end, count)}
        if len(self.members) != count:
            raise archive_error("two records have the same name")
        self._bound_members(start)

    # ---- the directory

    def _find_directory(self) -> tuple[int, int, int]:
        """(begin, end, number of entries) of the directory."""
        size = self.source.size
        if size < 22 or self.source.read(0, 4) != LOCAL:
            raise archive_error("not a ZIP archive")
        first = max(0, size - TAIL)
        tail = self.source.read(first, size - first)
        at = tail.rfind(END)
        if at < 0 or at + 22 > len(tail):
            raise archive_error("failed finding central directory")
        count, length, start = struct.unpack_from("<10xH2L", tail, at)
        end = first + at
        if LARGE in (length, start) or count == 0xFFFF:
            end, count, length, start = self._find_directory64(end)
        if start + length > end or count * 46 > length:
            raise archive_error("the directory does not fit the file")
        if count > self.budgets.members:
            raise archive_error(over("members", self.budgets.members, f"{count} records"))
        return start, start + length, count

    def _find_directory64(self, end: int) -> tuple[int, int, int, int]:
        """(place of the end record, number of entries, length, begin) of the directory of a large archive."""
        if end < 20 or self.source.read(end - 20, 4) != LOCATOR64:
            raise archive_error("failed finding central directory")
        at = struct.unpack("<Q", self.source.read(end - 12, 8))[0]
        if at > end - 56 or self.source.read(at, 4) != END64:
            raise archive_error("failed finding central directory")
        count, length, start = struct.unpack("<3Q", self.source.read(at + 32, 24))
        return at, count, length, start

    def _directory(self, start: int, end: int, count: int) -> Any:
        """Each member, as the directory has it."""
        data = self.source.read(start, end - start)
        at = 0
        for _ in range(count):
            if data[at:at + 4] != DIRECTORY or at + 46 > len(data):
                raise archive_error("the directory is damaged")
            flags, method, packed, size, name_length, extra_length, comment_length, header = struct.unpack_from("<4x4x2H8x2L3H8xL", data, at)
            name = data[at + 46:at + 46 + name_length]
            extra = data[at + 46 + name_length:at + 46 + name_length + extra_length]
            at += 46 + name_length + extra_length + comment_length
            if at > len(data):
                raise archive_error("the directory is damaged")
            if flags & 1 or method not in (STORED, DEFLATED):
                raise archive_error("a record is encrypted or packed in an unknown way")
            size, packed, header = _large_values(extra, size, packed, header)
            if method == STORED and size != packed:
                raise archive_error("a record has two sizes")
            yield Member(safe_name(name), header, packed, size, method)

    def _bound_members(self, end: int) -> None:
        """Finds where each member must end, and refuses members that share bytes."""
        order = sorted(self.members.values(), key=lambda member: member.header)
        for member, following in zip(order, [member.header for member in order[1:]] + [end]):
            member.bound = following
            if member.header + 30 + len(member.name.encode()) + member.packed > following:
                raise archive_error(f"record {member.name!r} overlaps what follows it")

    # ---- the records

    def place(self, name: str) -> tuple[int, int]:
        """(begin, bytes in the archive) of a record's data."""
        member = self.members.get(name)
        if member is None:
            raise RuntimeError(f"PytorchStreamReader failed locating file {name.partition('/')[2]}: file not found")
        header = self.source.read(member.header, 30)
        name_length, extra_length = struct.unpack_from("<26x2H", header)
        start = member.header + 30 + name_length + extra_length
        if header[:4] != LOCAL or start + member.packed > member.bound:
            raise archive_error(f"the header of record {name!r} does not fit the directory")
        if self.source.read(member.header + 30, name_length) != name.encode():
            raise archive_error(f"the header of record {name!r} has another name")
        return start, member.packed

    def read(self, name: str) -> bytes:
        """A record's bytes, unpacked."""
        start, packed = self.place(name)
        data = self.source.read(start, packed)
        return data if self.members[name].method == STORED else bytes(self._inflate(self.members[name], data))

    def head(self, name: str, count: int) -> bytes:
        """The first bytes of a record, unpacked."""
        start, packed = self.place(name)
        if self.members[name].method == STORED:
            return self.source.read(start, min(packed, count))
        try:
            return zlib.decompressobj(-15).decompress(self.source.read(start, min(packed, 2 * count)), count)
        except zlib.error as error:
            raise archive_error(f"record {name!r} is damaged ({error})") from None

    def array(self, name: str) -> Any:
        """A record's bytes as an array of its own."""
        import numpy as np
        start, packed = self.place(name)
        if self.members[name].method == STORED:
            return self.source.array(start, packed)
        return np.frombuffer(self._inflate(self.members[name], self.source.read(start, packed)), np.uint8)

    def _inflate(self, member: Member, data: bytes) -> bytearray:
        """A packed record's bytes: no more of them than the directory says and the budget allows."""
        allowed = self.budgets.inflated + self.source.size
        self.inflated += member.size
        if self.inflated > allowed:
            raise archive_error(over("inflated", self.budgets.inflated, f"record {member.name!r} unpacks to {member.size} bytes"))
        out, done = bytearray(member.size), 0
        unpacker = zlib.decompressobj(-15)
        try:
            # Small bites: no more than 16 MB at once can come of 16 KB.
            for at in range(0, len(data), 1 << 14):
                piece = unpacker.decompress(data[at:at + (1 << 14)], member.size - done + 1)
                if done + len(piece) > member.size:
                    raise zlib.error("more than its size")
                out[done:done + len(piece)] = piece
                done += len(piece)
        except zlib.error as error:
            raise archive_error(f"record {member.name!r} is damaged ({error})") from None
        if done != member.size:
            raise archive_error(f"record {member.name!r} does not unpack to the {member.size} bytes that it claims")
        return out


def safe_name(name: bytes) -> str:
    """A record's name as text. Nothing is ever unpacked to a path, but a name that leads elsewhere is a sign of no good."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise archive_error("a record's name is not UTF-8") from None
    parts = text.replace("\\", "/").split("/")
    if not text or "\0" in text or ".." in parts or not parts[0] or parts[0][1:] == ":":
        raise archive_error(f"a record has the name {text[:80]!r}, which leads out of its folder")
    return text


def _large_values(extra: bytes, *values: int) -> list[int]:
    """Sizes and place of a record, with those that did not fit 32 bits taken from the zip64 field."""
    found = list(values)
    if LARGE not in found:
        return found
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4:at + 4 + length]
            wanted = [i for i, value in enumerate(found) if value == LARGE]
            if len(field) < 8 * len(wanted):
                break
            for i, value in zip(wanted, struct.unpack_from(f"<{len(wanted)}Q", field)):
                found[i] = value
            return found
        at += 4 + length
    raise archive_error("a large record has no size")
