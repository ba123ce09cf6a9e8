"""Matrix products of float32 arrays by the kernels of `gemm`."""
from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from ..native import FLOAT
from ..parallel import in_order, inside, pool
from . import gemm, gemm_few
from .code import DATA
from .engine import engine
from .workers import run_kernel, workers

#: the addresses among a call's arguments, as bytes; and with what threads share before them
pack_addresses, pack_all = (struct.Struct(f"{count}q").pack for count in (len(gemm.ADDRESSES), 2 + len(gemm.ADDRESSES)))
Address, Count = ctypes.c_size_t, ctypes.c_int64
#: Memory for panels, used in turn by all products: a piece or two for each that is under way at the same time. The bytes of a piece that is kept.
spare_panels: list[np.ndarray] = []
KEPT = 32 << 20


def take_panels(size: int) -> np.ndarray:
    """Memory for so many floats."""
    while spare_panels and inside.launches is None:
        found = spare_panels.pop()
        if found.size >= size:
            return found
    memory = np.empty(size + 16, np.float32)
    return memory[-address(memory) % 64 // 4:]


def give_panels(memory: np.ndarray) -> None:
    """Take back memory for panels, unless calls that were only noted are still to use it, or it is very much."""
    if inside.launches is None and memory.nbytes <= KEPT:
        spare_panels.append(memory)


#: how the right matrix lies: to be copied into panels, to be read in its place, or in panels already
TO_PACK, IN_PLACE, PREPARED = range(3)


class Plan:
    """What the products of matrices that lie in one way have in common: the blocks, the parts, the memory for panels, and the kernel's words.

    `size` is (n, k, m); `parts` is into how many parts rows and columns are cut, `left_packed` whether a tile's part of the left matrix is copied
    into a panel, `right` how the right one lies; `strides` are those of both, in floats.
    """

    __slots__ = ("kernel", "address", "bounds", "halves", "part_size", "parts", "panels", "prepare", "prepare_address", "product", "shape", "chunk",
                 "memory", "second", "words", "all_words")

    def __init__(self, size: tuple, strides: tuple, halves: tuple, parts: tuple, left_packed: bool, right: int):
        (n, k, m), most, width = size, gemm.heights(engine().width // 4)[0], panel_width()
        kernels = gemm.kernels()
        self.product, self.prepare, self.prepare_address = kernels.product, kernels.prepare, kernels.prepare_address
        # The kernel of launches that are noted; `product` makes one at once.
        is_few = n * k * m <= gemm_few.FEW and right != PREPARED
        noted: tuple[Any, int] = gemm_few.kernel() if is_few else (kernels.multiply, kernels.multiply_address)
        self.kernel, self.address = noted
        self.halves, self.shape = len(halves), (n, m)
        flat = [*halves[0], *(halves[1][1:] if self.halves > 1 else [])]
        self.bounds = (ctypes.c_int64 * len(flat))(*flat)
        longest = max([end - start for start, end in zip(flat, flat[1:])])
        self.panels = -(-m // width)
        row_parts, column_parts = parts
        self.parts = self.halves * row_parts * column_parts
        # Both halves of a part are neighbours, so that they mostly fall to one thread where it has several of those that are counted here.
        self.chunk = -(-self.parts // pool.size()) if n * k * m >= ALONE else self.parts
        # One tile's part of the left matrix, with room between its rows, and for what a vector's store leaves behind it; all begins where a
        # line of the cache does.
        left_size = most * (-(-longest // 16) + 1) * 16 + width
        self.part_size = gemm.HEAD + left_size + min(gemm.GROUP, self.panels) * width * longest
        #: the floats of memory for all panels, behind which the second half's sums lie, and those of both
        self.second = self.parts * self.part_size
        self.memory = self.second + (n * m if self.halves > 1 else 0)
        self.words = struct.pack("16q", *strides, m, n, m, ctypes.addressof(self.bounds), len(halves[0]) - 1, len(flat) - 1, self.part_size,
                                 left_size, row_parts, column_parts, left_packed, right == IN_PLACE)
        #: those of `product`
        self.all_words = self.words + struct.pack("2q", self.parts, self.chunk)

    def __call__(self, a: Any, b: Any, bias: Any = None, prepared: int = 0) -> Any:
        """The product; `prepared` is the address of b's panels, or 0."""
        memory = take_panels(self.memory)
        out = np.empty(self.shape, FLOAT)
        if inside.launches is not None:
            words = arguments(self, address(a), address(b), address(out), 0 if bias is None else address(bias), address(memory), prepared)
            run_kernel(self.kernel, self.address, self.parts, self.chunk, words, (self, a, b, bias, out, memory))
            return out
        given = id(a), id(b), id(out), self.second, 0 if bias is None else id(bias), id(memory), prepared
        if self.parts <= self.chunk or not pool.is_free():
            self.product(pack_all(0, 0, *given) + self.all_words)
        else:
            with pool.owner:
                threads = workers()
                threads.take_part()
                self.product(pack_all(threads.address, threads.run_pieces, *given) + self.all_words)
        give_panels(memory)
        return out


#: the multiplications that take as long as copying one number into a panel, and as fetching one that is read in its place
COPY, FETCH = 16, 4
#: numbers of a result that stays in the caches until its next use
CACHED = 1 << 18


def cut(n: int, m: int, threads: int, left_packed: bool, right: int) -> tuple[int, int]:
    """Into how many parts to cut the rows and the columns: (threads, 1) or (1, threads), whichever is done sooner.

    A part copies or fetches its own share of one matrix and all of the other. In doubt the rows are cut, so that a part writes whole rows;
    of a small result rather than otherwise: what comes next, such as an optimizer's update, cuts the memory likewise, and finds in each
    core's cache what it needs.
    """
    width = panel_width()
    panels = -(-m // width)
    row_parts, column_parts = min(threads, n), min(threads, panels)
    m, group = width * panels, width * gemm.GROUP
    share_n, share_m = -(-n // row_parts), width * -(-panels // column_parts)
    of_left, of_right = COPY if left_packed else FETCH, COPY if right == TO_PACK else FETCH
    of_rows = share_n * m + of_right * m + of_left * share_n * -(-m // group)
    of_columns = n * share_m + of_right * share_m + of_left * n * -(-share_m // group)
    return (row_parts, 1) if of_rows <= of_columns * (1.1 if n * m <= CACHED else 1.03) else (1, column_parts)


def panel_width() -> int:
    """The columns of a panel."""
    return gemm.VECTORS * engine().width // 4


def stays_apart(n: int, b: Any) -> bool:
    """Whether each thread had best keep to the part of the right matrix that holds its columns: it is the largest of the three matrices, such as a
    layer's weights for few rows, its columns are rows of memory, and whole panels share out nearly evenly.

    An optimizer's update cuts that memory likewise. Where the other core had read a part of it too, the update waits for each line: with two
    halves of the inner dimension, one on each core, the update of 784 x 128 weights took 36 us, and 21 now.
    """
    k, m = b.shape
    together = panel_width() * pool.size()
    return b.strides[0] == 4 < b.strides[1] and n <= min(k, m) and together * -(-m // together) <= 1.1 * m


#: the plans of products, by how their matrices lie; the most that are kept
plans: dict[tuple, Plan] = {}
MOST_PLANS = 1024


def multiply(a: Any, b: Any, bias: Any, halves: tuple) -> Any:
    """a @ b (+ bias) of float32 matrices: (n, k) @ (k, m) -> (n, m).

    `halves` are the bounds of the blocks of the inner dimension, in one or two tuples: each is summed from the left, then the two are added.
    The bias is added to the first block.
    """
    a, b = straight(a), straight(b)
    return plan_of(a, b, halves)(a, b, bias)


#: multiplications below which the calling thread is done before another one has begun
ALONE = 1 << 18


def plan_of(a: Any, b: Any, halves: tuple, prepared: bool = False) -> Plan:
    """The plan of products of matrices that are straight and lie like these; `prepared` is whether the right one lies in panels."""
    key = a.shape, a.strides, b.shape, b.strides, halves, prepared, pool.size()
    found = plans.get(key)
    if found is None:
        if len(plans) >= MOST_PLANS:
            plans.clear()
        found = plans[key] = new_plan(a, b, halves, prepared)
    return found


def new_plan(a: Any, b: Any, halves: tuple, prepared: bool) -> Plan:
    (n, k), m = a.shape, b.shape[1]
    threads = pool.size() if n * k * m >= ALONE else 1
    apart = threads > 1 and stays_apart(n, b)
    of_half = threads if apart else -(-threads // len(halves))
    right = PREPARED if prepared else IN_PLACE if is_in_place(n if apart else -(-n // of_half), b) else TO_PACK
    parts = (1, threads) if apart else cut(n, m, of_half, is_packed(a), right)
    strides = [stride // 4 for stride in (*a.strides, *b.strides)]
    return Plan((n, k, m), tuple(strides), halves, parts, is_packed(a), right)


def is_packed(a: Any) -> bool:
    """Whether tiles' parts of the left matrix are copied: where not its rows' numbers are neighbours, or where all rows fall into one place of
    the first-level cache, which holds fewer than a tile has."""
    return a.strides[1] != 4 or a.strides[0] % 4096 == 0


#: The rows for which a thread does not copy the right matrix, and the bytes between that matrix's rows beyond which it is.
FEW, FAR = 64, 8192


def is_in_place(n: int, b: Any) -> bool:
    """Whether the right matrix is read where it lies."""
    return n <= FEW and b.strides[1] == 4 and abs(b.strides[0]) <= FAR


def arguments(p: Plan, left: int, right: int, out: int, bias: int, memory: int, prepared: int) -> bytes:
    """The words of a call, which works on the memory at these addresses."""
    if p.halves > 1 and memory:  # none of them is done
        for part in range(0, p.parts, 2):
            Count.from_address(memory + 4 * part * p.part_size).value = 0
    return pack_addresses(left, right, out, memory + 4 * p.second, bias, memory, prepared) + p.words


class Prepared:
    """The function a -> a @ b for many matrices a of some `rows` rows: b is packed once."""

    def __init__(self, b: Any, rows: int, halves: tuple):
        self.b, self.halves = straight(b), halves
        k, m = b.shape
        strides = [stride // 4 for stride in self.b.strides]
        p = Plan((rows, k, m), (k, 1, *strides), halves, (1, 1), False, PREPARED)
        self.panels = take_panels(p.panels * panel_width() * k)
        self.address = address(self.panels)
        words = arguments(p, 0, address(self.b), 0, 0, 0, self.address)
        run_kernel(p.prepare, p.prepare_address, p.panels, -(-p.panels // pool.size()), words, (p, self))

    def __call__(self, a: Any) -> Any:
        a = straight(a)
        return plan_of(a, self.b, self.halves, True)(a, self.b, None, self.address)

    def __del__(self) -> None:
        give_panels(self.panels)


def straight(a: Any) -> Any:
    """The matrix, with one of its strides that of neighbours."""
    return a if a.strides[1] == 4 or a.strides[0] == 4 else in_order(a)


def address(array: Any) -> int:
    """Where an array's data lie."""
    return Address.from_address(id(array) + DATA).value
