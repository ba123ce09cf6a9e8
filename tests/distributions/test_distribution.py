"""What distributions refuse, and in which words."""
import pytest

import rushlight as torch
from rushlight import distributions as D


@pytest.mark.parametrize(("call", "message"), [
    (lambda: D.Normal(0.0, -1.0),
     "Expected parameter scale (Tensor of shape ()) of distribution Normal(loc: 0.0, scale: -1.0) to satisfy the constraint "
     "GreaterThan(lower_bound=0.0), but found invalid values:\n-1.0"),
    (lambda: D.Bernoulli(2.0),
     "Expected parameter probs (Tensor of shape ()) of distribution Bernoulli(probs: 2.0) to satisfy the constraint "
     "Interval(lower_bound=0.0, upper_bound=1.0), but found invalid values:\n2.0"),
    (lambda: D.Uniform(1.0, 0.0),
     "Expected parameter low (Tensor of shape ()) of distribution Uniform(low: 1.0, high: 0.0) to satisfy the constraint "
     "LessThan(upper_bound=0.0), but found invalid values:\n1.0"),
    (lambda: D.Bernoulli(), "Either `probs` or `logits` must be specified, but not both."),
    (lambda: D.Normal("a", 1), "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."),
    (lambda: D.Categorical(torch.tensor(1.0)), "`probs` parameter must be at least one-dimensional."),
    (lambda: D.MultivariateNormal(torch.zeros(2)), "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."),
    (lambda: D.Independent(D.Normal(torch.zeros(2), 1.0), 2),
     "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual 2 vs 1"),
    (lambda: D.Normal(0.0, 1.0).log_prob("a"), "The value argument to log_prob must be a Tensor"),
    (lambda: D.Normal(torch.zeros(2), 1.0).log_prob(torch.zeros(3)), "Value is not broadcastable with batch_shape+event_shape: torch.Size([3]) vs "
                                                                     "torch.Size([2])."),
    (lambda: D.Normal(0.0, 1.0).log_prob(torch.tensor(float("nan"))),
     "Expected value argument (Tensor of shape ()) to be within the support (Real()) of the distribution Normal(loc: 0.0, scale: 1.0), but found "
     "invalid values:\nnan"),
    (lambda: D.Categorical(torch.ones(2, 3)).log_prob(torch.tensor([3, 0])),
     "Expected value argument (Tensor of shape (2,)) to be within the support (IntegerInterval(lower_bound=0, upper_bound=2)) of the distribution "
     "Categorical(probs: torch.Size([2, 3])), but found invalid values:\ntensor([3, 0])"),
])
def test_what_does_not_fit_is_a_value_error(call, message):
    with pytest.raises(ValueError) as raised:
        call()
    assert str(raised.value) == message


@pytest.mark.parametrize("name", ["Bernoulli", "Binomial", "Categorical", "Cauchy", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Laplace",
                                  "Multinomial", "NegativeBinomial", "Normal", "OneHotCategorical", "VonMises"])
def test_wrong_call_names_the_distribution_and_not_its_base(name):
    with pytest.raises(TypeError, match=rf"^{name}.__init__\(\) got an unexpected keyword argument 'p'"):
        getattr(D, name)(p=0.5)


@pytest.mark.parametrize("base", [D.Gumbel, D.Pareto, D.Weibull])
def test_subclass_with_its_own_constructor_expands(base):
    class Own(base):
        def __init__(self):
            super().__init__(1.0, 2.0)

    wide = Own().expand((3,))
    assert type(wide) is Own and wide.scale.shape == wide.sample().shape == (3,)


def test_checks_can_be_turned_off():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    assert D.Normal(0.0, 1.0, validate_args=False).log_prob(torch.tensor(float("nan"))).isnan()
    try:
        D.Distribution.set_default_validate_args(False)
        D.Normal(0.0, -1.0)
    finally:
        D.Distribution.set_default_validate_args(True)


def test_values_of_discrete_distributions_are_listed():
    assert D.Bernoulli(0.5).enumerate_support().tolist() == [0, 1]
    assert D.Categorical(torch.ones(2, 3)).enumerate_support().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert D.Categorical(torch.ones(2, 3)).enumerate_support(expand=False).tolist() == [[0], [1], [2]]
    with pytest.raises(NotImplementedError):
        D.Normal(0.0, 1.0).enumerate_support()


def test_classes_are_known_by_pytorchs_names():
    assert str(D.Normal) == "<class 'torch.distributions.normal.Normal'>"
    assert isinstance(D.Chi2(2.0), D.Gamma) and isinstance(D.Normal(0.0, 1.0), D.ExponentialFamily)


def test_own_divergence_can_be_registered():
    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, Mine)
    def _mine(p, q):
        return torch.tensor(7.0)

    assert D.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)).item() == 7
    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 0
    with pytest.raises(NotImplementedError, match="^No KL\\(p \\|\\| q\\) is implemented for p type Cauchy and q type Normal$"):
        D.kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))


def test_values_of_a_mixture_are_checked_by_every_component():
    mixture = D.MixtureSameFamily(D.Categorical(torch.ones(2)), D.Uniform(torch.tensor([0.0, 1.0]), torch.tensor([4.0, 5.0])))
    assert mixture.log_prob(torch.tensor([1.5, 2.0, 3.5])).exp().tolist() == pytest.approx([0.25] * 3)
    with pytest.raises(ValueError, match="within the support .MixtureSameFamilyConstraint.Interval"):
        mixture.log_prob(torch.tensor([0.5]))
