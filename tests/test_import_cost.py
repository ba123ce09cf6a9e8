"""`import rushlight` costs little more than `import numpy`."""
import pathlib
import subprocess
import sys


def test_import_costs_at_most_half_again_as_much_as_numpy_and_12_mb():
    script = pathlib.Path(__file__).parent.parent / "bench" / "import_cost.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_heavy_modules_are_not_imported(python):
    done = python("-X", "importtime", "-c", "import rushlight")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "rushlight.core.apply" in loaded
    baseline = {line.rpartition("|")[2].strip() for line in python("-X", "importtime", "-c", "import numpy").stderr.splitlines()}
    heavy = {"inspect", "dataclasses", "json", "pathlib", "enum", "tempfile", "subprocess", "concurrent.futures", "ml_dtypes", "scipy",
             "multiprocessing", "rushlight.nn", "rushlight.optim"}
    assert not (loaded - baseline) & heavy
