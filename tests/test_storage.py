"""Storages: the flat memory behind tensors."""
import subprocess
import sys

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


def test_storage_of_a_file_reads_it_and_writes_it_only_if_shared(tmp_path):
    path = str(tmp_path / "numbers")
    (tmp_path / "numbers").write_bytes(bytes(range(8)))
    private = torch.UntypedStorage.from_file(path, False, 8)
    private[0] = 9
    assert private.tolist() == [9, 1, 2, 3, 4, 5, 6, 7] and (tmp_path / "numbers").read_bytes()[0] == 0
    shared = torch.UntypedStorage.from_file(path, shared=True, nbytes=12)
    shared[0] = 9
    assert (tmp_path / "numbers").read_bytes() == bytes([9, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0])
    assert len(torch.UntypedStorage.from_file(path, True, 4)) == 4 and len(shared) == 12 and not len(torch.UntypedStorage.from_file(path))


def test_storage_of_a_file_that_is_missing_or_too_short(tmp_path):
    path = str(tmp_path / "numbers")
    with pytest.raises(RuntimeError, match=r"^unable to open file <.*numbers> in read-only mode: No such file or directory \(2\)$"):
        torch.UntypedStorage.from_file(path, False, 8)
    (tmp_path / "numbers").write_bytes(b"1234")
    with pytest.raises(RuntimeError, match=r"^file <.*numbers> size <4> is smaller than the required mapping size <8>$"):
        torch.UntypedStorage.from_file(path, False, 8)


def test_tensor_of_a_storage_stands_on_it():
    held = torch.UntypedStorage([1, 0, 0, 0, 2, 0, 0, 0])
    for make in (torch.tensor, torch.asarray, torch.as_tensor):
        made = make(held[4:], dtype=torch.uint8)
        made[0] += 1
    assert held.tolist()[4] == 5 and torch.asarray(held, dtype=torch.int32).tolist() == [1, 5]
    assert torch.asarray(held).tolist() == [1 + (5 << 32)] and torch.asarray(torch.FloatStorage([1.0, 2.0])).tolist() == [1.0, 2.0]


def test_files_of_the_safetensors_library_load_by_its_own_functions(tmp_path):
    pytest.importorskip("safetensors")  # the extra
    program = tmp_path / "program.py"
    program.write_text("import torch\nfrom safetensors.torch import load_file, save_file\n"
                       f"save_file({{'a': torch.arange(4.).view(2, 2), 'b': torch.ones(2, dtype=torch.bfloat16)}}, {str(tmp_path / 'x')!r})\n"
                       f"found = load_file({str(tmp_path / 'x')!r})\nprint(found['a'].tolist(), found['b'].dtype)\n")
    ran = subprocess.run([sys.executable, "-m", "rushlight", "run", str(program)], capture_output=True, text=True)
    assert ran.stdout == "[[0.0, 1.0], [2.0, 3.0]] torch.bfloat16\n", ran.stderr
