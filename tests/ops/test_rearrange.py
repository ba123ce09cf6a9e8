"""flip, roll, rot90, repeat, tile and grids of vectors, against NumPy."""
import numpy as np
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(("ours", "numpy"), [
    (lambda t: t.flip(0, -1), lambda a: np.flip(a, (0, -1))), (lambda t: t.flip(()), lambda a: a), (lambda t: t.fliplr(), np.fliplr),
    (lambda t: t.flipud(), np.flipud), (lambda t: t.roll(5), lambda a: np.roll(a, 5)),
    (lambda t: t.roll((1, -2), (0, 2)), lambda a: np.roll(a, (1, -2), (0, 2))),
    (lambda t: t.rot90(1, (0, 2)), lambda a: np.rot90(a, 1, (0, 2))), (lambda t: t.rot90(-2, (1, 2)), lambda a: np.rot90(a, -2, (1, 2))),
    (lambda t: t.repeat(2, 1, 1, 2), lambda a: np.tile(a, (2, 1, 1, 2))), (lambda t: t.tile(2), lambda a: np.tile(a, 2)),
    (lambda t: t.repeat_interleave(3), lambda a: np.repeat(a, 3)), (lambda t: t.repeat_interleave(2, 1), lambda a: np.repeat(a, 2, 1)),
    (lambda t: t.repeat_interleave(torch.tensor([1, 0, 2]), 1), lambda a: np.repeat(a, [1, 0, 2], 1)),
])
def test_equals_numpy(ours, numpy):
    np.testing.assert_array_equal(ours(torch.from_numpy(A)).numpy(), numpy(A))


def test_repeat_adds_up_the_gradients_of_its_copies():
    t = torch.ones(2, requires_grad=True)
    (t.repeat(2, 3) * torch.arange(12.0).view(2, 6)).sum().backward()
    assert t.grad.tolist() == [30.0, 36.0]


def test_meshgrid_by_matrix_and_by_picture():
    a, b = torch.tensor([1, 2, 3]), torch.tensor([4, 5])
    assert [g.tolist() for g in torch.meshgrid(a, b, indexing="ij")] == [[[1, 1], [2, 2], [3, 3]], [[4, 5]] * 3]
    assert [g.tolist() for g in torch.meshgrid(a, b, indexing="xy")] == [[[1, 2, 3]] * 2, [[4, 4, 4], [5, 5, 5]]]


def test_products_and_choices_of_vectors():
    assert torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert torch.combinations(torch.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert torch.combinations(torch.tensor([1, 2]), with_replacement=True).tolist() == [[1, 1], [1, 2], [2, 2]]


def test_blocks_on_a_diagonal():
    assert torch.block_diag(torch.tensor([[1, 2]]), torch.tensor(3), torch.tensor([4])).tolist() == [[1, 2, 0, 0], [0, 0, 3, 0], [0, 0, 0, 4]]


def test_indices_repeated_by_number():
    assert torch.repeat_interleave(torch.tensor([1, 0, 2])).tolist() == [0, 2, 2]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.flip(0,0), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    (lambda: x.flip(3), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 3)"),
    (lambda: x.flip(), TypeError, "flip() missing 1 required positional arguments: \"dims\""),
    (lambda: x.roll((1,2)), RuntimeError, "shifts and dimensions must align. shifts: 2, dims:0"),
    (lambda: x.roll(()), RuntimeError, "`shifts` required"),
    (lambda: x.rot90(1,(0,0)), RuntimeError, "expected rotation dims to be different, but got dim0 = 0 and dim1 = 0"),
    (lambda: x.rot90(1,(0,)), RuntimeError, "expected total rotation dims == 2, but got dims = 1"),
    (lambda: x.repeat(2), RuntimeError, "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"),
    (lambda: x.repeat(-1,1), RuntimeError, "Trying to create tensor with negative dimension -4: [-4, 5]"),
    (lambda: x.repeat_interleave(torch.tensor([1,2]),dim=0), RuntimeError, "repeats must have the same size as input along dim, but got repeats"),
    (lambda: x.repeat_interleave(-1), RuntimeError, "Repeats must be non-negative"),
    (lambda: x.repeat_interleave(2,output_size=5), RuntimeError, "repeat_interleave: Invalid output_size, expected 40 but got 5"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
