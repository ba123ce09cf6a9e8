"""torch.backends.cuda: switches that programs set; there is no CUDA here to heed them."""
from __future__ import annotations


class _Matmul:
    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """Whether the build knows CUDA: it does not."""
    return False
