"""Worker threads: the same batches as processes give, and random numbers that do not depend on which thread is faster."""
import sys
import threading
import time

import pytest

import rushlight as torch
from rushlight.utils import data

THREADS = {"num_workers": 3, "worker_type": "thread"}


class Samples(data.Dataset):
    def __init__(self, sample, count=30):
        self.sample, self.count = sample, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.sample(index)


def exactly(index):
    return index


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}, {"prefetch_factor": 0}])
def test_batches_come_in_order_in_every_pass(options):
    loader = data.DataLoader(Samples(exactly), 4, **THREADS, **options)
    for _ in range(2):
        assert [index for batch in loader for index in batch.tolist()] == list(range(30))


def test_without_order_all_batches_come():
    loader = data.DataLoader(Samples(exactly), 4, in_order=False, persistent_workers=True, **THREADS)
    for _ in range(2):
        assert sorted([index for batch in loader for index in batch.tolist()]) == list(range(30))


def test_each_thread_draws_from_its_own_stream():
    def sample(index):
        time.sleep(.001 * (index % 3))
        info = data.get_worker_info()
        return torch.rand(2), torch.rand(1, generator=torch.random.thread_safe_generator()), info.rng.random_generator.random()

    def numbers():
        torch.manual_seed(0)
        return [[column.tolist() for column in batch] for batch in data.DataLoader(Samples(sample), 4, **THREADS)]

    first = numbers()
    assert first == numbers()
    after = torch.rand(1).item()
    assert torch.random.thread_safe_generator() is None
    torch.manual_seed(0)
    list(data.DataLoader(Samples(exactly), 4, **THREADS))
    assert torch.rand(1).item() == after


def test_info_names_the_thread():
    found = next(iter(data.DataLoader(Samples(lambda index: repr(data.get_worker_info())), collate_fn=lambda batch: batch[0], **THREADS)))
    assert found.startswith("WorkerInfo(id=0, num_workers=3, seed=") and found.endswith("worker_method='thread')")
    assert data.get_worker_info() is None


def test_error_has_the_original_behind_it():
    with pytest.raises(ZeroDivisionError, match="^Caught ZeroDivisionError in DataLoader worker thread 0.\nOriginal Traceback") as caught:
        list(data.DataLoader(Samples(lambda index: 1 // 0), **THREADS))
    assert isinstance(caught.value.__cause__, ZeroDivisionError) and caught.value.__cause__.__traceback__ is not None


def test_exit_in_a_thread_is_an_error_and_no_hang():
    batches = iter(data.DataLoader(Samples(lambda index: sys.exit(3)), **THREADS))
    for _ in range(5):
        with pytest.raises(RuntimeError, match="^Caught SystemExit in DataLoader worker thread"):
            next(batches)


def test_timeout():
    with pytest.raises(RuntimeError, match="^DataLoader timed out after 0.05 seconds$"):
        list(data.DataLoader(Samples(lambda index: time.sleep(.3)), timeout=.05, **THREADS))


def test_break_ends_the_threads():
    before = set(threading.enumerate())
    for _ in data.DataLoader(Samples(exactly), 4, **THREADS):
        break
    assert set(threading.enumerate()) <= before
