"""The tape: kernels' calls laid out in memory, and one native call that makes them all, one after the other.

A call is four words: function, count, chunk, and the address of its arguments. Where arguments name memory that is another at each call of the
program, such as that of the program's arguments, they are written anew first: a *patch* says which word becomes which array's address.
"""
from __future__ import annotations

import ctypes
import struct
from bisect import bisect_right, insort
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..parallel import pool
from .code import DATA
from .engine import brief, engine, lasting
from .multiply import address
from .text import read
from .workers import workers

#: the words of a segment: calls, their number, patches, their number, slots, and for several threads what they share and how work is given out;
#: and where a kernel says that no other is to follow
CALLS, COUNT, PATCHES, PATCH_COUNT, SLOTS, SHARED, RUN_PIECES, ABORT = range(8)

#: the elements of all calls' arrays up to which a segment is brief
BRIEF = 8192

TEXT = f"""
; word = slot + distance where `data` is 0, else the address of the data of the array whose address the slot is, + distance
define internal void @patch(ptr %patches, i64 %count, ptr %slots) {{
entry:
  %some = icmp sgt i64 %count, 0
  br i1 %some, label %next, label %done
next:
  %i = phi i64 [ 0, %entry ], [ %after, %write ]
  %at = getelementptr [4 x i64], ptr %patches, i64 %i
{read("%at", "target", 0, "ptr")}
{read("%at", "slot", 1)}
{read("%at", "distance", 2)}
{read("%at", "data", 3)}
  %held_at = getelementptr i64, ptr %slots, i64 %slot
  %held = load i64, ptr %held_at
  %deep = icmp ne i64 %data, 0
  br i1 %deep, label %look, label %write
look:
  %array = inttoptr i64 %held to ptr
  %field = getelementptr i8, ptr %array, i64 {DATA}
  %start = load i64, ptr %field
  br label %write
write:
  %base = phi i64 [ %held, %next ], [ %start, %look ]
  %value = add i64 %base, %distance
  store i64 %value, ptr %target
  %after = add i64 %i, 1
  %more = icmp slt i64 %after, %count
  br i1 %more, label %next, label %done
done:
  ret void
}}

define void @play(ptr %where) {{
entry:
  %segment = load ptr, ptr %where
{read("%segment", "calls", CALLS, "ptr")}
{read("%segment", "last", COUNT)}
{read("%segment", "patches", PATCHES, "ptr")}
{read("%segment", "patch_count", PATCH_COUNT)}
{read("%segment", "slots", SLOTS, "ptr")}
{read("%segment", "shared", SHARED, "ptr")}
{read("%segment", "run", RUN_PIECES, "ptr")}
{read("%segment", "abort", ABORT, "ptr")}
  %alone = icmp eq ptr %shared, null
  call void @patch(ptr %patches, i64 %patch_count, ptr %slots)
  br label %test
test:
  %i = phi i64 [ 0, %entry ], [ %after, %made ]
  %open = icmp slt i64 %i, %last
  br i1 %open, label %work, label %done
work:
  %call = getelementptr [4 x i64], ptr %calls, i64 %i
{read("%call", "function", 0, "ptr")}
{read("%call", "count", 1)}
{read("%call", "chunk", 2)}
{read("%call", "words", 3, "ptr")}
  %small = icmp sle i64 %count, %chunk
  %direct = or i1 %small, %alone
  br i1 %direct, label %here, label %share
here:
  call void %function(i64 0, i64 %count, ptr %words)
  br label %made
share:
  call void %run(ptr %shared, ptr %function, i64 %count, i64 %chunk, ptr %words)
  br label %made
made:
  %after = add i64 %i, 1
  %wrong = load i64, ptr %abort
  %ended = icmp ne i64 %wrong, 0
  br i1 %ended, label %done, label %test
done:
  ret void
}}
"""


@cache
def player(briefly: bool) -> Any:
    """The native function that plays the segment whose address, as bytes, it is given."""
    [place] = engine().addresses(TEXT, ("play",))
    return (brief if briefly else lasting)(place)


class Slots:
    """The arrays that are others at each call: for each the memory that stands for it while the tape is laid out, and its number."""

    def __init__(self) -> None:
        #: (where a stand-in's memory begins, where it ends, the number), in the order of memory
        self.ranges: list[tuple[int, int, int]] = []
        self.objects: dict[int, int] = {}
        self.held: list[Any] = []
        self.table: Any = None

    def add(self, stand_in: Any, owner: Any) -> int:
        """The number of an array's slot; `owner` is the stand-in's whole memory."""
        number = len(self.held)
        start = address(owner)
        insort(self.ranges, (start, start + max(owner.nbytes, 1), number))
        self.objects[id(stand_in)] = number
        self.held.append((stand_in, owner))
        return number

    def find(self, word: int) -> tuple[int, int, int] | None:
        """(slot, distance, whether the data's address is meant), if a word means memory or an array of a slot's."""
        if word in self.objects:
            return self.objects[word], 0, 0
        place = bisect_right(self.ranges, word, key=lambda each: each[0]) - 1
        if place < 0 or word >= self.ranges[place][1]:
            return None
        number = self.ranges[place][2]
        return number, word - address(self.held[number][0]), 1

    def memory(self) -> Any:
        """The words that the slots are."""
        if self.table is None:
            self.table = (ctypes.c_int64 * max(len(self.held), 1))()
        return self.table


class Calls:
    """A table of calls: (function, count, chunk, address of the arguments) each. `elements` are those of all their arrays together."""

    def __init__(self, calls: Sequence[tuple[int, int, int, int]], elements: int):
        self.calls = np.array(calls, np.int64).reshape(-1, 4)
        self.is_shared = any([count > chunk for _, count, chunk, _ in calls])
        self.play = player(not self.is_shared and elements <= BRIEF)
        self.words = (ctypes.c_int64 * 8)()
        #: where the words lie, as `play` takes it
        self.where = struct.pack("q", ctypes.addressof(self.words))
        self.words[CALLS], self.words[COUNT] = address(self.calls), len(self.calls)
        self.abort = NEVER
        self.words[ABORT] = address(NEVER)

    def run(self) -> None:
        """Make all calls, sharing the large ones out among the threads where they are free."""
        if not self.is_shared or not pool.is_free():
            self.words[SHARED] = 0
            self.play(self.where)
            return
        with pool.owner:
            threads = workers()
            threads.wake()
            self.words[SHARED], self.words[RUN_PIECES] = threads.address, threads.run_pieces
            self.play(self.where)


#: in place of the words where calls say that no other is to follow
NEVER = np.zeros(2, np.int64)


class Segment(Calls):
    """Calls with their arguments, some of which are written anew each time."""

    def __init__(self, launches: Sequence[tuple], slots: Slots, abort: Any, elements: int):
        self.slots = slots
        self.mentioned: set[int] = set()  # all words of all arguments
        self.keep = [launch[4] for launch in launches]
        sizes = [-(-len(launch[3]) // 16) * 16 for launch in launches]
        #: all arguments, each on a place of 16 bytes
        self.blob = np.zeros(sum(sizes) + 64, np.uint8)
        start = address(self.blob) + -address(self.blob) % 64
        offset = start - address(self.blob)
        calls, patches = [], []
        self.used: dict[int, None] = {}
        for (function, count, chunk, words, _), size in zip(launches, sizes):
            self.blob[offset:offset + len(words)] = np.frombuffer(words, np.uint8)
            calls.append((function, count, max(chunk, 1), start))
            patches += self.patches(words, start)
            offset, start = offset + size, start + size
        super().__init__(calls, elements)
        self.abort = abort
        self.patch_table = np.array(patches, np.int64).reshape(-1, 4)

    def patches(self, words: bytes, start: int) -> list[tuple]:
        """What must be written anew among a call's arguments."""
        found = []
        for place in range(0, len(words) - 7, 8):
            word = int.from_bytes(words[place:place + 8], "little")
            self.mentioned.add(word)
            hit = self.slots.find(word)
            if hit is not None:
                self.used[hit[0]] = None
                found.append((start + place, *hit))
        return found

    def finish(self) -> None:
        """Write the segment's own words, once all slots are known."""
        self.words[PATCHES], self.words[PATCH_COUNT] = address(self.patch_table), len(self.patch_table)
        self.words[SLOTS], self.words[ABORT] = ctypes.addressof(self.slots.memory()), address(self.abort)
