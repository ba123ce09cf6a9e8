"""torch.linalg: linear algebra, by the file in `ops` that defines each function. They load on first use (PEP 562)."""
from __future__ import annotations

import importlib
from typing import Any

from .core.out import accepts_out
from .torch_alias import missing

FUNCTIONS = {
    "linalg_solve": "det inv inv_ex slogdet solve solve_ex solve_triangular tensorinv tensorsolve",
    "linalg_factor": "cholesky cholesky_ex qr",
    "linalg_svd": "eig eigh eigvals eigvalsh svd svdvals",
    "linalg_lu": "lu lu_factor lu_factor_ex lu_solve",
    "linalg_ldl": "ldl_factor ldl_factor_ex ldl_solve",
    "linalg_least": "lstsq matrix_rank pinv",
    "linalg_norm": "cond matrix_norm norm",
    "linalg_product": "cross diagonal matrix_exp matrix_power multi_dot vander vecdot",
    "linalg_reflect": "householder_product",
    "norms": "vector_norm",
    "matmul": "matmul",
    "linalg_checks": "LinAlgError",
}
_HOME = {name: file for file, names in FUNCTIONS.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise missing(__name__, name)
    value = getattr(importlib.import_module(".ops." + _HOME[name], __package__), name)
    value = globals()[name] = value if isinstance(value, type) else accepts_out(value, __name__, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
