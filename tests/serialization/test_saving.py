"""torch.save: where it writes, what it refuses, and that the old file stays whole until the new one is."""
import errno
import io
import os
import pickle
import stat

import numpy as np
import pytest

import rushlight as torch
from rushlight.core.apply import wrap
from rushlight.serialization import atomic

from .same import same


class Unbuffered:
    """A file object with nothing but what PyTorch asks of one."""

    def __init__(self):
        self.data = b""
        self.flushed = False

    def write(self, data):
        self.data += bytes(data)

    def flush(self):
        self.flushed = True


def test_file_objects_are_written_to_and_flushed():
    out = Unbuffered()
    torch.save([1, torch.ones(2)], out)
    assert out.flushed and same(torch.load(io.BytesIO(out.data)), [1, torch.ones(2)])


def test_archive_may_begin_anywhere_in_a_file_object():
    out = io.BytesIO(b"before")
    out.seek(6)
    torch.save(torch.ones(2), out)
    out.seek(6)
    assert torch.load(out).tolist() == [1, 1]


def test_several_objects_of_the_old_format_follow_each_other_in_one_file():
    out = io.BytesIO()
    for i in range(3):
        torch.save(torch.full((2,), i), out, _use_new_zipfile_serialization=False)
    out.seek(0)
    assert [torch.load(out).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]


@pytest.mark.parametrize("name, folder", [("model.pt", "model"), ("a.b.pt", "a.b"), ("plain", "plain"), ("é.pt", "archive")])
def test_folder_in_the_archive_is_the_name_of_the_file(name, folder, tmp_path):
    torch.save(1, tmp_path / name)
    assert f"{folder}/data.pkl".encode() in (tmp_path / name).read_bytes()


def test_wrong_targets_get_pytorchs_errors(tmp_path):
    with pytest.raises(AttributeError, match="^expected 'f' to be string, path, or a file-like object with a 'write' attribute$"):
        torch.save(1, 5)
    with pytest.raises(RuntimeError, match="^Parent directory .*nowhere does not exist.$"):
        torch.save(1, tmp_path / "nowhere" / "file.pt")
    with pytest.raises(RuntimeError, match="is a directory"):
        torch.save(1, tmp_path)
    with pytest.raises(RuntimeError, match="invalid file name: .*pt"):
        torch.save(1, tmp_path / ".pt")


def test_one_memory_seen_as_two_dtypes_is_refused():
    x = torch.arange(4.0)
    with pytest.raises(RuntimeError, match="^Cannot save multiple tensors or storages that view the same data as different types$"):
        torch.save([x, x.view(torch.int32)], io.BytesIO())


def test_tensor_that_lies_unevenly_in_its_memory_is_copied():
    backwards = wrap(np.arange(4.0)[::-1])
    loaded = torch.load(written(backwards))
    assert loaded.tolist() == [3, 2, 1, 0] and loaded.stride() == (1,)


def written(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    out.seek(0)
    return out


def test_what_cannot_be_pickled_leaves_no_file(tmp_path):
    with pytest.raises((pickle.PicklingError, AttributeError)):
        torch.save(lambda: 1, tmp_path / "file.pt")
    assert os.listdir(tmp_path) == []


def test_computed_tensor_is_saved_as_a_leaf_that_requires_a_gradient():
    x = torch.ones(2, requires_grad=True)
    loaded = torch.load(written(x * 3))
    assert loaded.requires_grad and loaded.is_leaf and loaded.tolist() == [3, 3]


def test_functions_bear_the_names_that_pytorch_has_for_them():
    assert b"ctorch.nn.functional\nrelu\n" in written(torch.nn.functional.relu).getvalue()
    assert torch.load(written(torch.nn.functional.relu), weights_only=False) is torch.nn.functional.relu


def test_storages_are_saved_as_such():
    loaded = torch.load(written(torch.arange(3).untyped_storage()))
    assert loaded.untyped().nbytes() == 24 and loaded.untyped()[8] == 1


# ---- the old file stays whole

def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.pt"
    torch.save([1], path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        torch.save([2], path)
    assert torch.load(path) == [1] and os.listdir(tmp_path) == ["file.pt"]


def test_new_file_is_on_the_disk_before_it_gets_the_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("sync"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("replace"), replace(*names)))
    torch.save([1], tmp_path / "file.pt")
    assert events[:2] == ["sync", "replace"]


def test_permissions_of_the_old_file_are_kept(tmp_path):
    path = tmp_path / "file.pt"
    torch.save([1], path)
    path.chmod(0o640)
    torch.save([2], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "link.pt").symlink_to(tmp_path / "target.pt")
    torch.save([1], tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink() and torch.load(tmp_path / "target.pt") == [1]


def test_device_is_written_to_directly():
    torch.save([1], os.devnull)
    assert not os.path.isfile(os.devnull)


def test_what_a_killed_save_left_is_removed_by_the_next_but_not_what_is_being_written(tmp_path):
    abandoned = tmp_path / ".file.pt.1-00.partial"
    abandoned.write_bytes(b"half")
    with atomic.replacing(str(tmp_path / "file.pt")) as other:
        other.write(b"another process is writing this")
        torch.save([1], tmp_path / "file.pt")
        assert not abandoned.exists() and len(os.listdir(tmp_path)) == 2
    assert (tmp_path / "file.pt").read_bytes().startswith(b"another")
