"""Ways to damage a file: each is a function (data, chance) -> damaged data, where `chance` is a random.Random."""
import copy
import io
import json
import math
import struct
import zipfile

from rushlight.serialization.archive_writer import ArchiveWriter

#: numbers that go wrong
NUMBERS = [0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
#: instructions, and names of what one would like to call
WORDS = [b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nTensor\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n",
         b"PK\1\2", b"PK\3\4", b"PK\5\6", b"data/0", b"../", *[bytes([code]) for code in b"Rb\x81us(tQ}]ea\x8f\x93\x94."]]


def mutated(data, chance, words=WORDS):
    """The bytes with one to four things done to them."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        if not out:
            break
        at, kind = chance.randrange(len(out)), chance.randrange(8)
        if kind == 0:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            out[at] = chance.randrange(256)
        elif kind == 2:
            del out[at:at + chance.choice((1, 2, 4, 16, 200))]
        elif kind == 3:
            out[at:at] = chance.choice(words)
        elif kind == 4:
            out[at:at] = out[at:at + chance.choice((1, 4, 32, 200))]
        elif kind == 5:
            del out[at:]
        elif kind == 6:
            put(out, at, chance.choice(("<H", "<L", "<Q")), chance.choice(NUMBERS))
        else:
            other = chance.randrange(len(out))
            size = chance.choice((1, 4, 16, 64))
            out[at:at + size], out[other:other + size] = out[other:other + size], out[at:at + size]
    return bytes(out)


def put(out, at, form, value):
    """Overwrites a number, if it fits."""
    size = struct.calcsize(form)
    if at + size <= len(out):
        struct.pack_into(form, out, at, value % (1 << 8 * size))


def zip_case(data, chance):
    """A damaged archive: its bytes changed anywhere, or its pickle alone, in an archive that is whole."""
    if chance.random() < 0.4:
        return mutated(data, chance)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        records = {name.partition("/")[2]: file.read(name) for name in file.namelist()}
    writer = ArchiveWriter(out, "archive")
    for name, content in records.items():
        if name not in ("version", ".data/serialization_id"):
            writer.record(name, mutated(content, chance) if name == "data.pkl" else content)
    writer.close()
    return out.getvalue()


# ---- JSON: the header of a .safetensors file, and the index of several

#: dtypes of the format, and their widths in bits
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
        "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6}
JSON_WORDS = [b'"', b",", b"[", b"]", b"{", b"}", b":", b"\\", b"0", b"-", b"e9", b"9" * 30, b"null", b"\\ud800", b"\xff", b"../", b"a",
              *[f'"{name}"'.encode() for name in ("a", "dtype", "shape", "data_offsets", "__metadata__", "weight_map", *BITS)]]
VALUES = [*NUMBERS, -1, 0.5, math.inf, math.nan, None, True, "", [], {}, [0], [0, 2**62], [0, 2**63], [2**32, 2**32], [1] * 64, [1] * 65, [8, 0],
          "\ud800", "a" * 300, *BITS, "model-1.safetensors", "model-2.pt", "folder.pt", "../model-1.safetensors", "../model-2.pt", "./model-2.pt",
          "/etc/passwd", "..", ".pt", "model-2.pt\0", "MODEL-2.PT", "C:model-2.pt", "..\\model-2.pt", "model.safetensors.index.json",
          "a" * 300 + ".pt", "\ud800.pt", "\u00e9.pt"]


def slots(tree):
    """Every (container, key) inside an object of JSON."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (dict, list)):
            for key in list(value) if isinstance(value, dict) else range(len(value)):
                yield value, key
                waiting.append(value[key])


def change(tree, chance):
    """Replaces, removes or renames something inside an object of JSON."""
    choices = list(slots(tree))
    if not choices:
        return
    (place, key), (other, its) = chance.choice(choices), chance.choice(choices)
    kind = chance.randrange(6)
    if kind == 0:
        del place[key]
    elif kind == 1 and isinstance(place, dict):
        place[str(chance.choice((chance.choice(VALUES), its)))] = place.pop(key)
    elif kind == 2:
        place[key] = copy.deepcopy(other[its])
    elif kind == 3 and isinstance(place[key], int):
        place[key] += chance.choice((-8, -1, 1, 2, 8, 2**32))
    else:
        place[key] = copy.deepcopy(chance.choice(VALUES))


def changed(text, chance):
    """The text of JSON with one to three changes inside, or with a name that stands there twice."""
    tree = json.loads(text)
    for _ in range(chance.choice((1, 1, 2, 3))):
        change(tree, chance)
    out = json.dumps(tree)
    names = [key for place, key in slots(tree) if isinstance(place, dict)]
    if names and chance.random() < 0.2:
        out = out.replace(json.dumps(chance.choice(names)), json.dumps(chance.choice(names)))
    return out.encode()


def tensors_file(layout=(("F32", [2, 3]), ("BOOL", [3]), ("F64", []), ("BF16", [4]), ("I64", [0, 2]), ("C64", [1])), metadata=True):
    """A .safetensors file of tensors of these dtypes and shapes."""
    header, size = {"__metadata__": {"format": "np"}} if metadata else {}, 0
    for i, (dtype, shape) in enumerate(layout):
        end = size + math.prod(shape) * BITS[dtype] // 8
        header[chr(ord("a") + i)] = {"dtype": dtype, "shape": shape, "data_offsets": [size, end]}
        size = end
    return with_header(json.dumps(header).encode(), bytes(i % 251 for i in range(size)))


def with_header(header, data, length=None):
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def random_layout(chance):
    """Dtypes and shapes, most of them possible."""
    sizes = (0, 1, 2, 3, 5) if chance.random() < 0.7 else (0, 0, 1, 2, 2**31, 2**62)
    layout = [(chance.choice(list(BITS)), [chance.choice(sizes) for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 8)))])
              for _ in range(chance.randrange(6))]
    return [(dtype, shape) for dtype, shape in layout if math.prod(shape) < 1000]


def tensors_case(data, chance):
    """A damaged .safetensors file: its bytes changed anywhere, or its header alone, in a file that is whole; or a strange one that is sound."""
    if chance.random() < 0.5:
        data = tensors_file(random_layout(chance), chance.random() < 0.5)
    kind, end = chance.random(), 8 + int.from_bytes(data[:8], "little")
    if kind < 0.2:
        return data
    if kind < 0.4:
        return mutated(data, chance, JSON_WORDS)
    if kind < 0.6:
        return with_header(mutated(data[8:end], chance, JSON_WORDS), data[end:])
    return with_header(changed(data[8:end], chance), data[end:], chance.choice(NUMBERS) if kind > 0.98 else None)


def index_file():
    """An index of a model in two files."""
    homes = {"a": "model-1.safetensors", "b": "model-1.safetensors", "w": "model-2.pt"}
    return json.dumps({"metadata": {"total_size": 100}, "weight_map": homes}).encode()


def index_case(data, chance):
    """A damaged index."""
    return mutated(data, chance, JSON_WORDS) if chance.random() < 0.4 else changed(data, chance)
