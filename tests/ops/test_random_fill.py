import pytest

import rushlight as torch

from ..golden import arrays


def first_line(call):
    with pytest.raises(Exception) as raised:
        call()
    return type(raised.value), str(raised.value).splitlines()[0]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


METHODS = {
    "uniform_": ((), "UniformBackward0"), "normal_": ((), "NormalBackward0"), "random_": ((), "RandomBackward2"),
    "bernoulli_": ((0.5,), "BernoulliBackward2"), "exponential_": ((), "ExponentialBackward0"), "geometric_": ((0.5,), "GeometricBackward0"),
    "cauchy_": ((), "CauchyBackward0"), "log_normal_": ((), "LogNormalBackward0")}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_returns_its_tensor_and_counts_the_write(name):
    x = torch.zeros(20)
    memory, version = x._array, x._version
    assert getattr(x, name)(*METHODS[name][0]) is x
    assert x._array is memory
    assert x._version == version + 1
    assert x._array.any()


@pytest.mark.parametrize("name", METHODS)
def test_what_was_overwritten_gets_a_gradient_of_zero(name):
    leaf = torch.ones(4, requires_grad=True)
    x = leaf * 2
    getattr(x, name)(*METHODS[name][0])
    assert x.grad_fn.name() == METHODS[name][1]
    x.sum().backward()
    assert leaf.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize("name", METHODS)
def test_a_leaf_that_requires_grad_is_not_overwritten(name):
    leaf = torch.ones(4, requires_grad=True)
    assert first_line(lambda: getattr(leaf, name)(*METHODS[name][0])) == (
        RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation.")
    assert leaf.tolist() == [1.0] * 4
    with torch.no_grad():
        getattr(leaf, name)(*METHODS[name][0])


@pytest.mark.parametrize("name", METHODS)
def test_elements_that_share_memory_are_not_overwritten(name):
    x = torch.ones(1).expand(3)
    assert first_line(lambda: getattr(x, name)(*METHODS[name][0])) == (
        RuntimeError, "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                      "Please clone() the tensor before performing the operation.")
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()


@pytest.mark.parametrize("name", METHODS)
def test_an_own_generator_is_drawn_from(name):
    own = torch.Generator().manual_seed(3)
    first = getattr(torch.zeros(8), name)(*METHODS[name][0], generator=own).tolist()
    assert getattr(torch.zeros(8), name)(*METHODS[name][0], generator=own.manual_seed(3)).tolist() == first
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()


def test_a_write_through_a_view_reaches_its_base():
    base = torch.zeros(4, 3)
    base[1].uniform_(1, 2)
    assert ((base._array >= 1).sum(axis=1) == [0, 3, 0, 0]).all()


def test_uniform_takes_bounds_by_position_and_by_name():
    expected = torch.zeros(5).uniform_(1, 3, generator=torch.Generator().manual_seed(0)).tolist()
    assert torch.zeros(5).uniform_(**{"from": 1, "to": 3}).tolist() == expected
    torch.manual_seed(0)
    assert torch.zeros(5).uniform_(1, to=3).tolist() == expected


def test_random_takes_no_bound_one_or_two():
    for seed, call in ((1, lambda x: x.random_(0, 5)), (1, lambda x: x.random_(5)), (1, lambda x: x.random_(to=5)),
                       (1, lambda x: x.random_(**{"from": 0, "to": 5}))):
        torch.manual_seed(seed)
        assert call(torch.zeros(50, dtype=torch.int64)).tolist() == torch.randint(5, (50,), generator=torch.Generator().manual_seed(1)).tolist()
    torch.manual_seed(123)
    whole = torch.zeros(650, dtype=torch.int64).random_(-2**63, None)
    assert whole.tolist() == arrays()["raw64"].tolist()


def test_numbers_may_be_tensors_without_dimensions():
    assert torch.zeros(3).uniform_(torch.tensor(1.0), torch.tensor(1.0)).tolist() == [1.0] * 3
    assert torch.zeros(3).random_(torch.tensor(1)).tolist() == [0.0] * 3


def test_bernoulli_takes_probabilities_that_broadcast():
    p = torch.tensor([0.0, 1.0, 1.0])
    assert torch.zeros(2, 3).bernoulli_(p).tolist() == [[0.0, 1.0, 1.0]] * 2
    leaf = torch.ones(3, requires_grad=True)
    x = (leaf * 1).bernoulli_(p)
    assert x.grad_fn.name() == "BernoulliBackward1"


x, whole = torch.ones(2), torch.ones(2, dtype=torch.int64)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.uniform_(2, 1), RuntimeError, "uniform_ expects to return a [from, to) range, but found from=2 > to=1"),
    (lambda: x.uniform_(0, float("inf")), RuntimeError, "to is out of bounds for float"),
    (lambda: x.uniform_(float("nan"), 1), RuntimeError, "from is out of bounds for float"),
    (lambda: x.uniform_(-3e38, 3e38), RuntimeError, "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and "
                                                    "from=-3e+38 which result in to-from to exceed the limit"),
    (lambda: torch.ones(2, dtype=torch.float16).uniform_(0, 1e5), RuntimeError, "to is out of bounds for c10::Half"),
    (lambda: x.uniform_("a"), TypeError, "uniform_(): argument 'from' (position 1) must be float, not str"),
    (lambda: x.uniform_(0, 1, generator=5), TypeError, "uniform_(): argument 'generator' must be torch.Generator, not int"),
    (lambda: x.uniform_(0, 1, low=3), TypeError, "uniform_() got an unexpected keyword argument 'low'"),
    (lambda: whole.uniform_(), NotImplementedError, "\"check_uniform_bounds\" not implemented for 'Long'"),
    (lambda: x.normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: whole.normal_(), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
    (lambda: x.random_(5, 5), RuntimeError, "random_ expects 'from' to be less than 'to', but got from=5 >= to=5"),
    (lambda: x.random_(2.5), TypeError, "random_() received an invalid combination of arguments - got (float), but expected one of:"),
    (lambda: x.bernoulli_(1.5), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    (lambda: x.bernoulli_(whole), NotImplementedError, "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"),
    (lambda: x.bernoulli_(torch.zeros(3)), RuntimeError, "The expanded size of the tensor (2) must match the existing size (3) at non-singleton "
                                                        "dimension 0.  Target sizes: [2].  Tensor sizes: [3]"),
    (lambda: x.exponential_(0), RuntimeError, "exponential_ expects lambda > 0.0, but found lambda=0"),
    (lambda: whole.exponential_(), RuntimeError, "Exponential distribution is a continuous probability distribution. dtype must be a floating "
                                                 "point but you specified Long"),
    (lambda: x.geometric_(0), RuntimeError, "geometric_ expects p to be in (0, 1), but got p=0"),
    (lambda: torch.ones(2, dtype=torch.bool).geometric_(0.5), NotImplementedError, "\"geometric_cpu\" not implemented for 'Bool'"),
    (lambda: x.cauchy_(0, 0), RuntimeError, "cauchy_ expects sigma > 0.0, but found sigma=0"),
    (lambda: whole.cauchy_(), RuntimeError, "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but "
                                            "you specified long int"),
    (lambda: x.log_normal_(0, 0), RuntimeError, "log_normal_ expects std > 0.0, but found std=0"),
    (lambda: whole.log_normal_(), NotImplementedError, "\"log_normal_cpu\" not implemented for 'Long'")])
def test_bad_arguments_raise_and_leave_everything_as_it_was(call, error, message):
    assert first_line(call) == (error, message)
    assert x.tolist() == [1.0, 1.0]
    assert whole.tolist() == [1, 1]
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()
