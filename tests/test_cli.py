"""The command `rushlight`, beside `run`, which test_runner.py covers."""
import re

import pytest

from rushlight.version import RUSHLIGHT


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run",), ("run", "-m"), ("run", "--fast", "program.py")])
def test_wrong_command_line_is_explained_with_exit_code_2(rushlight, arguments):
    done = rushlight(*arguments)
    assert done.returncode == 2 and done.stdout == "" and "usage: rushlight COMMAND" in done.stderr


def test_help_and_version_are_printed(rushlight):
    assert rushlight("--help").stdout.startswith("usage: rushlight COMMAND")
    assert rushlight("--version").stdout.startswith(f"rushlight {RUSHLIGHT} ")


def test_info_names_versions_blas_threads_devices_and_every_extra(rushlight):
    done = rushlight("info", OMP_NUM_THREADS="3")
    assert (done.returncode, done.stderr) == (0, "")
    rows = dict(re.findall(r"^(.{18})(.*)$", done.stdout, re.M))
    rows = {name.strip(): value for name, value in rows.items()}
    assert rows["rushlight"].startswith(RUSHLIGHT) and rows["interface"] == "PyTorch 2.13.0"
    assert "OMP_NUM_THREADS=3" in rows["threads"] and rows["devices"].startswith("cpu") and rows["BLAS"]
    assert {"extra jit", "extra scipy", "extra cuda", "extra mpi", "extra demo"} <= set(rows)


def test_info_says_whether_there_is_machine_code(rushlight):
    line = next(line for line in rushlight("info", RUSHLIGHT_JIT="0").stdout.splitlines() if line.startswith("machine code"))
    assert line.split(None, 2)[2] == "off (RUSHLIGHT_JIT=0)"


def test_info_says_how_to_install_what_is_missing(rushlight, tmp_path):
    done = rushlight("info")
    for name, value in re.findall(r"^extra (\w+) +(.*)$", done.stdout, re.M):
        assert value == f"not installed (pip install 'rushlight[{name}]')" or re.search(r"\d", value)


def test_demo_without_matplotlib_is_one_sentence(python):
    hidden = "import sys; sys.modules['matplotlib'] = None; from rushlight.cli import main; sys.exit(main(['demo']))"
    done = python("-c", hidden)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "rushlight demo needs matplotlib: pip install 'rushlight[demo]'\n"
