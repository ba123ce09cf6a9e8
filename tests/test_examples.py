"""Every program of `examples/` prints under Rushlight what it prints under PyTorch (data/examples holds PyTorch's output)."""
import pathlib

import pytest

from conformance.programs import SHORT, differ

ROOT = pathlib.Path(__file__).parent.parent
PROGRAMS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def printed_by_pytorch(name):
    return (ROOT / "tests" / "data" / "examples" / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "digits"])
def test_program_prints_what_pytorch_prints(rushlight, name):
    done = rushlight("run", ROOT / "examples" / f"{name}.py", *SHORT.get(f"{name}.py", []))
    assert (done.returncode, done.stderr) == (0, "")
    assert differ(done.stdout, printed_by_pytorch(name), rtol=0) is None, done.stdout


def test_demo_learns_to_read_and_draws(rushlight, tmp_path):
    done = rushlight("demo")
    assert (done.returncode, done.stderr) == (0, "")
    text, _, picture = done.stdout.partition("picture: ")
    assert differ(text, printed_by_pytorch("digits"), rtol=0) is None, text
    assert float(text.split()[-2]) >= 97
    assert pathlib.Path(picture.strip()) == tmp_path / "digits.png"
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_data_that_is_shipped_is_small_and_attributed():
    assert (ROOT / "examples" / "digits.npz").stat().st_size < 120_000
    assert "CC BY 4.0" in (ROOT / "examples" / "digits.md").read_text()
