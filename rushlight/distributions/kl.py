"""The Kullback-Leibler divergence KL(p || q) = E_p[log p - log q], in closed form, by the classes of p and q."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .dirichlet import Dirichlet
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .multivariate_normal import MultivariateNormal, half_log_det, squared_distance
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson
from .transform import summed
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import euler_constant

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable:
    """A decorator: the function computes KL(p || q) for these classes and their subclasses."""
    for given, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not isinstance(given, type) or not issubclass(given, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def decorator(function: Callable) -> Callable:
        _KL_REGISTRY[type_p, type_q] = function
        return function
    return decorator


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q), of the shape of the batch. Raises NotImplementedError where no closed form is known."""
    # The registered pair nearest to the classes of p and of q, p's first.
    for type_p in type(p).__mro__:
        for type_q in type(q).__mro__:
            function = _KL_REGISTRY.get((type_p, type_q))
            if function is not None:
                return function(p, q)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}")


def infinite(value: Tensor) -> Tensor:
    """Infinity, in the shape of a tensor."""
    return value.new_full(value.shape, math.inf)


@register_kl(ExponentialFamily, ExponentialFamily)
def _family_family(p: Any, q: Any) -> Tensor:
    raise NotImplementedError("The cross KL-divergence between different exponential families cannot be computed using Bregman divergences")


# ---- discrete

@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Any, q: Any) -> Tensor:
    def part(share: Tensor, of: Tensor) -> Tensor:
        found = share * (share.log() - of.log())
        return found.masked_fill(of == 0, math.inf).masked_fill(share == 0, 0)
    return part(p.probs, q.probs) + part(1 - p.probs, 1 - q.probs)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Any, q: Any) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Any, q: Any) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return terms.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_one_hot(p: Any, q: Any) -> Tensor:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Any, q: Any) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


# ---- of positive numbers

@register_kl(Beta, Beta)
def _beta_beta(p: Any, q: Any) -> Tensor:
    return _dirichlet_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    by_sum = a.sum(-1).lgamma() - b.sum(-1).lgamma()
    return by_sum - (a.lgamma() - b.lgamma()).sum(-1) + ((a - b) * (a.digamma() - a.sum(-1, True).digamma())).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _gamma_gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return -q.concentration * ratio.log() + ratio + q.concentration.lgamma() + q.concentration * euler_constant - (1 + euler_constant)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p: Any, q: Any) -> Tensor:
    return _normal_normal(p.base_dist, q.base_dist)


# ---- of all numbers

@register_kl(Normal, Normal)
def _normal_normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Tensor:
    away = p.loc - q.loc
    share = away / p.scale
    distance = math.sqrt(2 / math.pi) * p.scale * (-0.5 * share.pow(2)).exp() + away * (share * math.sqrt(0.5)).erf()  # the mean of |x - q.loc|
    return -p.entropy() + (2 * q.scale).log() + distance / q.scale


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Any, q: Any) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p: Any, q: Any) -> Tensor:
    ratio, away = p.scale / q.scale, (q.loc - p.loc) / q.scale
    return -ratio.log() - away + euler_constant * (ratio - 1.0) + (away + (1 + ratio).lgamma()).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Any, q: Any) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_multivariate(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError("KL-divergence between two Multivariate Normals with different event shapes cannot be computed")
    from ..linalg import solve_triangular
    a, b = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    trace = solve_triangular(b, a, upper=False).pow(2).sum((-2, -1))  # of q's precision times p's covariance
    distance = squared_distance(b, q.loc - p.loc)
    return half_log_det(b) - half_log_det(a) + 0.5 * (trace + distance - p.event_shape[0])


# ---- of bounded numbers, and to and from other kinds

@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Any, q: Any) -> Tensor:
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return kl.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Tensor:
    width = p.high - p.low
    return (math.sqrt(2 * math.pi) * q.scale / width).log() + (width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)) / (2 * q.scale.pow(2))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Tensor:
    kl = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return kl.masked_fill(p.low < 0, math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Tensor:
    width = p.high - p.low
    mean_log = (p.high.xlogy(p.high) - p.low.xlogy(p.low)) / width - 1
    a = q.concentration
    kl = -width.log() + a.lgamma() - a * q.rate.log() + (1 - a) * mean_log + q.rate * (p.high + p.low) / 2
    return kl.masked_fill(p.low < 0, math.inf)


@register_kl(Beta, Uniform)
def _beta_uniform(p: Any, q: Any) -> Tensor:
    return (-p.entropy() + (q.high - q.low).log()).masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Tensor:
    away = (p.loc - q.loc) / q.scale
    return -p.entropy() + q.scale.log() + away + (-away + 0.5 * (p.scale / q.scale).pow(2)).exp()


def to_normal(p: Any, q: Any) -> Tensor:
    """KL to a normal distribution by p's entropy, mean and variance."""
    return -p.entropy() + 0.5 * (2 * math.pi * q.scale.pow(2)).log() + 0.5 * (p.variance + (p.mean - q.loc).pow(2)) / q.scale.pow(2)


for _kind in (Exponential, Gamma, Beta, Laplace, Gumbel):
    register_kl(_kind, Normal)(to_normal)


def _of_other_support(p: Any, q: Any) -> Tensor:
    return infinite(p.mean)


#: of wider support than others, by which every KL is infinite
WIDER: dict = {Normal: (Uniform, Gamma, Exponential, Beta), Laplace: (Uniform, Gamma, Exponential, Beta),
               Gumbel: (Uniform, Gamma, Exponential, Beta), Gamma: (Uniform, Beta), Exponential: (Uniform, Beta), Poisson: (Binomial, Bernoulli)}
for _wide, _narrow in WIDER.items():
    for _one in _narrow:
        register_kl(_wide, _one)(_of_other_support)


# ---- of distributions made of others

@register_kl(Independent, Independent)
def _independent_independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return summed(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: Any, q: Any) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)
