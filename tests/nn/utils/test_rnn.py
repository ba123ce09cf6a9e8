"""Packing and padding; the texts are PyTorch 2.13's."""
import pickle

import pytest

import rushlight as torch
from rushlight.autograd import gradcheck
from rushlight.nn.utils.rnn import (
    PackedSequence,
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)


def test_packing_goes_step_by_step():
    packed = pack_padded_sequence(torch.arange(12.0).reshape(3, 2, 2), [1, 3], enforce_sorted=False)
    assert packed.data.tolist() == [[2, 3], [0, 1], [6, 7], [10, 11]]
    assert packed.batch_sizes.tolist() == [2, 1, 1]
    assert packed.sorted_indices.tolist() == packed.unsorted_indices.tolist() == [1, 0]


def test_padding_is_the_inverse_of_packing():
    sequences = [torch.randn(n, 2) for n in (2, 4, 1)]
    packed = pack_sequence(sequences, enforce_sorted=False)
    assert all(map(torch.equal, unpack_sequence(packed), sequences))
    padded, lengths = pad_packed_sequence(packed, batch_first=True, padding_value=-1.0, total_length=6)
    assert padded.shape == (3, 6, 2)
    assert lengths.tolist() == [2, 4, 1]
    assert (padded[0, 2:] == -1).all()


@pytest.mark.parametrize("batch_first", [False, True])
def test_unpadding_is_the_inverse_of_padding(batch_first):
    sequences = [torch.randn(n, 2) for n in (2, 4, 1)]
    padded = pad_sequence(sequences, batch_first)
    assert all(map(torch.equal, unpad_sequence(padded, torch.tensor([2, 4, 1]), batch_first), sequences))


def test_padding_may_be_on_the_left():
    padded = pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], True, 9, "left")
    assert padded.tolist() == [[1, 2], [9, 3]]


def test_gradients_are_slopes():
    x = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: pack_padded_sequence(x, [3, 1]).data, (x,))
    assert gradcheck(lambda x: pad_packed_sequence(pack_padded_sequence(x, [1, 3], enforce_sorted=False), total_length=4)[0], (x,))
    pair = tuple(torch.randn(n, 2, dtype=torch.float64, requires_grad=True) for n in (1, 3))
    for how in ((False, 0.0, "right"), (True, 0.0, "left")):
        assert gradcheck(lambda *pair, how=how: pad_sequence(pair, *how), pair)


def test_conversions_keep_what_does_not_change():
    packed = pack_sequence([torch.ones(2, 1), torch.ones(1, 1)])
    assert packed.float() is packed.to("cpu") is packed
    assert isinstance(packed.double(), PackedSequence)
    assert packed.double().data.dtype is torch.float64
    assert packed.long().data.dtype is torch.int64


def test_packed_sequences_are_pickled():
    packed = pack_sequence([torch.ones(1, 1), torch.zeros(2, 1)], enforce_sorted=False)
    again = pickle.loads(pickle.dumps(packed))
    assert isinstance(again, PackedSequence)
    assert all(map(torch.equal, again, packed))


def test_permutation_is_inverted():
    assert invert_permutation(torch.tensor([2, 0, 1])).tolist() == [1, 2, 0]
    assert invert_permutation(None) is None


@pytest.mark.parametrize("lengths, text", [
    ([1, 3], "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to "
             "pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability."),
    ([3, 0], "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"),
    ([3, 1, 1], "Expected `len(lengths)` to be equal to batch_size, but got 3 (batch_size=2)"),
    ([[3, 1]], "'lengths' argument should be a 1D CPU int64 tensor, but got 2D cpu Long tensor"),
])
def test_lengths_that_do_not_fit_are_pytorchs_errors(lengths, text):
    with pytest.raises(RuntimeError) as caught:
        pack_padded_sequence(torch.ones(3, 2, 2), lengths)
    assert str(caught.value) == text
