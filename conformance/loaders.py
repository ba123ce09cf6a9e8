"""DataLoader under PyTorch and under `rushlight run`: the same batches in the same order from one seed, and how fast they come.

    python loaders.py [--workers 0,2] [--turns 3]

Four datasets: tensors, shuffled; dicts made of NumPy arrays, with random numbers drawn in the workers; a stream that workers share out; and
parts of joined datasets behind a weighted sampler, the last batch dropped. Two passes over each are digested, and timed.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import time

import numpy as np

# ---- the program, which each side runs


def datasets():
    """{name: (a function that makes a dataset, the loader's other arguments for it)}."""
    import torch
    from torch.utils import data

    class Records(data.Dataset):
        """Dicts with a number that is drawn where the record is made."""

        def __len__(self):
            return 3000

        def __getitem__(self, i):
            return {"x": np.full((8, 8), i, np.float32), "noise": torch.rand(2), "label": i % 7, "name": f"record {i}"}

    class Stream(data.IterableDataset):
        """Numbers, of which each worker gives its share."""

        def __iter__(self):
            info = data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter([torch.full((16,), float(i)) for i in range(first, 6000, step)])

    def parts():
        values = torch.arange(2000.0).reshape(-1, 4)
        return data.random_split(data.ConcatDataset([data.TensorDataset(values), data.TensorDataset(-values)]), [700, 300])[0]
    tensors = lambda: data.TensorDataset(torch.arange(80_000.0).reshape(10_000, 8), torch.arange(10_000))  # noqa: E731
    weighted = lambda: data.WeightedRandomSampler([1.0 + i % 3 for i in range(700)], 2000)  # noqa: E731
    return {"tensors": (tensors, {"shuffle": True}), "records": (Records, {"shuffle": True}), "stream": (Stream, {}),
            "parts": (parts, {"sampler": weighted, "drop_last": True})}


def digest(batch, into):
    """Adds all that a batch holds."""
    if isinstance(batch, dict):
        for key, value in batch.items():
            into.update(key.encode())
            digest(value, into)
    elif isinstance(batch, (list, tuple)):
        for part in batch:
            digest(part, into)
    elif isinstance(batch, str):
        into.update(batch.encode())
    else:
        into.update(f"{batch.dtype} {tuple(batch.shape)}".encode() + batch.numpy().tobytes())


def passes(make, given, workers):
    """(the digest of two passes, the seconds of the second one)."""
    import torch
    torch.manual_seed(5)
    dataset = make()
    given = {key: value() if callable(value) else value for key, value in given.items()}
    loader = torch.utils.data.DataLoader(dataset, batch_size=32, num_workers=workers, persistent_workers=workers > 0, **given)
    seen, seconds = hashlib.sha256(), 0.0
    for _ in range(2):
        began = time.perf_counter()
        batches = list(loader)
        seconds = time.perf_counter() - began
        for batch in batches:
            digest(batch, seen)
    return seen.hexdigest(), len(batches) / seconds


def program(workers):
    """Prints {name and workers: (digest, batches a second)}."""
    print(json.dumps({f"{name}, {count} workers": passes(*found, count) for name, found in datasets().items() for count in workers}))


# ---- the comparison


def run(command, workers):
    done = subprocess.run([*command, os.path.abspath(__file__), "--program", "--workers", workers], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout)


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--workers", default="0,2")
    parse.add_argument("--turns", type=int, default=3, help="how often each library runs the program, in turns; the fastest counts")
    parse.add_argument("--program", action="store_true", help=argparse.SUPPRESS)
    given = parse.parse_args()
    if given.program:
        return program([int(count) for count in given.workers.split(",")])
    sides = {"PyTorch": [sys.executable], "Rushlight": [sys.executable, "-m", "rushlight", "run"]}
    found = {side: [] for side in sides}
    for _ in range(given.turns):
        for side, command in sides.items():
            found[side].append(run(command, given.workers))
    failed = 0
    for name in found["PyTorch"][0]:
        digests = {turn[name][0] for turns in found.values() for turn in turns}
        fastest = {side: max(turn[name][1] for turn in turns) for side, turns in found.items()}
        failed += len(digests) > 1
        print(f"{name:20} {'the same batches' if len(digests) == 1 else 'they differ':18} batches a second: PyTorch {fastest['PyTorch']:,.0f}, "
              f"Rushlight {fastest['Rushlight']:,.0f}, {fastest['Rushlight'] / fastest['PyTorch']:.2f} times as many")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
