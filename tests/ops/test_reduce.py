"""Sums, means, products, extremes, variance, norms, running sums: facts with numbers, and PyTorch's errors."""
import math

import numpy as np
import pytest

import rushlight as torch

X = [[3.0, 1.0, 2.0], [1.0, 5.0, 5.0]]


@pytest.fixture
def x():
    return torch.tensor(X)


def test_integers_and_bools_sum_to_int64():
    assert torch.tensor([1, 2], dtype=torch.int8).sum().dtype is torch.int64
    assert torch.tensor([True, True]).sum().item() == 2
    assert torch.tensor([100, 100], dtype=torch.uint8).cumsum(0).tolist() == [100, 200]


def test_dtype_is_that_of_the_result(x):
    assert x.sum(dtype=torch.int32).dtype is torch.int32
    assert torch.tensor([1, 2]).mean(dtype=torch.float64).item() == 1.5


def test_empty_list_of_dims_means_all(x):
    assert x.sum([]).item() == 17.0
    assert x.amax(()).item() == 5.0


def test_numpy_names_of_arguments_are_understood(x):
    assert x.sum(axis=0, keepdims=True).tolist() == [[4.0, 6.0, 7.0]]
    assert torch.max(x, axis=1).values.tolist() == [3.0, 5.0]


def test_mean_of_integers_is_refused():
    with pytest.raises(RuntimeError, match=r"^mean\(\): could not infer output dtype. Input dtype must be either a floating point or "):
        torch.tensor([1, 2]).mean()


@pytest.mark.parametrize("call, error, message", [
    (lambda x: x.sum(5), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)"),
    (lambda x: x.sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    (lambda x: torch.zeros(0).max(), RuntimeError, r"max\(\): Expected reduction dim to be specified for input.numel\(\) == 0."),
    (lambda x: torch.zeros(0, 3).max(0), IndexError, r"max\(\): Expected reduction dim 0 to have non-zero size."),
    (lambda x: torch.zeros(0).argmax(), IndexError, r"argmax\(\): Expected reduction dim to be specified for input.numel\(\) == 0."),
    (lambda x: torch.zeros(0, 2).amin(0), IndexError, r"amin\(\): Expected reduction dim 0 to have non-zero size."),
    (lambda x: torch.tensor([1]).norm(), RuntimeError, "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long"),
    (lambda x: torch.tensor([1]).std(), RuntimeError, "std and var only support floating point and complex dtypes"),
    (lambda x: torch.sum([1, 2]), TypeError, r"sum\(\): argument 'input' \(position 1\) must be Tensor, not list"),
    (lambda x: x.sum_to_size(3, 1), RuntimeError, r"size \{\[3, 1\]\} is not expandable to size \{\[2, 3\]\}"),
])
def test_errors_are_pytorchs(x, call, error, message):
    with pytest.raises(error, match="^" + message):
        call(x)


def test_max_splits_gradient_between_ties_and_max_along_a_dim_does_not():
    x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
    x.grad = None
    x.max(0).values.backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0]


def gradient(function, numbers):
    x = torch.tensor(numbers, requires_grad=True)
    function(x).sum().backward()
    return x.grad


@pytest.mark.parametrize("function", [lambda x: x.amax(1), lambda x: x.amin(1), lambda x: torch.aminmax(x, dim=1).max])
def test_amax_and_amin_beside_nan_have_the_gradient_nan(function):
    nan = math.nan
    expected = torch.tensor([[nan, nan, nan], [1 / 3, 1 / 3, 1 / 3]])
    assert torch.equal(gradient(function, [[1.0, nan, 2.0], [2.0, 2.0, 2.0]]).nan_to_num(9), expected.nan_to_num(9))


@pytest.mark.parametrize("function", [torch.max, torch.min, torch.median])
def test_nan_that_is_the_only_result_shares_the_gradient_with_its_like(function):
    assert gradient(function, [1.0, math.nan, 2.0, math.nan]).tolist() == [0.0, 0.5, 0.0, 0.5]


def test_nan_is_the_largest_and_the_first_one_is_taken():
    x = torch.tensor([1.0, math.nan, 2.0, math.nan])
    values, indices = x.max(0)
    assert math.isnan(values.item()) and indices.item() == 1
    assert x.argmin().item() == 1
    assert x.cummax(0).indices.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize("shape", [(500, 300), (3, 500, 300), (30000, 4)])
def test_places_down_long_columns_are_numpys(shape):
    array = np.random.default_rng(0).integers(0, 50, shape).astype(np.float32)
    x = torch.from_numpy(array)
    assert np.array_equal(x.argmax(0).numpy(), array.argmax(0))
    assert np.array_equal(x.min(1).indices.numpy(), array.argmin(1))
    array[2, 1] = np.nan
    assert np.array_equal(x.argmax(0).numpy(), array.argmax(0))


def test_named_results_print_and_unpack(x):
    result = x.max(1)
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([3., 5.]),\nindices=tensor([0, 1]))"
    values, indices = result
    assert values is result.values and result[1] is indices
    assert isinstance(torch.return_types.max((1, 2)), tuple)


def test_product_has_a_gradient_where_one_number_is_zero():
    for numbers, expected in (([2.0, 0.0, 3.0], [0.0, 6.0, 0.0]), ([0.0, 0.0, 3.0], [0.0, 0.0, 0.0]), ([2.0, 5.0], [5.0, 2.0])):
        x = torch.tensor(numbers, requires_grad=True)
        x.prod().backward()
        assert x.grad.tolist() == expected


def test_running_product_has_a_gradient_behind_a_zero():
    x = torch.tensor([2.0, 0.0, 3.0], requires_grad=True)
    x.cumprod(0).sum().backward()
    assert x.grad.tolist() == [1.0, 2 + 2 * 3, 0.0]


def test_variance_takes_old_and_new_forms(x):
    assert x.var(0, unbiased=False).tolist() == x.var(0, correction=0).tolist() == [1.0, 4.0, 2.25]
    assert x.var(True).item() == x.var().item()
    assert x.std().item() == pytest.approx(1.8348479)


def test_variance_of_too_few_numbers_is_nan_and_warns():
    message = r"^var\(\): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
    with np.errstate(invalid="ignore"), pytest.warns(UserWarning, match=message):
        assert math.isnan(torch.ones(1).var().item())


def test_norms(x):
    assert x.norm(3).item() == pytest.approx(6.5962023)
    assert x.norm(math.inf, dim=1).tolist() == [3.0, 5.0]
    assert x.norm(0, dim=0).tolist() == [2.0, 2.0, 2.0]
    assert torch.dist(x, x + 1, 1).item() == 6.0


def test_gradient_of_a_norm_at_zero_is_zero():
    x = torch.zeros(3, requires_grad=True)
    x.norm().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_logsumexp_neither_overflows_nor_makes_nan_of_infinities():
    assert torch.tensor([1000.0, 1000.0]).logsumexp(0).item() == pytest.approx(1000 + math.log(2))
    assert torch.tensor([-math.inf, -math.inf]).logsumexp(0).item() == -math.inf


def test_all_and_any_of_uint8_stay_uint8():
    assert torch.tensor([1, 0], dtype=torch.uint8).all().dtype is torch.uint8
    assert torch.tensor([math.nan]).any().item() is True


def test_half_precision_is_summed_in_float32():
    x = torch.full((4096,), 1.0, dtype=torch.float16)
    assert x.sum().item() == 4096.0 and x.sum().dtype is torch.float16


@pytest.mark.parametrize("shape", [(600, 1100), (20000, 70), (3, 400, 500), (2, 300, 3, 200)])
def test_large_reductions_are_those_of_float64(shape):
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = torch.from_numpy(array)
    wide = array.astype(np.float64)
    for dim in [None, *range(len(shape)), (0, 1), (len(shape) - 2, len(shape) - 1), (0, len(shape) - 1)]:
        np.testing.assert_allclose(x.sum(dim).numpy(), wide.sum(dim), rtol=1e-5, atol=2e-3)
        np.testing.assert_allclose(x.mean(dim).numpy(), wide.mean(dim), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(x.amax(dim if dim is not None else ()).numpy(), array.max(dim))
        np.testing.assert_allclose(x.var(dim).numpy(), wide.var(dim, ddof=1), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(x.norm(dim=dim).numpy(), np.sqrt((wide ** 2).sum(dim)), rtol=1e-5)
    for dim in range(len(shape)):
        np.testing.assert_allclose(x.cumsum(dim).numpy(), wide.cumsum(dim), rtol=1e-3, atol=2e-3)


def test_out_takes_the_result(x):
    out = torch.empty(3)
    assert torch.sum(x, 0, out=out) is out and out.tolist() == [4.0, 6.0, 7.0]
    values, indices = torch.empty(2), torch.empty(2, dtype=torch.int64)
    torch.max(x, 1, out=(values, indices))
    assert values.tolist() == [3.0, 5.0] and indices.tolist() == [0, 1]


def test_slopes_of_samples():
    assert torch.gradient(torch.tensor([1.0, 2.0, 4.0, 8.0]))[0].tolist() == [1.0, 1.5, 3.0, 4.0]
    places = torch.tensor([0.0, 1.0, 3.0, 4.0])
    assert torch.gradient(torch.tensor([1.0, 2.0, 4.0, 8.0]), spacing=(places,), edge_order=2)[0].tolist() == pytest.approx([1.0, 1.0, 3.0, 5.0])


def test_a_bias_gradient_is_summed_in_one_order_whatever_dimensions_the_rows_have():
    g = torch.randn(12, 64, 40)
    assert torch.equal(g.sum_to_size(40), g.reshape(-1, 40).sum_to_size(40))
    g[0, 0] = 2.0 ** 24  # swallows small numbers of its own run of 16 rows, and of no other
    g[0, 1:], g[1:] = 0.5, 0.0
    assert g.sum_to_size(40).tolist() == [2.0 ** 24 + 24] * 40


def test_gradients_of_repeats_that_leave_nothing_are_zeros():
    x = torch.ones(0, requires_grad=True)
    x.repeat(2, 2).sum().backward()
    assert x.grad.shape == (0,)
    y = torch.ones(2, requires_grad=True)
    y.repeat(2, 0).sum().backward()
    assert y.grad.tolist() == [0, 0]
