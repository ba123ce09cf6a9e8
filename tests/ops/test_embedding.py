"""embedding, embedding_bag, one_hot and the shuffles: values, gradients and messages of PyTorch 2.13."""
import pytest

import rushlight as torch
import rushlight.nn.functional as F

INDEX = torch.tensor([[1, 2], [0, 3]])
ENTRIES, OFFSETS = torch.tensor([0, 1, 2, 1, 3]), torch.tensor([0, 2])


def table():
    return torch.arange(12.0).reshape(4, 3).requires_grad_()


def test_rows_are_looked_up():
    assert F.embedding(INDEX.int(), table()).tolist() == [[[3, 4, 5], [6, 7, 8]], [[0, 1, 2], [9, 10, 11]]]


@pytest.mark.parametrize("options, sums", [
    ({}, [0, 2, 0, 1]), ({"padding_idx": 1}, [0, 0, 0, 1]), ({"padding_idx": -3}, [0, 0, 0, 1]), ({"scale_grad_by_freq": True}, [0, 1, 0, 1]),
    ({"sparse": True}, [0, 2, 0, 1]),
])
def test_the_gradient_adds_up_by_row(options, sums):
    weight = table()
    F.embedding(torch.tensor([1, 1, 3]), weight, **options).sum().backward()
    assert weight.grad.tolist() == [[s] * 3 for s in sums]


def test_rows_that_are_too_long_are_shortened_in_place():
    weight = table().detach()
    F.embedding(torch.tensor([1, 1]), weight, max_norm=1.0)
    assert weight[1].norm().item() == pytest.approx(1, abs=1e-5) and weight[2].tolist() == [6, 7, 8]


@pytest.mark.parametrize("options", [{}, {"padding_idx": 1}, {"scale_grad_by_freq": True}])
def test_the_gradient_of_the_gradient(options):
    torch.manual_seed(0)
    weight = torch.randn(4, 3, dtype=torch.float64).requires_grad_()
    index = torch.tensor([1, 1, 3])
    g = torch.randn(3, 3, dtype=torch.float64).requires_grad_()
    # The gradient is linear in g: its gradient by g is the same table, looked up.
    first, = torch.autograd.grad(F.embedding(index, weight, **options), weight, g, create_graph=True)
    v = torch.randn(4, 3, dtype=torch.float64)
    second, = torch.autograd.grad((first * v).sum(), g)
    factor = torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64)
    if options:
        factor = torch.tensor([0.0, 0.0, 1.0] if "padding_idx" in options else [0.5, 0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(second, v[index] * factor.unsqueeze(1))


@pytest.mark.parametrize("mode, values, grads", [
    ("sum", [[3, 5, 7], [18, 21, 24]], [1, 2, 1, 1]),
    ("mean", [[1.5, 2.5, 3.5], [6, 7, 8]], [0.5, 5 / 6, 1 / 3, 1 / 3]),
    ("max", [[3, 4, 5], [9, 10, 11]], [0, 1, 0, 1]),
])
def test_bags_are_summed_averaged_or_searched(mode, values, grads):
    weight = table()
    out = F.embedding_bag(ENTRIES, weight, OFFSETS, mode=mode)
    assert out.tolist() == values and out.grad_fn.name() == "EmbeddingBagBackward0"
    out.sum().backward()
    torch.testing.assert_close(weight.grad, torch.tensor(grads, dtype=torch.float32).unsqueeze(1).expand(4, 3))


@pytest.mark.parametrize("call, values", [
    (lambda w: F.embedding_bag(INDEX, w), [[4.5, 5.5, 6.5], [4.5, 5.5, 6.5]]),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([0, 2, 2])), [[1.5, 2.5, 3.5], [0, 0, 0], [6, 7, 8]]),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([0, 2, 2]), mode="max"), [[3, 4, 5], [0, 0, 0], [9, 10, 11]]),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([0, 2, 5]), include_last_offset=True), [[1.5, 2.5, 3.5], [6, 7, 8]]),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, padding_idx=1), [[0, 1, 2], [7.5, 8.5, 9.5]]),
    (lambda w: F.embedding_bag(INDEX, w, padding_idx=1, mode="max"), [[6, 7, 8], [9, 10, 11]]),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, mode="sum", per_sample_weights=torch.arange(5.0)), [[3, 4, 5], [57, 66, 75]]),
])
def test_bags_of_every_form(call, values):
    assert call(table()).tolist() == values


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_gradients_of_bags(mode, padding_idx):
    torch.manual_seed(0)
    weight = torch.randn(4, 3, dtype=torch.float64).requires_grad_()
    samples = torch.randn(5, dtype=torch.float64).requires_grad_() if mode == "sum" else None

    def bag(weight, *samples):
        return F.embedding_bag(ENTRIES, weight, OFFSETS, mode=mode, per_sample_weights=samples[0] if samples else None, padding_idx=padding_idx)

    given = (weight,) if samples is None else (weight, samples)
    if padding_idx is not None and samples is None:
        # The padding row does not count, so its gradient is zero either way.
        bag(weight).sum().backward()
        assert weight.grad[1].tolist() == [0, 0, 0]
    assert torch.autograd.gradcheck(bag, given)


def test_the_old_order_of_arguments_is_warned_of():
    with pytest.warns(UserWarning, match=r"^Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag\(weight, input, ...\)` "):
        assert F.embedding_bag(table(), ENTRIES, OFFSETS).tolist() == [[1.5, 2.5, 3.5], [6, 7, 8]]


@pytest.mark.parametrize("call, error, message", [
    (lambda w: F.embedding(torch.tensor([4]), w), IndexError, "index out of range in self"),
    (lambda w: F.embedding(torch.tensor([-1]), w), IndexError, "index out of range in self"),
    (lambda w: F.embedding(torch.tensor([1.0]), w), RuntimeError, "Expected tensor for argument #1 'indices' to have one of the following scalar "
     "types: Long, Int; but got torch.FloatTensor instead (while checking arguments for embedding)"),
    (lambda w: F.embedding(3, w), TypeError, "embedding(): argument 'indices' (position 2) must be Tensor, not int"),
    (lambda w: F.embedding(INDEX, w[0]), RuntimeError, "'weight' must be 2-D"),
    (lambda w: F.embedding(INDEX, w, padding_idx=7), AssertionError, "Padding_idx must be within num_embeddings"),
    (lambda w: F.embedding_bag(INDEX, w, OFFSETS), ValueError, "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
     "fixed length sequences. However, found offsets of type <class 'torch.Tensor'>"),
    (lambda w: F.embedding_bag(ENTRIES, w), ValueError, "offsets has to be a 1D Tensor but got None"),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([1, 2])), RuntimeError, "offsets[0] has to be 0, i.e., the first sequence in the mini-batch "
     "has to start from position 0. However, got 1"),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([0, 9])), RuntimeError,
     "offsets[-1] can not be greater than input's length 5 but got offsets[-1] of 9"),
    (lambda w: F.embedding_bag(ENTRIES, w, torch.tensor([[0]])), ValueError, "offsets has to be a 1D Tensor"),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, mode="foo"), ValueError, "mode has to be one of sum, mean or max"),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, per_sample_weights=torch.ones(5)), NotImplementedError, "embedding_bag: per_sample_weights was "
     "not None. per_sample_weights is only supported for mode='sum' (got mode='mean'). Please open a feature request on GitHub."),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, mode="sum", per_sample_weights=torch.ones(4)), ValueError, "embedding_bag: If "
     "per_sample_weights (torch.Size([4])) is not None, then it must have the same shape as the input (torch.Size([5]))"),
    (lambda w: F.embedding_bag(ENTRIES.float(), w, OFFSETS), RuntimeError, "Expected tensor for argument #1 'indices' to have one of the following "
     "scalar types: Long, Int; but got torch.FloatTensor instead (while checking arguments for embedding_bag)"),
    (lambda w: F.embedding_bag(torch.zeros(2, 2, 2).long(), w), ValueError, "input has to be 1D or 2D Tensor, but got Tensor of dimension 3"),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, mode="max", scale_grad_by_freq=True), ValueError,
     "max mode does not support scaling the gradient by the frequency"),
    (lambda w: F.embedding_bag(ENTRIES, w, OFFSETS, mode="max", sparse=True), ValueError, "max mode does not support sparse weights"),
    (lambda w: F.embedding_bag(torch.tensor([5]), w, torch.tensor([0])), RuntimeError,
     "Index 0 of input takes value 5 which is not in the valid range [0, 4)"),
    (lambda w: F.one_hot(torch.tensor([0, 2]), 2), RuntimeError, "Class values must be smaller than num_classes."),
    (lambda w: F.one_hot(torch.tensor([-1])), RuntimeError, "Class values must be non-negative."),
    (lambda w: F.one_hot(torch.tensor([1.0])), RuntimeError, "one_hot is only applicable to index tensor of type LongTensor."),
    (lambda w: F.one_hot(torch.tensor([], dtype=torch.long)), RuntimeError, "Can not infer total number of classes from empty tensor."),
    (lambda w: F.one_hot(3), TypeError, "one_hot(): argument 'input' (position 1) must be Tensor, not int"),
    (lambda w: F.pixel_shuffle(torch.zeros(1, 7, 2, 2), 2), RuntimeError, "pixel_shuffle expects its input's 'channel' dimension to be divisible by "
     "the square of upscale_factor, but input.size(-3)=7 is not divisible by 4"),
    (lambda w: F.pixel_shuffle(torch.zeros(2, 2), 2), RuntimeError,
     "pixel_shuffle expects input to have at least 3 dimensions, but got input with 2 dimension(s)"),
    (lambda w: F.pixel_shuffle(torch.zeros(1, 4, 2, 2), 0), RuntimeError, "pixel_shuffle expects a positive upscale_factor, but got 0"),
    (lambda w: F.pixel_unshuffle(torch.zeros(1, 2, 3, 4), 2), RuntimeError,
     "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)=3 is not divisible by 2"),
    (lambda w: F.channel_shuffle(torch.zeros(1, 4, 2), 3), RuntimeError,
     "Number of channels must be divisible by groups. Got 4 channels and 3 groups."),
    (lambda w: F.channel_shuffle(torch.zeros(1, 4), 2), RuntimeError, "channel_shuffle expects input with > 2 dims, but got input with sizes [1, 4]"),
    (lambda w: F.channel_shuffle(torch.zeros(1, 4, 2), 0), RuntimeError,
     "Number of groups to divide channels in must be positive. Value of groups:0"),
])
def test_what_will_not_do_is_pytorchs_error(call, error, message):
    with pytest.raises(error) as caught:
        call(table())
    assert type(caught.value) is error and str(caught.value).split("\n")[0] == message


def test_one_hot():
    assert F.one_hot(torch.tensor([[0, 2]])).tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert F.one_hot(torch.tensor(1), 4).tolist() == [0, 1, 0, 0]
    assert F.one_hot(torch.tensor([], dtype=torch.long), 3).shape == (0, 3)


def test_shuffles_move_channels_and_back():
    x = torch.arange(8.0).reshape(1, 8, 1, 1).requires_grad_()
    large = F.pixel_shuffle(x, 2)
    assert large.tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]] and large.grad_fn.name() == "PixelShuffleBackward0"
    assert F.pixel_unshuffle(large, 2).tolist() == x.tolist()
    assert F.channel_shuffle(torch.arange(8.0).reshape(1, 4, 2), 2).tolist() == [[[0, 1], [4, 5], [2, 3], [6, 7]]]
    (large * torch.arange(8.0).reshape(large.shape)).sum().backward()
    assert x.grad.flatten().tolist() == list(range(8))
    y = torch.randn(1, 6, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: F.channel_shuffle(y, 3), y)
