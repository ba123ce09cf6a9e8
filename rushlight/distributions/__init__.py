"""torch.distributions: distributions to sample from, to weigh values by, and to compare. They load on first use (PEP 562)."""
from __future__ import annotations

from ..torch_alias import module_getattr

#: the names, by file; a file's own name is a module here too
FILES = {
    "bernoulli": "Bernoulli", "beta": "Beta", "binomial": "Binomial", "categorical": "Categorical", "cauchy": "Cauchy", "chi2": "Chi2",
    "constraint_registry": "biject_to transform_to", "constraints": "", "dirichlet": "Dirichlet", "distribution": "Distribution",
    "exp_family": "ExponentialFamily", "exponential": "Exponential", "gamma": "Gamma", "geometric": "Geometric", "gumbel": "Gumbel",
    "half_cauchy": "HalfCauchy", "half_normal": "HalfNormal", "independent": "Independent", "kl": "kl_divergence register_kl",
    "laplace": "Laplace", "log_normal": "LogNormal", "mixture_same_family": "MixtureSameFamily", "multinomial": "Multinomial",
    "multivariate_normal": "MultivariateNormal", "negative_binomial": "NegativeBinomial", "normal": "Normal",
    "one_hot_categorical": "OneHotCategorical OneHotCategoricalStraightThrough", "poisson": "Poisson", "studentT": "StudentT",
    "transformed_distribution": "TransformedDistribution", "uniform": "Uniform", "utils": "",
    "fishersnedecor": "FisherSnedecor", "inverse_gamma": "InverseGamma", "logistic_normal": "LogisticNormal", "pareto": "Pareto",
    "relaxed_bernoulli": "LogitRelaxedBernoulli RelaxedBernoulli", "relaxed_categorical": "ExpRelaxedCategorical RelaxedOneHotCategorical",
    "von_mises": "VonMises", "weibull": "Weibull",
    "transforms": """AbsTransform AffineTransform ComposeTransform ExpTransform IndependentTransform LowerCholeskyTransform PowerTransform
        ReshapeTransform SigmoidTransform SoftmaxTransform SoftplusTransform StickBreakingTransform TanhTransform Transform identity_transform""",
}
_HOMES = {name: file for file, names in FILES.items() for name in names.split()}
__all__ = sorted(_HOMES)
__getattr__ = module_getattr(__name__, {**_HOMES, **{file: file for file in FILES}})


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *FILES})
