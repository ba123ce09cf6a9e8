"""torch.save."""
from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from typing import Any

from ..core import recording
from . import options
from .archive_writer import ALIGNMENT, ArchiveWriter
from .atomic import replacing
from .pickler import StorageRef, Storages, pickler_class

DEFAULT_PROTOCOL = 2
#: how the format before zip begins
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


def save(obj: object, f: Any, pickle_module: Any = pickle, pickle_protocol: int = DEFAULT_PROTOCOL,
         _use_new_zipfile_serialization: bool = True, _disable_byteorder_record: bool = False) -> None:
    """Writes obj to a file that `load` reads, here and in PyTorch. f: a path, or an object with `write` and `flush`.

    Tensors that share a storage share it again when loaded. A file under a path is replaced whole: if the process dies or the disk fills up
    half way, the old file is still there as it was. What cannot be pickled leaves no trace either.

    Raises: RuntimeError if tensors of several dtypes stand on the same memory, or if the folder does not exist.

    Example: `torch.save({"model": model.state_dict(), "epoch": 3}, "checkpoint.pt")`
    """
    recording.reads("save()")
    is_path = isinstance(f, (str, os.PathLike))
    if not is_path and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    storages = Storages()
    if _use_new_zipfile_serialization:
        data = pickled(obj, storages, pickle_module, pickle_protocol)
        def write(out: Any) -> None:
            write_zip(out, data, storages, archive_folder(f), not _disable_byteorder_record)
    else:
        data = legacy_head(obj, storages, pickle_module, pickle_protocol)
        def write(out: Any) -> None:
            write_legacy(out, data, storages, pickle_module, pickle_protocol)
    if is_path:
        path = os.fspath(f)
        check_folder(path)
        with replacing(path) as file:
            write(file)
    else:
        write(f)
        f.flush()


def check_folder(path: Any) -> None:
    """Raises PyTorch's error unless the folder of a path exists."""
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.fsdecode(folder)} does not exist.")


def pickled(obj: object, storages: Storages, pickle_module: Any, protocol: int) -> bytes:
    """The pickle of an object; its storages are noted in `storages`."""
    out = io.BytesIO()
    pickler = pickler_class(pickle_module)(out, protocol=protocol)
    pickler.storages = storages
    pickler.dump(obj)
    return out.getvalue()


def archive_folder(f: Any) -> str:
    """The folder inside the archive: the file's name without its ending, or "archive" for what has no such name."""
    if not isinstance(f, (str, os.PathLike)):
        return "archive"
    name = os.path.basename(os.fsdecode(f))
    stem = name.rpartition(".")[0] if "." in name else name
    if not stem:
        raise RuntimeError(f"invalid file name: {os.fsdecode(f)}")
    return stem if name.isascii() else "archive"


def write_zip(out: Any, data: bytes, storages: Storages, folder: str, note_byteorder: bool) -> None:
    """Writes the archive: the pickle, PyTorch's notes about the format, each storage as a record."""
    writer = ArchiveWriter(out, folder, options.get_crc32_options())
    writer.record("data.pkl", data)
    writer.record(".format_version", b"1")
    writer.record(".storage_alignment", str(ALIGNMENT).encode())
    if note_byteorder:
        writer.record("byteorder", sys.byteorder.encode())
    for key, content in storages.bytes.items():
        writer.record(f"data/{key}", memoryview(content))
    writer.close()


# ---- the format before zip

def legacy_head(obj: object, storages: Storages, pickle_module: Any, protocol: int) -> bytes:
    """The pickles that begin a file of the old format, the object's last."""
    class LegacyPickler(pickler_class(pickle_module)):  # type: ignore[misc]  # a base that is made
        def identity(self, ref: StorageRef) -> tuple:
            return "storage", ref.type, ref.key, ref.location, ref.count, None

    out = io.BytesIO()
    sizes = {name: struct.calcsize(code) for name, code in (("short", "=h"), ("int", "=i"), ("long", "=l"))}
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION,
                 {"protocol_version": PROTOCOL_VERSION, "little_endian": sys.byteorder == "little", "type_sizes": sizes}):
        pickle_module.dump(part, out, protocol=protocol)
    pickler = LegacyPickler(out, protocol=protocol)
    pickler.storages = storages
    pickler.dump(obj)
    return out.getvalue()


def write_legacy(out: Any, head: bytes, storages: Storages, pickle_module: Any, protocol: int) -> None:
    """Writes a file of the old format: the pickles, the list of storages, and each storage behind its number of elements."""
    keys = sorted(storages.bytes)
    out.write(head)
    out.write(pickle_module.dumps(keys, protocol=protocol))
    for key in keys:
        content = storages.bytes[key]
        out.write(struct.pack("<q", len(content) // storages.widths[key]))
        out.write(memoryview(content))
