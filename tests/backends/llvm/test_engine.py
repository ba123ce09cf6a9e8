"""Machine code is kept on disk, and whatever happens to it there is harmless."""
import os

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.llvm import compiler, engine as module, kept
from rushlight.backends.llvm.compiler import Compiler
from rushlight.core.scalar import parse
from rushlight.core.scalar_native import loop


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path))
    return tmp_path / kept.FOLDER


def kernels(cache):
    """The files of machine code; another one tells the target, where this test is the first to ask."""
    return [path for path in cache.iterdir() if not path.name.startswith("target")]


def doubled():
    """A new kernel's result; its code comes from the disk if it is there."""
    x = np.arange(5, dtype=np.float32)
    out = np.empty_like(x)
    loop(parse("x * 2"), ())([x, out], ())
    return out.tolist()


def test_a_kernel_is_compiled_once(cache, monkeypatch):
    assert doubled() == [0, 2, 4, 6, 8]
    assert len(kernels(cache)) == 1
    monkeypatch.setattr(Compiler, "compiled", lambda self, text: pytest.fail("compiled again"))
    assert doubled() == [0, 2, 4, 6, 8]


def test_a_damaged_file_is_compiled_anew(cache):
    doubled()
    [path] = kernels(cache)
    good = path.read_bytes()
    for bad in (b"", good[:100], good[:-1] + b"?", b"\0" * len(good)):
        path.write_bytes(bad)
        assert doubled() == [0, 2, 4, 6, 8]
        assert path.read_bytes() == good


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CACHE", str(tmp_path / "file"))
    assert doubled() == [0, 2, 4, 6, 8]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner here")
def test_a_full_disk_leaves_no_file_behind(cache, monkeypatch):
    def full(*paths):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    assert doubled() == [0, 2, 4, 6, 8]
    assert kernels(cache) == []


def test_another_users_file_is_not_loaded(cache, monkeypatch):
    doubled()
    [path] = kernels(cache)
    assert kept.read_kept(path.name)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert kept.read_kept(path.name) is None


def test_another_processor_is_another_target(cache, monkeypatch):
    here = compiler.name_of_target()
    if here is None:
        pytest.skip("the system does not tell the processor here")
    compiler.keep_target(compiler.Compiler().target)
    assert compiler.kept_target() == compiler.Compiler().target
    for name, other in (("get_cpu_capability", "an emulator's"), ("processor", "another")):
        with monkeypatch.context() as patch:
            patch.setattr(compiler, name, lambda other=other: other)
            assert compiler.name_of_target() != here and compiler.kept_target() is None


def test_text_that_is_wrong_is_an_error_and_not_a_crash():
    with pytest.raises(RuntimeError):
        module.engine().addresses("define void @kernel( {", ("kernel",))


def test_the_environment_can_do_without(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_JIT", "0")
    assert not module.available.__wrapped__()


def test_small_work_is_worthwhile_once_it_was_wanted_often_after_machine_code_was_loaded(monkeypatch):
    monkeypatch.setattr(module, "the_engine", None)
    is_worthwhile = module.Worthwhile()
    assert not any([is_worthwhile() for _ in range(100)])
    monkeypatch.setattr(module, "the_engine", object())
    assert [is_worthwhile() for _ in range(module.PATIENCE + 2)] == [False] * module.PATIENCE + [True] * 2
