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
