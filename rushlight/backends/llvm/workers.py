"""A kernel's range shared out among threads, without Python between the pieces.

The workers are Python threads that spend their time in a native loop: they watch a counter, and take pieces of the work that `run_pieces`
lays out as long as there are any. After some idle time the loop ends and the thread sleeps on a lock of Python's, until the next work wakes it.
The calling thread takes pieces too, so work never waits for a sleeper.
"""
from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from ..parallel import inside, pool
from .engine import engine

# The words of the memory that the threads share, each on a cache line of its own where threads write to it.
GENERATION, FUNCTION, ARGUMENTS, COUNT, CHUNK, PIECES, NEXT, ACTIVE, ASLEEP = 0, 8, 9, 10, 11, 12, 16, 24, 32
MOST_WORKERS = 256
#: The seconds for which an idle worker watches before it sleeps: a training step's next large operation comes sooner.
PATIENCE = 1e-3

TEXT = f"""
declare void @llvm.x86.sse2.pause()

; pieces of the work, as long as there are any
define internal void @take(ptr %shared) {{
entry:
  %next = getelementptr i64, ptr %shared, i64 {NEXT}
  %count_at = getelementptr i64, ptr %shared, i64 {COUNT}
  %chunk_at = getelementptr i64, ptr %shared, i64 {CHUNK}
  %pieces_at = getelementptr i64, ptr %shared, i64 {PIECES}
  %function_at = getelementptr i64, ptr %shared, i64 {FUNCTION}
  %arguments_at = getelementptr i64, ptr %shared, i64 {ARGUMENTS}
  br label %claim
claim:
  %piece = atomicrmw add ptr %next, i64 1 acq_rel
  %pieces = load i64, ptr %pieces_at
  %open = icmp slt i64 %piece, %pieces
  br i1 %open, label %work, label %done
work:
  %count = load i64, ptr %count_at
  %chunk = load i64, ptr %chunk_at
  %function = load ptr, ptr %function_at
  %arguments = load ptr, ptr %arguments_at
  %start = mul i64 %piece, %chunk
  %end = add i64 %start, %chunk
  %last = icmp sgt i64 %end, %count
  %stop = select i1 %last, i64 %count, i64 %end
  call void %function(i64 %start, i64 %stop, ptr %arguments)
  br label %claim
done:
  ret void
}}

; void run_pieces(ptr shared, ptr function, i64 count, i64 chunk, ptr arguments): the whole range, and all of it done on return
define void @run_pieces(ptr %shared, ptr %function, i64 %count, i64 %chunk, ptr %arguments) {{
entry:
  %generation = getelementptr i64, ptr %shared, i64 {GENERATION}
  %next = getelementptr i64, ptr %shared, i64 {NEXT}
  %active = getelementptr i64, ptr %shared, i64 {ACTIVE}
  %count_at = getelementptr i64, ptr %shared, i64 {COUNT}
  %chunk_at = getelementptr i64, ptr %shared, i64 {CHUNK}
  %pieces_at = getelementptr i64, ptr %shared, i64 {PIECES}
  %function_at = getelementptr i64, ptr %shared, i64 {FUNCTION}
  %arguments_at = getelementptr i64, ptr %shared, i64 {ARGUMENTS}
  %rounded = add i64 %count, %chunk
  %above = sub i64 %rounded, 1
  %pieces = sdiv i64 %above, %chunk
  store i64 %count, ptr %count_at
  store i64 %chunk, ptr %chunk_at
  store i64 %pieces, ptr %pieces_at
  store ptr %function, ptr %function_at
  store ptr %arguments, ptr %arguments_at
  store atomic i64 0, ptr %next release, align 8
  %old = atomicrmw add ptr %generation, i64 1 acq_rel
  call void @take(ptr %shared)
; A worker that comes late must find no piece while the next work is laid out.
  store atomic i64 {1 << 62}, ptr %next seq_cst, align 8
  br label %wait
wait:
  %busy = load atomic i64, ptr %active seq_cst, align 8
  %free = icmp eq i64 %busy, 0
  br i1 %free, label %done, label %look
look:
  PAUSE
  br label %wait
done:
  ret void
}}

; i64 watch(ptr shared, ptr asleep, i64 last, i64 most): works until nothing came for so many looks; the generation seen last
define i64 @watch(ptr %shared, ptr %asleep, i64 %seen, i64 %most) {{
entry:
  %generation = getelementptr i64, ptr %shared, i64 {GENERATION}
  %active = getelementptr i64, ptr %shared, i64 {ACTIVE}
  br label %look
look:
  %last = phi i64 [ %seen, %entry ], [ %last, %idle ], [ %now, %work ]
  %looks = phi i64 [ 0, %entry ], [ %more, %idle ], [ 0, %work ]
  %now = load atomic i64, ptr %generation acquire, align 8
  %new = icmp ne i64 %now, %last
  br i1 %new, label %work, label %idle
work:
  %a = atomicrmw add ptr %active, i64 1 seq_cst
  call void @take(ptr %shared)
  %b = atomicrmw sub ptr %active, i64 1 seq_cst
  br label %look
idle:
  PAUSE
  %more = add i64 %looks, 1
  %tired = icmp sgt i64 %more, %most
  br i1 %tired, label %sleep, label %look
sleep:
  store atomic i64 1, ptr %asleep release, align 8
  ret i64 %last
}}
"""


class Workers:
    """The threads and the memory that they share."""

    def __init__(self) -> None:
        pause = "call void @llvm.x86.sse2.pause()" if engine().triple.startswith(("x86_64", "i686")) else ""
        text = TEXT if pause else TEXT.replace("declare void @llvm.x86.sse2.pause()", "")
        run, watch = engine().addresses(text.replace("PAUSE", pause), ("run_pieces", "watch"))
        self.run_pieces = run
        self.run_native = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4, ctypes.c_void_p)(run)
        self.watch = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)(watch)
        self.words = (ctypes.c_int64 * (ASLEEP + 8 * MOST_WORKERS))()
        self.words[NEXT] = 1 << 62
        self.address = ctypes.addressof(self.words)
        #: what wakes each thread
        self.wakers: list[Any] = []
        #: how often a worker looks before it sleeps
        self.looks = self.calibrate()

    def calibrate(self, sample: int = 10_000) -> int:
        """The looks in PATIENCE: processors differ tenfold in how long a pause is."""
        began = time.perf_counter()
        self.watch(self.address, self.address + 8 * ASLEEP, 0, sample)
        self.words[ASLEEP] = 0
        return int(sample * PATIENCE / max(time.perf_counter() - began, 1e-6))

    def grow(self, count: int) -> None:
        """Have this many threads besides the calling one."""
        while len(self.wakers) < count:
            waker = threading.Lock()
            waker.acquire()
            self.wakers.append(waker)
            threading.Thread(target=self.live, args=(len(self.wakers) - 1, waker), name=f"rushlight-kernel-{len(self.wakers)}", daemon=True).start()

    def live(self, number: int, waker: Any) -> None:
        """A worker's life: watch for work, sleep, and again."""
        asleep = self.address + 8 * (ASLEEP + 8 * number)
        last = 0
        while True:
            last = self.watch(self.address, asleep, last, self.looks)
            waker.acquire()

    def run(self, function: int, count: int, chunk: int, arguments: Any) -> None:
        """Call a native function on range(count) in pieces of `chunk`, on all threads; done on return."""
        self.wake()
        self.run_native(self.address, function, count, chunk, arguments)

    def wake(self) -> None:
        """Have all threads watch for work."""
        others = min(pool.size() - 1, MOST_WORKERS)
        if len(self.wakers) < others:
            self.grow(others)
        words = self.words
        for number in range(others):
            place = ASLEEP + 8 * number
            if words[place]:
                words[place] = 0
                self.wakers[number].release()


@cache
def workers() -> Workers:
    """The one set of workers of this process. A forked child has none of its parent's threads and begins anew."""
    import os
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=workers.cache_clear)
    return Workers()


def run_kernel(kernel: Callable, address: int, count: int, chunk: int, words: Any, keep: tuple = ()) -> None:
    """A kernel on range(count): at once if it is one piece, or if the threads are at work for another thread of the program; else shared out.

    `words` are its arguments, as bytes or an array of ctypes; `keep` is what they point to.
    """
    if inside.launches is not None:
        inside.launches.append((address, count, chunk, bytes(words), keep))
        return
    if count <= chunk or pool.size() < 2 or inside.busy or not pool.owner.acquire(blocking=False):
        kernel(0, count, words)
        return
    try:
        workers().run(address, count, chunk, words)
    finally:
        pool.owner.release()
