import numpy as np
import pytest

import rushlight as torch

FACTORIES = [torch.rand, torch.randn, lambda *size, **k: torch.randint(0, 9, size[0] if isinstance(size[0], (tuple, list)) else size, **k)]


def first_line(call):
    with pytest.raises(Exception) as raised:
        call()
    return type(raised.value), str(raised.value).splitlines()[0]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("call", [lambda: torch.rand(2, 3), lambda: torch.rand((2, 3)), lambda: torch.rand([2, 3]),
                                  lambda: torch.rand(size=(2, 3)), lambda: torch.rand(torch.Size([2, 3]))])
def test_a_size_is_given_in_any_way(call):
    expected = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    assert (call().numpy() == expected.numpy()).all()


@pytest.mark.parametrize("call", [lambda: torch.randint(5, (4,)), lambda: torch.randint(0, 5, (4,)), lambda: torch.randint(5, size=(4,)),
                                  lambda: torch.randint(high=5, size=(4,)), lambda: torch.randint(0, 5, size=[4]),
                                  lambda: torch.randint(low=0, high=5, size=(4,)), lambda: torch.randint(torch.tensor(5), (4,))])
def test_bounds_are_given_in_any_way(call):
    expected = torch.randint(0, 5, (4,), generator=torch.Generator().manual_seed(0))
    assert call().tolist() == expected.tolist()


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_generator_is_drawn_from_in_place_of_the_default_one(factory):
    own = torch.Generator().manual_seed(3)
    before = torch.get_rng_state().numpy()
    first = factory((5,), generator=own)
    assert (torch.get_rng_state().numpy() == before).all()
    own.manual_seed(3)
    assert (factory((5,), generator=own).numpy() == first.numpy()).all()


def test_dtype_and_requires_grad_are_taken():
    result = torch.rand(2, dtype=torch.float64, requires_grad=True)
    assert result.dtype is torch.float64
    assert result.requires_grad
    assert result.is_leaf


def test_the_default_dtype_is_taken():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.randn(2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("like", [torch.rand_like, torch.randn_like, lambda x, **k: torch.randint_like(x, 9, **k)])
def test_likes_have_the_layout_of_what_they_are_like_unless_that_has_gaps(like):
    dense = torch.zeros(2, 3, 4).permute(2, 0, 1)
    assert like(dense)._array.strides == dense._array.strides
    assert like(dense, memory_format=torch.contiguous_format)._array.flags.c_contiguous
    assert like(torch.zeros(4, 6)[:, ::2])._array.flags.c_contiguous
    assert like(torch.zeros(3, requires_grad=True)).requires_grad is False


def test_out_is_filled_in_its_own_dtype():
    out = torch.zeros(3, dtype=torch.float64)
    assert torch.rand(3, out=out) is out
    assert (out.numpy() == torch.rand(3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()).all()
    assert torch.randn(2, out=out).shape == (2,)
    whole = torch.zeros(5, dtype=torch.int32)
    assert sorted(torch.randperm(4, out=whole).tolist()) == [0, 1, 2, 3]
    assert torch.randint(3, (2, 2), out=torch.zeros(1, dtype=torch.int64)).shape == (2, 2)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.rand(), TypeError, "rand() received an invalid combination of arguments - got (), but expected one of:"),
    (lambda: torch.rand(2.5), TypeError, "rand(): argument 'size' (position 1) must be tuple of ints, not float"),
    (lambda: torch.rand(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: torch.rand(2, dtype=torch.int64), NotImplementedError, "\"check_uniform_bounds\" not implemented for 'Long'"),
    (lambda: torch.randn(2, dtype=torch.bool), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Bool'"),
    (lambda: torch.rand(2, dtype=torch.float64, out=torch.zeros(2)), RuntimeError, "dtype Double does not match dtype of out parameter (Float)"),
    (lambda: torch.randn(2, out=torch.zeros(2, requires_grad=True)), RuntimeError, "cannot resize variables that require grad"),
    (lambda: torch.rand(2, device="cuda"), AssertionError, "Torch not compiled with CUDA enabled"),
    (lambda: torch.rand_like([1]), TypeError, "rand_like(): argument 'input' (position 1) must be Tensor, not list"),
    (lambda: torch.randint(0, 5), TypeError, "randint(): argument 'size' (position 2) must be tuple of ints, not int"),
    (lambda: torch.randint(5.5, (2,)), TypeError, "randint(): argument 'high' (position 1) must be int, not float"),
    (lambda: torch.randint(True, (2,)), TypeError, "randint(): argument 'high' (position 1) must be int, not bool"),
    (lambda: torch.randint(2**70, (2,)), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.randint(5, (2,), high=6), TypeError,
     "randint() received an invalid combination of arguments - got (int, tuple, high=int), but expected one of:"),
    (lambda: torch.randint(0, 5, 3), TypeError,
     "randint() received an invalid combination of arguments - got (int, int, int), but expected one of:"),
    (lambda: torch.randint(5), TypeError, "randint() received an invalid combination of arguments - got (int), but expected one of:"),
    (lambda: torch.randint(), TypeError, "randint() received an invalid combination of arguments - got (), but expected one of:"),
    (lambda: torch.randint(0, (2,)), RuntimeError, "random_ expects 'from' to be less than 'to', but got from=0 >= to=0"),
    (lambda: torch.randint(1, (2,), requires_grad=True), RuntimeError,
     "Only Tensors of floating point and complex dtype can require gradients"),
    (lambda: torch.randperm(-1), RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    (lambda: torch.randperm(3.0), TypeError, "randperm(): argument 'n' (position 1) must be int, not float"),
    (lambda: torch.randperm(2050, dtype=torch.float16), RuntimeError, "n cannot be greater than 2049 for Half type."),
    (lambda: torch.randperm(2**24 + 2, dtype=torch.float32), RuntimeError, "n cannot be greater than 2^24+1 for Float type."),
    (lambda: torch.randperm(300, dtype=torch.uint8), RuntimeError, "value cannot be converted to type uint8_t without overflow"),
    (lambda: torch.randperm(3, dtype=torch.bool), NotImplementedError, "\"randperm\" not implemented for 'Bool'"),
    (lambda: torch.randperm(3, requires_grad=True), RuntimeError, "Only Tensors of floating point and complex dtype can require gradients")])
def test_bad_arguments_raise_before_anything_is_drawn(call, error, message):
    assert first_line(call) == (error, message)
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()


ones, reals = torch.ones(3), torch.tensor([0.5, 1.0, 2.0])


def test_normal_takes_tensors_and_numbers():
    assert torch.normal(reals, 0.0).tolist() == reals.tolist()
    assert torch.normal(2.0, torch.zeros(2, 3)).tolist() == [[2.0] * 3] * 2
    assert torch.normal(torch.zeros(2, 1), torch.zeros(3)).shape == (2, 3)
    assert torch.normal(0, 1, (2, 3), dtype=torch.float64).dtype is torch.float64
    assert torch.normal(torch.zeros(2), torch.ones(2, dtype=torch.float64)).dtype is torch.float32
    out = torch.zeros(3, dtype=torch.float64)
    assert torch.normal(0.0, 1.0, (3,), out=out) is out


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.normal(ones, -1.0), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    (lambda: torch.normal(0, -1.5, (2,)), RuntimeError, "normal expects std >= 0.0, but found std -1.5"),
    (lambda: torch.normal(0.0, -ones), RuntimeError, "normal expects all elements of std >= 0.0"),
    (lambda: torch.normal(ones, torch.ones(2)), RuntimeError,
     "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0"),
    (lambda: torch.normal(torch.tensor([1]), 1.0), NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
    (lambda: torch.normal(0.0, 1.0), TypeError, "normal() received an invalid combination of arguments - got (float, float), but expected one of:"),
    (lambda: torch.bernoulli(2 * ones), RuntimeError, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
                                                     "improved?  If so, please report an enhancement request to PyTorch.)"),
    (lambda: torch.bernoulli(ones, 1.5), RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    (lambda: torch.bernoulli(torch.tensor([1])), NotImplementedError, "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"),
    (lambda: torch.multinomial(ones, 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    (lambda: torch.multinomial(ones, 4), RuntimeError, "cannot sample n_sample > prob_dist.size(-1) samples without replacement"),
    (lambda: torch.multinomial(torch.tensor([1]), 1), RuntimeError, "multinomial only supports floating-point dtypes for input, got: Long"),
    (lambda: torch.multinomial(torch.ones(1, 1, 1), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    (lambda: torch.multinomial(ones, 2.5), TypeError, "multinomial(): argument 'num_samples' (position 2) must be int, not float"),
    (lambda: torch.multinomial(ones, 2, out=torch.zeros(2)), RuntimeError, "multinomial expects Long tensor out, got: Float"),
    (lambda: torch.poisson(-ones), RuntimeError, "invalid Poisson rate, expected rate to be non-negative"),
    (lambda: torch.poisson(torch.tensor([1])), NotImplementedError, "\"poisson_cpu\" not implemented for 'Long'"),
    (lambda: torch.binomial(torch.tensor([1]), ones), ValueError, "binomial only supports floating-point dtypes for count, got: Long"),
    (lambda: torch.binomial(ones, torch.ones(3, dtype=torch.float64)), RuntimeError, "Found dtype Double but expected Float"),
    (lambda: torch.binomial(ones, torch.ones(2)), RuntimeError,
     "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 0"),
    (lambda: torch.bernoulli(ones, generator=5), TypeError, "bernoulli(): argument 'generator' must be torch.Generator, not int")])
def test_bad_distributions_raise_before_anything_is_drawn(call, error, message):
    assert first_line(call) == (error, message)
    assert (torch.get_rng_state().numpy() == torch.Generator().manual_seed(0).get_state().numpy()).all()


def test_samples_of_empty_tensors_are_empty():
    assert torch.multinomial(torch.ones(0, 3), 2).shape == (0, 2)
    assert torch.bernoulli(torch.zeros(0)).shape == (0,)
    assert torch.poisson(torch.zeros(2, 0)).shape == (2, 0)
    assert torch.rand(0, 3).shape == (0, 3)
    assert torch.randperm(0).tolist() == []


@pytest.mark.parametrize(("call", "name"), [
    (lambda x: torch.normal(x, x), "NormalBackward3"), (lambda x: torch.normal(0.0, x), "NormalBackward2"),
    (lambda x: torch.normal(x, 2.0), "NormalBackward1"), (lambda x: torch.bernoulli(x), "BernoulliBackward0"),
    (lambda x: torch.bernoulli(x, 0.5), "BernoulliBackward0"), (lambda x: torch.poisson(x), "PoissonBackward0")])
def test_samples_have_no_gradient_with_respect_to_their_parameters(call, name):
    x = torch.tensor([0.25, 0.5, 1.0], requires_grad=True)
    result = call(x)
    assert result.grad_fn.name() == name
    result.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_binomial_has_no_derivative():
    x = torch.tensor([0.5], requires_grad=True)
    assert first_line(lambda: torch.binomial(torch.ones(1), x).sum().backward()) == (
        RuntimeError, "derivative for aten::binomial is not implemented")


def test_methods_are_the_functions():
    assert ones.bernoulli(0.5).shape == (3,)
    assert ones.multinomial(2).dtype is torch.int64


def test_0d_tensors_stay_arrays():
    for result in (torch.rand(()), torch.normal(torch.tensor(1.0), 1.0), torch.bernoulli(torch.tensor(0.5)), torch.poisson(torch.tensor(3.0))):
        assert isinstance(result._array, np.ndarray)
        assert result.shape == ()


def test_weights_that_repeat_in_memory_are_drawn_by_as_their_copy():
    row = torch.tensor([0.3, 0.7])
    for seed in range(4):
        torch.manual_seed(seed)
        shared = torch.multinomial(row.expand(3, 2), 1, True)
        torch.manual_seed(seed)
        assert torch.equal(shared, torch.multinomial(row.expand(3, 2).clone(), 1, True))
