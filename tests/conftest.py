"""What several test files need."""
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def python(tmp_path):
    """Runs a fresh Python in an empty folder, where `import rushlight` finds this checkout; returns the finished process."""

    def run(*arguments, path=(), **environment):
        search = os.pathsep.join([*map(str, path), str(ROOT)])
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": search, "PYTHONWARNINGS": "", **environment})

    return run


@pytest.fixture
def rushlight(python):
    """Runs the command `rushlight` as `python` runs Python."""
    return lambda *arguments, **options: python("-m", "rushlight", *arguments, **options)
