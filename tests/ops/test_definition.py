"""Operations that are run by their definition: its parts are not seen, and those of other threads are."""
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import rushlight as torch
from rushlight.core import apply as hot, recording
from rushlight.ops.definition import forward_by


@pytest.fixture
def seen():
    """The names of the operations that a watcher sees."""
    names = []

    def watch(op, args, attrs):
        names.append(op.name)
        return hot.call_on(watch, op, args, attrs)

    before = list(hot.watchers)
    hot.watchers.append(watch)
    yield names
    hot.watchers.remove(watch)
    assert hot.watchers == before


def doubled(x):
    return x * 2


def run_beside(work):
    """Calls work() while another thread is in the midst of a definition."""
    inside, go_on, results = threading.Event(), threading.Event(), []

    def definition(x):
        inside.set()
        assert go_on.wait(10)
        return doubled(x)

    thread = threading.Thread(target=lambda: results.append(forward_by(definition)(np.ones(2))))
    thread.start()
    assert inside.wait(10)
    work()
    go_on.set()
    thread.join()
    assert results[0].tolist() == [2, 2]


def test_parts_of_a_definition_are_not_seen(seen):
    assert forward_by(doubled)(np.ones(2)).tolist() == [2, 2] and seen == []
    torch.ones(2) * 3
    assert seen[-1] == "mul"


def test_a_definition_inside_another_ends_by_itself(seen):
    assert forward_by(lambda x: torch.ones(2) + torch.from_numpy(forward_by(doubled)(x._array)) - 1)(np.ones(2)).tolist() == [2, 2]
    assert seen == []


def test_a_definition_hides_nothing_that_another_thread_does(seen):
    x = torch.ones(2)
    run_beside(lambda: x * 3)
    assert seen[-1] == "mul"


def test_who_comes_to_watch_in_the_meantime_stays():
    came = []

    def watch(op, args, attrs):
        came.append(op.name)
        return hot.call_on(watch, op, args, attrs)

    x = torch.ones(2)
    run_beside(lambda: hot.watchers.append(watch))
    try:
        x * 3
    finally:
        hot.watchers.remove(watch)
    assert came[-1] == "mul"


def test_a_definition_of_one_thread_does_not_silence_the_recorder_of_another(monkeypatch):
    told = []
    monkeypatch.setattr(recording, "recorder", SimpleNamespace(thread=threading.get_ident(), reads=told.append))
    run_beside(lambda: recording.reads("item()"))
    assert told == ["item()"]
    assert forward_by(lambda x: (recording.reads("its own"), doubled(x))[1])(np.ones(2)).tolist() == [2, 2]
    assert told == ["item()"] and recording.recorder is not None
