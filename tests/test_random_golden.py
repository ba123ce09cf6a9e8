"""The programs of data/random_golden.md, each run as it stands there, against the numbers that PyTorch gave."""
import importlib
import math
import re
import warnings

import numpy as np
import pytest

import rushlight as torch

from .golden import DATA, arrays

ROW = re.compile(r"^\| `(?P<key>.+?)` \| `(?P<code>.+)` \|$")


def programs():
    """(key, code) of every row of the index."""
    for line in (DATA / "random_golden.md").read_text().splitlines():
        row = ROW.match(line)
        if row:
            yield row["key"], row["code"]


def stored(key):
    """The stored arrays of a row by the key of each, and the key in the program's dict (None: the program's result itself)."""
    folder, brace, names = key.partition("/{")
    return {f"{folder}/{name}": name for name in names[:-1].split(",")} if brace else {key: None}


def as_array(value):
    """A result as an array; bfloat16 as its bits."""
    if isinstance(value, torch.Tensor):
        return value._array.view(np.int16) if value.dtype is torch.bfloat16 else value._array
    return np.asarray(value)


def run(code):
    """The `r` that a program leaves."""
    scope = {"torch": torch, "nn": importlib.import_module("rushlight.nn"), "F": importlib.import_module("rushlight.nn.functional"),
             "math": math, "np": np}
    if "D." in code:
        scope["D"] = importlib.import_module("rushlight.utils.data")
    with warnings.catch_warnings():
        # These warn in PyTorch too; other tests look at the warnings.
        warnings.filterwarnings("ignore", message="to - 1 is out of bounds|enable_nested_tensor is True")
        exec(code.replace("torch.utils.data", "rushlight.utils.data"), scope)
    return scope["r"]


def cases():
    return [pytest.param(key, code, id=key.partition("/{")[0]) for key, code in programs()]


@pytest.mark.parametrize(("key", "code"), cases())
def test_program_gives_pytorchs_numbers(key, code):
    result = run(code)
    for path, name in stored(key).items():
        ours, theirs = as_array(result if name is None else result[name]), arrays()[path]
        assert ours.shape == theirs.shape
        if path.startswith("tol/") and not path.endswith(("/x", "/q", "/next")):
            assert np.allclose(ours, theirs, rtol=0, atol=1e-5)
        else:
            assert np.ascontiguousarray(ours).view(np.uint8).tolist() == np.ascontiguousarray(theirs).view(np.uint8).tolist() \
                if ours.ndim else ours.tobytes() == theirs.tobytes()


def test_every_stored_array_belongs_to_a_program():
    assert {path for key, _ in programs() for path in stored(key)} == set(arrays().files)
