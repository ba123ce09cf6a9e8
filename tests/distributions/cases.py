"""Distributions that are made the same way in PyTorch, which gave the numbers of `data/distributions.json`, and here."""


def normal(T, *shape):
    loc = T.tensor([0.0, 1.0, -0.5, 2.0][:shape[-1]]).expand(*shape)
    return T.distributions.Normal(loc, T.tensor([1.0, 2.0, 0.5, 1.5][:shape[-1]]))


WEIGHTS, MATRIX = [[0.2, 0.7, 0.3], [1.0, 2.0, 3.0]], [[2.0, 0.5], [0.5, 1.0]]

CASES = {
    "normal": lambda T: normal(T, 2),
    "uniform": lambda T: T.distributions.Uniform(T.tensor([0.0, -1.0]), T.tensor([1.0, 3.0])),
    "bernoulli": lambda T: T.distributions.Bernoulli(T.tensor([0.2, 0.7])),
    "bernoulli of logits": lambda T: T.distributions.Bernoulli(logits=T.tensor([0.2, -0.7])),
    "binomial": lambda T: T.distributions.Binomial(5, T.tensor([0.2, 0.5])),
    "categorical": lambda T: T.distributions.Categorical(T.tensor(WEIGHTS)),
    "categorical of logits": lambda T: T.distributions.Categorical(logits=T.tensor(WEIGHTS)),
    "one hot": lambda T: T.distributions.OneHotCategorical(T.tensor(WEIGHTS)),
    "straight through": lambda T: T.distributions.OneHotCategoricalStraightThrough(T.tensor(WEIGHTS)),
    "multinomial": lambda T: T.distributions.Multinomial(4, T.tensor(WEIGHTS)),
    "exponential": lambda T: T.distributions.Exponential(T.tensor([0.5, 2.0])),
    "laplace": lambda T: T.distributions.Laplace(T.tensor([0.0, 1.0]), T.tensor([1.0, 2.0])),
    "gamma": lambda T: T.distributions.Gamma(T.tensor([0.5, 2.0]), T.tensor([1.0, 2.0])),
    "chi2": lambda T: T.distributions.Chi2(T.tensor([1.5, 4.0])),
    "beta": lambda T: T.distributions.Beta(T.tensor([0.5, 2.0]), T.tensor([1.0, 2.0])),
    "dirichlet": lambda T: T.distributions.Dirichlet(T.tensor([[0.5, 2.0, 1.0], [1.0, 2.0, 0.3]])),
    "poisson": lambda T: T.distributions.Poisson(T.tensor([0.5, 4.0])),
    "student": lambda T: T.distributions.StudentT(T.tensor([1.5, 4.0]), T.tensor([0.0, 1.0]), T.tensor([1.0, 2.0])),
    "cauchy": lambda T: T.distributions.Cauchy(T.tensor([0.0, 1.0]), T.tensor([1.0, 2.0])),
    "geometric": lambda T: T.distributions.Geometric(T.tensor([0.2, 0.7])),
    "negative binomial": lambda T: T.distributions.NegativeBinomial(3.0, T.tensor([0.2, 0.7])),
    "half normal": lambda T: T.distributions.HalfNormal(T.tensor([1.5, 4.0])),
    "half cauchy": lambda T: T.distributions.HalfCauchy(T.tensor([1.5, 4.0])),
    "gumbel": lambda T: T.distributions.Gumbel(T.tensor([0.0, 1.0]), T.tensor([1.0, 2.0])),
    "log normal": lambda T: T.distributions.LogNormal(T.tensor([0.0, 1.0]), T.tensor([1.0, 0.5])),
    "multivariate": lambda T: T.distributions.MultivariateNormal(T.tensor([0.0, 1.0]), T.tensor(MATRIX)),
    "multivariate of precision": lambda T: T.distributions.MultivariateNormal(T.zeros(2), precision_matrix=T.tensor(MATRIX)),
    "multivariate of factor": lambda T: T.distributions.MultivariateNormal(T.zeros(2), scale_tril=T.tensor([[1.0, 0.0], [0.5, 2.0]])),
    "independent": lambda T: T.distributions.Independent(normal(T, 3, 2), 1),
    "mixture": lambda T: T.distributions.MixtureSameFamily(T.distributions.Categorical(T.tensor([0.3, 0.7])), normal(T, 2)),
    "mixture of vectors": lambda T: T.distributions.MixtureSameFamily(T.distributions.Categorical(T.tensor([0.3, 0.7])),
                                                                      T.distributions.Independent(normal(T, 2, 3), 1)),
    "transformed": lambda T: T.distributions.TransformedDistribution(
        normal(T, 2), [T.distributions.transforms.AffineTransform(1.0, -2.0), T.distributions.transforms.SigmoidTransform()]),
    "pareto": lambda T: T.distributions.Pareto(T.tensor([1.0, 2.0]), T.tensor([3.0, 1.5])),
    "weibull": lambda T: T.distributions.Weibull(T.tensor([1.0, 2.0]), T.tensor([3.0, 1.5])),
    "inverse gamma": lambda T: T.distributions.InverseGamma(T.tensor([1.0, 3.0]), T.tensor([1.0, 2.0])),
    "logistic normal": lambda T: T.distributions.LogisticNormal(T.tensor([0.0, 1.0]), T.tensor([1.0, 0.5])),
    "fisher": lambda T: T.distributions.FisherSnedecor(T.tensor([1.0, 3.0]), T.tensor([1.0, 5.0])),
    "relaxed bernoulli": lambda T: T.distributions.RelaxedBernoulli(T.tensor(0.7), T.tensor([0.2, 0.7])),
    "relaxed one hot": lambda T: T.distributions.RelaxedOneHotCategorical(T.tensor(0.7), T.tensor(WEIGHTS)),
    "von mises": lambda T: T.distributions.VonMises(T.tensor([0.0, 1.0]), T.tensor([1.0, 4.0])),
    "stick": lambda T: T.distributions.TransformedDistribution(normal(T, 2, 2), [T.distributions.transforms.StickBreakingTransform()]),
}
