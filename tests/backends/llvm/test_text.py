"""What functions share that are written as LLVM's text."""
import ctypes
import threading

import pytest

from rushlight.backends.llvm.engine import available, engine
from rushlight.backends.llvm.text import read, wait_until, with_pauses

pytestmark = pytest.mark.skipif(not available(), reason="kernels need llvmlite, the `jit` extra")

#: i64 later(ptr words): 100 * word 1 + word 0, as soon as that is 3 or more
TEXT = f"""
define i64 @later(ptr %words) {{
entry:
{read("%words", "factor", 1)}
  br label %wait
{wait_until("%words", "sge", 3, "over")}
over:
  %large = mul i64 %factor, 100
  %sum = add i64 %large, %found
  ret i64 %sum
}}
"""


@pytest.fixture
def later():
    [place] = engine().addresses(with_pauses(TEXT), ("later",))
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(place)


def test_a_wait_is_over_once_the_word_is_as_it_shall_be(later):
    words = (ctypes.c_int64 * 2)(4, 7)
    assert later(ctypes.addressof(words)) == 704


def test_a_wait_sees_what_another_thread_writes(later):
    words, told = (ctypes.c_int64 * 2)(2, 7), []
    thread = threading.Thread(target=lambda: told.append(later(ctypes.addressof(words))), daemon=True)
    thread.start()
    thread.join(0.01)
    assert thread.is_alive() and not told
    words[0] = 3
    thread.join(10)
    assert told == [703]
