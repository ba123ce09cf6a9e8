"""Sorting, selection, quantiles, distinct values, searching, histograms."""
import math

import numpy as np
import pytest

import rushlight as torch


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize("descending", [False, True])
def test_equal_numbers_keep_their_order(dtype, size, descending):
    whole = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 20, size)
    x = torch.from_numpy(whole).to(getattr(torch, dtype))
    values, indices = x.sort(descending=descending, stable=True)
    expected = sorted(range(size), key=lambda at: -whole[at] if descending else whole[at])
    assert indices.tolist() == expected
    assert (values == x[indices]).all()


@pytest.mark.parametrize("size", [1, 100])
def test_nan_sorts_last_and_zeros_are_equal(size):
    x = torch.tensor([2.0, math.nan, 0.0, -0.0, math.inf, -math.inf] * size)
    indices = x.argsort().tolist()
    assert [at % 6 for at in indices[:size]] == [5] * size and [at % 6 for at in indices[-size:]] == [1] * size
    assert indices[size:3 * size] == sorted([at for at in range(6 * size) if at % 6 in (2, 3)])
    assert x.argsort(descending=True).tolist()[:size] == list(range(1, 6 * size, 6))


@pytest.mark.parametrize("shape, dim", [((40, 50), 0), ((40, 50), 1), ((6, 7, 30), 1), ((), 0)])
def test_topk_and_kthvalue_are_parts_of_the_sorted_tensor(shape, dim):
    x = torch.from_numpy(np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape).astype(np.float32))
    k = min(5, shape[dim] if shape else 1)
    ordered = x.sort(dim)
    largest = x.sort(dim, descending=True)
    for mine, theirs in zip(x.topk(k, dim), largest):
        assert torch.equal(mine, theirs.narrow(dim, 0, k) if shape else theirs)
    if shape:
        assert torch.equal(x.kthvalue(k, dim, True).indices, ordered.indices.narrow(dim, k - 1, 1))


def test_gradient_goes_to_the_chosen_numbers():
    x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (x.sort().values * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]
    x.grad = None
    (x.median() + x.topk(1).values.sum() + x.kthvalue(1).values).backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_median_is_the_lower_of_two_and_nan_where_there_is_one():
    assert torch.tensor([1.0, 2.0, 3.0, 4.0]).median().item() == 2.0
    x = torch.tensor([1.0, math.nan, 2.0, math.nan])
    assert math.isnan(x.median().item()) and x.nanmedian().item() == 1.0
    assert x.median(0).indices.item() == 1


@pytest.mark.parametrize("function", [torch.median, torch.nanmedian])
def test_median_of_all_shares_its_gradient_among_equals(function):
    x = torch.tensor([[2.0, 1.0], [2.0, 5.0], [2.0, 7.0]], requires_grad=True)
    function(x).backward(torch.tensor(6.0))
    assert x.grad.tolist() == [[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]


def test_nanmedian_of_all_gives_nan_no_gradient():
    x = torch.tensor([math.nan, 1.0, math.nan], requires_grad=True)
    x.nanmedian().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_mode_is_the_smallest_of_the_most_frequent_where_it_occurs_last():
    result = torch.tensor([5, 3, 3, 5, 1]).mode()
    assert (result.values.item(), result.indices.item()) == (3, 2)


@pytest.mark.parametrize("interpolation, expected", [("linear", 1.6), ("lower", 1.0), ("higher", 2.0), ("midpoint", 1.5), ("nearest", 2.0)])
def test_quantiles(interpolation, expected):
    x = torch.tensor([3.0, 1.0, 2.0])
    assert x.quantile(0.3, interpolation=interpolation).item() == pytest.approx(expected)


def test_several_quantiles_give_a_first_dimension_and_have_gradients():
    x = torch.tensor([[3.0, 1.0, 2.0], [1.0, 5.0, 5.0]], requires_grad=True)
    q = torch.tensor([0.25, 0.5], requires_grad=True)
    out = x.quantile(q, dim=1)
    assert out.tolist() == [[1.5, 3.0], [2.0, 5.0]]
    out.sum().backward()
    assert q.grad.tolist() == [2.0 + 8.0, 0.0]  # at 0.5 a number itself is the quantile
    assert x.grad.sum().item() == 4.0


def test_nan_spoils_a_quantile_but_not_a_nanquantile():
    x = torch.tensor([1.0, math.nan, 3.0])
    assert math.isnan(x.quantile(0.5).item()) and x.nanquantile(0.5).item() == 2.0


@pytest.mark.parametrize("call, message", [
    (lambda x: x.topk(9), "selected index k out of range"),
    (lambda x: x.kthvalue(9), r"kthvalue\(\): selected number k out of range for dimension 0"),
    (lambda x: x.quantile(1.4), r"quantile\(\) q must be in the range \[0, 1\] but got 1.4"),
    (lambda x: x.long().quantile(0.4), r"quantile\(\) input tensor must be either float or double dtype"),
    (lambda x: torch.bincount(torch.tensor([-1])), "bincount only supports 1-d non-negative integral inputs."),
    (lambda x: (x * 1j).sort(), " Sort does not support complex dtypes on CPU"),
])
def test_errors_are_pytorchs(call, message):
    with pytest.raises(RuntimeError, match="^" + message):
        call(torch.tensor([3.0, 1.0, 2.0]))


def test_distinct_values_with_places_and_counts():
    values, inverse, counts = torch.tensor([[5, 3], [3, 1]]).unique(return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 3, 5] and inverse.tolist() == [[2, 1], [1, 0]] and counts.tolist() == [1, 2, 1]
    assert torch.unique(torch.tensor([[1, 2], [1, 2], [0, 1]]), dim=0).tolist() == [[0, 1], [1, 2]]
    assert torch.unique_consecutive(torch.tensor([5, 3, 3, 5])).tolist() == [5, 3, 5]


def test_places_in_a_sorted_sequence():
    edges = torch.tensor([1, 3, 5])
    assert torch.searchsorted(edges, torch.tensor([3, 4, 0])).tolist() == [1, 2, 0]
    assert torch.searchsorted(edges, 3, right=True).item() == 2
    assert torch.bucketize(torch.tensor([[1, 2]]), edges, out_int32=True).dtype is torch.int32
    rows = torch.tensor([[1, 3, 5], [2, 4, 6]])
    assert torch.searchsorted(rows, torch.tensor([[3], [3]])).tolist() == [[1], [1]]


def test_nonzero_gives_rows_or_a_tensor_for_each_dimension():
    x = torch.tensor([[0, 2], [3, 0]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    assert [index.tolist() for index in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
    assert torch.tensor(3.0).nonzero().shape == (1, 0)
    assert [index.tolist() for index in torch.where(x > 0)] == [[0, 1], [1, 0]]


def test_histograms():
    x = torch.tensor([3.0, 1.0, 2.0, 1.0, 5.0, 5.0])
    assert torch.histc(x, 4).tolist() == [2.0, 1.0, 1.0, 2.0]
    hist, edges = torch.histogram(x, torch.tensor([0.0, 2.0, 4.0]), weight=x, density=True)
    assert hist.tolist() == pytest.approx([2 / 14, 5 / 14]) and edges.tolist() == [0.0, 2.0, 4.0]
    assert torch.bincount(torch.tensor([1, 3, 1]), minlength=5).tolist() == [0, 2, 0, 1, 0]
    assert torch.isin(torch.tensor([1, 2, 3]), torch.tensor([3, 1])).tolist() == [True, False, True]
