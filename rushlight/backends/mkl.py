"""torch.backends.mkl."""
from __future__ import annotations


def is_available() -> bool:
    """Whether mkl is there: it is not."""
    return False
