"""PyTorch's zip archives, written: plain records, each beginning at a multiple of 64 bytes, byte for byte as PyTorch lays them out.

The layout matters beyond being a zip: PyTorch computes the places of records from it without reading their headers
(`calculate_storage_offsets`), and maps them into memory where they lie.
"""
from __future__ import annotations

import struct
import zlib
from typing import Any

ALIGNMENT = 64
#: from here on a size or a place needs the 64-bit fields of zip64
LARGE = 0xFFFFFFFF
#: flag bits: names are UTF-8; sizes and checksum follow the data
UTF8, DESCRIPTOR = 0x0800, 0x0008


class ArchiveWriter:
    """Writes records to `out`, which needs nothing but `write`."""

    def __init__(self, out: Any, folder: str, checksums: bool = True):
        self.out = out
        self.folder = folder
        self.checksums = checksums
        self.at = 0
        self.directory: list[bytes] = []
        self.checks: list[int] = []

    def record(self, name: str, data: Any) -> None:
        """Writes one record; `data` is anything with a flat buffer of bytes."""
        path = f"{self.folder}/{name}".encode()
        size = len(data)
        check = zlib.crc32(data) if self.checksums and size else 0
        start = self.at
        large = _large_fields(size, start)
        flags = UTF8 | (DESCRIPTOR if size else 0)
        extra = large + self._padding(start + 30 + len(path) + len(large))
        self._write(struct.pack("<4s5H3L2H", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, len(path), len(extra)) + path + extra)
        self._write(data)
        if size:
            sizes = "<4sL2Q" if large else "<4s3L"
            self._write(struct.pack(sizes, b"PK\7\x08", check, size, size))
        short = min(size, LARGE)
        self.directory.append(struct.pack("<4s6H3L5H2L", b"PK\1\2", 0, 0, flags, 0, 0, 0, check, short, short, len(path), len(large), 0, 0, 0, 0,
                                          min(start, LARGE)) + path + large)
        self.checks.append(check)

    def close(self) -> None:
        """Writes what ends an archive: PyTorch's version, an identity, the directory."""
        self.record("version", b"3\n")
        self.record(".data/serialization_id", self._identity())
        start, count = self.at, len(self.directory)
        for entry in self.directory:
            self._write(entry)
        size = self.at - start
        self._write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 0x031E, 45, 0, 0, count, count, size, start))
        self._write(struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1))
        few = min(count, 0xFFFF)
        self._write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, min(size, LARGE), min(start, LARGE), 0))

    def _write(self, data: Any) -> None:
        self.out.write(data)
        self.at += len(data)

    def _padding(self, start: int) -> bytes:
        """An extra field that ends at a multiple of ALIGNMENT, if it begins at `start`."""
        length = -(start + 4) % ALIGNMENT
        return b"FB" + struct.pack("<H", length) + b"Z" * length

    def _identity(self) -> bytes:
        """40 digits that two files share only if their contents are the same."""
        names = zlib.crc32(b"".join([entry[46:] for entry in self.directory]))
        values = zlib.crc32(struct.pack(f"<{len(self.checks)}L", *self.checks))
        return f"{names:020d}{values:020d}".encode()


def _large_fields(size: int, start: int) -> bytes:
    """The extra field of zip64 for a record that needs it, else nothing."""
    values = ([size, size] if size >= LARGE else []) + ([start] if start >= LARGE else [])
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values) if values else b""
