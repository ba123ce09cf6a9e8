"""Our loader puts machine code into memory as LLVM's does, and leaves to LLVM what it does not know."""
import ctypes
import subprocess
import sys

import pytest

pytest.importorskip("llvmlite", reason="the kernels need the jit extra")

from rushlight.backends.llvm import elf
from rushlight.backends.llvm.engine import engine

# Constants of a section of their own, a table, a function of the C library by its address, and one function that calls another.
TEXT = """
declare float @fmodf(float, float)
@table = internal constant [4 x i64] [i64 3, i64 5, i64 8, i64 13]
define internal i64 @looked_up(i64 %k) noinline {
  %at = getelementptr [4 x i64], ptr @table, i64 0, i64 %k
  %found = load i64, ptr %at
  ret i64 %found
}
define i64 @third(i64 %k) {
  %next = add i64 %k, 1
  %a = call i64 @looked_up(i64 %k)
  %b = call i64 @looked_up(i64 %next)
  %sum = add i64 %a, %b
  ret i64 %sum
}
define float @rest(float %x) {
  %half = fmul float %x, 0.7300000190734863
  %r = call float @fmodf(float %half, float 1.25)
  ret float %r
}
"""
INTEGER, FLOAT = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64), ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)


def code():
    found = engine().object_code(TEXT)
    if found[:4] != b"\x7fELF" or not engine().triple.startswith("x86_64"):
        pytest.skip("objects have another form on this machine")
    return found


@pytest.mark.parametrize("load", [lambda: elf.load(code(), ("third", "rest")), lambda: engine().compiler().load(code(), ("third", "rest"), 10**6)],
                         ids=["ours", "LLVM's"])
def test_functions_find_constants_and_each_other(load):
    kept, (third, rest) = load()
    assert [INTEGER(third)(k) for k in range(3)] == [8, 13, 21]
    assert [FLOAT(rest)(x) for x in (1.0, 5.0, -4.0)] == pytest.approx([0.73, 1.15, -0.42], abs=1e-6)
    assert kept is not None


def test_what_is_not_known_is_left_to_llvm(monkeypatch):
    good = code()
    for bad in (b"MZ" + good[2:], good[:18] + b"\xb7" + good[19:]):  # another system's form; another processor's code
        with pytest.raises(elf.Unknown):
            elf.load(bad, ("third",))
    with pytest.raises(elf.Unknown, match="no function missing"):
        elf.load(good, ("missing",))
    monkeypatch.setattr(elf, "GOTOFF64", -1)
    with pytest.raises(elf.Unknown, match="relocation 25"):
        elf.load(good, ("third",))
    [third] = engine().addresses(TEXT, ("third",))
    assert INTEGER(third)(1) == 13


def test_memory_of_code_may_not_be_written():
    code()
    kept, [third] = elf.load(code(), ("third",))
    with open("/proc/self/maps") as file:
        ranges = [(*[int(end, 16) for end in line.split()[0].split("-")], line.split()[1]) for line in file]
    assert [rights for start, end, rights in ranges if start <= third < end] == ["r-xp"]
    assert kept is not None


def test_llvm_is_not_loaded_where_all_kernels_are_kept(tmp_path):
    program = ("import sys, rushlight as torch\n"
               "x = torch.arange(16384.).reshape(128, 128)\n"
               "print((x @ x).sum().item(), 'llvmlite' in sys.modules)")
    found = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                            env={"RUSHLIGHT_CACHE": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)}).stdout.split() for _ in range(2)]
    assert [loaded for _, loaded in found] == ["True", "False"] and found[0][0] == found[1][0]
