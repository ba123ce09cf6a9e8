"""The old arguments `size_average` and `reduce`, in terms of `reduction`."""
from __future__ import annotations

from ..core.program import warn_user

ENUM = {"none": 0, "mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """PyTorch's number of a reduction. Raises: ValueError for any other name."""
    if reduction == "elementwise_mean":
        warn_user("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")
        return ENUM["mean"]
    if reduction not in ENUM:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return ENUM[reduction]


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The reduction that the two old arguments mean together; None stands for True."""
    from ..ops.loss import legacy_reduction
    reduction = legacy_reduction(size_average, reduce)
    if emit_warning:
        warn_user(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    return reduction


def legacy_get_enum(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> int:
    """PyTorch's number of the reduction that the two old arguments mean together."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
