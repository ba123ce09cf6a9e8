"""torch.backends.mkldnn."""
from __future__ import annotations


def is_available() -> bool:
    """Whether mkldnn is there: it is not."""
    return False
