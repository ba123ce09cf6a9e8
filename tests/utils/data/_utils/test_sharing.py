"""Shared segments: what comes through, when they are used again, and that none is written to while somebody sees it."""
import gc
import multiprocessing
import os
import pickle

import numpy as np
import pytest

import rushlight as torch
from rushlight.utils.data._utils import sharing


@pytest.fixture
def pair():
    ours, theirs = multiprocessing.Pipe()
    yield sharing.Lender(theirs, 2), sharing.Borrower(ours)
    ours.close()
    theirs.close()


def sent(pair, value):
    lender, borrower = pair
    lender.send(value)
    return borrower.receive()


def returned(pair):
    lender, borrower = pair
    gc.collect()
    lender.take_back(*borrower.free_again())
    return lender


BIG = 5000


@pytest.mark.parametrize("make", [
    lambda: torch.arange(BIG), lambda: torch.ones(BIG, dtype=torch.bfloat16), lambda: torch.tensor(3), lambda: torch.ones(0, 3),
    lambda: torch.randn(2, 3, 40, 40).to(memory_format=torch.channels_last), lambda: torch.arange(2 * BIG).reshape(2, BIG).t(),
    lambda: torch.ones(BIG, dtype=torch.complex64), lambda: torch.ones(1).expand(BIG), lambda: torch.ones(BIG, dtype=torch.bool),
])
def test_tensors_come_through_as_they_were(pair, make):
    tensor = make()
    found = sent(pair, tensor)
    assert (found.dtype, found.shape, found.tolist()) == (tensor.dtype, tensor.shape, tensor.tolist())
    if 0 not in tensor.stride():
        assert found.stride() == tensor.stride()
    if found.numel() > 1:
        found[0] = 0  # it can be written to


def test_other_things_come_through(pair):
    arrays = {"n": np.arange(2 * BIG)[::-2], "o": np.array([None, "a"]), "t": np.zeros(3, "M8[s]"), "s": "x" * 100000}
    found = sent(pair, arrays)
    assert found["n"].tolist() == arrays["n"].tolist()
    assert (found["o"].tolist(), found["t"].dtype, found["s"]) == ([None, "a"], np.dtype("M8[s]"), arrays["s"])
    leaf = sent(pair, torch.ones(BIG, requires_grad=True))
    assert leaf.requires_grad and leaf.is_leaf
    assert type(sent(pair, torch.nn.Parameter(torch.ones(2)))) is torch.nn.Parameter


def test_tensor_with_history_is_refused(pair):
    with pytest.raises(RuntimeError, match="^Cowardly refusing to serialize non-leaf tensor which requires_grad"):
        pair[0].send(torch.ones(BIG, requires_grad=True) * 2)


def test_segment_comes_back_when_the_last_array_is_gone(pair):
    first, second = sent(pair, [torch.ones(BIG), torch.zeros(BIG)])
    assert returned(pair).free == []
    del first
    assert returned(pair).free == []
    view = second[10:20]
    del second
    assert returned(pair).free == []
    del view
    assert [segment.number for segment in returned(pair).free] == [0]
    kept = sent(pair, torch.ones(BIG))
    assert list(pair[0].segments) == [0] and kept.sum().item() == BIG


def test_while_all_segments_are_lent_batches_go_through_the_connection(pair):
    kept = [sent(pair, torch.full((BIG,), number)) for number in range(2)]
    assert len(pair[0].segments) == 2
    kept.append(sent(pair, torch.full((BIG,), 2)))  # 40 KB fit into any connection
    assert len(pair[0].segments) == 2
    assert [tensor.unique().tolist() for tensor in kept] == [[0], [1], [2]]


def test_small_arrays_hold_back_no_segment(pair):
    _, small = sent(pair, (torch.ones(BIG), torch.ones(4)))
    del _
    assert len(returned(pair).free) == 1 and small.tolist() == [1, 1, 1, 1]


def test_batch_made_in_a_segment_is_not_copied(pair):
    lender = pair[0]
    array = lender.empty((BIG,), np.dtype("f4"))
    array[...] = 7
    segment = lender.current
    found = sent(pair, array)
    assert segment.used == -(-array.nbytes // sharing.ALIGN) * sharing.ALIGN
    array[0] = 8
    assert found[0] == 8


def test_segment_that_the_worker_still_sees_is_not_used_again(pair):
    lender = pair[0]
    kept = lender.empty((BIG,), np.dtype("f4"))
    kept[...] = 7
    found = sent(pair, kept)
    del found
    returned(pair)
    other = lender.empty((BIG,), np.dtype("f4"))
    other[...] = 9
    assert (kept == 7).all()


def test_arrays_that_outgrow_a_segment_are_all_moved_to_another(pair):
    lender = pair[0]
    made = []
    for number in range(6):
        made.append(lender.empty((BIG,), np.dtype("f4")))
        made[-1][...] = number
    found = sent(pair, made)
    assert [set(array.tolist()) for array in found] == [{number} for number in range(6)]
    assert lender.usual >= 6 * BIG * 4


def test_value_that_cannot_be_pickled_leaves_the_lender_usable(pair):
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pair[0].send([torch.ones(BIG), lambda: 0])
    assert sent(pair, torch.ones(BIG)).sum().item() == BIG


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_what_is_lent_at_a_fork_is_never_written_to_again(pair):
    kept = sent(pair, torch.ones(BIG))
    sharing.keep_lent_segments()
    del kept
    assert returned(pair).segments == {}
