"""Storages: the flat memory behind tensors."""
import pytest

import rushlight as torch


def test_bytes_of_a_tensor():
    tensor = torch.tensor([1.0, 0.0])
    held = tensor.untyped_storage()
    assert held.tolist() == [0, 0, 128, 63, 0, 0, 0, 0] and len(held) == held.nbytes() == held.size() == 8
    held[3] = 191
    assert tensor.tolist() == [-1.0, 0.0] and held.data_ptr() == tensor.data_ptr()


def test_whole_storage_is_seen_from_a_part():
    base = torch.arange(6.0)
    assert base[4:].untyped_storage().nbytes() == 24 and base[::2].untyped_storage() == base.untyped_storage()


def test_typed_storage_counts_elements_and_warns_once():
    from rushlight.core import warn
    warn._given.clear()
    with pytest.warns(UserWarning, match="^TypedStorage is deprecated"):
        held = torch.tensor([[1, 2], [3, 4]]).storage()
    assert held.tolist() == list(held) == [1, 2, 3, 4] and held.dtype is torch.int64 and held[1] == 2 and len(held) == 4
    assert held.untyped().nbytes() == 32 and held.element_size() == 8
    assert repr(held) == " 1\n 2\n 3\n 4\n[torch.storage.TypedStorage(dtype=torch.int64, device=cpu) of size 4]"


def test_old_names_of_storages():
    assert torch.FloatStorage([1, 2]).tolist() == [1.0, 2.0] and torch.FloatStorage.__name__ == "FloatStorage"
    assert torch.zeros(1, dtype=torch.int64).storage_type() is torch.LongStorage and torch.UntypedStorage(3).size() == 3
    assert torch.is_storage(torch.UntypedStorage(1)) and not torch.is_storage(torch.zeros(1))


def test_storage_copies_fills_and_grows():
    a, b = torch.UntypedStorage([1, 2, 3]), torch.UntypedStorage(3)
    assert b.copy_(a).tolist() == [1, 2, 3] and a.clone().fill_(7).tolist() == [7, 7, 7] and a.tolist() == [1, 2, 3]
    assert a.resize_(2).tolist() == [1, 2]
