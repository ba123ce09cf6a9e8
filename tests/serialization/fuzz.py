"""Damaged files from a seed. `python -m tests.serialization.fuzz COUNT SEED` loads as many of each format and reports what they do.

A case passes if it loads, or raises one of the two exceptions that `load` documents, within 5 seconds.
"""
import io
import pathlib
import pickle
import random
import struct
import sys
import time
import zipfile

import numpy as np

import rushlight as torch
from rushlight.serialization.archive_writer import ArchiveWriter

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
DOCUMENTED = (pickle.UnpicklingError, RuntimeError)
#: numbers that go wrong
NUMBERS = [0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
#: instructions, and names of what one would like to call
WORDS = [b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nTensor\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n",
         b"PK\1\2", b"PK\3\4", b"PK\5\6", b"data/0", b"../", *[bytes([code]) for code in b"Rb\x81us(tQ}]ea\x8f\x93\x94."]]


def mutated(data, chance):
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
            out[at:at] = chance.choice(WORDS)
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


def arrays(packed):
    """An .npz file."""
    out = io.BytesIO()
    save = np.savez_compressed if packed else np.savez
    save(out, a=np.arange(12.0).reshape(3, 4), b=np.array([True, False]), c=np.arange(3, dtype=">i4"), d=np.array(2 + 1j),
         e=np.asfortranarray(np.eye(3)))
    return out.getvalue()


def sources():
    """{format: (function (data, chance) -> damaged data, good files)}."""
    return {"zip": (zip_case, [path.read_bytes() for path in sorted(FIXTURES.glob("*.pt")) if path.stat().st_size < 8000]),
            "legacy": (mutated, [path.read_bytes() for path in sorted(FIXTURES.glob("*.legacy"))]),
            "npz": (mutated, [arrays(False), arrays(True)])}


def attempt(data):
    """What became of loading: "loaded", or the name of a documented exception. Any other exception goes on."""
    try:
        result = torch.load(io.BytesIO(data))
    except DOCUMENTED as error:
        assert type(error) in DOCUMENTED, type(error)
        return type(error).__name__
    touch(result)
    return "loaded"


def touch(root):
    """Reads the tensors of what was loaded: the first and the last element, if there are not endlessly many."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, torch.Tensor) and value.numel():
            value._array.flat[0], value._array.flat[-1]
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def run(count, seed):
    """{format: {outcome: number}}, and the longest time of a case. A case that fails is named by format, seed and number."""
    outcomes, longest = {}, 0.0
    for form, (damage, files) in sources().items():
        tally = outcomes.setdefault(form, {})
        for i in range(count):
            chance = random.Random(f"{form} {seed} {i}")
            data = damage(chance.choice(files), chance)
            began = time.perf_counter()
            try:
                outcome = attempt(data)
            except BaseException as error:
                raise AssertionError(f"case {i} of seed {seed} of {form}: {type(error).__name__}: {error}") from error
            longest = max(longest, time.perf_counter() - began)
            tally[outcome] = tally.get(outcome, 0) + 1
    return outcomes, longest


if __name__ == "__main__":
    print(*run(int(sys.argv[1]), int(sys.argv[2])))
