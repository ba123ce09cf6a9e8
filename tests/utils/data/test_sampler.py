"""Samplers: orders as PyTorch 2.13 draws them (more in test_random_golden.py), lengths, refusals."""
import pytest

import rushlight as torch
from rushlight.utils import data


def test_sequential_and_batches():
    assert list(data.SequentialSampler("abc")) == [0, 1, 2]
    assert list(data.BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(data.BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert [len(data.BatchSampler(range(5), 2, drop)) for drop in (False, True)] == [3, 2]


def test_random_sampler_gives_pytorchs_orders():
    torch.manual_seed(3)
    first = list(data.RandomSampler(range(5)))
    torch.manual_seed(3)
    assert list(data.RandomSampler(range(5), num_samples=12))[:5] == first
    assert list(data.RandomSampler(range(11), generator=torch.Generator().manual_seed(3))) == [9, 0, 3, 6, 4, 5, 2, 8, 1, 10, 7]


def test_random_sampler_without_replacement_repeats_only_after_all_were_given():
    sampler = data.RandomSampler(range(5), num_samples=12)
    order = list(sampler)
    assert (len(sampler), len(order)) == (12, 12)
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert len(set(order[10:])) == 2


def test_own_generator_leaves_the_default_one_alone():
    before = torch.get_rng_state().tolist()
    list(data.RandomSampler(range(5), generator=torch.Generator()))
    list(data.SubsetRandomSampler([5, 6], torch.Generator()))
    list(data.WeightedRandomSampler([1, 2], 3, generator=torch.Generator()))
    assert torch.get_rng_state().tolist() == before


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: data.RandomSampler([]), ValueError, "num_samples should be a positive integer value, but got num_samples=0"),
    (lambda: data.RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean value, but got replacement=1"),
    (lambda: data.RandomSampler([1], num_samples=2.5), ValueError, "num_samples should be a positive integer value, but got num_samples=2.5"),
    (lambda: data.WeightedRandomSampler([1], True), ValueError, "num_samples should be a positive integer value, but got num_samples=True"),
    (lambda: data.WeightedRandomSampler([1], 2, 1), ValueError, "replacement should be a boolean value, but got replacement=1"),
    (lambda: data.WeightedRandomSampler([[1, 2]], 2), ValueError,
     r"weights should be a 1d sequence but given weights have shape \(1, 2\)"),
    (lambda: data.BatchSampler([1], True, False), ValueError, "batch_size should be a positive integer value, but got batch_size=True"),
    (lambda: data.BatchSampler([1], 2, None), ValueError, "drop_last should be a boolean value, but got drop_last=None"),
    (lambda: data.DistributedSampler([1], 2, 2), ValueError, r"Invalid rank 2, rank should be in the interval \[0, 1\]"),
])
def test_samplers_refuse(make, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make()


def shares(count, replicas, epoch=0, **options):
    samplers = [data.DistributedSampler(range(count), replicas, rank, **options) for rank in range(replicas)]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    return [list(sampler) for sampler in samplers]


def test_distributed_sampler_gives_pytorchs_shares():
    assert shares(5, 2) == [[4, 1, 2], [0, 3, 4]]
    assert shares(5, 2, shuffle=False) == [[0, 2, 4], [1, 3, 0]]
    assert shares(5, 2, shuffle=False, drop_last=True) == [[0, 2], [1, 3]]
    assert shares(2, 5) == [[0], [1], [0], [1], [0]]
    assert shares(7, 3, seed=5, drop_last=True) == [[1, 2], [0, 6], [4, 5]]
    assert shares(7, 3, epoch=4)[1] == [1, 2, 3]
