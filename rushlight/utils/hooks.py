"""torch.utils.hooks: what adding a hook returns."""
from __future__ import annotations

from ..core.node import RemovableHandle

__all__ = ["RemovableHandle"]
