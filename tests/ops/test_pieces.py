"""split, chunk, unbind and their relatives: views, by one operation."""
import pytest

import rushlight as torch

x = torch.zeros(4, 5)


@pytest.mark.parametrize(("cut", "sizes"), [
    (lambda t: t.split(3), [3, 2]), (lambda t: t.split([1, 4]), [1, 4]), (lambda t: t.chunk(3), [2, 2, 1]), (lambda t: t.chunk(4), [2, 2, 1]),
    (lambda t: t.tensor_split(3), [2, 2, 1]), (lambda t: t.tensor_split((1, 3)), [1, 2, 2]), (lambda t: t.tensor_split(torch.tensor(2)), [3, 2]),
    (lambda t: t.hsplit([2]), [2, 3]), (lambda t: t.split_with_sizes([0, 5]), [0, 5]), (lambda t: torch.zeros(0).split(0), [0]),
    (lambda t: torch.zeros(0).chunk(3), [0, 0, 0]),
])
def test_sizes_of_the_pieces(cut, sizes):
    assert [len(piece) for piece in cut(torch.arange(5.0))] == sizes


def test_pieces_are_views_that_share_one_node():
    base = torch.arange(6.0, requires_grad=True)
    first, second = base.split(3)
    assert first.grad_fn is second.grad_fn and (first.output_nr, second.output_nr) == (0, 1)
    second.sum().backward()
    assert base.grad.tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("cut", "name"), [
    (lambda t: t.split(2), "SplitBackward0"), (lambda t: t.split([2, 2]), "SplitWithSizesBackward0"), (lambda t: t.chunk(2), "SplitBackward0"),
    (lambda t: t.unbind(), "UnbindBackward0"), (lambda t: t.tensor_split(2), "SliceBackward0"), (lambda t: t.unsafe_chunk(2), "UnsafeSplitBackward0"),
])
def test_history_has_pytorchs_name(cut, name):
    assert cut(torch.ones(4, requires_grad=True))[0].grad_fn.name() == name


def test_iteration_gives_the_rows_as_views():
    base = torch.zeros(2, 3)
    for row in base:
        row.add_(1)
    assert base.sum() == 6 and [t.dim() for t in torch.ones(2)] == [0, 0]


def test_pieces_may_be_written_without_a_gradient():
    base = torch.zeros(4)
    base.chunk(2)[1].fill_(1.0)
    assert base.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: x.split(0), RuntimeError, "split_size can only be 0 if dimension size is 0, but got dimension size of 4"),
    (lambda: x.split(-1), RuntimeError, "split expects split_size be non-negative, but got split_size=-1"),
    (lambda: x.split([1,2]), RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 4 (input tensor's size at dimension 0), but"),
    (lambda: x.split([1,-2,5]), RuntimeError, "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=[1, -2,"),
    (lambda: x.split(2,5), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 5)"),
    (lambda: x.chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
    (lambda: x.tensor_split(0), RuntimeError, "number of sections must be larger than 0, got 0"),
    (lambda: x.hsplit(2), RuntimeError, "torch.hsplit attempted to split along dimension 1, but the size of the dimension 5 is not divisible by"),
    (lambda: x.vsplit(3), RuntimeError, "torch.vsplit attempted to split along dimension 0, but the size of the dimension 4 is not divisible by"),
    (lambda: x.dsplit(2), RuntimeError, "torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with 2 dimensions!"),
])
def test_bad_input_raises_what_pytorch_raises(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).splitlines()[0].startswith(message)
