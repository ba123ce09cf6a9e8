"""gather, scatter and what they combine; whole slices by index; elements by number."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)
y = torch.arange(24.0).reshape(2, 3, 4)


def numbers(*shape):
    return torch.arange(float(np.prod(shape))).reshape(shape)


def test_gather_reads_what_scatter_wrote():
    index = torch.tensor([[2, 0], [1, 1]])
    target = torch.zeros(2, 3).scatter(1, index, torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    assert target.tolist() == [[6.0, 0.0, 5.0], [0.0, 8.0, 0.0]] and target.gather(1, index).tolist() == [[5.0, 6.0], [8.0, 8.0]]
    assert numbers(3, 4).gather(0, torch.tensor([[2, 1]])).tolist() == [[8.0, 5.0]]  # a smaller index leaves the rest out


def test_one_hot_by_scatter():
    assert torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1.0).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(("reduce", "include_self", "expected"), [
    ("sum", True, [5.0, 4.0]), ("prod", True, [6.0, 6.0]), ("mean", True, [5 / 3, 2.0]), ("amax", True, [3.0, 3.0]), ("amin", True, [1.0, 1.0]),
    ("sum", False, [4.0, 3.0]), ("mean", False, [2.0, 3.0]), ("prod", False, [3.0, 3.0]), ("amax", False, [3.0, 3.0]), ("amin", False, [1.0, 3.0]),
])
def test_scatter_reduce(reduce, include_self, expected):
    start = torch.tensor([1.0, 1.0] if reduce != "prod" else [2.0, 2.0])
    got = start.scatter_reduce(0, torch.tensor([0, 1, 0]), torch.tensor([1.0, 3.0, 3.0]), reduce, include_self=include_self)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-6)


def test_extremes_share_their_gradient_between_ties():
    start, source = torch.tensor([3.0], requires_grad=True), torch.tensor([3.0, 1.0, 3.0], requires_grad=True)
    start.scatter_reduce(0, torch.tensor([0, 0, 0]), source, "amax").backward(torch.tensor([6.0]))
    assert start.grad.tolist() == [2.0] and source.grad.tolist() == [2.0, 0.0, 2.0]


def test_product_has_a_gradient_at_a_single_zero():
    source = torch.tensor([0.0, 2.0, 3.0], requires_grad=True)
    torch.ones(1).scatter_reduce(0, torch.tensor([0, 0, 0]), source, "prod").sum().backward()
    assert source.grad.tolist() == [6.0, 0.0, 0.0]


def test_slices_are_added_copied_and_filled():
    base, index = torch.zeros(3, 2), torch.tensor([2, 0, 2])
    assert base.index_add(0, index, numbers(3, 2), alpha=2).tolist() == [[4.0, 6.0], [0.0, 0.0], [8.0, 12.0]]
    assert base.index_copy(0, index[:2], numbers(2, 2)).tolist() == [[2.0, 3.0], [0.0, 0.0], [0.0, 1.0]]
    assert base.index_fill(1, torch.tensor([-1]), 7).tolist() == [[0.0, 7.0]] * 3
    assert numbers(3, 2).index_select(0, index).tolist() == [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]


def test_index_reduce_combines_slices():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^index_reduce\\(\\) is in beta"):
        got = torch.ones(2, 2).index_reduce(0, torch.tensor([1, 1]), torch.tensor([[2.0, 3.0], [4.0, 5.0]]), "prod")
    assert got.tolist() == [[1.0, 1.0], [8.0, 15.0]]


def test_elements_by_number():
    base = numbers(2, 3)
    assert base.take(torch.tensor([[0, -1]])).tolist() == [[0.0, 5.0]]
    assert base.put(torch.tensor([1, 1]), torch.tensor([10.0, 20.0]), accumulate=True).tolist() == [[0.0, 31.0, 2.0], [3.0, 4.0, 5.0]]
    order = base.flip(1).argsort(1)
    assert base.flip(1).take_along_dim(order, 1).tolist() == base.tolist()


@pytest.mark.parametrize(("rows", "width", "count"), [(7, 3, 50), (40, 64, 500), (3, 600, 400), (70000, 16, 600), (5, 1, 2000)])
def test_sums_of_rows_are_numpys_whatever_way_is_taken(rows, width, count):
    from rushlight.ops.accumulate import add_rows
    random = np.random.default_rng(0)
    index, parts = random.integers(0, rows, count), random.normal(size=(count, width))
    expected, got = np.zeros((rows, width)), np.zeros((rows, width))
    np.add.at(expected, index, parts)
    add_rows(got, index, parts)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: torch.gather(x.detach(),0,torch.tensor([[1]]),out=torch.zeros(1,1).double()), RuntimeError, "Expected out tensor to have dtype flo"),
    (lambda: x.gather(0,torch.tensor([[5]])), RuntimeError, "index 5 is out of bounds for dimension 0 with size 4"),
    (lambda: x.gather(0,torch.tensor([[1.]])), RuntimeError, "gather(): Expected dtype int32/int64 for index"),
    (lambda: x.gather(0,torch.tensor([1])), RuntimeError, "Index tensor must have the same number of dimensions as input tensor"),
    (lambda: x.gather(0,torch.zeros(2,6,dtype=torch.long)), RuntimeError, "Size does not match at dimension 1 expected index [2, 6] to be no la"),
    (lambda: x.gather(0,1), TypeError, "gather(): argument 'index' (position 2) must be Tensor, not int"),
    (lambda: x.detach().scatter(0,torch.tensor([[1]]),torch.zeros(2,2,dtype=torch.int64)), RuntimeError, "scatter(): Expected self.dtype to be"),
    (lambda: x.detach().scatter(0,torch.tensor([[1,1]]),torch.zeros(1,1)), RuntimeError, "Expected index [1, 2] to be no larger than self [4, 5"),
    (lambda: x.detach().scatter(0,torch.tensor([1]),torch.zeros(1,1)), RuntimeError, "Index tensor must have the same number of dimensions as s"),
    (lambda: x.detach().scatter(0,torch.tensor([[1]]),1j), RuntimeError, "value cannot be converted to type float without overflow"),
    (lambda: x.detach().scatter(0,torch.tensor([[1]]),x,reduce='foo'), RuntimeError, "reduce argument must be either add or multiply."),
    (lambda: x.detach().scatter_reduce(0,torch.tensor([[1]]),x,'foo'), RuntimeError, "reduce argument must be either sum, prod, mean, amax or a"),
    (lambda: x.index_reduce(0,torch.tensor([1]),x[:1],'foo'), RuntimeError, "index_reduce(): Expected reduce to be one of prod, mean, amax or a"),
    (lambda: x.index_reduce(0,torch.tensor([5]),x[:1],'prod'), IndexError, "index out of range in self"),
    (lambda: x.masked_scatter(x>=0,x[0]), RuntimeError, "Number of elements of source < number of ones in mask"),
    (lambda: x.masked_scatter(torch.tensor([1]),x), RuntimeError, "masked_scatter_ only supports boolean masks, but got mask with dtype Long"),
    (lambda: x.masked_scatter(x>=0,x.double()), RuntimeError, "masked_scatter: expected self and source to have same dtypes but gotFloat and Do"),
    (lambda: x.take_along_dim(torch.tensor([[1.]]),0), RuntimeError, "torch.take_along_dim(): dtype of indices should be Long but got Float"),
    (lambda: x.take_along_dim(torch.tensor([1]),0), RuntimeError, "torch.take_along_dim(): input and indices should have the same number of dim"),
    (lambda: x.select_scatter(torch.zeros(3),0,1), RuntimeError, "expected src to have a size equal to the slice of self. src size = [3], slice"),
    (lambda: x.select_scatter(torch.zeros(5),0,9), IndexError, "select(): index 9 out of range for tensor of size [4, 5] at dimension 0"),
    (lambda: torch.index_select(x.detach(),0,torch.tensor([1]),out=torch.zeros(1,5).double()), RuntimeError, "index_select(): self and result m"),
    (lambda: torch.take(x.detach(),torch.tensor([1]),out=torch.zeros(1).double()), RuntimeError, "take(): self and out expected to have the sam"),
    (lambda: x.index_select(0,torch.tensor([[1]])), IndexError, "index_select(): Index is supposed to be a vector"),
    (lambda: x.index_select(0,torch.tensor([1.])), RuntimeError, "index_select(): Expected dtype int32 or int64 for index"),
    (lambda: x.index_select(5,torch.tensor([1])), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    (lambda: x.index_add(0,torch.tensor([1,2]),x[:1]), RuntimeError, "index_add_(): Number of indices (2) should be equal to source.size(dim):"),
    (lambda: x.index_add(0,torch.tensor([1]),x[:1].double()), RuntimeError, "index_add_(): self (Float) and source (Double) must have the same"),
    (lambda: x.index_add(0,torch.tensor([[1]]),x[:1]), IndexError, "index_add_(): Index is supposed to be a vector, but got dim: 2 with type: L"),
    (lambda: x.index_add(0,torch.tensor([1.]),x[:1]), RuntimeError, "index_add_(): Expected dtype int32/int64 for index but got: Float"),
    (lambda: x.index_add(0,torch.tensor([1]),x[:1,:2]), RuntimeError, "source tensor shape must match self tensor shape, excluding the specifie"),
    (lambda: x.index_copy(0,torch.tensor([5]),x[:1]), IndexError, "index_copy_(): index 5 is out of bounds for dimension 0 with size 4"),
    (lambda: x.index_copy(0,torch.tensor([1,2]),x[:1]), IndexError, "index_copy_(): Number of indices (2) should be equal to source.size(dim) ("),
    (lambda: x.index_copy(0,torch.tensor([1]),x[:1].double()), RuntimeError, "index_copy_(): self and source expected to have the same dtype, b"),
    (lambda: x.index_copy(0,torch.tensor([[1]]),x[:1]), IndexError, "index_copy_(): Index should have dimension 1 or 0 (got 2)"),
    (lambda: x.index_copy(0,torch.tensor([1]),x[0]), IndexError, "index_copy_(): When source and destination are not scalars, their dimensional"),
    (lambda: x.index_copy(0,torch.tensor([1]),x[:1,:2]), RuntimeError, "index_copy_(): Source/destination tensor must have same slice shapes. D"),
    (lambda: x.index_copy(0,torch.tensor([1.]),x[:1]), RuntimeError, "index_copy_(): Expected a long tensor for index, but got Float"),
    (lambda: x.index_fill(0,torch.tensor([1.]),1), IndexError, "index_fill_(): Expected dtype int64 for index."),
    (lambda: x.index_fill(0,torch.tensor([1]),x), RuntimeError, "index_fill_ only supports a 0-dimensional value tensor, but got tensor with 2"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
