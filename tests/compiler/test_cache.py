"""What may happen to a compiled step from outside is harmless: to its machine code on disk, to the home folder, and to its process."""
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

#: a compiled step in a fresh process: `step` and what it gives in five calls as written, `same` asserts that compiled calls give the same
STEP = '''
import rushlight as torch
from rushlight import nn

def made():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.LayerNorm(7), nn.Linear(7, 3))
    optimizer = torch.optim.Adam(model.parameters())
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()
    return step

x, y = torch.linspace(-1, 1, 20).reshape(4, 5), torch.arange(4) % 3
as_written = made()
expected = [as_written(x, y).item() for _ in range(5)]
step = torch.compile(made())

def same(step=step, expected=expected):
    found = [step(x, y).item() for _ in range(5)]
    assert all([abs(a - b) < 1e-5 for a, b in zip(found, expected, strict=True)]), (found, expected)
    work = step._rushlight_work
    assert work.recordings and work.recordings[0].function, (work.refused, work.history)
'''
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture
def run(python, tmp_path):
    """Runs STEP and more lines in a fresh Python with a cache folder of its own; returns that folder."""
    def run(more, **environment):
        done = python("-c", STEP + more, **{"RUSHLIGHT_CACHE": str(tmp_path / "cache"), **environment})
        assert done.returncode == 0 and not done.stderr, done.stderr
        return tmp_path / "cache"
    return run


def test_broken_files_of_the_cache_are_made_anew(run):
    cache = run("same()")
    paths = [path for path in cache.rglob("*") if path.is_file()]
    good = {path: path.read_bytes() for path in paths}
    for number, path in enumerate(paths):
        path.write_bytes([b"", good[path][:50], good[path][:-1] + b"?", b"\0" * len(good[path])][number % 4])
    run("same()")
    assert all([path.read_bytes() == good[path] for path in paths])


def test_a_home_that_cannot_be_written_is_harmless(run, tmp_path):
    (tmp_path / "file").write_text("")
    run("same()", RUSHLIGHT_CACHE="", XDG_CACHE_HOME="", HOME=str(tmp_path / "file" / "home"))


def test_two_processes_may_compile_at_once(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", "RUSHLIGHT_CACHE": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", STEP + "same()"], env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0 and not errors, errors
    assert not [path for path in tmp_path.rglob("*") if path.name.count(".")]  # no file that was begun and left


#: runs a function in a forked child, which an alarm ends if it waits for ever
IN_CHILD = '''
import os, signal, warnings
warnings.simplefilter("ignore")  # later Pythons warn of a fork where there are threads

def in_child(function):
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            function()
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
'''


@FORKS
def test_a_child_goes_on_with_what_its_parent_compiled(run):
    run(IN_CHILD + '''
same()
later = [as_written(x, y).item() for _ in range(5)]
in_child(lambda: same(step, later))
same(step, later)
''')


@FORKS
def test_a_child_compiles_for_itself(run):
    run(IN_CHILD + '''
in_child(same)
same()
''')


@FORKS
def test_a_fork_while_another_thread_records_is_harmless(run):
    run(IN_CHILD + '''
import threading
begun, end = threading.Event(), threading.Event()

def slow(x):
    begun.set()
    end.wait()
    return x + 1
thread = threading.Thread(target=torch.compile(slow), args=(x,), daemon=True)
thread.start()
begun.wait()
in_child(same)
end.set()
thread.join()
same()
''')


@FORKS
def test_a_fork_while_another_thread_replays_is_harmless(run):
    run(IN_CHILD + '''
import threading
same()
later = [as_written(x, y).item() for _ in range(5)]
begun, end = threading.Event(), threading.Event()

def replay():
    with step._rushlight_work.recordings[0].lock:
        begun.set()
        end.wait()
thread = threading.Thread(target=replay, daemon=True)
thread.start()
begun.wait()
in_child(lambda: same(step, later))
end.set()
thread.join()
same(step, later)
''')
