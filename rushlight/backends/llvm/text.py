"""What functions share that are written as LLVM's text: reading words, and waiting for another thread."""
from __future__ import annotations

from .engine import engine


def read(base: str, name: str, place: int, kind: str = "i64") -> str:
    """The lines that read the word at a place of the memory at `base`, counted in words, into a register of this name."""
    return f"  %{name}_at = getelementptr i64, ptr {base}, i64 {place}\n  %{name} = load {kind}, ptr %{name}_at"


def wait_until(word: str, condition: str, value: str | int, then: str, order: str = "acquire") -> str:
    """The block `wait`: looks at a word until it is equal (condition "eq"), unequal ("ne") ... to a value, then goes on to the block `then`.

    What it found there is `%found`.
    """
    return f"""wait:
  %found = load atomic i64, ptr {word} {order}, align 8
  %is_over = icmp {condition} i64 %found, {value}
  br i1 %is_over, label %{then}, label %idle
idle:
  PAUSE
  br label %wait"""


def with_pauses(text: str) -> str:
    """The text with the processor's instruction for a pause, where it has one, in place of each PAUSE."""
    if engine().triple.startswith(("x86_64", "i686")):
        return "declare void @llvm.x86.sse2.pause()\n" + text.replace("PAUSE", "call void @llvm.x86.sse2.pause()")
    return text.replace("PAUSE", "")
