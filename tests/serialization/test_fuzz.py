"""Damaged files, 667 of each format: each loads, or raises one of the two documented exceptions, soon, and does nothing else."""
import subprocess
import sys
import warnings

import pytest

from .bounds import OutOfBounds, within
from .fuzz import run


def outcomes_of(*forms):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes, longest = run(667, seed=2, forms=forms)
    assert longest < 5
    # The cases are worth something only if many get past the first checks, and many do not.
    assert all(tally["loaded"] > 20 and tally["RuntimeError"] > 20 for tally in outcomes.values()), outcomes
    return outcomes


def test_damaged_files_raise_nothing_but_the_two_documented_exceptions():
    outcomes = outcomes_of("zip", "legacy", "npz")
    assert outcomes["zip"]["UnpicklingError"] > 100 and outcomes["legacy"]["UnpicklingError"] > 100


def test_damaged_safetensors_files_and_indexes_raise_nothing_but_runtime_error():
    pytest.importorskip("safetensors", reason="the extra safetensors is not installed")
    assert [set(tally) for tally in outcomes_of("safetensors", "index").values()] == [{"loaded", "RuntimeError"}] * 2


def test_the_bounds_of_a_case_hold(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with within(tmp_path):
        open(tmp_path / "x").close()
    with pytest.raises(OutOfBounds, match="^open"), within(tmp_path / "folder"):
        open(tmp_path / "x")
    with pytest.raises(OutOfBounds, match="^subprocess"), within(tmp_path):
        subprocess.run([sys.executable, "-c", ""])
    open(tmp_path / "x").close()
