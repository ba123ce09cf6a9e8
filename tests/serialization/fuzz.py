"""Damaged files from a seed. `python -m tests.serialization.fuzz COUNT SEED [FORMAT ...]` loads as many of each format and says what they do.

A case passes if it loads, or raises one of the two exceptions that `load` documents, within 5 seconds, runs nothing, and opens no file but those
of its own folder. What the whole run adds to the process's peak of memory is reported at the end.
"""
import importlib.util
import io
import pathlib
import pickle
import random
import sys
import tempfile
import time

import numpy as np

import rushlight as torch

from .bounds import within
from .damage import index_case, index_file, mutated, tensors_case, tensors_file, zip_case

FIXTURES = pathlib.Path(__file__).parent / "fixtures"
DOCUMENTED = (pickle.UnpicklingError, RuntimeError)
def arrays(packed):
    """An .npz file."""
    out = io.BytesIO()
    save = np.savez_compressed if packed else np.savez
    save(out, a=np.arange(12.0).reshape(3, 4), b=np.array([True, False]), c=np.arange(3, dtype=">i4"), d=np.array(2 + 1j),
         e=np.asfortranarray(np.eye(3)))
    return out.getvalue()


def sources():
    """{format: (function (data, chance) -> damaged data, good files, name of the file if `load` is given its path)}."""
    found = {"zip": (zip_case, [path.read_bytes() for path in sorted(FIXTURES.glob("*.pt")) if path.stat().st_size < 8000], None),
             "legacy": (mutated, [path.read_bytes() for path in sorted(FIXTURES.glob("*.legacy"))], None),
             "npz": (mutated, [arrays(False), arrays(True)], None)}
    if importlib.util.find_spec("safetensors"):
        found["safetensors"] = tensors_case, [tensors_file()], "model.safetensors"
        found["index"] = index_case, [index_file()], "model.safetensors.index.json"
    return found


def make_folder(folder):
    """A folder with the files that an index names; beside it are files of the same names that an index may not reach."""
    folder.mkdir()
    (folder / "folder.pt").mkdir()
    for place in (folder, folder.parent):
        (place / "model-1.safetensors").write_bytes(tensors_file())
        torch.save({"w": torch.ones(2), "n": 3}, place / "model-2.pt")


def attempt(source):
    """What became of loading: "loaded", or the name of a documented exception. Any other exception goes on."""
    try:
        result = torch.load(source)
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
            value._array[(0,) * value.ndim], value._array[(-1,) * value.ndim]
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def run(count, seed, forms=None):
    """{format: {outcome: number}}, and the longest time of a case. A case that fails is named by format, seed and number."""
    outcomes, longest = {}, 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve() / "given"
        make_folder(folder)
        for form, source in sources().items():
            if forms is None or form in forms:
                outcomes[form] = tally = {}
                for i in range(count):
                    outcome, seconds = run_case(form, *source, f"{form} {seed} {i}", folder)
                    longest = max(longest, seconds)
                    tally[outcome] = tally.get(outcome, 0) + 1
    return outcomes, longest


def run_case(form, damage, files, name, case, folder):
    """(what became of one damaged file, seconds that it took)."""
    chance = random.Random(case)
    data = damage(chance.choice(files), chance)
    if name is not None:
        (folder / name).write_bytes(data)
    began = time.perf_counter()
    try:
        with within(folder):
            outcome = attempt(io.BytesIO(data) if name is None else folder / name)
    except BaseException as error:
        raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
    return outcome, time.perf_counter() - began


def main(count, seed, *forms):
    import resource
    run(10, int(seed))  # what is loaded on first use
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes, longest = run(int(count), int(seed), forms or None)
    print(outcomes, f"longest {longest:.3f} s, {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024} MB more at the peak")


if __name__ == "__main__":
    main(*sys.argv[1:])
