"""Special functions: error functions, the gamma family, the normal distribution, Bessel functions. Integers give the default float."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backends import bessel_numpy, gamma_numpy, normal_numpy
from ..backends.parallel import parallel_for
from ..core.apply import apply
from ..core.fused import fused, widened
from ..core.op import INT_TO_FLOAT, Op, binary, two_tensors, unary
from ..core.samples import between, one, positive, positive_pair
from .arithmetic import MUL
from .choose import where, zero_where
from .exponential import exp, log

if TYPE_CHECKING:
    from ..tensor import Tensor

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)


#: elements of one piece of work, and elements per thread that are worth one
PIECE, GRAIN = 8192, 16384


def wide(function: Callable) -> Callable:
    """The forward rule that a float64 function gives: computed in float64, rounded to the dtype of the arguments; large arrays in pieces."""
    def forward(*arrays: Any) -> Any:
        first = arrays[0]
        if first.size <= PIECE:
            out = function(*[np.asarray(a, np.float64) for a in arrays])
            return np.asarray(out).astype(first.dtype)
        flat = [np.ravel(a) for a in np.broadcast_arrays(*arrays)]
        out = np.empty(flat[0].shape, first.dtype)

        def run(start: int, stop: int) -> None:
            for begin in range(start, stop, PIECE):
                part = slice(begin, min(begin + PIECE, stop))
                out[part] = function(*[a[part].astype(np.float64) for a in flat])
        parallel_for(out.size, GRAIN, run)
        return out.reshape(np.broadcast_shapes(*[a.shape for a in arrays]))
    return forward


def real_only(name: str, *values: Any) -> None:
    """Raise PyTorch's error for a complex tensor."""
    for value in values:
        if hasattr(value, "_array") and value._array.dtype.kind == "c":
            raise NotImplementedError(f"\"{name}\" not implemented for '{value.dtype.kernel_name}'")


def not_implemented(name: str) -> Callable:
    """A gradient formula that raises PyTorch's error."""
    def formula(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")
    return formula


# ---- error functions

def erf(input: Tensor) -> Tensor:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to input."""
    real_only("erf_vml_cpu", input)
    return apply(ERF, input)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input), exact also where erf is near 1."""
    real_only("erfc_vml_cpu", input)
    return apply(ERFC, input)


def erfinv(input: Tensor) -> Tensor:
    """The number whose erf is input; infinite at -1 and 1, nan outside."""
    real_only("erfinv_vml_cpu", input)
    return apply(ERFINV, input)


def erfcx(input: Tensor) -> Tensor:
    """exp(input^2) erfc(input)."""
    real_only("erfcx_cpu", input)
    return apply(ERFCX, input)


ERF = Op("erf", unary, fused("erf(x)"), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * exp(-x * x) * TWO_OVER_SQRT_PI,),
    code="erf(x)")
ERFC = Op("erfc", unary, fused("erfc(x)"), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * exp(-x * x) * -TWO_OVER_SQRT_PI,),
    code="erfc(x)")
ERFINV = Op("erfinv", unary, wide(normal_numpy.erfinv), dtype=INT_TO_FLOAT, samples=between((-0.9, 0.9)),
    grads=(lambda g, out: g * exp(out * out) * (1 / TWO_OVER_SQRT_PI),))
ERFCX = Op("special_erfcx", unary, wide(normal_numpy.erfcx), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x, out: g * (x * out * 2 - TWO_OVER_SQRT_PI),))


# ---- the normal distribution

def ndtr(input: Tensor) -> Tensor:
    """The normal distribution function: the share of the standard normal distribution below input."""
    real_only("erf_vml_cpu", input)
    return apply(MUL_NUMBER, erfc(input * -math.sqrt(0.5)), 0.5)


def ndtri(input: Tensor) -> Tensor:
    """The number below which the share `input` of the standard normal distribution lies."""
    real_only("ndtri_cpu", input)
    return apply(NDTRI, input)


def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(input)), exact also far to the left."""
    real_only("log_ndtr_cpu", input)
    return apply(LOG_NDTR, input)


MUL_NUMBER = MUL.printed_as("MulBackward1")
NDTRI = Op("special_ndtri", unary, wide(normal_numpy.ndtri), dtype=INT_TO_FLOAT, samples=between((0.1, 0.9)),
    grads=(lambda g, out: g * exp(out * out * 0.5) * math.sqrt(2 * math.pi),))
LOG_NDTR = Op("special_log_ndtr", unary, wide(normal_numpy.log_ndtr), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5)),))


# ---- entropy and logarithms

def entr(input: Tensor) -> Tensor:
    """-input log(input); 0 at 0, -inf below."""
    real_only("entr_cpu", input)
    return apply(ENTR, input)


def _entr(x: Any) -> Any:
    filled = np.where(x > 0, x, x.dtype.type(1))
    out = np.where(x > 0, -x * np.log(filled), np.where(x == 0, x.dtype.type(0), x.dtype.type(-math.inf)))
    return np.where(np.isnan(x), x, out)


ENTR = Op("special_entr", unary, widened(_entr), dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g * (-log(x) - 1),),
    code="where(x == 0, 0, where(x < 0, -inf, -x * log(x)))")


def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log1p(other), and 0 where input is 0, unless other is nan."""
    real_only("xlog1py_cpu", input, other)
    return apply(XLOG1PY, input, other)


def _xlog1py(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log1p(y))


XLOG1PY = Op("special_xlog1py", binary, _xlog1py, dtype=INT_TO_FLOAT, samples=positive_pair, node_name="SpecialXlog1PyBackward0",
    grads=(lambda g, x, y: zero_where((x == 0) & (y <= -1), xlog1py(g, y)),
           lambda g, x, y: g * x / (y + 1)),
    code="where((x == 0) & ~isnan(y), 0, x * log1p(y))")


# ---- the gamma family

def lgamma(input: Tensor) -> Tensor:
    """The logarithm of |gamma(input)|."""
    real_only("lgamma_vml_cpu", input)
    return apply(LGAMMA, input)


def digamma(input: Tensor) -> Tensor:
    """The derivative of lgamma."""
    real_only("digamma", input)
    return apply(DIGAMMA, input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma."""
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    real_only(("digamma", "trigamma")[n] if n < 2 else "zeta_cpu", input)
    return apply(POLYGAMMA, input, n=n)


LGAMMA = Op("lgamma", unary, wide(gamma_numpy.lgamma), dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g * digamma(x),))
DIGAMMA = Op("digamma", unary, wide(gamma_numpy.digamma), dtype=INT_TO_FLOAT, samples=positive,
    grads=(lambda g, x: g * polygamma(1, x),))
POLYGAMMA = Op("polygamma", unary, lambda x, *, n: wide(lambda y: gamma_numpy.polygamma(n, y))(x), dtype=INT_TO_FLOAT,
    samples=between((0.5, 3), n=1),
    grads=(lambda g, x, n: g * polygamma(n + 1, x),))


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    real_only("arange_cpu", input)
    return apply(MVLGAMMA, input, p=p)


def _mvlgamma(x: Any, *, p: int) -> Any:
    steps = x[..., None].astype(np.float64) - np.arange(p) / 2
    out = gamma_numpy.lgamma(steps).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
    return np.asarray(out).astype(x.dtype)


def _mvlgamma_gradient(g: Any, x: Any, p: int) -> Any:
    total = digamma(x)
    for step in range(1, p):
        total = total + digamma(x - step / 2)
    return g * total


MVLGAMMA = Op("mvlgamma", unary, _mvlgamma, dtype=INT_TO_FLOAT, samples=between((1.5, 4), p=3),
    grads=(_mvlgamma_gradient,))


def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function: the part of gamma(input) that lies below other."""
    _floats_only("igamma_cpu", input, other)
    return apply(IGAMMA, input, other)


def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function, 1 - igamma."""
    _floats_only("igammac_cpu", input, other)
    return apply(IGAMMAC, input, other)


def _floats_only(name: str, input: Any, other: Any) -> None:
    kinds = [value.dtype for value in (input, other) if hasattr(value, "_array")]
    if not any([dtype.is_floating_point for dtype in kinds]):
        raise NotImplementedError(f"\"{name}\" not implemented for '{kinds[0].kernel_name}'")
    real_only(name, input, other)


def _gamma_density(g: Any, x: Any, y: Any) -> Any:
    """g times the derivative of igamma by its second argument."""
    return g * exp(log(y) * (x - 1) - y - lgamma(x))


IGAMMA = Op("igamma", two_tensors, wide(gamma_numpy.gammainc),
    grads=(not_implemented("igamma: input"), _gamma_density))
IGAMMAC = Op("igammac", two_tensors, wide(gamma_numpy.gammaincc),
    grads=(not_implemented("igammac: input"), lambda g, x, y: -_gamma_density(g, x, y)))


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of 1 / (k + other)^input over k = 0, 1, 2, ..."""
    real_only("zeta_cpu", input, other)
    return apply(ZETA, input, other)


ZETA = Op("special_zeta", binary, wide(gamma_numpy.zeta), dtype=INT_TO_FLOAT,
    grads=(not_implemented("zeta"),
           lambda g, x, y: g * -x * zeta(x + 1, y)))


# ---- modified Bessel functions with gradients

def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 0."""
    real_only("i0_vml_cpu", input)
    return apply(I0, input)


def i0e(input: Tensor) -> Tensor:
    """exp(-|input|) i0(input)."""
    real_only("i0e_cpu", input)
    return apply(I0E, input)


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 1."""
    real_only("i1_cpu", input)
    return apply(I1, input)


def i1e(input: Tensor) -> Tensor:
    """exp(-|input|) i1(input)."""
    real_only("i1e_cpu", input)
    return apply(I1E, input)


def _over(x: Any, out: Any) -> Any:
    """out / x, whose limit at 0 is 1/2 for functions of order 1."""
    return where(x == 0, 0.5, out / where(x == 0, 1, x))


I0 = Op("i0", unary, wide(bessel_numpy.i0), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x: g * i1(x),))
I0E = Op("special_i0e", unary, wide(bessel_numpy.i0e), dtype=INT_TO_FLOAT, samples=one, node_name="SpecialI0EBackward0",
    grads=(lambda g, x, out: g * (i1e(x) - x.sgn() * out),))
I1 = Op("special_i1", unary, wide(bessel_numpy.i1), dtype=INT_TO_FLOAT, samples=one,
    grads=(lambda g, x, out: g * (i0(x) - _over(x, out)),))
I1E = Op("special_i1e", unary, wide(bessel_numpy.i1e), dtype=INT_TO_FLOAT, samples=one, node_name="SpecialI1EBackward0",
    grads=(lambda g, x, out: g * (i0e(x) - x.sgn() * out - _over(x, out)),))


# ---- functions without gradient, as in PyTorch

def _plain(name: str, function: Callable, text: str) -> Callable:
    op = Op(name, unary, wide(function), dtype=INT_TO_FLOAT)

    def call(input: Tensor) -> Tensor:
        real_only(f"{name}_cpu", input)
        return apply(op, input)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = text
    return call


airy_ai = _plain("airy_ai", bessel_numpy.airy, "The Airy function Ai.")
bessel_j0 = _plain("bessel_j0", bessel_numpy.j0, "The Bessel function of the first kind and order 0.")
bessel_j1 = _plain("bessel_j1", bessel_numpy.j1, "The Bessel function of the first kind and order 1.")
bessel_y0 = _plain("bessel_y0", bessel_numpy.y0, "The Bessel function of the second kind and order 0.")
bessel_y1 = _plain("bessel_y1", bessel_numpy.y1, "The Bessel function of the second kind and order 1.")
modified_bessel_i0 = _plain("modified_bessel_i0", bessel_numpy.i0, "The modified Bessel function of the first kind and order 0.")
modified_bessel_i1 = _plain("modified_bessel_i1", bessel_numpy.i1, "The modified Bessel function of the first kind and order 1.")
modified_bessel_k0 = _plain("modified_bessel_k0", bessel_numpy.k0, "The modified Bessel function of the second kind and order 0.")
modified_bessel_k1 = _plain("modified_bessel_k1", bessel_numpy.k1, "The modified Bessel function of the second kind and order 1.")
scaled_modified_bessel_k0 = _plain("scaled_modified_bessel_k0", bessel_numpy.k0e, "exp(input) times modified_bessel_k0(input).")
scaled_modified_bessel_k1 = _plain("scaled_modified_bessel_k1", bessel_numpy.k1e, "exp(input) times modified_bessel_k1(input).")
spherical_bessel_j0 = _plain("spherical_bessel_j0", bessel_numpy.spherical_j0, "sin(input) / input, and 1 at 0.")
