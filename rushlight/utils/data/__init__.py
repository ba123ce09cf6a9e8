"""Data on its way to the model: datasets, samplers, and the DataLoader that makes batches of them. Each file loads on first use."""
from __future__ import annotations

from ...torch_alias import module_getattr

#: every public name, by the file that defines it
NAMES = {
    "dataset": "Dataset IterableDataset TensorDataset StackDataset ConcatDataset ChainDataset Subset random_split",
    "sampler": "Sampler SequentialSampler RandomSampler SubsetRandomSampler WeightedRandomSampler BatchSampler",
    "dataloader": "DataLoader _DatasetKind default_collate default_convert get_worker_info",
}

__all__ = ["DistributedSampler", *(name for names in NAMES.values() for name in names.split())]

MODULES = (*NAMES, "distributed", "_utils")

__getattr__ = module_getattr(__name__, {**dict(zip(MODULES, MODULES)), "DistributedSampler": "distributed",
                                        **{name: home for home, names in NAMES.items() for name in names.split()}})


def __dir__() -> list[str]:
    return sorted({*__all__, *MODULES, *globals()})
