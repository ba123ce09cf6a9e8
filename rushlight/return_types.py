"""The named tuples that operations with several results return, as `torch.return_types`."""
from __future__ import annotations

import operator
from typing import Any


class NamedResult(tuple):
    """A tuple whose items also have names; prints as PyTorch's."""

    __slots__ = ()
    _fields: tuple = ()

    def __new__(cls, *values: Any) -> Any:
        # PyTorch's take one sequence: `torch.return_types.max((values, indices))`.
        if len(values) == 1 and len(cls._fields) != 1:
            values = tuple(values[0])
        if len(values) != len(cls._fields):
            raise TypeError(f"torch.return_types.{cls.__name__}() takes a {len(cls._fields)}-sequence ({len(values)}-sequence given)")
        return tuple.__new__(cls, values)

    def __repr__(self) -> str:
        items = ",\n".join([f"{name}={value!r}" for name, value in zip(self._fields, self)])
        return f"torch.return_types.{self.__class__.__name__}(\n{items})"

    def __reduce__(self) -> tuple:
        return self.__class__, (tuple(self),)


def _named(name: str, fields: str) -> Any:
    names = tuple(fields.split())
    items: dict[str, Any] = {field: property(operator.itemgetter(at)) for at, field in enumerate(names)}
    return type(name, (NamedResult,), {"__slots__": (), "_fields": names, "n_fields": len(names), "n_sequence_fields": len(names),
                                       "n_unnamed_fields": 0, "__module__": "torch.return_types", **items})


max, min, median, nanmedian, mode, kthvalue, sort, topk, cummax, cummin = [
    _named(name, "values indices") for name in ("max", "min", "median", "nanmedian", "mode", "kthvalue", "sort", "topk", "cummax", "cummin")]
aminmax = _named("aminmax", "min max")
frexp = _named("frexp", "mantissa exponent")
histogram = _named("histogram", "hist bin_edges")
histogramdd = _named("histogramdd", "hist bin_edges")
