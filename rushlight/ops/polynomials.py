"""Orthogonal polynomials of degree n, elementwise, by their three-term recurrences. No gradients, as in PyTorch."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.apply import apply
from ..core.op import INT_TO_FLOAT, Op, binary
from .special import real_only

if TYPE_CHECKING:
    from ..tensor import Tensor


def _family(name: str, text: str, first: Callable, step: Callable, of: Callable = lambda x: x) -> Callable:
    """The function of one family: degree 0 is 1, degree 1 is first(x), and step(k, x, p, before) leads from p = P_k to P_{k+1}."""
    def forward(x: Any, n: Any) -> Any:
        t = of(np.asarray(x, np.float64))
        degrees = np.trunc(n.astype(np.float64))
        t, degrees = np.broadcast_arrays(t, degrees)
        # A degree that is nan or negative has the value 0.
        out = np.where(degrees == 0, 1.0, 0.0)
        before, p = np.ones_like(t), first(t)
        for k in range(1, int(max(degrees.max(initial=0), 0)) + 1):
            out = np.where(degrees == k, p, out)
            before, p = p, step(k, t, p, before)
        return out.astype(x.dtype)

    op = Op(name, binary, forward, dtype=INT_TO_FLOAT)

    def call(input: Tensor, n: Any) -> Tensor:
        real_only(f"{name}_cpu", input, n)
        return apply(op, input, n)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = text
    return call


def _doubling(k: int, x: Any, p: Any, before: Any) -> Any:
    return 2 * x * p - before


def _shifted(x: Any) -> Any:
    return 2 * x - 1


chebyshev_polynomial_t = _family("chebyshev_polynomial_t", "Chebyshev's polynomial of the first kind, T_n.", lambda x: x, _doubling)
chebyshev_polynomial_u = _family("chebyshev_polynomial_u", "Chebyshev's polynomial of the second kind, U_n.", lambda x: 2 * x, _doubling)
chebyshev_polynomial_v = _family("chebyshev_polynomial_v", "Chebyshev's polynomial of the third kind, V_n.", lambda x: 2 * x - 1, _doubling)
chebyshev_polynomial_w = _family("chebyshev_polynomial_w", "Chebyshev's polynomial of the fourth kind, W_n.", lambda x: 2 * x + 1, _doubling)
shifted_chebyshev_polynomial_t = _family("shifted_chebyshev_polynomial_t", "T_n(2 input - 1).", lambda x: x, _doubling, _shifted)
shifted_chebyshev_polynomial_u = _family("shifted_chebyshev_polynomial_u", "U_n(2 input - 1).", lambda x: 2 * x, _doubling, _shifted)
shifted_chebyshev_polynomial_v = _family("shifted_chebyshev_polynomial_v", "V_n(2 input - 1).", lambda x: 2 * x - 1, _doubling, _shifted)
shifted_chebyshev_polynomial_w = _family("shifted_chebyshev_polynomial_w", "W_n(2 input - 1).", lambda x: 2 * x + 1, _doubling, _shifted)
hermite_polynomial_h = _family("hermite_polynomial_h", "The physicists' Hermite polynomial H_n.", lambda x: 2 * x,
                               lambda k, x, p, before: 2 * x * p - 2 * k * before)
hermite_polynomial_he = _family("hermite_polynomial_he", "The probabilists' Hermite polynomial He_n.", lambda x: x,
                                lambda k, x, p, before: x * p - k * before)
laguerre_polynomial_l = _family("laguerre_polynomial_l", "Laguerre's polynomial L_n.", lambda x: 1 - x,
                                lambda k, x, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1))
legendre_polynomial_p = _family("legendre_polynomial_p", "Legendre's polynomial P_n.", lambda x: x,
                                lambda k, x, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1))
