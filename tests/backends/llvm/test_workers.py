"""A kernel's range is done whole and once, however many threads take pieces of it."""
import ctypes
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import parallel
from rushlight.backends.llvm import engine
from rushlight.backends.llvm.workers import Workers, run_kernel
from rushlight.core.scalar import parse
from rushlight.core.scalar_native import loop


@pytest.fixture(params=[1, 2, 4])
def threads(request):
    before = parallel.get_num_threads()
    parallel.set_num_threads(request.param)
    yield request.param
    parallel.set_num_threads(before)


increment = loop(parse("p = p + g"), ())


def test_every_element_is_visited_once(threads):
    p, g = np.zeros(300_001, np.float32), np.ones(300_001, np.float32)
    for _ in range(200):
        increment([p, g], ())
    assert (p == 200).all()


def test_threads_of_the_program_may_call_kernels_at_once():
    arrays = [np.zeros(100_003, np.float32) for _ in range(4)]
    one = np.ones(100_003, np.float32)

    def work(p):
        for _ in range(100):
            increment([p, one], ())
    started = [threading.Thread(target=work, args=(p,)) for p in arrays]
    [t.start() for t in started]
    [t.join() for t in started]
    assert all([(p == 100).all() for p in arrays])


def test_without_new_threads_the_caller_does_all_pieces(monkeypatch):
    def no_thread(thread):
        raise RuntimeError("can't start new thread")  # as where the system gives no more, and while Python 3.12 ends
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    monkeypatch.setattr(parallel.pool, "threads", 3)
    seen, workers = [], Workers()
    kernel = engine.KERNEL(lambda start, stop, words: seen.append((start, stop)))
    for _ in range(2):
        workers.run(ctypes.cast(kernel, ctypes.c_void_p).value, 7, 2, (ctypes.c_int64 * 1)())
    assert seen == 2 * [(0, 2), (2, 4), (4, 6), (6, 7)]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts after a time")
def test_interrupts_at_any_moment_leave_the_threads_free(python):
    done = python("-c", """
import random, signal, time
import rushlight as torch
from rushlight.backends.parallel import pool

def interrupt(*_):
    raise KeyboardInterrupt
torch.set_num_threads(2)
x = torch.randn(200, 200)
x @ x
signal.signal(signal.SIGALRM, interrupt)
end = time.perf_counter() + 1
while time.perf_counter() < end and not pool.owner.locked():
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 3e-4))
        for _ in range(1000):
            x @ x
    except KeyboardInterrupt:
        pass
print(pool.owner.locked())
""")
    assert done.stdout == "False\n", done.stderr


def test_the_first_piece_is_the_calling_threads(threads):
    seen = []
    kernel = engine.KERNEL(lambda start, stop, words: seen.append((start, stop, threading.get_ident())))
    for _ in range(1000):
        run_kernel(kernel, ctypes.cast(kernel, ctypes.c_void_p).value, 7, 2, (ctypes.c_int64 * 1)())
        by = {(start, stop): thread for start, stop, thread in seen}
        assert sorted(by) == ([(0, 7)] if threads == 1 else [(0, 2), (2, 4), (4, 6), (6, 7)])
        assert len(seen) == len(by) and by[min(by)] == threading.get_ident()
        seen.clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns of a fork in a program with threads, which is what this is about
def test_a_forked_child_has_threads_of_its_own(threads):
    p, g = np.zeros(200_000, np.float32), np.ones(200_000, np.float32)
    increment([p, g], ())
    child = os.fork()
    if not child:
        increment([p, g], ())
        os._exit(0 if (p == 2).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    increment([p, g], ())
    assert (p == 2).all()


FIRST_AT_ONCE = """
import threading
import rushlight as torch

def work():
    torch.softmax(torch.randn(64, 1000), 1)
    torch.nn.functional.gelu(torch.randn(300, 300))
    torch.randn(300, 300) @ torch.randn(300, 300)

threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print("whole")
"""


def test_threads_may_be_the_first_to_want_kernels_at_once(tmp_path):
    done = subprocess.run([sys.executable, "-c", FIRST_AT_ONCE], capture_output=True, text=True, env={**os.environ, "RUSHLIGHT_CACHE": str(tmp_path)})
    assert (done.returncode, done.stdout) == (0, "whole\n")


def test_more_threads_than_there_can_be_workers():
    before = parallel.get_num_threads()
    parallel.set_num_threads(300)
    try:
        p, g = np.zeros(200_000, np.float32), np.ones(200_000, np.float32)
        increment([p, g], ())
        assert (p == 1).all()
    finally:
        parallel.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_forked_while_another_thread_compiles_can_compile():
    held, done = threading.Event(), threading.Event()

    def hold():
        with engine.lock:
            held.set()
            done.wait()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends a child that hangs
        loop(parse("p = p + g * 3"), ())([np.zeros(5, np.float32), np.ones(5, np.float32)], ())
        os._exit(0)
    done.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


IDLE = """
import time
import numpy as np
from rushlight.backends import parallel
parallel.set_num_threads(3)
from rushlight.backends.llvm.workers import workers
from rushlight.core.scalar import parse
from rushlight.core.scalar_native import loop

increment = loop(parse("p = p + g"), ())
p, g = np.zeros(300_000, np.float32), np.ones(300_000, np.float32)
fell_asleep, woke = True, False
for _ in range(20):
    increment([p, g], ())
    deadline = time.monotonic() + 5
    while workers().sleeping() < 2 and time.monotonic() < deadline:
        pass  # the interpreter's lock is not let go of
    fell_asleep = fell_asleep and workers().sleeping() == 2
    increment([p, g], ())
    woke = woke or workers().sleeping() < 2  # on a busy machine they may be asleep again by now
print(fell_asleep, woke, (p == 40).all())
"""


def test_workers_without_work_sleep_without_the_interpreter_and_wake_for_more():
    done = subprocess.run([sys.executable, "-c", IDLE], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True True True\n", "")
