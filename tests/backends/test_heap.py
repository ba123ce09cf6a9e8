"""Freed memory is kept for the next array, and the environment's wishes go first."""
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
import rushlight

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        a, b = np.ones(1_000_000, np.float32), np.ones(1_000_000, np.float32)
        del a, b
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20

faults()
print(faults())
"""


def faults(**environment):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={**clean(), **environment})
    return float(done.stdout)


def clean():
    import os
    return {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of glibc's malloc are set on Linux alone")
def test_arrays_of_a_step_take_the_memory_of_the_last_step():
    assert faults() < 100  # of 1,954 pages


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of glibc's malloc are set on Linux alone")
def test_what_the_environment_says_of_malloc_goes_first():
    assert faults(MALLOC_MMAP_THRESHOLD_="131072") > 1000


@pytest.mark.skipif(sys.platform != "linux", reason="NumPy asks for large pages on Linux alone")
@pytest.mark.parametrize(("environment", "asks"), [({}, False), ({"NUMPY_MADVISE_HUGEPAGE": "1"}, True)])
def test_numpy_asks_for_large_pages_only_where_the_environment_says_so(environment, asks):
    program = "import rushlight\nfrom numpy._core.multiarray import _set_madvise_hugepage as tell\nprint(tell(True))"
    env = {name: value for name, value in clean().items() if name != "NUMPY_MADVISE_HUGEPAGE"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**env, **environment})
    assert done.stdout == f"{asks}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of glibc's malloc are set on Linux alone")
def test_arrays_that_stay_unwritten_leave_freed_memory_to_others():
    program = """
import numpy as np
import rushlight
from rushlight.backends.heap import unwritten
a = np.empty(20_000_000, np.uint8)
place = a.ctypes.data
del a
with unwritten([20_000_000]):
    b = np.empty(20_000_000, np.uint8)
print(b.ctypes.data != place, np.empty(20_000_000, np.uint8).ctypes.data == place)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=clean())
    assert done.stdout == "True True\n"
