"""A kernel's range shared out among threads, without Python between the pieces.

The workers are threads that spend their lives in a native loop: they watch a counter, and take pieces of the work that `run_pieces` lays
out as long as there are any. After some idle time they sleep on a semaphore, until the next work wakes them. They never come back to Python,
where they would want the interpreter's lock. The calling thread takes pieces too, so work never waits for a sleeper.
"""
from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from ..parallel import inside, pool
from . import semaphores
from .engine import engine
from .text import read, wait_until, with_pauses

# The words of the memory that the threads share, each on a cache line of its own where threads write to it. From ASLEEP on each worker
# has a line: whether it sleeps, and its semaphore. OTHERS are the workers that take part; then come the functions for semaphores.
GENERATION, FUNCTION, ARGUMENTS, COUNT, CHUNK, PIECES, OTHERS, WAIT, UP, NEXT, ACTIVE, ASLEEP = 0, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 32
MOST_WORKERS = 256
#: The seconds for which an idle worker watches before it sleeps: a training step's next large operation comes sooner.
PATIENCE = 1e-3

TEXT = f"""
; one piece of the work
define internal void @do_piece(ptr %shared, i64 %piece) alwaysinline {{
entry:
{read("%shared", "count", COUNT)}
{read("%shared", "chunk", CHUNK)}
{read("%shared", "function", FUNCTION, "ptr")}
{read("%shared", "arguments", ARGUMENTS, "ptr")}
  %start = mul i64 %piece, %chunk
  %end = add i64 %start, %chunk
  %last = icmp sgt i64 %end, %count
  %stop = select i1 %last, i64 %count, i64 %end
  call void %function(i64 %start, i64 %stop, ptr %arguments)
  ret void
}}

; pieces of the work, as long as there are any
define internal void @take(ptr %shared) {{
entry:
  %next = getelementptr i64, ptr %shared, i64 {NEXT}
  %pieces_at = getelementptr i64, ptr %shared, i64 {PIECES}
  br label %claim
claim:
  %piece = atomicrmw add ptr %next, i64 1 acq_rel
  %pieces = load i64, ptr %pieces_at
  %open = icmp slt i64 %piece, %pieces
  br i1 %open, label %work, label %done
work:
  call void @do_piece(ptr %shared, i64 %piece)
  br label %claim
done:
  ret void
}}

; void run_pieces(ptr shared, ptr function, i64 count, i64 chunk, ptr arguments): the whole range, all of it done on return. The first piece is
; this thread's, and no other's: with two threads each finds in its core's cache what its piece of the last call left there.
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
  store atomic i64 1, ptr %next release, align 8
  %old = atomicrmw add ptr %generation, i64 1 seq_cst
  call void @wake(ptr %shared)
  %some = icmp sgt i64 %pieces, 0
  br i1 %some, label %begin, label %close
begin:
  call void @do_piece(ptr %shared, i64 0)
  call void @take(ptr %shared)
  br label %close
close:
; A worker that comes late must find no piece while the next work is laid out.
  store atomic i64 {1 << 62}, ptr %next seq_cst, align 8
  br label %wait
{wait_until("%active", "eq", 0, "done", "seq_cst")}
done:
  ret void
}}

; void wake(ptr shared): count up the semaphores of those who sleep
define void @wake(ptr %shared) {{
entry:
{read("%shared", "others", OTHERS)}
  %first = getelementptr i64, ptr %shared, i64 {ASLEEP}
  br label %next
next:
  %number = phi i64 [ 0, %entry ], [ %following, %on ]
  %following = add i64 %number, 1
  %more = icmp slt i64 %number, %others
  br i1 %more, label %ask, label %done
ask:
  %place = mul i64 %number, 8
  %asleep = getelementptr i64, ptr %first, i64 %place
  %sleeps = load atomic i64, ptr %asleep seq_cst, align 8
  %known = icmp ne i64 %sleeps, 0
  br i1 %known, label %claim, label %on
claim:
  %slept = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %still = icmp ne i64 %slept, 0
  br i1 %still, label %rouse, label %on
rouse:
{read("%asleep", "semaphore", 1, "ptr")}
{read("%shared", "up", UP, "ptr")}
  %found = call i32 %up(ptr %semaphore, i64 1, ptr null)
  br label %on
on:
  br label %next
done:
  ret void
}}

; i64 watch(ptr shared, i64 last, i64 most): works until nothing came for so many looks; the generation seen last
define i64 @watch(ptr %shared, i64 %seen, i64 %most) {{
entry:
  %generation = getelementptr i64, ptr %shared, i64 {GENERATION}
  %active = getelementptr i64, ptr %shared, i64 {ACTIVE}
  br label %look
look:
  %last = phi i64 [ %seen, %entry ], [ %last, %idle ], [ %now, %work ]
  %looks = phi i64 [ 0, %entry ], [ %more, %idle ], [ 0, %work ]
  %now = load atomic i64, ptr %generation seq_cst, align 8
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
  br i1 %tired, label %end, label %look
end:
  ret i64 %last
}}

; void live(ptr shared, ptr asleep, i64 most): a worker's life, without end
define void @live(ptr %shared, ptr %asleep, i64 %most) {{
entry:
{read("%shared", "wait", WAIT, "ptr")}
{read("%asleep", "semaphore", 1, "ptr")}
  br label %watch
watch:
  %seen = phi i64 [ 0, %entry ], [ %last, %rest ], [ %last, %stay ]
  %last = call i64 @watch(ptr %shared, i64 %seen, i64 %most)
  store atomic i64 1, ptr %asleep seq_cst, align 8
; Work that was laid out before it could be known that this thread sleeps wakes nobody: one more look.
  %now = load atomic i64, ptr %shared seq_cst, align 8
  %quiet = icmp eq i64 %now, %last
  br i1 %quiet, label %rest, label %stay
stay:
  %mine = cmpxchg ptr %asleep, i64 1, i64 0 seq_cst seq_cst
  %unnoticed = extractvalue {{ i64, i1 }} %mine, 1
  br i1 %unnoticed, label %watch, label %rest
rest:
  %found = call i32 %wait(ptr %semaphore, i64 -1)
  br label %watch
}}
"""


class Workers:
    """The threads and the memory that they share."""

    def __init__(self) -> None:
        self.run_pieces, wake, watch, live = engine().addresses(with_pauses(TEXT), ("run_pieces", "wake", "watch", "live"))
        self.run_native = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4, ctypes.c_void_p)(self.run_pieces)
        self.wake_native = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(wake)
        self.watch = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(watch)
        self.live_native = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(live)
        self.words = (ctypes.c_int64 * (ASLEEP + 8 * MOST_WORKERS))()
        self.words[NEXT] = 1 << 62
        self.address = ctypes.addressof(self.words)
        self.make_semaphore, self.words[WAIT], self.words[UP] = semaphores.calls()
        #: how many threads there are, and how many of them take part in work
        self.made = self.others = 0
        #: how often a worker looks before it sleeps
        self.looks = self.calibrate()

    def calibrate(self, sample: int = 10_000) -> int:
        """The looks in PATIENCE: processors differ tenfold in how long a pause is."""
        began = time.perf_counter()
        self.watch(self.address, 0, sample)
        return int(sample * PATIENCE / max(time.perf_counter() - began, 1e-6))

    def take_part(self) -> None:
        """Have as many threads take part as there are to be at work, less the calling one."""
        if pool.threads - 1 == self.others:
            return
        count = min(pool.size() - 1, MOST_WORKERS)
        while self.made < count:
            place = ASLEEP + 8 * self.made
            self.words[place + 1] = self.make_semaphore()
            self.made += 1
            try:
                threading.Thread(target=self.live, args=(place,), name=f"rushlight-kernel-{self.made}", daemon=True).start()
            except RuntimeError:
                pass  # the system gives no more threads, or the program is ending: the others do this one's pieces
        self.words[OTHERS] = self.others = count

    def live(self, place: int) -> None:
        """A worker's life, from which it does not come back. A method, so that the threads hold the memory that they watch."""
        self.live_native(self.address, self.address + 8 * place, self.looks)

    def run(self, function: int, count: int, chunk: int, arguments: Any) -> None:
        """Call a native function on range(count) in pieces of `chunk`, on all threads; done on return."""
        self.take_part()
        self.run_native(self.address, function, count, chunk, arguments)

    def wake(self) -> None:
        """Have all threads watch for work that is about to come."""
        self.take_part()
        self.wake_native(self.address)

    def sleeping(self) -> int:
        """How many threads sleep."""
        return sum([self.words[ASLEEP + 8 * number] for number in range(self.made)])


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
    if count <= chunk or not pool.is_free():
        kernel(0, count, words)
        return
    with pool.owner:
        workers().run(address, count, chunk, words)
