"""A kernel's range is done whole and once, however many threads take pieces of it."""
import os
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends import parallel
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
