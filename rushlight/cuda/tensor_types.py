"""torch.cuda.FloatTensor and its relatives."""
from __future__ import annotations

from ..tensor_types import NAMES, old_type

globals().update({name: old_type(name, is_cuda=True) for name in NAMES})
