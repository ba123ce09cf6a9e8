"""torch.backends.mps."""
from __future__ import annotations


def is_available() -> bool:
    """Whether mps is there: it is not."""
    return False


def is_built() -> bool:
    """Whether the build knows mps: it does not."""
    return False
