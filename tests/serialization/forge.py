"""Files that nobody should write: archives and pickles made byte by byte."""
import io
import pickle
import struct
import zipfile

from rushlight.serialization.archive_writer import ArchiveWriter

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
FLOATS = b"ctorch\nFloatStorage\n"
HOOKS = b"ccollections\nOrderedDict\n)R"


def text(value):
    """The instruction that pushes text."""
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def number(value):
    """The instruction that pushes a number."""
    data = pickle.encode_long(value)
    return pickle.LONG1 + bytes([len(data)]) + data


def numbers(values):
    """The instructions that push a tuple of numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(count=4, kind=FLOATS, key="0", location="cpu"):
    """The instructions that push a storage."""
    return b"(" + text("storage") + kind + text(key) + text(location) + number(count) + b"tQ"


def tensor(offset=0, size=(4,), stride=(1,), of=None, more=b""):
    """The instructions that push a tensor on a storage."""
    return TENSOR + b"(" + (of or storage()) + number(offset) + numbers(size) + numbers(stride) + b"\x89" + HOOKS + more + b"tR"


def call(module, name, args=b")"):
    """The instructions that call a function; `args` pushes a tuple."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + args + b"R"


def archive(code, storages=None, **records):
    """An archive as PyTorch lays it out, with a pickle of these instructions."""
    out = io.BytesIO()
    writer = ArchiveWriter(out, "archive")
    writer.record("data.pkl", b"\x80\x02" + code + b".")
    for name, data in records.items():
        writer.record(name, data)
    for key, data in ({"0": bytes(16)} if storages is None else storages).items():
        writer.record(f"data/{key}", data)
    writer.close()
    return out.getvalue()


def zipped(records, packed=False):
    """An archive as Python's zipfile writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        for name, data in records.items():
            file.writestr(name, data)
    return out.getvalue()


def legacy(code, keys=("0",), contents=None):
    """A file of the format before zip, with a pickle of these instructions."""
    from rushlight.serialization.saving import MAGIC_NUMBER, PROTOCOL_VERSION
    head = b"".join([pickle.dumps(part, 2) for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"little_endian": True})])
    body = struct.pack("<q", 4) + bytes(16) if contents is None else contents
    return head + b"\x80\x02" + code + b"." + pickle.dumps(list(keys), 2) + body


def legacy_storage(count=4, kind=FLOATS, key="0", view=b"N"):
    """The instructions that push a storage in the format before zip."""
    return b"(" + text("storage") + kind + text(key) + text("cpu") + number(count) + view + b"tQ"
