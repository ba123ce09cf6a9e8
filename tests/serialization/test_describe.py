"""`rushlight inspect`: what a file holds and would call, without loading it."""
import os
import pathlib

import numpy as np
import pytest

import rushlight as torch
from rushlight.cli import main
from rushlight.serialization.describe import report

from .forge import FLOATS, archive, call, tensor, text, zipped

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


def rows(told):
    """The rows of the table, each as its words."""
    return [line.split() for line in told.splitlines()]


@pytest.mark.parametrize("ending", ["pt", "legacy"])
def test_tensors_are_listed_with_shape_dtype_and_bytes(ending):
    told = rows(report(str(FIXTURES / f"state_dict.{ending}")))
    assert ["0.weight", "(5,", "4)", "float32", "80"] in told and ["1.num_batches_tracked", "()", "int64", "8"] in told
    assert ["9", "tensors", "on", "9", "storages", "of", "236", "bytes"] in told


def test_tensors_within_containers_and_modules_have_their_places():
    assert "model.0.weight " in report(str(FIXTURES / "checkpoint.pt"))
    told = report(str(FIXTURES / "network.pt"))
    assert "_modules.0._parameters.weight " in told and "calls, REFUSED: torch.nn.modules.container.Sequential" in told


def test_what_the_file_would_run_is_shown_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("evil.pt").write_bytes(archive(b"](" + tensor() + call("posix", "system", b"(" + text("echo > hacked") + b"t") + b"e"))
    told = report("evil.pt")
    assert "calls, REFUSED: posix.system('echo > hacked')" in told and "calls, allowed: torch._utils._rebuild_tensor_v2" in told
    assert os.listdir() == ["evil.pt"]


def test_names_cannot_command_the_terminal(tmp_path):
    (tmp_path / "evil.pt").write_bytes(archive(b"}" + text("\033[2Jname") + tensor() + b"s" + b"0cos\n\033[2Jsystem\n"))
    assert "\033" not in report(str(tmp_path / "evil.pt"))


def test_damaged_pickle_is_described_as_far_as_it_goes(tmp_path):
    (tmp_path / "file.pt").write_bytes(archive(tensor() + b"\x82"))
    told = report(str(tmp_path / "file.pt"))
    assert "(4,)" in told and "damaged: Unsupported operand 130" in told


def test_arrays_of_npz_are_listed(tmp_path):
    np.savez_compressed(tmp_path / "file.npz", a=np.zeros((2, 3), np.int16))
    assert ["a", "(2,", "3)", "int16", "12"] in rows(report(str(tmp_path / "file.npz")))


def test_command_prints_the_report_and_says_what_is_wrong(tmp_path, capsys):
    torch.save(torch.ones(3), tmp_path / "file.pt")
    assert main(["inspect", str(tmp_path / "file.pt")]) == 0
    assert "(the object itself)  (3,)" in capsys.readouterr().out
    (tmp_path / "bad.pt").write_bytes(zipped({"x": b""}))
    for arguments, code in ((["inspect"], 2), (["inspect", str(tmp_path / "bad.pt")], 1), (["inspect", str(tmp_path / "none.pt")], 1)):
        assert main(arguments) == code and capsys.readouterr().err


def test_every_fixture_can_be_described():
    for path in FIXTURES.iterdir():
        assert "storages of" in report(str(path)), path


def test_class_as_a_value_is_named_and_not_called(tmp_path):
    (tmp_path / "file.pt").write_bytes(archive(b"](" + FLOATS + b"cbuiltins\neval\ne"))
    assert "calls, REFUSED: builtins.eval" in report(str(tmp_path / "file.pt"))
