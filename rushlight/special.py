"""torch.special: the special functions, by the file in `ops` that defines each. They load on first use (PEP 562)."""
from __future__ import annotations

import importlib
from typing import Any

from .core.out import accepts_out
from .torch_alias import missing

#: by file; `name=other` is a name of torch.special for a function that has another name there
FUNCTIONS = {
    "special": """airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma entr erf erfc erfcx erfinv gammainc=igamma gammaincc=igammac
        gammaln=lgamma i0 i0e i1 i1e log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1
        multigammaln=mvlgamma ndtr ndtri polygamma psi=digamma scaled_modified_bessel_k0 scaled_modified_bessel_k1
        spherical_bessel_j0 xlog1py zeta""",
    "polynomials": """chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w
        hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t
        shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w""",
    "exponential": "exp2 expit=sigmoid expm1 log1p logit xlogy",
    "trigonometry": "sinc",
    "rounding": "round",
    "reduce": "logsumexp",
    "softmax": "softmax log_softmax",
}
_HOME = {name.partition("=")[0]: (file, name.rpartition("=")[2]) for file, names in FUNCTIONS.items() for name in names.split()}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise missing(__name__, name)
    file, function = _HOME[name]
    value = globals()[name] = accepts_out(getattr(importlib.import_module(".ops." + file, __package__), function), __name__, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
