"""torch.backends.cpu."""
from __future__ import annotations


def get_cpu_capability() -> str:
    """The widest vector instructions that NumPy found: "AVX512", "AVX2" or "DEFAULT"."""
    import numpy as np
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    if any([name.startswith("AVX512") for name in found]):
        return "AVX512"
    return "AVX2" if "AVX2" in found or "X86_V3" in found else "DEFAULT"
