"""Arrays and the memory behind them."""
import copy

import rushlight as torch


def test_deep_copies_of_views_share_the_copy_of_their_memory():
    whole = torch.arange(6.0)
    part, turned = copy.deepcopy([whole[2:4], whole.view(2, 3).t()])
    part.zero_()
    assert turned.tolist() == [[0, 0], [1, 4], [0, 5]]
    assert turned.stride() == (1, 3) and part.storage_offset() == 2
    assert whole.tolist() == [0, 1, 2, 3, 4, 5]


def test_deep_copy_of_an_expanded_tensor_stays_small():
    assert copy.deepcopy(torch.ones(1).expand(3)).stride() == (0,)


def test_deep_copies_share_memory_across_dtypes():
    number = torch.ones(2, dtype=torch.bfloat16)
    bits, twin = copy.deepcopy([number.view(torch.int16), number])
    twin.zero_()
    assert bits.tolist() == [0, 0] and number.tolist() == [1, 1]
