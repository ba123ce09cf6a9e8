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

linalg_inv_ex = _named("linalg_inv_ex", "inverse info")
linalg_solve_ex = _named("linalg_solve_ex", "result info")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L info")
linalg_lstsq = _named("linalg_lstsq", "solution residuals rank singular_values")
linalg_lu, lu_unpack = _named("linalg_lu", "P L U"), _named("lu_unpack", "P L U")
linalg_lu_factor = _named("linalg_lu_factor", "LU pivots")
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", "LU pivots info")
linalg_ldl_factor = _named("linalg_ldl_factor", "LD pivots")
linalg_ldl_factor_ex = _named("linalg_ldl_factor_ex", "LD pivots info")
linalg_qr, qr = _named("linalg_qr", "Q R"), _named("qr", "Q R")
linalg_svd, svd = _named("linalg_svd", "U S Vh"), _named("svd", "U S V")
linalg_eigh, linalg_eig = [_named(name, "eigenvalues eigenvectors") for name in ("linalg_eigh", "linalg_eig")]
linalg_slogdet, slogdet = [_named(name, "sign logabsdet") for name in ("linalg_slogdet", "slogdet")]
triangular_solve = _named("triangular_solve", "solution cloned_coefficient")
geqrf = _named("geqrf", "a tau")
