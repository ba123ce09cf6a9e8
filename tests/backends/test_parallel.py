import os
import threading

import pytest

from rushlight.backends import parallel
from rushlight.backends.parallel import parallel_for, set_num_threads


@pytest.fixture(autouse=True)
def three_threads():
    before = parallel.pool.threads
    set_num_threads(3)
    yield
    parallel.pool.threads = before


def covered(n, grain):
    pieces, lock = [], threading.Lock()

    def piece(start, stop):
        with lock:
            pieces.append((start, stop, threading.current_thread().name))
    parallel_for(n, grain, piece)
    return sorted(pieces)


@pytest.mark.parametrize("n", [0, 1, 7, 10, 100])
def test_pieces_cover_the_range_once(n):
    assert [i for start, stop, _ in covered(n, 1) for i in range(start, stop)] == list(range(n))


def test_each_piece_has_its_grain():
    assert len(covered(29, 10)) == 2 and len(covered(19, 10)) == 1 and len(covered(300, 10)) == 3


def test_pieces_run_on_several_threads_and_the_caller_does_the_first():
    pieces = covered(3, 1)
    assert pieces[0][2] == threading.current_thread().name and len({name for *_, name in pieces}) == 3


def test_inner_call_stays_on_its_thread():
    seen = []
    parallel_for(3, 1, lambda a, b: parallel_for(10, 1, lambda c, d: seen.append((c, d))))
    assert seen == [(0, 10)] * 3


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_error_of_any_piece_is_raised_after_all_ended(bad):
    ended = []

    def piece(start, stop):
        if start == bad:
            raise ValueError(f"piece {start}")
        ended.append(start)
    with pytest.raises(ValueError, match=f"piece {bad}"):
        parallel_for(3, 1, piece)
    assert sorted(ended) == [i for i in range(3) if i != bad]
    assert len(covered(3, 1)) == 3


def test_after_an_interrupt_new_workers_do_the_work(monkeypatch):
    def interrupted(worker):
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(parallel.Worker, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            covered(3, 1)
    assert len(covered(3, 1)) == 3


def test_threads_of_the_program_do_not_share_a_piece():
    totals = []

    def work():
        total = []
        for _ in range(50):
            parallel_for(30, 1, lambda a, b: total.append(b - a))
        totals.append(sum(total))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == [1500] * 4


def test_number_of_threads_must_be_positive():
    with pytest.raises(RuntimeError, match="^set_num_threads expects a positive integer$"):
        set_num_threads(0)
    assert parallel.get_num_threads() == 3


def test_default_follows_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert parallel.default_threads() == 5
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert parallel.default_threads() == parallel.available_cores() >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_child_makes_workers_of_its_own():
    covered(3, 1)
    child = os.fork()
    if child == 0:
        os._exit(0 if len(covered(3, 1)) == 3 else 1)
    assert os.waitpid(child, 0)[1] == 0


def no_thread(thread):
    raise RuntimeError("can't start new thread")  # as where the system gives no more, and while Python 3.12 ends


def test_without_new_threads_the_caller_does_all_pieces(monkeypatch):
    monkeypatch.setattr(parallel.pool, "workers", [])
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    assert covered(100, 1) == [(0, 100, threading.current_thread().name)]
