"""Killing a process while it saves leaves the old checkpoint or the new one, whole."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest

import rushlight as torch

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import sys
import rushlight as torch
for i in range(1, 10**9):
    torch.save({"number": i, "values": torch.full((50_000,), float(i))}, sys.argv[1])
    print(i, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_checkpoint_is_whole_after_each_of_20_kills(tmp_path):
    path, chance = tmp_path / "file.pt", random.Random(0)
    for _ in range(20):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([sys.executable, "-c", PROGRAM, path], stdout=subprocess.PIPE, env=environment) as saving:
            finished = int(saving.stdout.readline())
            time.sleep(chance.random() / 50)
            saving.kill()
            finished = int((saving.stdout.read().split() or [finished])[-1])
        found = torch.load(path)
        assert found["number"] in (finished, finished + 1) and found["values"].tolist() == [found["number"]] * 50_000
    torch.save([1], path)
    assert os.listdir(tmp_path) == ["file.pt"]
