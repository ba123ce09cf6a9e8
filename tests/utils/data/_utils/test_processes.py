"""Worker processes: orders, seeds, errors, deaths, and that nothing is left behind."""
import gc
import multiprocessing
import os
import random
import signal
import sys
import time

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils import data
from rushlight.utils.data._utils import collate, processes

pytestmark = [pytest.mark.filterwarnings("ignore:This DataLoader will create"),
              pytest.mark.skipif(not hasattr(os, "fork"), reason="these datasets are local to the test; test_spawned_workers serves all systems")]
FORK = {"num_workers": 2, "multiprocessing_context": "fork"}


class Rows(data.Dataset):
    def __init__(self, count=40):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((40, 40), index, np.float32), index


class Share(data.IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        worker = data.get_worker_info()
        return iter(range(worker.id, self.count, worker.num_workers))


class Doing(data.Dataset):
    """Sample 2 of 4 is what a function returns."""

    def __init__(self, function):
        self.function = function

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.function() if index == 2 else index


def as_it_is(batch):
    return batch


def check_rows(loader, count=40):
    """The indices that a loader of Rows gave, every row held against its index."""
    seen = []
    for rows, indices in loader:
        assert (rows.numpy().mean((1, 2)) == indices.numpy()).all()
        seen += indices.tolist()
    assert sorted(seen) == list(range(count))
    return seen


@pytest.fixture(autouse=True)
def nothing_left():
    def descriptors():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    gc.collect()
    before = descriptors()
    yield
    gc.collect()
    assert multiprocessing.active_children() == []
    assert descriptors() <= before + 2  # what multiprocessing itself opens once


@pytest.mark.parametrize("options", [{}, {"prefetch_factor": 1}, {"prefetch_factor": 0}, {"prefetch_factor": 30}, {"persistent_workers": True}])
def test_batches_come_in_order_in_every_pass(options):
    loader = data.DataLoader(Rows(), 4, **FORK, **options)
    assert check_rows(loader) == check_rows(loader) == list(range(40))


def test_without_order_all_batches_come():
    check_rows(data.DataLoader(Rows(), 4, in_order=False, **FORK))


def test_batches_that_are_kept_stay_as_they_are():
    kept = list(data.DataLoader(Rows(120), 4, **FORK))
    assert check_rows(kept, 120) == list(range(120))


def test_shuffled_order_is_the_same_as_without_workers():
    torch.manual_seed(5)
    alone = check_rows(data.DataLoader(Rows(), 4, shuffle=True))
    torch.manual_seed(5)
    assert check_rows(data.DataLoader(Rows(), 4, shuffle=True, **FORK)) == alone


def test_iterable_dataset_goes_round_the_workers():
    found = [batch.tolist() for batch in data.DataLoader(Share(7), 2, **FORK)]
    assert found == [[0, 2], [1, 3], [4, 6], [5]]


def test_persistent_workers_go_through_an_iterable_dataset_again():
    loader = data.DataLoader(Share(5), 2, persistent_workers=True, **FORK)
    assert [batch.tolist() for batch in loader] == [batch.tolist() for batch in loader] == [[0, 2], [1, 3], [4]]


def test_persistent_pass_that_was_left_is_forgotten():
    loader = data.DataLoader(Rows(), 4, persistent_workers=True, **FORK)
    next(iter(loader))
    pids = [process.pid for process in loader._iterator._workers]
    check_rows(loader)
    assert [process.pid for process in loader._iterator._workers] == pids


def facts():
    info = data.get_worker_info()
    return [info.id, info.num_workers, info.seed, torch.initial_seed(), random.random(), np.random.rand(), torch.rand(1).item(),
            torch.get_num_threads(), info.worker_method]


def test_workers_draw_pytorchs_numbers():
    torch.manual_seed(0)
    dataset = Doing(facts)
    dataset.__class__ = type("Always", (Doing,), {"__getitem__": lambda self, index: facts(), "__len__": lambda self: 2})
    (first,), (second,) = data.DataLoader(dataset, collate_fn=as_it_is, **FORK)
    assert first == [0, 2, 900450186894289455, 900450186894289455, 0.21315340548154382, 0.8371640508861415, 0.7821398973464966, 1,
                     "multiprocessing"]
    assert second == [1, 2, 900450186894289456, 900450186894289456, 0.7733861492043289, 0.6702704958690073, 0.6938178539276123, 1,
                      "multiprocessing"]
    assert data.get_worker_info() is None


def test_worker_init_fn_is_given_the_number():
    seen = multiprocessing.get_context("fork").SimpleQueue()
    list(data.DataLoader(Rows(8), 4, worker_init_fn=seen.put, **FORK))
    assert sorted([seen.get(), seen.get()]) == [0, 1]


def fail(error):
    def function():
        raise error
    return function


class Unusual(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


@pytest.mark.parametrize(("error", "kind"), [(ValueError("bad"), ValueError), (KeyError("k"), KeyError), (Unusual(1, 2), RuntimeError)])
def test_error_has_the_workers_traceback(error, kind):
    batches = iter(data.DataLoader(Doing(fail(error)), **FORK))
    assert [next(batches).item(), next(batches).item()] == [0, 1]
    with pytest.raises(kind) as caught:
        next(batches)
    lines = str(caught.value).splitlines()
    assert lines[:2] == [f"Caught {type(error).__name__} in DataLoader worker process 0.", "Original Traceback (most recent call last):"]
    assert "in function" in str(caught.value)
    assert next(batches).item() == 3


def test_error_in_worker_init_fn_is_raised():
    with pytest.raises(ZeroDivisionError, match="^Caught ZeroDivisionError in DataLoader worker process 0."):
        list(data.DataLoader(Rows(), worker_init_fn=lambda number: 1 // 0, **FORK))


def local_class():
    class Local(Exception):
        pass
    raise Local("x")


@pytest.mark.parametrize(("function", "kinds", "name"), [(lambda: (lambda: 0), Exception, ""), (local_class, RuntimeError, "Caught Local in")])
def test_what_cannot_be_pickled_is_reported(function, kinds, name):
    with pytest.raises(kinds, match=f"{name}.*DataLoader worker process 0"):
        list(data.DataLoader(Doing(function), collate_fn=as_it_is, **FORK))


@pytest.mark.parametrize("options", [{}, {"in_order": False}])
@pytest.mark.parametrize(("end", "cause"), [(lambda: os.kill(os.getpid(), signal.SIGKILL), "is killed by signal: Killed. "),
                                            (lambda: os._exit(3), "exited unexpectedly with exit code 3. "),
                                            (lambda: sys.exit(3), "exited unexpectedly with exit code 3. ")])
def test_worker_that_ends_is_reported_at_once(end, cause, options):
    began = time.monotonic()
    batches = iter(data.DataLoader(Doing(end), **FORK, **options))
    with pytest.raises(RuntimeError, match=r"^DataLoader worker \(pid\(s\) \d+\) exited unexpectedly") as caught:
        list(batches)
    assert cause in str(caught.value.__cause__)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)
    assert time.monotonic() - began < 4


def die_with_child_alive():
    if os.fork() == 0:
        time.sleep(3)  # and holds all that the worker had open
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("options", [{}, {"in_order": False}])
def test_dead_worker_is_found_though_its_own_child_lives(monkeypatch, options):
    monkeypatch.setattr(processes, "MP_STATUS_CHECK_INTERVAL", .1)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(data.DataLoader(Doing(die_with_child_alive), **FORK, **options))
    assert time.monotonic() - began < 2.5


def test_worker_makes_batches_in_shared_memory():
    assert list(data.DataLoader(Rows(4), 4, collate_fn=lambda batch: collate.empty is np.empty, **FORK)) == [False]
    assert collate.empty is np.empty


def test_workers_stay_ahead():
    batches = iter(data.DataLoader(Rows(), 2, prefetch_factor=3, **FORK))
    for _ in range(5):
        assert len(batches._tasks) == 6
        next(batches)


def test_timeout():
    with pytest.raises(RuntimeError, match="^DataLoader timed out after 0.2 seconds$"):
        list(data.DataLoader(Doing(lambda: time.sleep(1)), timeout=.2, **FORK))


def test_break_ends_the_workers():
    for _ in data.DataLoader(Rows(), 4, **FORK):
        break
    assert multiprocessing.active_children() == []


def test_long_lists_of_indices_do_not_block():
    class Long(Rows):
        def __getitems__(self, indices):
            return [str(index) for index in indices]
    batches = list(data.DataLoader(Long(200_000), 50_000, prefetch_factor=4, collate_fn=as_it_is, **FORK))
    assert [len(batch) for batch in batches] == [50_000] * 4


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_spawned_workers(python, tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(f"""
import rushlight as torch
from rushlight.utils.data import DataLoader, TensorDataset
if __name__ == "__main__":
    rows = TensorDataset(torch.arange(40000).reshape(8, 5000))
    print([batch[:, 0].tolist() for (batch,) in DataLoader(rows, 4, num_workers=1, multiprocessing_context={method!r})])
""")
    done = python(program)
    assert (done.stdout.strip(), done.stderr) == ("[[0, 5000, 10000, 15000], [20000, 25000, 30000, 35000]]", "")


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_program_that_ends_in_the_midst_of_a_pass_ends_quietly(python, tmp_path, kind):
    program = tmp_path / "program.py"
    program.write_text(f"""
import time
from rushlight.utils.data import DataLoader
class Slow:
    def __len__(self): return 100
    def __getitem__(self, index): time.sleep(0 if index < 4 else 60); return index
if __name__ == "__main__":
    batches = iter(DataLoader(Slow(), 4, num_workers=1, worker_type={kind!r}))
    print(next(batches).tolist())
""")
    began = time.monotonic()
    done = python("-W", "error", program)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("[0, 1, 2, 3]", "", 0)
    assert time.monotonic() - began < 10
