"""torch.backends.openmp."""
from __future__ import annotations


def is_available() -> bool:
    """Whether openmp is there: it is not."""
    return False
