"""What a dtype can hold: `finfo` and `iinfo`."""

from __future__ import annotations

from math import floor, log10
from typing import Any

from . import dtypes

#: bits of the significand, the implicit one among them, and the largest exponent: IEEE 754 and bfloat16
SHAPES = {"float16": (11, 15), "bfloat16": (8, 127), "float32": (24, 127), "float64": (53, 1023)}


class finfo:
    """The limits of a floating dtype; of the parts, for a complex one; of the default dtype, if none is given.

    `max`, `min` = -max, `eps` the step from 1 to the next number, `smallest_normal` = `tiny`, `resolution` = 1e-d for the
    d decimal digits that survive, `bits`, `dtype` the name.

    Raises: TypeError for integer dtypes and for what is no dtype.
    Example:
        >>> finfo().max
        3.4028234663852886e+38
    """

    def __init__(self, type: Any = ...) -> None:
        found = checked("finfo", dtypes.get_default_dtype() if type is ... else type).to_real()
        if not found.is_floating_point:
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")
        precision, exponent = SHAPES[found.name]
        self.dtype = found.name
        self.bits = 8 * found.itemsize
        self.eps = 2.0 ** (1 - precision)
        self.max = (2 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.smallest_normal = self.tiny = 2.0 ** (1 - exponent)
        self.resolution = float(f"1e-{floor((precision - 1) * log10(2))}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and other.dtype == self.dtype

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in names)}, dtype={self.dtype})"


class iinfo:
    """The limits of an integer dtype: `min`, `max`, `bits`, and `dtype`, the name.

    Raises: TypeError for bool, floating and complex dtypes and for what is no dtype.
    Example:
        >>> iinfo(dtypes.int8).max
        127
    """

    def __init__(self, type: Any) -> None:
        found = checked("iinfo", type)
        if found is dtypes.bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if found.category != dtypes.INTEGER:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        self.dtype = found.name
        self.bits = 8 * found.itemsize
        self.min = -(2 ** (self.bits - 1)) if found.is_signed else 0
        self.max = self.min + 2**self.bits - 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and other.dtype == self.dtype

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def checked(name: str, type: Any) -> dtypes.dtype:
    """The argument, if it is a dtype; TypeError if not."""
    if not isinstance(type, dtypes.dtype):
        kind = type.__class__.__name__
        raise TypeError(f"{name}(): argument 'type' (position 1) must be torch.dtype, not {kind}")
    return type


finfo.__module__ = iinfo.__module__ = "torch"
