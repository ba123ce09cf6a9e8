"""The array libraries and what they do differently; and torch.backends, which tells what a build can do."""
from __future__ import annotations

from ..torch_alias import module_getattr

__getattr__ = module_getattr(__name__, {name: name for name in ("cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "parallel")})
