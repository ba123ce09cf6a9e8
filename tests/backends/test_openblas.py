"""OpenBLAS is told to let its threads sleep before NumPy loads it; what the environment says goes first."""
import os
import subprocess
import sys

import pytest

from rushlight.backends import openblas

SEEN = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"))
sys.meta_path.insert(0, Finder())
import rushlight
"""


@pytest.mark.parametrize("given, seen", [(None, openblas.TIMEOUT), ("26", "26")])
def test_the_time_to_watch_is_set_when_numpy_loads(given, seen):
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    if given:
        environment["OPENBLAS_THREAD_TIMEOUT"] = given
    done = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == (f"{seen}\n", "")
