"""The share of one process in a dataset that several processes work through together."""
from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import Any

from ...core.generator import Generator
from ...names import call_as_torch
from ...ops.random import randperm
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, beginning with the `rank`-th: all processes together take every sample once.

    So that all get equally many, the first indices come again at the end; with `drop_last` the last ones are left out instead.
    The order is shuffled from `seed` and the epoch: call `set_epoch(epoch)` before each epoch, or every epoch has the same order.
    Where they are not given, `num_replicas` and `rank` are asked of `torch.distributed`.
    """

    def __init__(self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True, seed: int = 0,
                 drop_last: bool = False):
        if num_replicas is None:
            num_replicas = distributed().get_world_size()
        if rank is None:
            rank = distributed().get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else math.ceil(count / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            indices = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            indices = list(range(count))
        while indices and len(indices) < self.total_size:
            indices += indices[:self.total_size - len(indices)]
        return iter(indices[self.rank:self.total_size:self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass have the order of that epoch."""
        self.epoch = epoch


def distributed() -> Any:
    """The module torch.distributed. Raises RuntimeError where there is none."""
    import rushlight
    module = getattr(rushlight, "distributed", None)
    if module is None or not module.is_available():
        raise RuntimeError("Requires distributed package to be available\n  or give num_replicas and rank to the sampler")
    return module


call_as_torch(DistributedSampler)
