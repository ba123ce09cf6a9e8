"""Files between PyTorch and Rushlight, both ways: what one writes the other reads, equal to the bit.

    python files.py [--count 60] [--seed 0]

Each object is made from a seed by the same code under both libraries: nested containers of tensors of every dtype, views that share memory,
parameters, empty and 0-d tensors, state dicts of models and of optimizers that have taken a step. It is saved by each (the zip format;
every fourth one in the format before it, which is read alone), loaded by the other, and described: types, shapes, strides, offsets,
bytes, and which tensors share memory.
"""
import argparse
import hashlib
import os
import random
import sys
import tempfile

import torch

import rushlight

DTYPES = ("bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128").split()


def tensor(lib, chance):
    """A tensor of some dtype and shape, or a view of one."""
    shape = [chance.choice((0, 1, 2, 3, 5, 8)) for _ in range(chance.randrange(4))]
    count = 1
    for n in shape:
        count *= n
    values = lib.tensor([chance.randrange(-100, 100) / 8 for _ in range(count)], dtype=lib.float64)
    name = chance.choice(DTYPES)
    if name == "bool":
        x = values > 0
    else:
        x = (values.abs() if name.startswith("u") else values).to(getattr(lib, name))
    return view(x.reshape(shape), chance)


def view(x, chance):
    """The tensor or a view of it."""
    kind = chance.randrange(5)
    if kind == 0 and x.ndim > 1:
        return x.transpose(0, -1)
    if kind == 1 and x.ndim and x.shape[0] > 1:
        return x[1:]
    if kind == 2 and x.ndim and x.shape[-1] > 2:
        return x[..., ::2]
    return x.unsqueeze(0).expand(3, *x.shape) if kind == 3 else x


def trained(lib, chance):
    """The state dicts of a small model and its optimizer after a step."""
    width = chance.randrange(2, 6)
    model = lib.nn.Sequential(lib.nn.Linear(3, width), lib.nn.BatchNorm1d(width), lib.nn.PReLU())
    with lib.no_grad():
        for p in model.parameters():
            p.copy_(lib.tensor([chance.randrange(-8, 8) / 8 for _ in range(p.numel())]).reshape(p.shape))
    optimizer = chance.choice((lib.optim.SGD, lib.optim.Adam, lib.optim.Adagrad))(model.parameters(), lr=0.5)
    for p in model.parameters():
        p.grad = lib.ones_like(p)  # not a computed one: the files are compared, not the arithmetic
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": chance.randrange(100)}


def made(lib, seed, depth=0, chance=None, known=None):
    """The object of a seed."""
    chance, known = chance or random.Random(seed), [] if known is None else known
    kind = chance.randrange(9 if depth < 3 else 5)
    if kind < 3:
        x = tensor(lib, chance)
        known.append(x)
        return x
    if kind == 3 and known:
        x = chance.choice(known)
        return chance.choice((x, x.detach(), x[..., :1] if x.ndim else x))
    if kind == 4 or kind == 3:
        return chance.choice((None, True, 7, -2**40, 1.5, "name", b"bytes", (1, "two"), lib.float16, lib.Size([2, 3]), lib.device("cpu"), 2 + 1j))
    if kind == 5:
        return trained(lib, chance)
    parts = [made(lib, seed, depth + 1, chance, known) for _ in range(chance.randrange(1, 6))]
    return parts if kind == 6 else tuple(parts) if kind == 7 else {chance.choice((f"k{i}", i)): part for i, part in enumerate(parts)}


def described(lib, value, memories):
    """What a file keeps of an object, as a tuple of plain values. Memory is named by the order of its first appearance."""
    if isinstance(value, lib.Tensor):
        storage = value.untyped_storage()
        place = memories.setdefault(storage.data_ptr(), len(memories)) if storage.nbytes() else None
        flat = value.detach().reshape(-1)
        data = flat.to(lib.uint8) if value.dtype is lib.bool else lib.cat((flat, flat)).view(lib.uint8)  # a joined one has a stride of 1
        layout = (value.stride(), value.storage_offset()) if value.numel() else None  # of no element: nothing depends on it
        return ("tensor", type(value).__name__, str(value.dtype), tuple(value.shape), layout, value.requires_grad, place,
                hashlib.sha256(bytes(data.tolist())).hexdigest())
    if isinstance(value, dict):
        return type(value).__name__, *[(described(lib, k, memories), described(lib, v, memories)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *[described(lib, part, memories) for part in value]
    return type(value).__name__, repr(value)


def crossing(writer, reader, seed, path):
    """What is wrong with the object of a seed that one library wrote and the other read; None if nothing is."""
    old = seed % 4 == 3 and writer is torch  # Rushlight writes the zip format alone
    writer.save(made(writer, seed), path, **({"_use_new_zipfile_serialization": False} if old else {}))
    found = described(reader, reader.load(path), {})
    return None if found == described(reader, made(reader, seed), {}) else "differs"


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--count", type=int, default=60)
    parse.add_argument("--seed", type=int, default=0)
    given = parse.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, writer, reader in (("written by PyTorch, read here", torch, rushlight), ("written here, read by PyTorch", rushlight, torch)):
            wrong = {}
            for seed in range(given.seed, given.seed + given.count):
                try:
                    wrong[seed] = crossing(writer, reader, seed, os.path.join(folder, "file.pt"))
                except Exception as error:
                    wrong[seed] = f"{type(error).__name__}: {error}"
            bad = {seed: what for seed, what in wrong.items() if what}
            failed += len(bad)
            print(f"{name}: {given.count - len(bad)} of {given.count}, equal to the bit")
            for seed, what in bad.items():
                print(f"    seed {seed}: {what}"[:300])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
